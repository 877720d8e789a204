"""What a verifier is, and how several judge a trace together."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ...errors import LimbeckError
from ...records import Example, Failure, Json, Step, Trace, Usage, Verdict
from ...signatures.where import describe

if TYPE_CHECKING:
    import dspy

    from ...signatures.task import Task

FREE, QUICK, SANDBOX, ASKING, ROLLING = 0, 10, 20, 30, 40
"""Tiers: nothing but the values; rules on text; a process in the sandbox; an LM call; rollouts."""


@runtime_checkable
class Declared(Protocol):
    """A verifier as a task lists it: what it is, before there is a run in which it works.

    Attributes:
        name: Name of its verdicts.
        tier: How dear it is; cheap ones are asked first.
        grouped: Whether a verdict depends on other traces of the same example.
        fingerprints: Versions, by content, of the verdicts that it gives, in their order; verdicts of another
            version are given again. They say nothing of the place, for an export, which calls no LM, compares them.
    """

    name: str
    tier: int
    grouped: bool

    @property
    def fingerprints(self) -> Sequence[str]:
        """See above."""
        ...

    def calls(self, rollout: float) -> float:
        """LM calls that one trace takes at most, where a rollout takes so many; for forecasts and budgets."""
        ...

    def bind(self, place: Place) -> Verifier:
        """Make the one that works in a run.

        Raises:
            UsageError: It cannot work on this task or on this machine.
        """
        ...


class Verifier(Protocol):
    """Says of one trace whether it may be kept. Its attributes are those of what was declared."""

    name: str
    tier: int
    grouped: bool

    @property
    def fingerprints(self) -> Sequence[str]:
        """See above."""
        ...

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Judge a trace that has a prediction, a verdict for each of the fingerprints.

        A verifier that cannot judge gives a verdict with an error.

        Raises:
            Stop: The budget has no room for what it asks, or no LM call can succeed.
        """
        ...

    async def aclose(self) -> None:
        """Close what it opened."""
        ...


@dataclass(frozen=True)
class Answer:
    """What an LM program of a verifier's own gave.

    Attributes:
        prediction: Output values; None where it failed.
        completion: Text of the last answer; None where there is none.
        failure: Why there is no prediction.
        usage: What it cost when it was made.
        lm: Name of the LM.
        logprobs: Of the tokens of the last answer, where they were asked for.
        steps: Predictor calls.
    """

    prediction: Json | None
    completion: str | None
    failure: Failure | None
    usage: Usage
    lm: str
    logprobs: Sequence[Json] | None = None
    steps: Sequence[Step] = ()


class Place(Protocol):
    """What verifiers are given to work with: LMs behind the gateway, and other traces of an example."""

    @property
    def task(self) -> Task:
        """What is judged."""
        ...

    @property
    def student(self) -> str:
        """Name of the LM that the program runs with, the one that is being improved."""
        ...

    async def ask(
        self, program: dspy.Module, inputs: Json, *, lm: str | dspy.LM | None = None, lm_args: Json | None = None,
        attempt: int = 0,
    ) -> Answer:  # fmt: skip
        """Run a program of the verifier's own, through the gateway: paid once, budgeted, resumed.

        Args:
            program: A DSPy module; it is not changed.
            inputs: What it is called with.
            lm: LM to ask; default: the student's.
            lm_args: Its settings.
            attempt: Salts the request; attempts after 0 sample at temperature 1.

        Raises:
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        ...

    async def attempts(self, trace: Trace, k: int) -> Sequence[Trace]:
        """The first k attempts at a trace's example with its candidate and LM, by number; the trace is among them.

        In a run those that are not there are rolled out. Of a log, and of traces that are judged again, there are
        those that the store has; that may be less than k. They are not judged.

        Raises:
            Stop: As in ``ask``.
        """
        ...

    async def score(self, example: Example, prediction: Json) -> Verdict | None:
        """What the task's metric says of some other prediction for an example; None where there is no metric."""
        ...


async def judge(trace: Trace, verifiers: Sequence[Verifier], *, every: bool = False) -> Trace:
    """Give a trace its verdicts, cheap verifiers first, up to the first refusal.

    Failed rollouts are not judged: there is nothing to judge. Verdicts that the trace has and that are current are
    not given again; those of a generator stay what they are.

    Args:
        trace: With or without verdicts.
        verifiers: In the order in which they are asked.
        every: Whether to go on after a refusal.
    """
    if trace.failure is not None:
        return trace
    verdicts = [verdict for verdict in trace.verdicts if verdict.born]
    if not every and not all(v.passed for v in verdicts):
        return trace.with_verdicts(verdicts)
    for verifier in verifiers:
        verdicts += _known(trace, verifier) or believed(verifier, await _asked(trace, verifier))
        if not every and not all(v.passed for v in verdicts):
            break
    return trace.with_verdicts(verdicts)


async def _asked(trace: Trace, verifier: Verifier) -> list[Verdict]:
    """Verdicts of a verifier; one that raises, as somebody else's may, costs this one trace."""
    try:
        return await verifier.verify(trace, trace.example)
    except LimbeckError:  # the user can do something about it
        raise
    except Exception as error:  # noqa: BLE001  # verifiers may be anybody's
        said = describe(error)
        return [Verdict(verifier.name, passed=False, error=said, fingerprint=f) for f in verifier.fingerprints]


def believed(verifier: Verifier, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts as they are kept: that people judged is only believed of limbeck's own verifiers.

    Anybody else's is a rule's at best. A class counts as limbeck's own where it stands in limbeck, and not where it
    says that it does.
    """
    if "people" not in [verdict.by for verdict in verdicts] or _is_own(type(verifier)):
        return verdicts
    return [replace(verdict, by="rule") if verdict.by == "people" else verdict for verdict in verdicts]


def _is_own(kind: type) -> bool:
    root = __name__.removesuffix("base")
    module = sys.modules.get(kind.__module__) if kind.__module__.startswith(root) else None
    return getattr(module, kind.__qualname__, None) is kind


def is_current(trace: Trace, verifiers: Iterable[Declared | Verifier], *, every: bool = False) -> bool:
    """Whether a trace's verdicts are those that these verifiers would give."""
    if trace.failure is not None:
        return True
    if any(v.error and not v.final for v in trace.verdicts):
        return False
    known = [v.fingerprint for v in trace.verdicts if not v.born]
    wanted: list[str] = []
    if not every and not known and trace.verdicts and not all(v.passed for v in trace.verdicts):
        return True  # the generator itself refused it
    for verifier in verifiers:
        wanted += verifier.fingerprints
        if not every and known == wanted and not all(v.passed for v in trace.verdicts):
            return True  # refused here, so that dearer verifiers were not asked
    return known == wanted


def _known(trace: Trace, verifier: Verifier) -> list[Verdict]:
    """Verdicts of this verifier that the trace has; none where one is missing, or may turn out differently now."""
    if not trace.verdicts or (verifier.grouped and trace.origin != "rollout"):
        return []  # of a log, there may be more attempts since; those of a rollout are always the same
    by_version = {v.fingerprint: v for v in trace.verdicts if v.fingerprint and (v.final or not v.error)}
    found = [by_version.get(version) for version in verifier.fingerprints]
    return [v for v in found if v is not None] if all(found) else []
