"""The local engine: rollouts as tasks of this process, programs without ``aforward`` in its threads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable

from ...aio import ordered
from ...records import Rollout, Trace


class LocalEngine:
    """Runs rollouts concurrently on this machine.

    Args:
        work: Runs and judges one rollout.
        concurrency: How many run at once.
    """

    def __init__(self, work: Callable[[Rollout], Awaitable[Trace]], concurrency: int) -> None:
        self._work = work
        self._concurrency = concurrency

    def run(self, rollouts: AsyncIterable[Rollout] | Iterable[Rollout]) -> AsyncGenerator[Trace]:
        """Yield the trace of each rollout, in the order of the rollouts."""
        return ordered(self._work, rollouts, limit=self._concurrency)
