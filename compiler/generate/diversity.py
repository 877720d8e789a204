"""How different texts are from one another, and from those that they were made from."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...records import Json

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 2_000
"""Texts that are compared at most: shares of distinct n-grams fall with the number of texts, so it is part of them."""

_BUCKETS = 4_096  # words are hashed into so many counts; two in one bucket make texts a little more alike
_BLOCK = 256  # texts that are compared with all others at once
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
    mine = _vectors(texts)
    theirs = mine if others is None else _vectors(others)
    total = 0.0
    for start in range(0, len(texts), _BLOCK):
        alike = mine[start : start + _BLOCK] @ theirs.T
        if others is None:
            rows = np.arange(len(alike))
            alike[rows, rows + start] = -1.0
        total += float((1.0 - alike.max(axis=1).clip(0.0, 1.0)).sum())
    return round(total / len(texts), 4)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _vectors(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Counts of hashed words, a row a text, of length 1; a text without words is like no other."""
    import numpy as np

    counts = np.zeros((len(texts), _BUCKETS), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in _words(text):
            counts[row, zlib.crc32(word.encode(errors="surrogatepass")) % _BUCKETS] += 1
    length = np.linalg.norm(counts, axis=1, keepdims=True)
    counts /= np.where(length, length, 1.0)
    return counts
