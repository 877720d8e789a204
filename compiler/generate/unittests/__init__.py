"""``tests``: unit tests for a specification, solutions that are run against them, and what passes is kept.

After shared/METHODS.md, "Execution-verified code". For each specification, in this order:

1. An LM writes ``suites`` times tests. What is no Python, asserts nothing or does not call the function is eliminated.
2. Tests that a stub passes verify nothing (``verify/execute/stubs.py``); so do those that go over the limits by
   themselves.
3. Where the example has a reference solution as its label, tests that it fails are wrong.
4. The task's program gives ``solutions`` answers, and each meets each suite twice. Suites that say different things of
   the same program are flaky; those that no solution passes are wrong, or nobody can tell.
5. At least one mutant of a solution that passes has to fail.
6. What is left is put together. Suites that no solution passes together contradict each other, and none is believed.
7. The tests become a label of the example, and the answers become traces that the task's own verifier ``execute``
   judges by them. So the verdict of an answer is one like any other: outcome, hashes, limits and versions are its
   evidence; it is given again where the verifier changed or the sandbox had failed; and what is rejected is the worse
   side of a pair in ``limbeck export --kind preference``.

Nothing that was written is run outside of the sandbox. Tests are trusted to be tests, as those of a data set are: a
suite that wants to pass everything passes the stubs, too. Where no suite is left the answers are kept as failed traces,
since they were paid for and nobody knows what they are worth.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import UsageError
from ....records import Example, Trace
from ...verify.asking import shown, unmarked
from ...verify.execute import Execute
from ...verify.execute.reading import TESTS
from ...verify.registry import verifiers_of
from ..base import Bench, Dropped, Made, Provenance, born
from ..once import once
from .trial import Trial, Tried, distinct, trial, with_tests
from .written import Unreadable, read_tests, writing

if TYPE_CHECKING:
    from ....signatures.task import Task

__all__ = ["UnitTests"]

_HINT = "Give the task verifiers=[verifiers.Execute(tests='tests')], or the command --verifier execute."
_OTHER = ("inputs", "expected", "stdin", "stdout", "command")
_NO_TESTS = "it has no tests that could be believed"


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class UnitTests:
    """Write tests for specifications, and keep the answers that pass them.

    Attributes:
        suites: How often tests are written for a specification.
        solutions: Answers to each specification.
        field: Input with the specification; default: all inputs.
    """

    name: ClassVar[str] = "tests"
    judges: ClassVar[bool] = False

    program: Any = field(init=False, repr=False, default=None)
    suites: int = Field(default=3, ge=1, le=50)
    solutions: int = Field(default=8, ge=1, le=1000)
    field: str | None = None

    def __post_init__(self) -> None:
        self.program = writing()

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """Make rollouts on examples with verified tests.

        Raises:
            UsageError: No verifier of the task would run them, this machine has no sandbox, or there is no such input.
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        task = bench.task
        if self.field is not None and self.field not in task.input_fields:
            hint = f"It has {', '.join(task.input_fields)}."
            raise UsageError(f"--set field={self.field}: the task has no such input", hint=hint)
        options = _execute(task)
        made = trial(options, options.tests if isinstance(options.tests, str) else TESTS[0])
        try:
            work = _Work(self, bench, made, options.field or next(reversed(task.output_fields)))
            async with aclosing(ordered(work.of, once(bench), limit=bench.concurrency)) as done:
                async for items in done:
                    for item in items:
                        yield item
        finally:
            await made.executor.aclose()


