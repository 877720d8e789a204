"""What belongs to one rollout while it runs: its attempt, and the steps and calls that it makes.

DSPy hands its ``settings`` on to every task and thread that a program starts through DSPy, so the scope travels in
them; and it appends each finished predictor call to ``settings.trace``, so the recorder is that list. Callbacks would
cost 100 to 270 us a call (measured), and DSPy swallows what they raise.

LM calls are attributed to the predictor call that made them by the identity of ``settings.caller_modules``, a list
that DSPy makes anew for every module call.

Steps have the same order in every run, also where a program makes several calls at once: a step has its place in the
task or thread that made it (a ``Strand``), and a strand has its place in the one that it was started from.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import dspy

from ...errors import Stop, TargetError
from ...records import Call, Step, Usage
from ...signatures.program import predictor_name
from ...signatures.values import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dspy.lm15 import Response

SETTING = "limbeck_scope"
"""Name under which a scope travels in DSPy's settings."""


@dataclass(eq=False)
class Strand:
    """A task or thread that makes LM calls one after the other.

    Attributes:
        owner: The task, or the thread's identifier.
        parent: Where it was started from; None for the one that runs the program.
        made: LM calls made so far.
    """

    owner: Any = None
    parent: Place | None = None
    made: int = 0

    @property
    def born(self) -> int:
        """Number of the task, which grows with every one that is started; 0 for threads and for tasks with a name."""
        name = self.owner.get_name() if isinstance(self.owner, asyncio.Task) else ""
        number = name.removeprefix("Task-")
        return int(number) if number != name and number.isdecimal() else 0


class Place(NamedTuple):
    """The n-th LM call of a strand. What is started after it inherits it."""

    strand: Strand
    n: int


_place: ContextVar[Place | None] = ContextVar("limbeck_place", default=None)


def advance(owner: Any) -> Place | None:
    """Place of a call that a task or thread is about to make; None outside of a rollout."""
    scope = current()
    if scope is None:
        return None
    before = _place.get()
    if before is None or scope.recorder.root not in _above(before.strand):
        # A thread that inherited nothing, as those of dspy.Parallel; its next call may belong to something else.
        return Place(Strand(owner, Place(scope.recorder.root, scope.recorder.root.made)), 1)
    strand = before.strand if before.strand.owner == owner else Strand(owner, before)
    strand.made += 1
    here = Place(strand, strand.made)
    _place.set(here)
    return here


def _above(strand: Strand) -> Iterator[Strand]:
    yield strand
    while strand.parent is not None:
        strand = strand.parent.strand
        yield strand


@dataclass
class LMCall:
    """One call of an LM object, which may ask for several completions.

    Attributes:
        rollout_id: DSPy's own salt, if the program gave one.
        completion: How many completions were asked for so far.
        answer: An answer that is already there and only has to be put into DSPy's form.
        place: Where it comes in the rollout.
    """

    rollout_id: Any = None
    completion: int = 0
    answer: Response | None = None
    place: Place | None = None


lm_call: ContextVar[LMCall | None] = ContextVar("limbeck_lm_call", default=None)
"""The LM call that the current task or thread is in."""


def salt(attempt: int) -> tuple[int | str | None, ...]:
    """What tells this request from an equal one: attempt, the program's rollout_id, n-th completion. Empty for 0."""
    call = lm_call.get()
    rollout_id = completion = None
    if call is not None:
        rollout_id = None if call.rollout_id is None else str(call.rollout_id)
        completion = call.completion or None
        call.completion += 1
    parts = (attempt or None, rollout_id, completion)
    return parts if any(p is not None for p in parts) else ()


@dataclass
class _Open:
    """A predictor call that has made LM calls."""

    invocation: Any
    predictor: Any
    place: Place
    calls: list[Call] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None


