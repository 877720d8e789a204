"""How many calls are in flight: a limit that halves when the provider pushes back and grows again.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): one more slot for every full round of
answers, half the slots at a 429 or 503, once per round. Retry-After closes the door for everybody.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Limiter:
    """Slots for concurrent calls. Used from one event loop only.

    Args:
        limit: The most slots there will ever be.
    """

    def __init__(self, limit: int) -> None:
        self.maximum = limit
        self.limit = float(limit)
        self.active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0
        self._closed_until = 0.0

    async def enter(self) -> int:
        """Wait for a slot and take it; returns the epoch to pass to ``pushed_back``. Give it back with ``leave``."""
        await self._acquire()
        try:
            await self._door()
        except asyncio.CancelledError:
            self.leave()
            raise
        return self._epoch

    def leave(self) -> None:
        """Give a slot back."""
        self.active -= 1
        self._wake()

    def answered(self) -> None:
        """A call succeeded: grow by one slot a round."""
        if self.limit < self.maximum:
            self.limit = min(self.maximum, self.limit + 1 / self.limit)
            self._wake()

    def pushed_back(self, epoch: int, retry_after: float | None = None) -> None:
        """A call met 429 or 503: halve, once for all calls of the same epoch; keep the door shut for a while."""
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit / 2)
        if retry_after:
            now = asyncio.get_running_loop().time()
            self._closed_until = max(self._closed_until, now + retry_after)

    async def _acquire(self) -> None:
        if self.active < int(self.limit) and not self._waiting:
            self.active += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot was handed over while we were cancelled
                self.active -= 1
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self.active < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.active += 1
                turn.set_result(None)

    async def _door(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._closed_until - loop.time()) > 0:  # noqa: ASYNC110 - it may have moved on meanwhile
            await asyncio.sleep(wait)
