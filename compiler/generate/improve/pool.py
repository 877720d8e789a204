"""What was kept, and the settings of the program that are made of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ....optimizers.bank import Bank, Kept, light
from ....optimizers.demos.labels import Labels, in_turn, labels_of
from ....records import Candidate, Example, Json, Trace

if TYPE_CHECKING:
    from ....signatures.task import Task

_MOST = 2_000  # inputs of which a kept trace is held
_REFUSED = 32  # inputs of which a refused one is


@dataclass(frozen=True)
class Setting:
    """A setting of the program in the loop.

    Attributes:
        candidate: Instructions and demos.
        lm: LM that the program is run with; None for that of the bench.
        origins: Number of the input that each demo was made of, by predictor; demos after those were there before.
    """

    candidate: Candidate
    lm: str | None = None
    origins: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def without(self, example: Example) -> Candidate:
        """The candidate without demos that this very example is in: it would only have to be copied."""
        demos = {
            name: [demo for at, demo in enumerate(rows) if not self._is_of(example, name, at, demo)]
            for name, rows in self.candidate.demos.items()
        }
        if all(len(demos[name]) == len(rows) for name, rows in self.candidate.demos.items()):
            return self.candidate
        return self.candidate.with_demos(demos)

    def _is_of(self, example: Example, name: str, at: int, demo: Json) -> bool:
        origins = self.origins.get(name, ())
        if at < len(origins):
            return origins[at] == number(example)
        return bool(example.inputs) and all(demo.get(key) == value for key, value in example.inputs.items())


@dataclass
class Pool:
    """The best kept trace of each input, and some that were refused, without messages.

    Where there are too many inputs, it holds a sample of them that does not depend on their order.

    Attributes:
        task: Whose traces.
        start: The setting that the loop began with.
    """

    task: Task
    start: Candidate
    _best: dict[int, Trace] = field(default_factory=dict)
    _refused: dict[int, Trace] = field(default_factory=dict)

    def __len__(self) -> int:
        """Inputs with a kept trace."""
        return len(self._best)

    @property
    def kept(self) -> list[Trace]:
        """The kept traces, in an order of their own."""
        return [self._best[key] for key in sorted(self._best)]

    @property
    def refused(self) -> list[Trace]:
        """Some that were refused, likewise."""
        return [self._refused[key] for key in sorted(self._refused)]

    def add(self, trace: Trace) -> None:
        """Take a trace. Of the kept ones of an input the first with the highest score stays, of others the last one."""
        key = number(trace.example)
        if trace.outcome != "passed":
            _put(self._refused, key, trace, _REFUSED)
        elif key not in self._best or trace.score > self._best[key].score:
            _put(self._best, key, trace, _MOST)

    def demos(self, most: int | None, seed: str) -> tuple[dict[str, list[Json]], dict[str, list[int]]]:
        """Demos by predictor, and the numbers of the inputs that they were made of.

        They are at most so many: one of each label before the second of any, else at random. What the start has of
        demos comes after them, as far as there is room. Without a number there are none at all.
        """
        if most is None:
            return {name: [] for name in self.start.predictors}, {}
        traces = self.kept
        bank = Bank()
        for trace in traces:
            bank.add(trace, self.start.predictors)
        labels = labels_of(self.task, [trace.example for trace in traces])
        chosen: dict[str, list[Json]] = {}
        origins: dict[str, list[int]] = {}
        for name in self.start.predictors:
            picked = _picked(bank.demos(name), labels, name, random.Random(f"{seed}/{name}"))[:most]
            own = list(self.start.demos.get(name, ()))
            chosen[name] = [*(kept.demo for kept in picked), *own][: max(most, len(own))]
            origins[name] = [number(kept.example) for kept in picked]
        return chosen, origins


def number(example: Example) -> int:
    """An input as a number of 64 bits."""
    return int(example.input_id[:16], 16)


def _put(held: dict[int, Trace], key: int, trace: Trace, most: int) -> None:
    held[key] = light(trace)
    if len(held) > most:
        del held[max(held)]


def _picked(demos: Sequence[Kept], labels: Labels, name: str, rng: random.Random) -> list[Kept]:
    return in_turn(demos, lambda kept: labels.of(name, kept.demo, kept.example), rng)
