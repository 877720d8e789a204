"""What a generator is: it makes new examples, or new answers to known ones, out of seeds.

A generator is plain deterministic ``async`` code over a ``Bench``, and its LM programs are DSPy modules like the
user's. It keeps nothing itself: what it yields is verified and stored by whoever runs it, in the order in which it was
yielded. Resuming runs it again from the top; what was paid for answers at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ...records import BORN, Candidate, Evaluation, Example, Json, Origin, Step, Trace, Usage, Verdict

if TYPE_CHECKING:
    import dspy

    from ...signatures.task import Task
    from ..verify.base import Answer


@dataclass(frozen=True)
class Provenance:
    """Where something that was made comes from.

    Attributes:
        operation: What was done: ``deepen``, ``invert``, ``revise``; where a method has one only, its name.
        parent: Id of the example or trace that it was made from; None where it was made from nothing.
        round: Epoch, iteration or round in which it was made, from 1.
        lm: LM that made it; None where none had a part in it.
        facts: Whatever else of it is worth keeping, as JSON.
    """

    operation: str
    parent: str | None = None
    round: int = 1
    lm: str | None = None
    facts: Json = field(default_factory=dict)

    def as_json(self, method: str) -> Json:
        """What the trace of it keeps, under ``meta["synth"]``."""
        return {"method": method, "operation": self.operation, "parent": self.parent, "round": self.round,
                "lm": self.lm, **self.facts}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """An answer that is there already, so that the program need not be run.

    Attributes:
        prediction: Output values by name.
        lm: LM that wrote or last changed it; empty where a person did and no machine had a part in it.
        origin: ``synth``, or ``written`` where a person wrote it (a machine may have changed it since).
        steps: How it came about; default: one step of the program's predictor with these outputs.
        usage: What it cost.
    """

    prediction: Json
    lm: str
    origin: Origin = "synth"
    steps: Sequence[Step] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Made:
    """An example that was made, with how to come to its answer: run the program, or take what is written.

    Attributes:
        example: The example; its labels are what the verifiers compare with.
        provenance: Where it comes from.
        answer: The answer; None where the program is to be run.
        candidate: Setting of the program to run; None for that of the bench.
        attempt: Number of the attempt at the example.
        verdicts: What the method itself says of it; see ``born``. A refusal ends the judging.
        review: What it says once the answer is there: verdicts by output values, asked before the verifiers.
        lm: LM that the program is run with; default: that of the bench.
        new: Whether its input has to be one that neither the seeds have nor was made before.
    """

    example: Example
    provenance: Provenance
    answer: Written | None = None
    candidate: Candidate | None = None
    attempt: int = 0
    verdicts: Sequence[Verdict] = ()
    review: Callable[[Json], Sequence[Verdict]] | None = None
    new: bool = True
    lm: str | None = None


@dataclass(frozen=True)
class Dropped:
    """Something that was asked for and came to nothing.

    Attributes:
        rule: Why: the name of a rule, in a few words, the same for all that it eliminated.
        item: What it was to be made from: an id, or a place in a file.
        detail: What there is to say of this one.
    """

    rule: str
    item: str
    detail: str = ""


def born(name: str, *, passed: bool, **known: Any) -> Verdict:
    """A verdict that a method gives what it makes. Unlike those of verifiers it is never given again.

    Args:
        name: Of the verdict, without the prefix that tells such verdicts.
        passed: Whether it may be kept.
        **known: What else a ``Verdict`` holds.
    """
    return Verdict(f"{BORN}{name}", passed, **known)


class Bench(Protocol):
    """What a generator works at: programs of its own are asked, rollouts of the task's are made and judged.

    Attributes:
        candidate: Setting of the task's program: as declared, or the compiled one.
        wanted: Rows to keep; more of them are not used. None where nothing was said.
        seed: Seed of every random choice.
        concurrency: How much is to be under way at once.
    """

    candidate: Candidate
    wanted: int | None
    seed: int
    concurrency: int

    @property
    def seeds(self) -> Iterable[Example]:
        """What it starts from; can be gone through more than once, and is read from disk as it is."""
        ...

    @property
    def task(self) -> Task:
        """What examples are made for. Its program is to be looked at, never to be run or changed."""
        ...

    @property
    def writer(self) -> str:
        """Name of the LM that ``ask`` asks by default, which is also the one that answers made examples."""
        ...

    @property
    def student(self) -> str:
        """Name of the LM that is being improved; a verdict by it says so, for levels follow from that."""
        ...

    async def ask(
        self, program: dspy.Module, inputs: Json, *, attempt: int = 0, lm: str | dspy.LM | None = None,
        lm_args: Json | None = None,
    ) -> Answer:  # fmt: skip
        """Run a program of the generator's own: paid once, budgeted, resumed. Nobody judges what it gives.

        Args:
            program: A DSPy module, one of ``Generator.program``; it is not changed.
            inputs: What it is called with.
            attempt: Salts the request; attempts after 0 sample at temperature 1.
            lm: LM to ask; default: the first teacher, or the student where there is none.
            lm_args: Its settings.

        Raises:
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        ...

    async def verify(self, made: Made) -> Trace:
        """The judged trace of something made, for generators that go by what became of it.

        It is not kept by that: yield it, also where it was refused. What it cost counts in any case, once. Asked again,
        the answer is the same and free; facts and verdicts of the method's own may then be others, for what is known
        only since, and the last ones count.

        Raises:
            Stop: As in ``ask``.
        """
        ...

    @property
    def val(self) -> Sequence[Example]:
        """Rows that the task has to choose by, which nothing is made of; none where it has none."""
        ...

    async def evaluate(self, candidate: Candidate, lm: str | None = None) -> Evaluation:
        """Score a setting of the task's program on the rows to choose by: durable, and paid once.

        Args:
            candidate: The setting.
            lm: LM that the program is run with; default: the one that answers made examples.

        Raises:
            Stop: As in ``ask``.
        """
        ...

    def taken(self, example: Example) -> bool:
        """Whether a seed, or a row that the task holds out, has this input; what is made with it is dropped."""
        ...

    def held_out(self, example: Example) -> bool:
        """Whether a row that the task holds out has this input."""
        ...

    def stored(self, *, passed: bool = False) -> Iterator[Trace]:
        """Traces of the task that the store had when this began, ordered by input, with their steps.

        Args:
            passed: Whether to leave out those that were not kept.
        """
        ...

    def phase(self, name: str, total: int | None = None) -> None:
        """Tell whoever watches what begins now, and how much is planned, where that is known."""
        ...


class Generator(Protocol):
    """A method that makes examples. Looked up by name through the entry points ``limbeck.generators``.

    Attributes:
        name: Its name, as in ``--method``.
        judges: Whether it says itself what may be kept, so that a task without metric and verifiers will do.
        program: All LM programs that it asks, as one DSPy module. ``limbeck compile`` works on it as on any other, and
            ``--prompts DIR`` sets what came of that.

    A generator that chooses by rows which the task holds out says ``needs_val = True``, so that there are some.

    A generator may have a dict ``notes``, which is read after the run and shown: a figure a name, or a table a name,
    ``{"quotas": {"billing": {"target": 40, "kept": 38}}}``. It is the same for the same run, interrupted or not.
    """

    name: str
    judges: bool
    program: dspy.Module

    def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """Make examples. Each thing that was asked for is one item: what was made of it, or why nothing was.

        The items and their order depend on the bench's seeds, its random seed and what LMs answer, and not on timing.

        Raises:
            UsageError: It cannot work on this task or these seeds, or one of its options or files is wrong.
            Stop: The budget has no room for what it asks, or no LM call can succeed.
        """
        ...
