"""One thread that commits what others enqueue, in groups and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ...errors import StoreError

Item = TypeVar("Item")

BATCH = 500
"""Items that are committed at most at once; as many wake the thread before its delay is over."""

DELAY = 0.05
"""Seconds that an item waits for others at most."""

LIMIT = 2000
"""Items that wait at most; beyond, ``put`` waits, so that memory stays bounded."""


class Writer(Generic[Item]):
    """Groups items into batches and hands each to ``commit``, always on the same thread.

    After an error nothing is written any more: what is enqueued later raises that error, so that no run
    goes on whose results are lost. The thread starts with the first item.

    Args:
        commit: Writes a batch, and raises StoreError where it cannot.
    """

    def __init__(self, commit: Callable[[list[Item]], None]) -> None:
        self._commit = commit
        self._waiting: list[Item] = []
        self._changed = threading.Condition()
        self._put = self._done = self._wanted = 0
        self._error: StoreError | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, item: Item) -> None:
        """Enqueue; waits while too much is enqueued.

        Raises:
            StoreError: An earlier batch could not be written, or the writer is closed.
        """
        with self._changed:
            while len(self._waiting) >= LIMIT and self._error is None:
                self._changed.wait()
            self._check()
            if self._closed:
                raise StoreError("the store is closed")
            self._start()
            self._waiting.append(item)
            self._put += 1
            # Only these two change what the thread waits for; every other wake-up would be for nothing.
            if len(self._waiting) in (1, BATCH):
                self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything that was put before is committed.

        Raises:
            StoreError: It cannot be written.
        """
        with self._changed:
            target = self._wanted = self._put
            self._changed.notify_all()
            while self._done < target and self._error is None:
                self._changed.wait()
            self._check()

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise StoreError(self._error.message, hint=self._error.hint) from self._error

    def _start(self) -> None:
        if self._thread is None:
            # A daemon does not keep the interpreter alive; the store closes itself before it ends.
            self._thread = threading.Thread(target=self._run, name="limbeck-store", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._commit(batch)
            except StoreError as error:
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001  # whoever waits for this thread must not wait for ever
                self._fail(StoreError(f"the store cannot write a record: {type(error).__name__}: {error}"))
                return
            with self._changed:
                self._done += len(batch)
                self._changed.notify_all()

    def _take(self) -> list[Item]:
        """Wait for a batch; empty when closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(self._is_due, timeout=DELAY)
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._changed.notify_all()  # there is room again
            return batch

    def _is_due(self) -> bool:
        return len(self._waiting) >= BATCH or self._wanted > self._done or self._closed

    def _fail(self, error: StoreError) -> None:
        with self._changed:
            self._error = error
            self._waiting.clear()
            self._changed.notify_all()
