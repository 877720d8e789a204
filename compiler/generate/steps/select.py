"""Active selection: which solutions people should label next.

Let's Verify Step by Step (arXiv 2305.20050, section 4.2): of each problem's samples, scored by the current selector,
80% are the most convincing ones with a wrong answer, and 20% the most convincing ones that remain, right or wrong.
Convincing is a high score. Deviation: the paper selects a number a problem; here there is also a total, and then the
first choice of every problem comes before the second of any, so that a total is spread over the problems.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

WRONG = 0.8


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """A solution that could be labelled.

    Attributes:
        item: What is to be given back of it.
        id: Breaks ties, so that the selection is the same in any order.
        score: How convincing it is.
        wrong: Whether its answer is known to be wrong.
    """

    item: T
    id: str
    score: float
    wrong: bool


Key = tuple[int, float, str]
"""Rank within the problem, score downwards, id: the smaller, the sooner it is chosen."""


@dataclass
class Selection(Generic[T]):
    """Chooses while problems stream by; holds at most twice what is wanted.

    Attributes:
        size: Solutions in all.
        wrong: Share of them that are to have a wrong answer.
        each: Most of a problem; None for no limit.
    """

    size: int
    wrong: float = WRONG
    each: int | None = None
    _wrong: _Nearest[T] = field(init=False)
    _right: _Nearest[T] = field(init=False)

    def __post_init__(self) -> None:
        self._wrong, self._right = _Nearest(self.size), _Nearest(self.size)

    def add(self, problem: Iterable[Candidate[T]]) -> None:
        """Look at all solutions of a problem."""
        best = sorted(problem, key=lambda one: (-one.score, one.id))
        wrong, right = [one for one in best if one.wrong], [one for one in best if not one.wrong]
        if self.each is not None:
            wrong, right = limited(wrong, right, self.each, self.wrong)
        for heap, found in ((self._wrong, wrong), (self._right, right)):
            for rank, one in enumerate(found[: self.size]):
                heap.add((rank, -one.score, one.id), one)

    @property
    def chosen(self) -> list[Candidate[T]]:
        """Those to label: wrong ones first, then what is the most convincing of the rest."""
        wrong = self._wrong.sorted
        quota = min(len(wrong), wrong_of(self.size, self.wrong))
        rest = sorted([*wrong[quota:], *self._right.sorted], key=lambda pair: pair[0])
        return [one for _, one in [*wrong[:quota], *rest[: self.size - quota]]]


def wrong_of(size: int, share: float) -> int:
    """How many of so many are to have a wrong answer, rounded up."""
    return math.ceil(size * share - 1e-9)


def limited(
    wrong: Sequence[Candidate[T]], right: Sequence[Candidate[T]], each: int, share: float
) -> tuple[list[Candidate[T]], list[Candidate[T]]]:
    """The paper's choice of so many of one problem, most convincing first; wrong ones and right ones."""
    quota = min(len(wrong), wrong_of(each, share))
    rest = sorted([*wrong[quota:], *right], key=lambda one: (-one.score, one.id))[: each - quota]
    return [*wrong[:quota], *(one for one in rest if one.wrong)], [one for one in rest if not one.wrong]


class _Nearest(Generic[T]):
    """The candidates with the smallest keys, at most so many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[_Reversed, Candidate[T]]] = []

    def add(self, key: Key, one: Candidate[T]) -> None:
        entry = (_Reversed(key), one)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif self._heap and self._heap[0][0].key > key:
            heapq.heapreplace(self._heap, entry)

    @property
    def sorted(self) -> list[tuple[Key, Candidate[T]]]:
        return sorted(((entry.key, one) for entry, one in self._heap), key=lambda pair: pair[0])


@dataclass(frozen=True)
class _Reversed:
    """A key whose order is turned round, since Python's heaps have their smallest first."""

    key: Key

    def __lt__(self, other: _Reversed) -> bool:
        return self.key > other.key
