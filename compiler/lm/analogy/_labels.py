"""Evidence for each label of a closed set: its own name, what the prompt says about it, and its demos."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ._text import Features, features, unit, words

# A label's prototype grows with its demos, but slower than their number: its name keeps a say.
_DEMO_GROWTH = 0.3
_DEFINITION = re.compile(
    r"^\s*(?:[-*•]|\d+[.)])?\s*[`'\"*]*([^:=`'\"*→]{1,80}?)[`'\"*]*\s*(?::|=|->|→| - | – )\s*(\S.*)$"
)


class Index:
    """One prototype vector a label, and the similarity of a text to each of them.

    A prototype is the unit vector of the label's name plus the unit vector of its demos (Rocchio 1971), over
    features weighted by the square root of their inverse document frequency in this prompt, where a label
    with its demos is one document. A label without demos keeps its name at full length, so it does not lose
    merely for having none.
    """

    def __init__(self, labels: Sequence[str], notes: Sequence[str], demos: Sequence[tuple[str, int]]) -> None:
        """Build a prototype for each label, from its note ("" if none) and its demos (text, label index)."""
        named = zip(labels, notes, strict=True)
        own = [[features(text) for text in texts if text] for texts in named]
        shown = [(features(text), label) for text, label in demos]
        self._idf = _idf(own, shown)
        self._demos = [(self._vector(found), label) for found, label in shown]
        self.counts = Counter(label for _, label in demos)
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for position, prototype in enumerate(self._prototypes(own)):
            for feature, weight in prototype.items():
                self._postings[feature].append((position, weight))
        self._size = len(labels)

    def scores(self, text: str) -> list[float]:
        """Similarity (0 to 1) of a text to the prototype of each label."""
        totals = [0.0] * self._size
        for feature, weight in self._vector(features(text)).items():
            for position, x in self._postings.get(feature, ()):
                totals[position] += weight * x
        return totals

    def nearest(self, text: str, label: int) -> int | None:
        """Position of the demo of `label` that is most like the text; None where none is alike."""
        query = self._vector(features(text))
        similar = {
            i: sum(x * demo.get(key, 0.0) for key, x in query.items())
            for i, (demo, owner) in enumerate(self._demos)
            if owner == label
        }
        best = max(similar, key=lambda i: similar[i], default=None)
        return best if best is not None and similar[best] > 0 else None

    def _vector(self, found: Features) -> dict[str, float]:
        idf = self._idf
        return unit({key: x * idf[key] for key, x in found.items() if key in idf})

    def _prototypes(self, own: Sequence[Sequence[Features]]) -> list[Mapping[str, float]]:
        pooled: list[Counter[str]] = [Counter() for _ in own]
        for vector, label in self._demos:
            pooled[label].update(vector)
        prototypes: list[Mapping[str, float]] = []
        for label, parts in enumerate(own):
            prototype: Counter[str] = Counter()
            for part in parts:
                prototype.update(self._vector(part))
            growth = float(self.counts[label]) ** _DEMO_GROWTH
            prototype.update({key: growth * x for key, x in unit(pooled[label]).items()})
            prototypes.append(unit(prototype))
        return prototypes


def _idf(own: Sequence[Sequence[Features]], shown: Sequence[tuple[Features, int]]) -> dict[str, float]:
    documents: list[set[str]] = [set().union(*parts) for parts in own]
    for found, label in shown:
        documents[label].update(found)
    frequency = Counter(feature for document in documents for feature in document)
    return {key: math.sqrt(math.log((len(own) + 1) / (n + 0.5))) for key, n in frequency.items() if n <= len(own)}


@lru_cache(maxsize=64)
def index(labels: tuple[str, ...], notes: tuple[str, ...], demos: tuple[tuple[str, int], ...]) -> Index:
    """The index of a prompt, kept for the next input with the same demos (pure, so never stale)."""
    return Index(labels, notes, demos)


def similarities(texts: Sequence[str], text: str) -> list[float]:
    """Similarity (0 to 1) of a text to each of `texts`, weighted by their own document frequencies."""
    nameless = ("",) * len(texts)
    return index(nameless, nameless, tuple((other, i) for i, other in enumerate(texts))).scores(text)


@lru_cache(maxsize=256)
def definitions(instructions: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    """What lines of the shape `label: words` in the instructions say about each label; "" where nothing."""
    said: dict[tuple[str, ...], str] = {}
    for line in instructions.splitlines():
        if found := _DEFINITION.match(line):
            key = tuple(words(found[1]))
            said[key] = f"{said.get(key, '')} {found[2]}".strip()
    return tuple(said.get(tuple(words(label)), "") for label in labels)
