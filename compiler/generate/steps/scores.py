"""How the chances of single steps become the score of a solution.

Let's Verify Step by Step (Lightman et al. 2023, arXiv 2305.20050, appendix F) scores a solution with the product of
the chances that its steps are right, a neutral step counted as right; of the four ways that it compares (product or
minimum, neutral as positive or as negative) this is the best. Both choices are options here, and stand beside every
score in the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Literal

from ....records import Json, Usage
from ...verify.steps.labels import Label, Labelled, Neutral

Reduction = Literal["product", "min", "mean", "last"]
"""How steps become one score: the verifier's words, and the mean."""

_HARD: Mapping[Neutral, Mapping[Label, float | None]] = {
    "positive": {"positive": 1.0, "neutral": 1.0, "negative": 0.0},
    "negative": {"positive": 1.0, "neutral": 0.0, "negative": 0.0},
    "skip": {"positive": 1.0, "neutral": None, "negative": 0.0},
}


@dataclass(frozen=True)
class Scored:
    """What a scorer says of an attempt.

    Attributes:
        score: 0 to 1; None where it cannot say.
        steps: Its steps with labels and chances, where the scorer looks at steps.
        unlabelled: Steps after those: what follows a wrong step has no label.
        problem: Why there is no score.
        usage: What it cost to ask; None where no LM was asked.
        lm: Who was asked; None where nobody was.
    """

    score: float | None
    steps: Sequence[Labelled] = ()
    unlabelled: int = 0
    problem: str = ""
    usage: Usage | None = None
    lm: str | None = None

    @property
    def first_negative(self) -> int | None:
        """Index of the first wrong step, from 0."""
        return next((n for n, step in enumerate(self.steps) if step.label == "negative"), None)

    @property
    def labels(self) -> Json:
        """Steps as the evidence of a verdict has them, up to the first wrong one; empty without any."""
        if not self.steps:
            return {}
        wrong = self.first_negative
        kept = self.steps if wrong is None else self.steps[: wrong + 1]
        return {"steps": [asdict(step) for step in kept], "first_negative": wrong,
                "unlabelled": self.unlabelled + len(self.steps) - len(kept)}  # fmt: skip


def chance(step: Labelled, neutral: Neutral) -> float | None:
    """Chance that a step is right, by its score or else by its label; None where it is to be left out."""
    return _HARD[neutral][step.label] if step.score is None else step.score


def solution_score(
    steps: Sequence[Labelled], reduction: Reduction, neutral: Neutral, unlabelled: int = 0
) -> float | None:
    """Score of a solution, 0 to 1; None where no step says anything.

    Args:
        steps: Those that have a label.
        reduction: ``product`` or ``min`` of the chances, their ``mean``, or that of the ``last`` step with a label.
        neutral: What a step counts as that is neither right nor wrong; ``skip`` leaves it out.
        unlabelled: Steps after the first wrong one. They count as wrong in the mean, which they else would raise.
    """
    chances = [value for step in steps if (value := chance(step, neutral)) is not None]
    if not chances:
        return None
    if reduction == "mean":
        return fmean([*chances, *[0.0] * unlabelled])
    return {"product": math.prod(chances), "min": min(chances), "last": chances[-1]}[reduction]


def p_right(positive: float, neutral: float, policy: Neutral) -> float:
    """Chance that a step is right, of a model that tells right, neutral and wrong apart, by what neutral counts as."""
    if policy == "skip":
        return positive / (1 - neutral) if neutral < 1 else 1.0
    return min(1.0, positive + neutral) if policy == "positive" else positive
