"""Output directories that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self
from uuid import uuid4

from ...errors import OutputError

_ELSEWHERE = "Give --out a directory that does not exist yet."
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
    work = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    try:
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            work.mkdir()
        yield work
        check_out(out)
        with writing(out):
            if out.is_dir():
                out.rmdir()
            work.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def new_file(out: Path) -> Iterator[IO[bytes]]:
    """Give a hidden file beside ``out`` to write into; it becomes ``out`` at the end, or goes on any error.

    Raises:
        OutputError: ``out`` exists, or cannot be made.
    """
    if out.exists() or out.is_symlink():
        raise OutputError(f"Output file {out} exists.", hint="Give --out a file that does not exist yet.")
    work = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    try:
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            file = work.open("xb")
        with file:
            yield file
        with writing(out):
            work.rename(out)
    finally:
        work.unlink(missing_ok=True)


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
        hint=_WRITABLE,
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
