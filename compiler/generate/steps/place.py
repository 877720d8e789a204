"""Verifiers at work on a generator's bench."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....records import Example, Json, Trace, Verdict
from ....signatures.metric import Judge

if TYPE_CHECKING:
    import dspy

    from ....signatures.task import Task
    from ...verify.base import Answer
    from ..base import Bench


@dataclass
class BenchPlace:
    """Implements ``verify.base.Place`` over a bench: the teacher is asked by default, as by all generators.

    Attributes:
        bench: Where to ask.
    """

    bench: Bench
    _judge: Judge | None = None

    @property
    def task(self) -> Task:
        """What is judged."""
        return self.bench.task

    @property
    def student(self) -> str:
        """Name of the LM that is being improved; where the bench does not tell, the one that answers."""
        return str(getattr(self.bench, "student", self.bench.writer))

    async def ask(
        self, program: dspy.Module, inputs: Json, *, lm: str | dspy.LM | None = None, lm_args: Json | None = None,
        attempt: int = 0,
    ) -> Answer:  # fmt: skip
        """Run a program through the bench."""
        return await self.bench.ask(program, inputs, attempt=attempt, lm=lm, lm_args=lm_args or None)

    async def attempts(self, trace: Trace, k: int) -> Sequence[Trace]:
        """The trace alone: who scores steps has no use for the others."""
        return [trace]

    async def score(self, example: Example, prediction: Json) -> Verdict | None:
        """What the metric says of some other prediction."""
        if self.task.metric is None:
            return None
        self._judge = self._judge or Judge(self.task)
        if self._judge.is_async:
            return await self._judge.judge(example, prediction)
        return await asyncio.to_thread(self._judge, example, prediction)
