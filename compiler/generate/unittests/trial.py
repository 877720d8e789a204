"""Tests and programs against each other, in the sandbox: what the tests notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ....records import Example, Json
from ...verify.execute import Execute
from ...verify.execute.executor import Executor, Infrastructure
from ...verify.execute.mutants import mutants
from ...verify.execute.quality import MUTANTS
from ...verify.execute.reading import NoProgram, read
from ...verify.execute.stubs import CONSTANT, EMPTY
from ...verify.execute.suites import Finding, Suite, Unusable
from ...verify.sandbox import Ran
from .joined import joined

_RUNS = 2
"""How often each program meets each suite; a suite that says different things of the same program says nothing."""

_PROGRAMS = 3  # different programs whose mutants are tried, at most

_SPENT = {"timeout", "memory", "output"}


class Weak(Exception):
    """The tests verify nothing, or cannot be believed.

    Attributes:
        rule: Why, in fixed words.
        detail: What there is to say of these.
    """

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(detail)
        self.rule, self.detail = rule, detail


@dataclass
class Tried:
    """One suite and what became of it.

    Attributes:
        number: Which attempt at writing tests it was.
        tests: Its source.
        weak: Why it is not believed; None as long as it is.
        passes: For each program, whether it passes.
        killed: The mutant that failed it.
        stubbed: Names whose stubs failed it.
    """

    number: int
    tests: str
    weak: Weak | None = None
    passes: list[bool] = field(default_factory=list)
    killed: str = ""
    stubbed: Sequence[str] | None = None

    def facts(self) -> Json:
        """What the trace of an answer keeps of it."""
        return {"attempt": self.number, "killed": self.killed, "passed": sum(self.passes), "of": len(self.passes)}


@dataclass(frozen=True)
class Trial:
    """Runs tests the way in which the task's own ``execute`` will run them.

    Attributes:
        executor: Runs programs.
        column: Column of the example that the tests stand in.
    """

    executor: Executor
    column: str

    async def stub(self, example: Example, tried: Tried, answer: Any = "") -> None:
        """See that tests fail programs that do nothing, and those that always give the same.

        Args:
            example: The specification.
            tried: The tests.
            answer: A program, for names that the tests do not tell: methods of a class, what ``check`` is given.
        """
        with _noting(tried):
            try:
                suite = self._suite(example, tried.tests, answer)[1]
            except NoProgram:
                return  # what they call is known only once there is a program
            if suite.entry != tried.stubbed:
                await self._stubbed(suite)
                tried.stubbed = suite.entry

    async def _stubbed(self, suite: Suite) -> None:
        for what, body in {**EMPTY, **CONSTANT}.items():
            finding, ran = await self.executor.run(suite, suite.stubbed(body))
            if finding.passed:
                raise Weak("a stub passes", f"one that {what}")
            _see_that_they_run(finding, ran)
            if what in EMPTY and ran.outcome in _SPENT:  # a stub takes nothing, so it is the tests that took it
                raise Weak("tests go over the limits", finding.feedback)

    async def programs(self, example: Example, tried: Tried, answers: Sequence[Any]) -> None:
        """Run programs against a suite, each more than once."""
        known: dict[str, bool] = {}  # LMs repeat themselves
        with _noting(tried):
            for answer in answers:
                if (said := str(answer)) not in known:
                    known[said] = await self._told(example, tried.tests, answer)
                tried.passes.append(known[said])

    async def reference(self, example: Example, tried: Tried, answer: Any) -> None:
        """See that the reference passes a suite."""
        with _noting(tried):
            if not await self._told(example, tried.tests, answer):
                raise Weak("the reference fails", tried.tests[:200])

    async def mutated(self, example: Example, tried: Tried, answers: Sequence[Any]) -> None:
        """See that a small mistake in a program that passes is noticed."""
        with _noting(tried):
            passing = [answer for answer, passed in zip(answers, tried.passes, strict=True) if passed]
            if not passing:
                raise Weak("no solution passes", f"of {len(answers)}")
            await self.stub(example, tried, passing[0])
            if tried.weak is None:
                tried.killed = await self._killed(example, tried, passing)

    async def _killed(self, example: Example, tried: Tried, passing: Sequence[Any]) -> str:
        """The first mutant that fails: a subtle one, where the programs have any.

        Raises:
            Weak: None does.
        """
        programs = dict(self._suite(example, tried.tests, answer) for answer in passing)
        made = [(suite, mutant) for code, suite in list(programs.items())[:_PROGRAMS]
                for mutant in mutants(code, MUTANTS, suite.entry)]  # fmt: skip
        subtle = [(suite, mutant) for suite, mutant in made if not mutant.coarse] or made
        for suite, mutant in subtle:
            finding, _ = await self.executor.run(suite, mutant.code)
            if not finding.passed and not finding.error:
                return mutant.what
        raise Weak("no mutant fails", f"of {len(subtle)}")

    async def whole(self, example: Example, alive: Sequence[Tried], answers: Sequence[Any]) -> str | None:
        """All suites as one; where they contradict each other, none is believed.

        Args:
            example: The specification.
            alive: Suites that passed everything else, at least one.
            answers: The programs, the reference included, where there is one.
        """
        by_all = [answer for j, answer in enumerate(answers) if all(tried.passes[j] for tried in alive)]
        if not by_all:
            for tried in alive:
                tried.weak = Weak("other tests contradict it", f"{len(alive)} suites that no solution passes together")
            return None
        try:
            whole = await self._joined(example, alive, by_all)
        except Infrastructure as problem:
            for tried in alive:
                tried.weak = Weak("the sandbox failed", str(problem))
            return None
        if whole is None:
            strict = min(alive, key=lambda tried: (sum(tried.passes), tried.number))
            for tried in alive:
                tried.weak = None if tried is strict else Weak("cannot stand beside the others")
            return strict.tests
        return whole

    async def _joined(self, example: Example, suites: Sequence[Tried], passing: Sequence[Any]) -> str | None:
        """The suites as one, where what passes each passes that."""
        try:
            entry = self._suite(example, suites[0].tests, passing[0])[1].entry
            whole = joined([tried.tests for tried in suites], entry)
            return whole if all([await self._told(example, whole, answer) for answer in passing]) else None
        except (ValueError, Weak, Unusable, NoProgram):
            return None

    async def _told(self, example: Example, tests: str, answer: Any) -> bool:
        """Whether a program passes.

        Raises:
            Weak: That depends on the run, or the tests are to blame.
            Unusable: The tests cannot be read.
            Infrastructure: The sandbox failed.
        """
        try:
            code, suite = self._suite(example, tests, answer)
        except NoProgram:
            return False
        said: set[bool] = set()
        for _ in range(_RUNS):
            finding, ran = await self.executor.run(suite, code)
            _see_that_they_run(finding, ran)
            said.add(finding.passed)
        if len(said) > 1:
            raise Weak("flaky", "the same program passed and failed")
        return said.pop()

    def _suite(self, example: Example, tests: str, answer: Any) -> tuple[str, Suite]:
        return read(self.executor.options, with_tests(example, self.column, tests), answer)


def _see_that_they_run(finding: Finding, ran: Ran) -> None:
    """What cannot be judged is the fault of the tests."""
    if finding.error:
        rule = "tests call nothing of the program" if ran.outcome == "passed" else "tests cannot run"
        raise Weak(rule, finding.error)


def with_tests(example: Example, column: str, tests: str) -> Example:
    """The example with tests that its answers are judged by."""
    return replace(example, labels={**example.labels, column: tests})


def trial(options: Execute, column: str) -> Trial:
    """Make one; its executor has to be closed.

    Raises:
        UsageError: This machine has no sandbox.
    """
    return Trial(Executor(options), column)


@contextmanager
def _noting(tried: Tried) -> Iterator[None]:
    """Note at a suite why it is not believed."""
    try:
        yield
    except Weak as weak:
        tried.weak = weak
    except Unusable as problem:
        tried.weak = Weak("tests cannot run", str(problem))
    except NoProgram as problem:
        tried.weak = Weak("no solution passes", str(problem))
    except Infrastructure as problem:
        tried.weak = Weak("the sandbox failed", str(problem))


def distinct(tried: Sequence[Tried]) -> Iterator[Tried]:
    """Mark the suites that repeat an earlier one, and give all."""
    seen: set[str] = set()
    for one in tried:
        if one.tests in seen:
            one.weak = Weak("the same tests again")
        seen.add(one.tests)
        yield one
