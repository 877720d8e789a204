"""One look at the seeds: how many there are of each label, a few of each to show, and what people write themselves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....errors import UsageError
from ....records import Example
from ...verify.asking import as_text
from .leaks import Mode, leaks

POOL = 16  # examples that are held of each label
_ANY = "any output"  # where all are held, if labels are not asked for
_MOST = 1_000  # different values of an output that is no label by its type
_STRICT: Sequence[Mode] = ("words", "phrase", "exact")
_LONG = 4  # times the longest seed is too long
_SHORT = 400  # characters that are never too long


@dataclass(frozen=True)
class Shown:
    """A seed as a prompt shows it."""

    id: str
    text: str
    output: str


@dataclass
class Survey:
    """What the seeds say. Memory grows with the number of labels, and not with that of the seeds.

    Attributes:
        name: Output that labels are of; None where whole outputs are given.
        known: Labels that there are; None where any value is one.
        seed: Of the draw of examples.
        counts: Seeds by label.
        longest: Characters of the longest input.
    """

    name: str | None
    known: Collection[str] | None
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    longest: int = 0
    _seen: Counter[str] = field(default_factory=Counter)
    _pools: dict[str, list[Shown]] = field(default_factory=dict)
    _leaks: dict[Mode, Counter[str]] = field(default_factory=lambda: {mode: Counter() for mode in _STRICT})

    def read(self, seeds: Iterable[Example], outputs: Collection[str], shown: Any) -> None:
        """Go through the seeds.

        Args:
            seeds: Those without the output count for nothing.
            outputs: Names of the program's outputs.
            shown: Text of inputs.

        Raises:
            UsageError: There are too many different values for labels.
        """
        rng = random.Random(f"{self.seed}/invert/examples")
        for example in seeds:
            text = shown(example.inputs)
            self.longest = max(self.longest, len(text))
            given = {name: value for name, value in example.labels.items() if name in outputs}
            if self.name is None:
                self._hold(_ANY, Shown(example.id, text, as_text(given)), rng)
            elif self.name in given:
                self._count(example.id, text, given[self.name], rng)

    def _count(self, example: str, text: str, value: Any, rng: random.Random) -> None:
        label = label_of(value)
        if self.known is not None and label not in self.known:
            return
        if label not in self.counts and len(self.counts) >= _MOST:
            hint = "Give the outputs themselves: --set outputs=FILE.jsonl, or another --set field=NAME."
            raise UsageError(f"{self.name} has more than {_MOST:,} different values, which are no labels", hint=hint)
        self.counts[label] += 1
        self._hold(label, Shown(example, text, label), rng)
        for mode in _STRICT:
            if not leaks(text, {str(self.name): value}, mode):
                break  # a milder mode finds no more
            self._leaks[mode][label] += 1

    def _hold(self, label: str, seed: Shown, rng: random.Random) -> None:
        """A fair sample of each label's seeds (Vitter 1985, algorithm R)."""
        pool = self._pools.setdefault(label, [])
        self._seen[label] += 1
        if len(pool) < POOL:
            pool.append(seed)
        elif (place := rng.randrange(self._seen[label])) < POOL:
            pool[place] = seed

    def mode(self, label: str, mode: Mode, natural: float) -> Mode:
        """The mode for a label: milder than the one that was asked for where people leak like that themselves.

        Args:
            label: Whose seeds count.
            mode: What was asked for.
            natural: Share of its seeds above which a form is natural.
        """
        if mode not in _STRICT or not self.counts[label]:
            return mode
        for found in _STRICT[_STRICT.index(mode) :]:
            if self._leaks[found][label] <= natural * self.counts[label]:
                return found
        return _STRICT[-1]  # what is written as a label is never natural

    def limit(self, given: int | None) -> int:
        """Characters of an input at most."""
        return given or max(_SHORT, _LONG * self.longest) if self.longest or given else 10 * _SHORT

    def draw(self, label: str, rng: random.Random, same: int, others: int) -> tuple[list[Shown], list[Shown]]:
        """Seeds to show for a label: some of its own, and some of others, each of another label as far as there are."""
        if self.name is None:
            pool = self._pools.get(_ANY, [])
            return [], rng.sample(pool, min(len(pool), same + others))
        pool = self._pools.get(label, [])
        rest = [name for name in self._pools if name != label]
        chosen = rng.sample(rest, min(len(rest), others))
        return rng.sample(pool, min(len(pool), same)), [rng.choice(self._pools[name]) for name in chosen]


def label_of(value: Any) -> str:
    """A label as text, as quotas have it."""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else as_text(value)


def counted(survey: Survey, known: Mapping[str, Any] | None) -> dict[str, int]:
    """Seeds by label, in the order in which the type has the labels, or else the alphabet."""
    return {label: survey.counts[label] for label in known or sorted(survey.counts)}
