"""What belongs to one rollout while it runs: its attempt, and the steps and calls that it makes.

DSPy hands its ``settings`` on to every task and thread that a program starts through DSPy, so the scope travels in
them; and it appends each finished predictor call to ``settings.trace``, so the recorder is that list. Callbacks would
cost 100 to 270 us a call (measured), and DSPy swallows what they raise.

LM calls are attributed to the predictor call that made them by the identity of ``settings.caller_modules``, a list
that DSPy makes anew for every module call.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dspy

from ...errors import Stop, TargetError
from ...records import Call, Step, Usage
from ...signatures.program import predictor_name
from ...signatures.values import jsonable

SETTING = "limbeck_scope"
"""Name under which a scope travels in DSPy's settings."""


@dataclass
class LMCall:
    """One call of an LM object, which may ask for several completions.

    Attributes:
        rollout_id: DSPy's own salt, if the program gave one.
        completion: How many completions were asked for so far.
    """

    rollout_id: Any = None
    completion: int = 0


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
    start: int
    calls: list[Call] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    end: int | None = None


class Recorder(list[Any]):
    """The list that DSPy appends finished predictor calls to; it keeps them with the LM calls they made."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[_Open] = []
        self._open: dict[int, _Open] = {}
        self._clock = 0

    def add_call(self, call: Call) -> None:
        """Record an LM call of whichever predictor is running in this task or thread."""
        invocation = dspy.settings.get("caller_modules") or ()
        entry = self._open.get(id(invocation))
        if entry is None:
            last = invocation[-1] if invocation else None
            predictor = last if isinstance(last, dspy.Predict) else None
            entry = _Open(invocation, predictor, self._tick())  # holds the list, so that its id stays taken
            self._open[id(invocation)] = entry
            self.entries.append(entry)
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
            entry = next((e for e in self.entries if e.predictor is item[0] and e.end is None), None)
            if entry is not None:
                self._close(entry, item)

    def steps(self, error: str | None) -> list[Step]:
        """Steps in order; calls without a result are steps too, with the error or the reason."""
        for entry in self.entries:
            if entry.end is None:
                entry.end = self._tick()
        return [_step(e, error) for e in _settled(self.entries)]

    def _close(self, entry: _Open, item: tuple[Any, dict[str, Any], Any]) -> None:
        self._open.pop(id(entry.invocation), None)
        predictor, inputs, prediction = item
        entry.inputs = {k: jsonable(v) for k, v in inputs.items() if k in predictor.signature.input_fields}
        entry.outputs = {k: jsonable(v) for k, v in prediction.items()}
        entry.end = self._tick()

    def _tick(self) -> int:
        self._clock += 1
        return self._clock


def _settled(entries: list[_Open]) -> list[_Open]:
    """Order by start, and calls that overlapped in time by name and inputs, so that the order is always the same."""
    ordered = sorted(entries, key=lambda e: e.start)
    groups: list[list[_Open]] = []
    latest = 0
    for entry in ordered:
        if groups and entry.start < latest:
            groups[-1].append(entry)
        else:
            groups.append([entry])
        latest = max(latest, entry.end or 0)
    return [e for group in groups for e in (group if len(group) == 1 else sorted(group, key=_content))]


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
        hint="Do not set an LM inside forward(); give it with --lm, or set it on the predictor in __init__.",
    )
