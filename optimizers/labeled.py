"""Labelled few-shot: demos are training rows as they are."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ..records import Candidate, Example, Json
from .base import Bench


@dataclass(config=ConfigDict(extra="forbid"))
class Labeled:
    """Sample ``k`` training rows as demos of every predictor.

    Picks the rows that ``dspy.LabeledFewShot`` picks (DSPy 3.4, arXiv 2310.03714) for the same seed, data and k.
    """

    needs_val: ClassVar[bool] = False
    k: int = Field(default=16, ge=0)

    async def optimize(self, bench: Bench) -> Candidate:
        """Return the program with sampled demos; makes no rollout."""
        return bench.base.with_demos(sample_demos(bench.base.predictors, bench.train, self.k, bench.seed))


def sample_demos(predictors: Iterable[str], rows: Sequence[Example], k: int, seed: int) -> dict[str, list[Json]]:
    """Draw up to ``k`` rows for each predictor in turn, from one random stream."""
    rng = random.Random(seed)
    size = min(k, len(rows))
    return {name: [as_demo(e) for e in rng.sample(rows, size)] for name in predictors}


def as_demo(example: Example) -> Json:
    """A row as a demo: all its columns."""
    return {**example.inputs, **example.labels}