class Recorder(list[Any]):
    """The list that DSPy appends finished predictor calls to; it keeps them with the LM calls they made."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[_Open] = []
        self.root = Strand()
        self._open: dict[int, _Open] = {}

    def begin(self, owner: Any) -> None:
        """Called in the task or thread that runs the program, before it does."""
        self.root.owner = owner
        _place.set(Place(self.root, 0))

    def add_call(self, call: Call) -> None:
        """Record an LM call of whichever predictor is running in this task or thread."""
        invocation = dspy.settings.get("caller_modules") or ()
        entry = self._open.get(id(invocation))
        if entry is None:
            last = invocation[-1] if invocation else None
            predictor = last if isinstance(last, dspy.Predict) else None
            made = lm_call.get()
            place = made.place if made is not None else None
            entry = _Open(invocation, predictor, place or Place(self.root, self.root.made))
            self.entries.append(entry)
            if predictor is not None:  # each call that the program itself makes is a step of its own
                self._open[id(invocation)] = entry  # which holds the list, so that its id stays taken
        entry.calls.append(call)

    def append(self, item: tuple[Any, dict[str, Any], Any]) -> None:
        """Called by DSPy in the task or thread of the predictor call that has ended."""
        super().append(item)
        entry = self._open.get(id(dspy.settings.get("caller_modules") or ()))
        if entry is None or entry.predictor is not item[0]:
            raise Stop(_foreign_lm(item[0]))
        self._close(entry, item)

    def extend(self, items: Any) -> None:
        """Called by BestOfN and Refine with the steps of the attempt that they chose."""
        for item in items:
            super().append(item)
            entry = next((e for e in self.entries if e.predictor is item[0] and e.outputs is None), None)
            if entry is not None:
                self._close(entry, item)

    def steps(self, error: str | None) -> list[Step]:
        """Steps in order; calls without a result are steps too, with the error or the reason."""
        return [_step(e, error) for e in _in_order(self.entries, self.root)]

    def _close(self, entry: _Open, item: tuple[Any, dict[str, Any], Any]) -> None:
        self._open.pop(id(entry.invocation), None)
        predictor, inputs, prediction = item
        entry.inputs = {k: jsonable(v) for k, v in inputs.items() if k in predictor.signature.input_fields}
        entry.outputs = {k: jsonable(v) for k, v in prediction.items()}


def _in_order(entries: list[_Open], root: Strand) -> list[_Open]:
    """Order by place, whatever the order in time was.

    What was started at the same place goes by the order in which the tasks were made; threads go by what was sent.
    """
    if all(e.place.strand is root for e in entries):
        return sorted(entries, key=lambda e: e.place.n)
    made: dict[Strand, list[_Open]] = {}
    started: dict[Strand, dict[Strand, int]] = {}
    for entry in entries:
        strand = entry.place.strand
        made.setdefault(strand, []).append(entry)
        while strand.parent is not None:
            started.setdefault(strand.parent.strand, {})[strand] = strand.parent.n
            strand = strand.parent.strand

    def walk(strand: Strand) -> list[_Open]:
        parts = [((entry.place.n, 0, 0, ""), [entry]) for entry in made.get(strand, ())]
        for child, n in started.get(strand, {}).items():
            inner = walk(child)
            parts.append(((n, 1, child.born, repr([_content(e) for e in inner])), inner))
        return [entry for _, part in sorted(parts, key=lambda part: part[0]) for entry in part]

    return walk(root)


def _content(entry: _Open) -> tuple[str, str]:
    return (predictor_name(entry.predictor) or "" if entry.predictor else "", repr(entry.calls[0].messages))


def _step(entry: _Open, error: str | None) -> Step:
    name = predictor_name(entry.predictor) if entry.predictor is not None else None
    if entry.predictor is None:
        return Step(name, {}, {}, entry.calls)  # the program called the LM itself
    if entry.outputs is None:
        return Step(name, {}, None, entry.calls, error or "the program did not use this answer")
    return Step(name, entry.inputs, entry.outputs, entry.calls)


@dataclass
class Scope:
    """One rollout while it runs.

    Attributes:
        attempt: 0 for the first; salts every request.
        recorder: Steps so far.
        usage: LM calls of this rollout and what they cost when they were made, whether or not they were sent now.
    """

    attempt: int = 0
    recorder: Recorder = field(default_factory=Recorder)
    usage: Usage = field(default_factory=Usage)

    def record(self, call: Call, usd: float | None) -> None:
        """Add an LM call that was answered."""
        self.recorder.add_call(call)
        self.usage += Usage(1, 0, call.input_tokens or 0, call.output_tokens or 0, usd)


def current() -> Scope | None:
    """Scope of the running rollout; None outside of one."""
    scope = dspy.settings.get(SETTING)
    return scope if isinstance(scope, Scope) else None


def _foreign_lm(predictor: Any) -> TargetError:
    name = predictor_name(predictor) or type(predictor).__name__
    return TargetError(
        f"predictor {name!r} was answered by an LM that does not go through limbeck's gateway",
        hint="Do not set an LM inside forward() or a metric; give it with --lm, or set it on the program's predictor "
        "in __init__.",
    )
