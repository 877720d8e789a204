"""Which answers of the stored traces may become rows. What is left out goes to the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...records import Outcome, Trace
from ..keep.ledger import Ledger
from ..keep.level import level_of
from .kinds.base import NOT_JSON
from .record import PROGRAM, WHOLE, Answer

Problem = tuple[str, str]
"""Reason and detail, as the ledger has them; ``("", "")`` is none."""

_FINE: Problem = ("", "")


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        names: Names of the predictors; ``PROGRAM`` for the program as a whole.
        outcomes: What became of the traces that are wanted.
        lm: Only traces of this LM.
        held_out: ``input_id`` of examples that must not be trained on: the task's test data.
        elsewhere: ``input_id`` of examples that another dataset has, which this one is to have none of.
        is_current: Whether the verdicts of a trace are those of the metric and the checks as they are now.
        max_level: Passed traces of a higher level, or of none, are left out.
        raw: Whether steps whose answer could not be parsed are wanted too.
        unjudged: Whether traces that nothing has judged are wanted too.
    """

    names: Collection[str]
    outcomes: Sequence[Outcome] = ("passed",)
    lm: str | None = None
    held_out: Collection[str] = ()
    elsewhere: Collection[str] = ()
    is_current: Callable[[Trace], bool] | None = None
    max_level: int | None = None
    raw: bool = False
    unjudged: bool = False


def select(traces: Iterable[Trace], wanted: Wanted, ledger: Ledger) -> Iterator[list[Answer]]:
    """Pick the answers to emit; those of one input together.

    What is counted is the answer: a trace that is wanted gives one for each step of the predictors asked for, and a
    trace that gives none is itself one.

    Args:
        traces: Traces in the order in which rows shall stand, with those of equal inputs side by side.
        wanted: What is asked for.
        ledger: Counts what is read, and why some of it goes no further.
    """
    for _, same in groupby(_named(traces, ledger), key=lambda trace: trace.example.input_id):
        group = list(same)
        outcomes = [trace.outcome for trace in group]
        attempts, passes = sum(bool(trace.verdicts) for trace in group), outcomes.count("passed")
        picked: list[Answer] = []
        for trace, outcome in zip(group, outcomes, strict=True):
            picked += _answers(Answer(trace, WHOLE, attempts, passes, outcome), wanted, ledger)
        if picked:
            yield picked


def _named(traces: Iterable[Trace], ledger: Ledger) -> Iterator[Trace]:
    """Traces whose inputs have an identity: a store also keeps integers beyond 64 bits, which have none."""
    for trace in traces:
        try:
            _ = trace.example.input_id
        except TypeError as error:
            ledger.read(trace.id)
            ledger.dropped(trace.id, NOT_JSON, f"inputs: {error}")
        else:
            yield trace


def _answers(whole: Answer, wanted: Wanted, ledger: Ledger) -> Iterator[Answer]:
    """Answers of a trace, given as one."""
    trace, outcome = whole.trace, whole.outcome
    reason, detail = _refusal(trace, outcome, wanted)
    indices = [] if reason else _indices(trace, wanted.names)
    if not indices:
        ledger.read(trace.id)
        if not reason:  # a trace that failed before any step of it
            reason, detail = _failed(trace) if outcome == "failed" else ("no step of the predictor", "")
        ledger.dropped(trace.id, reason, detail)
    for index in indices:
        answer = whole if index == WHOLE else Answer(trace, index, whole.attempts, whole.passes, outcome)
        ledger.read(answer.id)
        reason, detail = _step_problem(answer, raw=wanted.raw)
        if reason:
            ledger.dropped(answer.id, reason, detail)
        else:
            yield answer


def _indices(trace: Trace, names: Collection[str]) -> list[int]:
    if PROGRAM in names:
        return [WHOLE]
    return [index for index, step in enumerate(trace.steps) if step.predictor is None or step.predictor in names]


def _refusal(trace: Trace, outcome: Outcome, wanted: Wanted) -> Problem:
    """Why a whole trace is left out, if it is."""
    if wanted.lm is not None and trace.lm != wanted.lm:
        return "another LM", trace.lm
    if trace.example.input_id in wanted.held_out:
        return "held out", "its input is in the test data"
    if trace.example.input_id in wanted.elsewhere:
        return "in the other dataset", "its input is there too"
    unjudged = outcome == "rejected" and not trace.verdicts
    if outcome not in wanted.outcomes and not (unjudged and wanted.unjudged):
        return _not_wanted(trace, outcome)
    if unjudged and not wanted.unjudged:
        return "not verified", ""
    if trace.verdicts and wanted.is_current is not None and not wanted.is_current(trace):
        return "outdated verdict", "the metric or a check changed since: run limbeck verify"
    if wanted.max_level is not None and outcome == "passed":
        return _level_problem(trace, wanted.max_level)
    return _FINE


def _not_wanted(trace: Trace, outcome: Outcome) -> Problem:
    if outcome == "failed":
        return _failed(trace)
    if outcome == "rejected" and trace.verdicts:
        return "rejected", ", ".join(verdict.verifier for verdict in trace.verdicts if not verdict.passed)
    return ("passed", "only others are wanted") if outcome == "passed" else ("not verified", "")


def _failed(trace: Trace) -> Problem:
    broken = next((verdict.error for verdict in trace.verdicts if verdict.error), None)
    return f"failed: {trace.reason}", trace.failure.message if trace.failure else broken or ""


def _level_problem(trace: Trace, highest: int) -> Problem:
    level = level_of(trace)
    if level.number is None:
        return "no level", level.why
    return _FINE if level.number <= highest else (f"level above {highest}", f"level {level.number}: {level.why}")


def _step_problem(answer: Answer, *, raw: bool) -> Problem:
    """Why a step of a trace that is wanted is left out, if it is."""
    step = answer.step
    if answer.index == WHOLE and len(answer.trace.steps) != 1:
        raw = False  # what a step of several wrote is no answer of the program
    if step.predictor is None:
        return "predictor made at run time", "it has no name in the program"
    if step.outputs is None and raw and step.completion:
        return _FINE
    if step.error is not None or step.outputs is None:
        return "step without outputs", step.error or ""
    return _FINE
