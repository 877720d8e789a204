"""Best of N: of a problem's attempts the one with the highest score, and how often that is right.

Pure: scores come from a ``Scorer``, or from anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ....records import METRIC, Json, Trace
from ...keep.level import CHECK
from ...verify.agree import vote
from .montecarlo import SHUFFLES, Curve


@dataclass(frozen=True)
class Attempt:
    """One attempt at a problem.

    Attributes:
        score: What a scorer gave; None where it could not say.
        right: Whether its answer is right; None where nothing says.
        key: Its answer, as votes are counted by; equal answers have equal keys. None where it has no answer.
    """

    score: float | None
    right: bool | None = None
    key: str | None = None


def ranked(scores: Sequence[float | None]) -> list[int]:
    """Places of attempts, best first: by score, those without one last, the earlier of equal ones first."""
    return sorted(range(len(scores)), key=lambda n: (scores[n] is None, -(scores[n] or 0.0), n))


def best(scores: Sequence[float | None]) -> int | None:
    """Place of the best attempt; None where no attempt has a score."""
    first = next(iter(ranked(scores)), None)
    return None if first is None or scores[first] is None else first


def majority(attempts: Sequence[Attempt]) -> int | None:
    """Place of the first attempt with the answer that most have; None of no answers, and of a tie."""
    winner = vote([attempt.key for attempt in attempts]).winner
    return None if winner is None else next(n for n, attempt in enumerate(attempts) if attempt.key == winner)


def is_right(trace: Trace) -> bool | None:
    """Whether a trace's answer is right: what the metric says, else what all that judged it say; None of nobody.

    What generators said of it counts for nothing, for that is what is measured here; nor do checks of mere form.
    """
    verdicts = [v for v in trace.verdicts if not v.born and not v.error and not v.verifier.startswith(CHECK)]
    metric = next((verdict for verdict in verdicts if verdict.verifier == METRIC), None)
    if metric is not None:
        return metric.passed
    return all(verdict.passed for verdict in verdicts) if verdicts else None


@dataclass
class Accuracy:
    """How often each way to choose is right, problem by problem; memory does not grow with them.

    Attributes:
        problems: Problems that are counted: every attempt is known to be right or wrong.
        unknown: Problems that are not.
        attempts: Attempts at those that are counted.
        single: Sum of the shares of right attempts, which is what one attempt at random gives.
        majority: Problems whose most frequent answer is right; a tie is not.
        ties: Problems whose votes are a tie.
        best: Problems whose best attempt by score is right.
        oracle: Problems with a right attempt.
        unscored: Problems without any score; none of their attempts is chosen.
        equal: Problems in which several attempts share the highest score, so that the earliest is taken.
    """

    problems: int = 0
    unknown: int = 0
    attempts: int = 0
    single: float = 0.0
    majority: int = 0
    ties: int = 0
    best: int = 0
    oracle: int = 0
    unscored: int = 0
    equal: int = 0
    shuffles: int = SHUFFLES
    curve: Curve = field(init=False)

    def __post_init__(self) -> None:
        self.curve = Curve(shuffles=self.shuffles)

    def add(self, attempts: Sequence[Attempt], seed: int = 0) -> None:
        """Count a problem.

        Args:
            attempts: In their order.
            seed: Of the shuffles.
        """
        right = [attempt.right for attempt in attempts if attempt.right is not None]
        if not attempts or len(right) < len(attempts):
            self.unknown += bool(attempts)
            return
        scores = [attempt.score for attempt in attempts]
        voted, chosen = majority(attempts), best(scores)
        self.problems += 1
        self.attempts += len(attempts)
        self.single += sum(right) / len(right)
        self.majority += voted is not None and right[voted]
        self.ties += voted is None and any(attempt.key is not None for attempt in attempts)
        self.best += chosen is not None and right[chosen]
        self.oracle += any(right)
        self.unscored += chosen is None
        self.equal += chosen is not None and scores.count(scores[chosen]) > 1
        self.curve.add(scores, right, seed)

    def as_json(self) -> Json:
        """Shares of problems and counts, and the curve of the best of N; two tables, by name."""
        counted = self.problems
        counts = {name: getattr(self, name)
                  for name in ("problems", "unknown", "attempts", "ties", "unscored", "equal")}  # fmt: skip
        if not counted:
            return {"counts": counts}
        right = {"one attempt": self.single, "majority": self.majority, "best by score": self.best,
                 "oracle": self.oracle}  # fmt: skip
        shown = {"right": "estimate", "low": "low", "high": "high", "exact": "exact", "oracle": "oracle",
                 "problems": "problems"}  # fmt: skip
        curve = {str(point.n): {name: round(getattr(point, own), 6) for name, own in shown.items()}
                 for point in self.curve.points}  # fmt: skip
        return {
            "accuracy": {name: {"right": round(value / counted, 6)} for name, value in right.items()},
            "best of N": curve, "counts": counts,
        }  # fmt: skip


def accuracy(problems: Sequence[Sequence[Attempt]], *, shuffles: int = SHUFFLES, seed: int = 0) -> Json:
    """Accuracy of one attempt, of the majority, of the best by score and of an oracle, with the curve of best of N."""
    found = Accuracy(shuffles=shuffles)
    for n, attempts in enumerate(problems):
        found.add(attempts, seed + n)
    return found.as_json()
