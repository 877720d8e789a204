"""How often the best of N attempts is right, for each N, from one set of attempts.

Monte Carlo as in Let's Verify Step by Step (arXiv 2305.20050; 400 shuffles, of the first N the one with the highest
score), and the same in closed form. Equal scores are broken by the order of the shuffle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SHUFFLES = 400
_LOWEST = -1.0  # of what has no score: below every score


@dataclass(frozen=True)
class Point:
    """Accuracy of the best of N.

    Attributes:
        n: Attempts to choose from.
        estimate: Mean over shuffles and problems.
        exact: The same in closed form.
        oracle: Share of problems with a right one among N attempts: pass@N (Chen et al. 2021, arXiv 2107.03374).
        problems: Problems that have N attempts; those with less are left out.
        low: End of the 95% interval over problems (normal approximation).
        high: Likewise.
        shuffle_low: End of the interval that has 95% of the accuracies of single shuffles.
        shuffle_high: Likewise.
    """

    n: int
    estimate: float
    exact: float
    oracle: float
    problems: int
    low: float
    high: float
    shuffle_low: float
    shuffle_high: float


class Curve:
    """Adds up problems; memory does not grow with them.

    Args:
        sizes: The values of N; default: powers of two.
        shuffles: How many.
    """

    def __init__(self, sizes: Sequence[int] | None = None, shuffles: int = SHUFFLES) -> None:
        self._sizes = None if sizes is None else sorted(set(sizes))
        self._shuffles = shuffles
        self._sums: dict[int, _Sums] = {}

    def add(self, scores: Sequence[float | None], right: Sequence[bool], seed: int) -> None:
        """Count the attempts at one problem.

        Args:
            scores: Of each attempt; None where there is none, which is below all others.
            right: Whether each is right.
            seed: Of the shuffles.
        """
        if not scores:
            return
        sizes = [n for n in self._sizes or _powers(len(scores)) if n <= len(scores)]
        for n, hits in zip(sizes, shuffled(scores, right, sizes, self._shuffles, seed), strict=True):
            sums = self._sums.setdefault(n, _Sums(hits * 0))
            mean = float(hits.mean())
            sums.shuffles = sums.shuffles + hits
            sums.mean += mean
            sums.squares += mean * mean
            sums.exact += expected(scores, right, n)
            sums.oracle += pass_at(len(right), sum(right), n)
            sums.problems += 1

    @property
    def points(self) -> list[Point]:
        """One for each N."""
        return [sums.point(n) for n, sums in sorted(self._sums.items())]


@dataclass
class _Sums:
    shuffles: np.ndarray[Any, Any]
    mean: float = 0.0
    squares: float = 0.0
    exact: float = 0.0
    oracle: float = 0.0
    problems: int = 0

    def point(self, n: int) -> Point:
        import numpy as np

        count = self.problems
        mean = self.mean / count
        spread = 1.96 * math.sqrt(max(0.0, self.squares / count - mean * mean) / count)
        low, high = np.quantile(self.shuffles / count, (0.025, 0.975))
        return Point(n, mean, self.exact / count, self.oracle / count, count, max(0.0, mean - spread),
                     min(1.0, mean + spread), float(low), float(high))  # fmt: skip


def shuffled(
    scores: Sequence[float | None], right: Sequence[bool], sizes: Sequence[int], shuffles: int, seed: int
) -> list[np.ndarray[Any, Any]]:
    """For each size N, whether the best of the first N is right, in each shuffle: 0.0 or 1.0."""
    import numpy as np

    values = np.array([_LOWEST if score is None else score for score in scores], dtype=float)
    hits = np.array(right, dtype=float)
    places = np.tile(np.arange(len(values)), (shuffles, 1))
    order = np.random.default_rng(seed).permuted(places, axis=1)
    drawn = values[order]
    highest = np.maximum.accumulate(drawn, axis=1)
    first = np.ones_like(drawn, dtype=bool)
    first[:, 1:] = drawn[:, 1:] > highest[:, :-1]  # the first of equal ones stays the best
    best = np.maximum.accumulate(np.where(first, places, 0), axis=1)
    chosen = np.take_along_axis(order, best, axis=1)
    return [hits[chosen[:, n - 1]] for n in sizes]


def expected(scores: Sequence[float | None], right: Sequence[bool], n: int) -> float:
    """Chance that the best of n attempts, drawn without putting back, is right; exact.

    The best one is of a score s if none above s is drawn, and one of s is; each of those is then equally likely.
    """
    ranked = sorted(zip((_LOWEST if s is None else s for s in scores), right, strict=True), key=lambda pair: -pair[0])
    total, left, found = math.comb(len(ranked), n), len(ranked), 0.0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        same = [hit for _, hit in group]
        ways = math.comb(left, n) - math.comb(left - len(same), n)
        found += ways / total * (sum(same) / len(same))
        left -= len(same)
    return found


def pass_at(count: int, right: int, n: int) -> float:
    """Chance that at least one of n attempts is right."""
    return 1 - math.comb(count - right, n) / math.comb(count, n)


def _powers(most: int) -> list[int]:
    """1, 2, 4, ... and the number of attempts itself."""
    return sorted({*(1 << k for k in range(most.bit_length())), most})
