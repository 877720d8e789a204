"""The task's own checks and metric as verifiers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...records import METRIC, Example, Trace, Usage, Verdict
from ...signatures.checks import Checks
from ...signatures.metric import Judge
from ...signatures.program import Restorer
from ..lm.gateway import SyncInLoop
from ..lm.scope import Scope, current
from .base import FREE, QUICK

if TYPE_CHECKING:
    from ...signatures.task import Task

_QUICK = 0.005  # seconds that a metric may hold up the event loop on average
_PATIENCE = 0.05  # seconds of holding it up, in all, before that is looked at: one hiccup is no slow metric


class CheckVerifier:
    """The constraints of the signature's fields and the task's checks."""

    name, tier, grouped = "check", FREE, False

    def __init__(self, task: Task) -> None:
        self._checks = Checks(task)
        self.fingerprints: Sequence[str] = self._checks.fingerprints

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Run every check on the prediction."""
        return self._checks(trace.prediction or {}, example)

    async def aclose(self) -> None:
        """Nothing is open."""


class MetricVerifier:
    """The task's metric. It sees the example, the prediction and the trace, always.

    A metric runs on the event loop as long as it is quick. One that takes longer, or calls an LM and has to wait
    for it, runs in threads from then on, so that it holds up nobody.
    """

    name, tier, grouped = METRIC, QUICK, False

    def __init__(self, task: Task) -> None:
        self._judge = Judge(task)
        self._restorer = Restorer(task.program)
        self.fingerprints: Sequence[str] = [self._judge.fingerprint]
        self._threaded = False
        self._calls, self._seconds = 0, 0.0

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Ask the metric. Where it asked an LM, its verdict is that of a model."""
        scope = current()
        if scope is None:
            return [await self._judged(trace, example)]
        before = scope.usage
        verdict = await self._judged(trace, example)
        return [verdict if scope.usage == before else by_model(verdict, before, scope)]

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _judged(self, trace: Trace, example: Example) -> Verdict:
        arguments = (example, trace.prediction or {}, self._restorer.trace(trace.steps))
        if self._judge.is_async:
            return await self._judge.judge(*arguments)
        if not self._threaded:
            began = time.perf_counter()
            try:
                verdict = await self._judge.judge(*arguments)
            except SyncInLoop:
                self._threaded = True
            else:
                self._time(time.perf_counter() - began)
                return verdict
        return await asyncio.to_thread(self._judge, *arguments)

    def _time(self, seconds: float) -> None:
        self._calls += 1
        self._seconds += seconds
        self._threaded = self._seconds > _PATIENCE and self._seconds / self._calls > _QUICK


def by_model(verdict: Verdict, before: Usage, scope: Scope) -> Verdict:
    """The verdict with the LM that it rests on, which is the student's, and what that took: levels follow from it."""
    after = scope.usage
    usd = None if after.usd is None or before.usd is None else after.usd - before.usd
    usage = Usage(after.calls - before.calls, after.hits - before.hits, after.input_tokens - before.input_tokens,
                  after.output_tokens - before.output_tokens, usd)  # fmt: skip
    names = sorted({call.lm for entry in scope.recorder.entries for call in entry.calls})
    lm = names[0] if len(names) == 1 else names
    return replace(verdict, by="model", usage=usage, evidence={**verdict.evidence, "lm": lm, "is_student": True})
