"""How different texts are from one another, and from those that they were made from."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...records import Json

if TYPE_CHECKING:
    import numpy as np

    Table = np.ndarray[Any, np.dtype[np.float32]]

SAMPLE = 2_000
"""Texts that are compared at most: shares of distinct n-grams fall with the number of texts, so it is part of them."""

_WORDS = 4_096  # words that are compared at once
_WORD = re.compile(r"\w+")


@dataclass
class Sample:
    """A fair sample of a stream of texts (Vitter 1985, algorithm R), the same for the same stream.

    Attributes:
        texts: Those that were drawn.
        seen: Texts so far.
    """

    seed: int = 0
    texts: list[str] = field(default_factory=list)
    seen: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, text: str) -> None:
        """Show it one more text."""
        self.seen += 1
        if len(self.texts) < SAMPLE:
            self.texts.append(text)
        elif (place := self._random.randrange(self.seen)) < SAMPLE:
            self.texts[place] = text


def diversity(made: Sample, seeds: Sample) -> Json:
    """Measures of what was made; None where there is too little to measure.

    Returns:
        ``texts`` that were compared; ``distinct_1`` to ``distinct_3``, the share of different n-grams among all (Li et
        al. 2016, arXiv 1510.03055); ``to_nearest`` and ``to_nearest_seed``, the mean distance (1 - cosine of word
        counts, 0 to 1) of a text to the nearest other one and to the nearest seed.
    """
    shares = {f"distinct_{n}": distinct(made.texts, n) for n in (1, 2, 3)}
    return {"texts": len(made.texts), **shares, "to_nearest": nearest(made.texts),
            "to_nearest_seed": nearest(made.texts, seeds.texts)}  # fmt: skip


def distinct(texts: Sequence[str], n: int) -> float | None:
    """Share of different n-grams of words among all n-grams of the texts."""
    grams: set[tuple[str, ...]] = set()
    count = 0
    for text in texts:
        words = _words(text)
        found = list(zip(*(words[start:] for start in range(n)), strict=False))
        count += len(found)
        grams.update(found)
    return round(len(grams) / count, 4) if count else None


def nearest(texts: Sequence[str], others: Sequence[str] | None = None) -> float | None:
    """Mean distance of each text to the nearest of the others; by default of the rest of them."""
    import numpy as np

    if not texts or (not others if others is not None else len(texts) < 2):
        return None
    mine = [Counter(_words(text)) for text in texts]
    theirs = mine if others is None else [Counter(_words(text)) for text in others]
    alike = _products(mine, theirs) / np.outer(_lengths(mine), _lengths(theirs))
    if others is None:
        np.fill_diagonal(alike, 0.0)
    return round(float((1.0 - alike.max(axis=1).clip(0.0, 1.0)).mean()), 4)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _products(mine: Sequence[Counter[str]], theirs: Sequence[Counter[str]]) -> Table:
    """Sums over words of the products of counts, a row for each of mine; so many words at once as memory allows."""
    import numpy as np

    words = sorted(set().union(*mine) & set().union(*theirs))
    total = np.zeros((len(mine), len(theirs)), dtype=np.float32)
    for start in range(0, len(words), _WORDS):
        place = {word: n for n, word in enumerate(words[start : start + _WORDS])}
        total += _counts(mine, place) @ _counts(theirs, place).T
    return total


def _counts(texts: Sequence[Counter[str]], place: Mapping[str, int]) -> Table:
    import numpy as np

    table = np.zeros((len(texts), len(place)), dtype=np.float32)
    for row, counts in enumerate(texts):
        for word in counts.keys() & place.keys():
            table[row, place[word]] = counts[word]
    return table


def _lengths(texts: Sequence[Counter[str]]) -> Table:
    """Of the vectors of counts; 1 for a text without words, which is like no other."""
    import numpy as np

    return np.array([math.hypot(*counts.values()) or 1.0 for counts in texts], dtype=np.float32)
