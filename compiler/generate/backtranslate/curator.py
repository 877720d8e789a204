"""The curating judge: scores of a pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ....records import Json, Usage
from ...verify.asking import Asked, ask
from ...verify.base import Answer
from ..base import Bench
from .reading import score_in

if TYPE_CHECKING:
    import dspy


@dataclass
class Judged:
    """What the judge said of a pair in one round.

    Attributes:
        scores: One a sample; fewer where one could not be had.
        reasons: Its words.
        why: Why there is no score; empty where there is one.
        lm: Name of the judge.
        usage: Of all attempts.
        failed: Attempts without a score.
    """

    scores: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    why: str = ""
    lm: str = ""
    usage: Usage = field(default_factory=Usage)
    failed: list[Json] = field(default_factory=list)

    @property
    def score(self) -> float | None:
        """The mean of the samples; None where one of them could not be had."""
        return fmean(self.scores) if self.scores and not self.why else None


@dataclass
class Curator:
    """Asks the judge.

    Attributes:
        bench: Where.
        program: ``examples, instruction, answer -> judgment``.
        lm: LM that judges; None for the bench's own.
        samples: Judgments of a pair that are averaged.
        retries: How often to ask again where there is no score in an answer.
    """

    bench: Bench
    program: dspy.Module
    lm: Any
    samples: int
    retries: int

    async def judge(self, instruction: str, answer: str, examples: str) -> Judged:
        """Score a pair, with such examples of good ones.

        Raises:
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        texts = {"examples": examples, "instruction": instruction, "answer": answer}

        def read(said: Answer) -> tuple[float, str]:
            return score_in(said, [instruction, answer])

        judged = Judged()
        for sample in range(self.samples):
            asked: Asked[tuple[float, str]] = await ask(
                self.bench, self.program, texts, read, lm=self.lm, lm_args={},
                first=sample * (self.retries + 1), retries=self.retries,
            )  # fmt: skip
            judged.lm, judged.usage = asked.lm, judged.usage + asked.usage
            judged.failed += asked.failed
            if asked.value is None:
                judged.why = asked.why
                break
            judged.scores.append(asked.value[0])
            judged.reasons.append(asked.value[1])
        return judged
