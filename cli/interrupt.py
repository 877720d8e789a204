"""Ctrl-C: once to stop cleanly, twice to stop at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from .failure import INTERRUPTED

T = TypeVar("T")

_SHOW_CURSOR = b"\x1b[?25h\n"  # the live view hides it


class Interrupts:
    """Cancels a task at the first Ctrl-C, and ends the process at the second.

    Until the task first waits for something, it is ordinary code (a module is imported, data is read) that
    a ``KeyboardInterrupt`` ends sooner.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._task: asyncio.Task[Any] | None = None

    async def watch(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as what is cancelled."""
        loop = asyncio.get_running_loop()
        loop.call_soon(self._under_way, asyncio.current_task())
        return await coroutine

    def _under_way(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.stopping:
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            os._exit(INTERRUPTED)
        self.stopping = True
        if self._task is None:
            raise KeyboardInterrupt
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C, and what was under way has been wound up.
    """
    interrupts = Interrupts()
    with _handled(interrupts):
        try:
            return asyncio.run(interrupts.watch(coroutine))
        except asyncio.CancelledError:
            if interrupts.stopping:
                raise KeyboardInterrupt from None
            raise


@contextmanager
def _handled(interrupts: Interrupts) -> Iterator[None]:
    """Handle SIGINT, where this is the thread that gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, interrupts)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
