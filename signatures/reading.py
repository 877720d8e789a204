"""Raw rows from data files: JSON, JSONL, CSV and Parquet, each also gzipped, one row at a time.

A row comes with where it stands, as ``file:line``. A line that cannot be read comes as the DataError that
says why, so that a caller can go on and report several at once.
"""

from __future__ import annotations

import difflib
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ..errors import DataError
from ..records import Json
from .lines import Row
from .read_json import json_rows, jsonl_rows
from .read_tables import csv_rows, parquet_rows
from .values import clip


def read_rows(path: str | Path, *, name: str | None = None) -> Iterator[tuple[Json, str]]:
    """Stream the rows of a data file, each with its source ``file:line``.

    Memory is flat, but for ``.json``, which is read whole. CSV cells are strings; Parquet values become JSON.

    Args:
        path: A ``.json``, ``.jsonl``, ``.ndjson``, ``.csv`` or ``.parquet`` file, or one of these with
            ``.gz``.
        name: How to call the file in sources and messages; by default the path as it was given.

    Raises:
        DataError: The file or a row cannot be read, or there is no row.
        MissingExtra: Parquet is read with pyarrow, which is not installed.
    """
    for row, source in scan_rows(path, name=name):
        if isinstance(row, DataError):
            raise row
        yield row, source


def scan_rows(path: str | Path, *, name: str | None = None) -> Iterator[Row]:
    """Like :func:`read_rows`, but give the error of a line in the place of its row."""
    file, called = Path(path), name or str(path)
    reader = _READERS[file_kind(file)]
    empty = True
    with _opened(file, called) as stream, _named_errors(called):
        for row, source in reader(stream, called):
            empty = False
            yield row, source
    if empty:
        raise DataError(f"{called} has no rows", hint="Put at least one example in it.")


def file_kind(path: Path) -> str:
    """Tell the format of a data file by its suffix.

    Raises:
        DataError: The suffix is none of those that can be read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if kind in _READERS:
        return kind
    raise DataError(
        f"cannot read {path}: unknown kind of file {kind!r}",
        hint="Data is read from .jsonl, .json, .csv and .parquet, each also with .gz behind.",
    )


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        stream: IO[bytes] = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}", hint=_similar(path)) from error
    except OSError as error:
        reason = "it is a directory" if path.is_dir() else (error.strerror or str(error))
        raise DataError(f"cannot read {name}: {reason}", hint="Give the path of a readable data file.") from error
    with stream:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if path.suffix.lower() == ".gz" else stream


def _similar(path: Path) -> str:
    try:
        near = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], n=1)
    except OSError:
        return f"There is no directory {path.parent} either; check the path."
    return f"Did you mean {path.with_name(near[0])}?" if near else "Check the path; it is relative to where it stands."


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is no whole gzip file: {clip(str(error))}",
            hint="Copy or compress it again, or drop the .gz.",
        ) from error


_READERS: dict[str, Callable[[IO[bytes], str], Iterator[Row]]] = {
    ".json": json_rows,
    ".jsonl": jsonl_rows,
    ".ndjson": jsonl_rows,
    ".csv": csv_rows,
    ".parquet": parquet_rows,
}
