"""What scores attempts: their steps one by one, their answers, or their votes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ....records import By, Json, Trace
from ...verify.agree import Agree, vote
from ...verify.asking import DATA, NoJudgmentError, ask, check_reason, judged_text, shown
from ...verify.judge import RUBRIC, predictor
from ...verify.rating import number
from ...verify.steps.labels import Labelled, Neutral
from .scores import Reduction, Scored, solution_score

if TYPE_CHECKING:
    import dspy

    from ...verify.base import Answer
    from ...verify.steps.verifier import BoundSteps
    from .place import BenchPlace

LOWEST, HIGHEST = 1.0, 5.0
"""Scale on which an LM rates a whole answer."""


class Scorer(Protocol):
    """Says how likely attempts at one problem are right, by their steps where it looks at those."""

    @property
    def by(self) -> By:
        """What its word rests on, as verdicts tell it."""
        ...

    async def score(self, attempts: Sequence[Trace]) -> Sequence[Scored]:
        """Score each attempt, 0 to 1. What cannot be scored has a problem, and costs the others nothing.

        Raises:
            Stop: The budget has no room for it, or nobody can be asked.
        """
        ...


@dataclass(frozen=True)
class OfSteps:
    """Scores steps: those of the verifier ``steps``, labelled by whoever labels there.

    Attributes:
        bound: Splits a trace and labels its steps.
        by: See ``Scorer``.
        reduction: How the steps become one score.
        neutral: What a neutral step counts as.
        limit: Bounds how many attempts are looked at at once.
    """

    bound: BoundSteps
    by: By
    reduction: Reduction
    neutral: Neutral
    limit: asyncio.Semaphore

    async def score(self, attempts: Sequence[Trace]) -> Sequence[Scored]:
        """Label the steps of each."""
        return await together([self._one(trace) for trace in attempts])

    async def _one(self, trace: Trace) -> Scored:
        async with self.limit:
            (verdict,) = await self.bound.verify(trace, trace.example)
        if verdict.error:
            return Scored(None, problem=verdict.error, usage=verdict.usage)
        said = verdict.evidence
        steps = [Labelled(**step) for step in said["steps"]]
        score = solution_score(steps, self.reduction, self.neutral, said["unlabelled"])
        return Scored(score, steps, said["unlabelled"], "", verdict.usage, said.get("lm"))


@dataclass(frozen=True)
class Majority:
    """Scores an attempt with the share of attempts that have its answer: self-consistency (arXiv 2203.11171).

    Attributes:
        agree: Which output is the answer, and what makes two the same.
    """

    agree: Agree
    by: By = "model"

    async def score(self, attempts: Sequence[Trace]) -> Sequence[Scored]:
        """Count the votes."""
        keys = [self.agree.answer(trace) for trace in attempts]
        counted = vote(keys)
        return [Scored(None, problem=f"there is no {self.agree.normalize} in the answer to count") if key is None
                else Scored(counted.votes[key] / counted.answers) for key in keys]  # fmt: skip


@dataclass(frozen=True)
class OfAnswer:
    """Lets an LM rate the whole answer from 1 to 5, which becomes 0 to 1.

    Attributes:
        place: Where it is asked.
        program: Takes ``request`` and ``answer``, gives ``reason`` and ``score``.
        field: Name of the output; None for the last.
        lm: Who is asked; None for the first teacher.
        limit: Bounds how many attempts are looked at at once.
    """

    place: BenchPlace
    program: dspy.Module
    field: str | None
    lm: Any
    lm_args: Json
    retries: int
    limit: asyncio.Semaphore
    by: By = "model"

    async def score(self, attempts: Sequence[Trace]) -> Sequence[Scored]:
        """Ask for each."""
        return await together([self._one(trace) for trace in attempts])

    async def _one(self, trace: Trace) -> Scored:
        try:
            inputs = {"request": shown(trace.example.inputs), "answer": judged_text(trace, self.field)}
        except NoJudgmentError as error:
            return Scored(None, problem=str(error))

        def read(answer: Answer) -> float:
            given = answer.prediction or {}
            rated = number(str(given.get("score", "")), LOWEST, HIGHEST)
            check_reason(str(given.get("reason") or ""), answer, list(inputs.values()), "score")
            return (rated - LOWEST) / (HIGHEST - LOWEST)

        async with self.limit:
            asked = await ask(
                self.place, self.program, inputs, read, lm=self.lm, lm_args=self.lm_args, retries=self.retries
            )
        return Scored(asked.value, problem="" if asked.value is not None else asked.why, usage=asked.usage, lm=asked.lm)


async def together(work: Sequence[Any]) -> list[Scored]:
    """Do all at once, in their order; what ends one ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def programs() -> dspy.Module:
    """What labels steps and rates answers, as one program that ``limbeck compile`` works on.

    Of a row with ``question``, ``steps_before`` and ``step`` it gives ``reason`` and ``label`` of the step, and the
    ``score`` of the solution as far as it goes.
    """
    import dspy

    from ...verify.steps.judge import judging

    class StepPrograms(dspy.Module):  # type: ignore[misc]  # DSPy ships no types
        def __init__(self) -> None:
            super().__init__()
            self.judge = judging()
            self.rate = rating()

        def forward(self, question: str, steps_before: str, step: str) -> dspy.Prediction:
            label = self.judge(question=question, steps_before=steps_before, step=step)
            rated = self.rate(request=question, answer=f"{steps_before}\n{step}".strip())
            return dspy.Prediction(reason=label.reason, label=label.label, score=rated.score)

    return StepPrograms()


def rating() -> dspy.Module:
    """What rates a whole answer."""
    task = f"Judge an answer on a scale from {LOWEST:g}, the worst, to {HIGHEST:g}, the best."
    return predictor(
        f"{task} {DATA}\n\n{RUBRIC}", {"request": "What was asked", "answer": "The answer to judge"},
        {"reason": "What is good and what is wrong, in a few sentences",
         "score": f"One number from {LOWEST:g} to {HIGHEST:g} that follows from it, and nothing else"},
    )  # fmt: skip
