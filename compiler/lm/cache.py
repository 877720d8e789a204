"""The LM response cache: every completed response, on disk before anything uses it.

diskcache, with a Disk that cannot unpickle (CVE-2025-69872): only raw bytes and text go in or come out, inline in
SQLite; any other row, planted or not, is a miss. Writes are committed in groups by one thread, so that hundreds of
concurrent calls share a transaction.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import diskcache

from ...errors import StoreError

_RAW = 1  # diskcache's mode for a value that sits in its own row as it is
_INLINE = 2**30  # bytes below which a value stays in SQLite: all of them, so that no row can point at a file


class NotCacheable(ValueError):
    """A key or value that is neither bytes nor text."""


class JSONOnlyDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache is untyped
    """Stores bytes and text as they are and refuses everything that diskcache would pickle."""

    def put(self, key: Any) -> tuple[Any, bool]:
        """Keys are text or bytes."""
        if not isinstance(key, (str, bytes)):
            raise NotCacheable(f"cache key of type {type(key).__name__}")
        return super().put(key)  # type: ignore[no-any-return]

    def get(self, key: Any, raw: Any) -> Any:
        """Refuse keys that would have to be unpickled."""
        if not raw:
            raise NotCacheable("pickled cache key")
        return super().get(key, raw)

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, Any]:
        """Values are bytes."""
        if read or not isinstance(value, bytes):
            raise NotCacheable(f"cache value of type {type(value).__name__}")
        return 0, _RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        """Refuse every row but inline bytes; a file name is never followed."""
        if mode != _RAW or filename is not None or read or not isinstance(value, bytes):
            raise NotCacheable(f"cache row of mode {mode}")
        return value

    def remove(self, file_path: str) -> None:
        """No row of ours has a file: one that names a file is planted, and what it names is not deleted."""


class ResponseCache:
    """Responses by request key, shared by threads and processes.

    Args:
        directory: Created with mode 0700, since prompts may be private.

    Raises:
        StoreError: The directory cannot be used or holds something else.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            new = not directory.exists()
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if new:  # a folder that was there keeps what its owner chose
                directory.chmod(0o700)
            self._cache = diskcache.Cache(
                str(directory), disk=JSONOnlyDisk, disk_min_file_size=_INLINE,
                sqlite_cache_size=2048, sqlite_mmap_size=0, eviction_policy="none", cull_limit=0, size_limit=2**62,
            )  # fmt: skip
        except (OSError, sqlite3.Error, NotCacheable, diskcache.Timeout) as error:
            raise StoreError(
                f"the LM cache {directory} cannot be opened: {error}",
                hint="Give another place with --store, or delete that folder (its responses are then paid for again).",
            ) from error
        self._queue: queue.SimpleQueue[tuple[str, bytes, Future[None]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="limbeck-cache", daemon=True)
        self._writer.start()

    def get(self, key: str) -> bytes | None:
        """Response bytes, or None. A row that may not be read counts as absent."""
        try:
            value = self._cache.get(key)
        except (NotCacheable, sqlite3.Error, diskcache.Timeout):
            return None
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes) -> None:
        """Store a response; returns once it is committed.

        Raises:
            StoreError: It could not be written (disk full, say).
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # it will be written even if the asker goes away
        self._queue.put((key, value, done))
        await asyncio.wrap_future(done)

    def close(self) -> None:
        """Commit what is waiting and close. Safe to call twice."""
        if self._writer.is_alive():
            self._queue.put(None)
            self._writer.join()
        self._cache.close()

    def _write(self) -> None:
        """Take whatever has gathered, commit it as one transaction, then tell the waiters."""
        while True:
            item = self._queue.get()
            batch: list[tuple[str, bytes, Future[None]]] = []
            while item is not None:
                batch.append(item)
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            self._commit(batch)
            if item is None:
                self._cache.close()
                return

    def _commit(self, batch: list[tuple[str, bytes, Future[None]]]) -> None:
        try:
            with self._cache.transact(retry=True):
                for key, value, _ in batch:
                    self._cache.set(key, value, retry=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiters must hear of it
            failure = StoreError(f"the LM cache {self.directory} cannot be written: {error}")
            for _, _, done in batch:
                done.set_exception(failure)
            return
        for _, _, done in batch:
            done.set_result(None)
