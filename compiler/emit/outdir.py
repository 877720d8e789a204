"""Output directories that are there whole or not at all.

What is being written stands beside the place where it is to be, hidden, and locked by the process that writes it. The
system lets go of a lock when its process ends, however it ends: what is left of a killed one is known by that, and
removed by whoever writes to the same place next (docs/decisions/0035-card.md).
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self
from uuid import uuid4

from ...errors import OutputError

_ELSEWHERE = "Give --out a directory that does not exist yet."
_SPACE = "Free some space, or give --out a directory on another disk."
_WRITABLE = "Give --out a directory that you may write to."


def check_out(out: Path) -> None:
    """Refuse an output directory that has something in it or cannot be made, before any work is done for it.

    Raises:
        OutputError: It is a file, is not empty, or stands where nothing can be written.
    """
    try:
        if out.is_dir() and any(out.iterdir()):
            raise OutputError(f"Output directory {out} is not empty.", hint=_ELSEWHERE)
        if not out.is_dir() and (out.exists() or out.is_symlink()):
            raise OutputError(f"Output path {out} is a file.", hint=_ELSEWHERE)
        above = next(path for path in out.absolute().parents if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise OutputError(f"Cannot write to {out}: {above} {_refusal(above)}.", hint=_WRITABLE)
    except OSError as error:
        raise _unwritable(out, error) from error


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Give a hidden directory beside ``out`` to write into; it becomes ``out`` at the end, or is removed.

    Raises:
        OutputError: ``out`` exists and is not empty, or cannot be made.
    """
    check_out(out)
    out = out.resolve()
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        work, lock = _begin(out, Path.mkdir)
    try:
        yield work
        check_out(out)
        with writing(out):
            if out.is_dir():
                out.rmdir()
            work.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)


@contextmanager
def new_file(out: Path) -> Iterator[IO[bytes]]:
    """Give a hidden file beside ``out`` to write into; it becomes ``out`` at the end, or goes on any error.

    Raises:
        OutputError: ``out`` exists, or cannot be made.
    """
    if out.exists() or out.is_symlink():
        raise OutputError(f"Output file {out} exists.", hint="Give --out a file that does not exist yet.")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        work, lock = _begin(out, lambda path: path.touch(exist_ok=False))
    try:
        with writing(out):
            file = work.open("wb")
        with file:
            yield file
        with writing(out):
            work.rename(out)
    finally:
        work.unlink(missing_ok=True)
        os.close(lock)


def _begin(out: Path, make: Callable[[Path], None]) -> tuple[Path, int]:
    """Make a hidden place beside ``out`` and lock it; return it, and the descriptor that holds the lock.

    Between the making and the locking another process may take it for what a dead one left. Then it is made again.
    """
    while True:
        work = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
        make(work)
        try:
            lock = os.open(work, _OPEN)
        except FileNotFoundError:
            continue
        if _is_locked(work, lock, otherwise=True):
            return work, lock
        os.close(lock)


def _sweep(out: Path) -> None:
    """Remove what processes left that were killed while they wrote ``out``."""
    ours = re.compile(rf"\.{re.escape(out.name)}\.[0-9a-f]{{8}}\.partial")
    with suppress(OSError):  # a folder that may be written to, and not read
        for path in [path for path in out.parent.iterdir() if ours.fullmatch(path.name)]:
            _remove_dead(path)


def _remove_dead(path: Path) -> None:
    """Remove a half-written file or directory, unless the process that writes it is alive."""
    try:
        lock = os.open(path, _OPEN)
    except OSError:  # gone, no business of this user, or a link, which is none of ours
        return
    try:
        if _is_locked(path, lock, otherwise=False):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    finally:
        os.close(lock)


_OPEN = os.O_RDONLY | os.O_NOFOLLOW


def _is_locked(path: Path, descriptor: int, *, otherwise: bool) -> bool:
    """Lock what was opened; tell whether it is ours now, and still there.

    Args:
        path: Where it was opened.
        descriptor: Of the open file or directory.
        otherwise: What to say where the file system has no locks: NFS wants a descriptor that may write, which no
            directory has. What cannot be locked is written all the same, and not removed.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:
        return otherwise


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the file system refuses into one clear line.

    Raises:
        OutputError: An ``OSError`` came up inside.
    """
    try:
        yield
    except OSError as error:
        raise _unwritable(out, error) from error


def _refusal(above: Path) -> str:
    return "is not writable" if above.is_dir() else "is no directory"


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Cannot write to {out}: {error.strerror or error}.",
        hint=_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else _WRITABLE,
    )


class LineFile:
    """A file written line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            self._file = path.open("wb", buffering=1 << 20)

    def write(self, line: bytes) -> None:
        """Write one line; ``line`` has no newline in it.

        Raises:
            OutputError: The disk does not take it.
        """
        try:
            self._file.write(line)
            self._file.write(b"\n")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self.path):
            self._file.close()