class _Work:
    """What is done for one specification."""

    def __init__(self, method: UnitTests, bench: Bench, made: Trial, output: str) -> None:
        self.method, self.bench, self.trial, self.output = method, bench, made, output

    async def of(self, seed: Example | Dropped) -> list[Made | Dropped]:
        """Everything that comes of it."""
        if isinstance(seed, Dropped):
            return [seed]
        columns = {**seed.inputs, **seed.labels}
        known = next((name for name in (self.trial.column, *self._others()) if columns.get(name)), None)
        if known is not None:
            return [Dropped("there are tests already", seed.id, known)]
        dropped, suites = await self._written(seed)
        await self._each(suites, lambda tried: self.trial.stub(seed, tried))
        reference = seed.labels.get(self.output) or None  # an empty one is none
        if reference is not None:
            await self._each(suites, lambda tried: self.trial.reference(seed, tried, reference))
        made: list[Made | Dropped] = []
        if _alive(suites):
            made = await self._solved(seed, suites, reference)
        return [*dropped, *(_eliminated(seed, tried) for tried in suites if tried.weak is not None), *made]

    def _others(self) -> tuple[str, ...]:
        """Columns in which ``execute`` would find tests, too."""
        return TESTS if self.trial.executor.options.tests is None else ()

    async def _written(self, seed: Example) -> tuple[list[Made | Dropped], list[Tried]]:
        inputs = seed.inputs if self.method.field is None else {self.method.field: seed.inputs.get(self.method.field)}
        asked = {"specification": unmarked(shown(inputs))}

        async def write(number: int) -> Tried | Dropped:
            answer = await self.bench.ask(self.method.program, asked, attempt=number)
            try:
                return Tried(number, read_tests(answer, self._entry(seed)))
            except Unreadable as problem:
                return Dropped(problem.rule, _item(seed, number), str(problem))

        found = await self._all(write, self.method.suites)
        suites = list(distinct([one for one in found if isinstance(one, Tried)]))
        return [one for one in found if isinstance(one, Dropped)], suites

    def _entry(self, seed: Example) -> str | None:
        """The function, where the task says it."""
        name = self.trial.executor.options.entry
        given = None if name is None else {**seed.inputs, **seed.labels}.get(name, name)
        return given if isinstance(given, str) and given.isidentifier() else None

    async def _solved(self, seed: Example, suites: list[Tried], reference: Any) -> list[Made | Dropped]:
        """The answers: judged by what is left of the tests, or by nobody."""
        plain = [self._made(seed, n) for n in range(self.method.solutions)]
        traces: list[Trace] = await self._all(lambda n: self.bench.verify(plain[n]), len(plain))
        given = [trace.prediction or {} for trace in traces]
        answers = [] if reference is None else [reference]
        answers += [prediction[self.output] for prediction in given if self.output in prediction]
        await self._each(suites, lambda tried: self.trial.programs(seed, tried, answers))
        await self._each(suites, lambda tried: self.trial.mutated(seed, tried, answers))
        alive = _alive(suites)
        tests = await self.trial.whole(seed, alive, answers) if alive else None
        if tests is None:
            return list(plain)
        facts = {"tests": [tried.facts() for tried in _alive(alive)], "reference": reference is not None}
        judged = with_tests(seed, self.trial.column, tests)
        return [self._made(judged, n, parent=seed.id, **facts) for n in range(self.method.solutions)]

    def _made(self, example: Example, attempt: int, parent: str | None = None, **facts: Any) -> Made:
        """An answer of the program; without tests nobody can say what it is worth, and that is no refusal."""
        about = Provenance("solve", parent or example.id, lm=self.bench.writer, facts=facts)
        unknown = [] if facts else [born("tests", passed=False, error=_NO_TESTS, by="tests")]
        return Made(example, about, attempt=attempt, verdicts=unknown, new=False)

    async def _each(self, suites: list[Tried], check: Any) -> None:
        """Do something with every suite that is still believed."""
        alive = _alive(suites)
        await self._all(lambda n: check(alive[n]), len(alive))

    async def _all(self, work: Any, count: int) -> list[Any]:
        async with aclosing(ordered(work, range(count), limit=self.bench.concurrency)) as done:
            return [one async for one in done]


def _alive(suites: list[Tried]) -> list[Tried]:
    return [tried for tried in suites if tried.weak is None]


def _item(seed: Example, number: int) -> str:
    return f"{seed.id} tests {number}"


def _eliminated(seed: Example, tried: Tried) -> Dropped:
    weak = tried.weak
    return Dropped(weak.rule if weak else "", _item(seed, tried.number), weak.detail if weak else "")


def _execute(task: Task) -> Execute:
    """The verifier of the task that will run the tests.

    Raises:
        UsageError: There is none, or it judges by something else.
    """
    found = [verifier for verifier in verifiers_of(task, need=False) if isinstance(verifier, Execute)]
    if not found:
        raise UsageError("tests that are written are run by the verifier execute, which this task has not", hint=_HINT)
    options = found[0]
    other = next((name for name in _OTHER if getattr(options, name)), None)
    if other is not None or options.answer != "program":
        said = f"{other}={getattr(options, other)!r}" if other is not None else f"answer={options.answer!r}"
        raise UsageError(f"verifier execute, {said}: it does not judge Python functions by tests", hint=_HINT)
    if isinstance(options.tests, tuple):
        raise UsageError("verifier execute, tests=[...]: it has tests for all examples already", hint=_HINT)
    if options.tests in task.input_fields:
        raise UsageError(f"verifier execute, tests={options.tests!r}: that is an input of the program", hint=_HINT)
    return options
