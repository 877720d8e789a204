"""Raw rows from data files: JSON, JSONL, CSV and Parquet, each also gzipped, one row at a time.

A row comes with where it stands, as ``file:line``. A line that cannot be read comes as the DataError that
says why, so that a caller can go on and report several at once.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
import re
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from ..errors import DataError, MissingExtra
from ..records import Json
from .values import clip, jsonable, short

Row = tuple[Json | DataError, str]

_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_PARQUET_BATCH = 1024  # rows held at once
_SPACE = re.compile(r"\s*")


def read_rows(path: str | Path, *, name: str | None = None) -> Iterator[tuple[Json, str]]:
    """Stream the rows of a data file, each with its source ``file:line``.

    Memory is flat, but for ``.json``, which is read whole. CSV cells are strings; Parquet values become JSON.

    Args:
        path: A ``.json``, ``.jsonl``, ``.ndjson``, ``.csv`` or ``.parquet`` file, or one of these with ``.gz``.
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
        raise DataError(
            f"cannot read {name}: {reason}", hint="Give the path of a readable data file."
        ) from error
    with stream:
        yield gzip.open(stream) if path.suffix.lower() == ".gz" else stream


def _similar(path: Path) -> str:
    try:
        near = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], n=1)
    except OSError:
        return f"There is no directory {path.parent} either; check the path."
    return (
        f"Did you mean {path.with_name(near[0])}?"
        if near
        else "Check the path; it is relative to where it stands."
    )


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is no whole gzip file: {clip(str(error))}",
            hint="Copy or compress it again, or drop the .gz.",
        ) from error


def _lines(stream: IO[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(stream, 1):
        yield number, line.removeprefix(_BOM) if number == 1 else line


def _not_utf8(error: UnicodeDecodeError, source: str) -> DataError:
    byte = error.object[error.start]
    return DataError(
        f"{source}: not UTF-8 (byte 0x{byte:02x} at position {error.start + 1} of the line)",
        hint="Save the file as UTF-8, for example with: iconv -f latin1 -t utf-8",
    )


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Row]:
    for number, line in _lines(stream, name):
        if not line.isspace():
            source = f"{name}:{number}"
            yield _json_row(line, source), source


def _json_row(line: bytes, source: str) -> Json | DataError:
    try:
        row = _loads(line)
    except UnicodeDecodeError as error:
        return _not_utf8(error, source)
    except ValueError as error:
        return _bad_json(error, line, source)
    return row if isinstance(row, dict) else _not_object(row, source)


def _loads(line: bytes) -> Any:
    """Parse strictly: no NaN, no lone surrogates, no number that would lose digits."""
    line.decode()
    if _LONG_NUMBER.search(line):
        json.loads(line, parse_int=_word)
    return orjson.loads(line)


def _word(digits: str) -> int:
    value = int(digits) if len(digits) < 25 else 2**64
    if -(2**63) <= value < 2**64:
        return value
    raise ValueError(f"the number {clip(digits, 30)} has more than 64 bits; write it as a string")


def _bad_json(error: ValueError, line: bytes, source: str) -> DataError:
    message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    place = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    return DataError(
        f"{source}: bad JSON ({message}{place}): {clip(line.decode(errors='replace'))}",
        hint='Write one JSON object a line: {"question": "...", "answer": "..."}',
    )


def _not_object(row: object, source: str) -> DataError:
    return DataError(
        f"{source}: not an object but {_KINDS.get(type(row), 'a value')}: {short(row)}",
        hint='Write each example as an object: {"question": "...", "answer": "..."}',
    )


_KINDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _json(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Rows of an array of objects, or of ``{"data": [...]}``, each with the line on which it begins.

    A file of one object a line is read as JSONL, since many are named ``.json``.
    """
    data = stream.read().removeprefix(_BOM)
    try:
        text = data.decode()
        at, end = _skip(text, 0), 0
        if at < len(text):
            whole, end = json.JSONDecoder().raw_decode(text, at)
            if isinstance(whole, dict) and _skip(text, end) < len(text):
                yield from _jsonl(io.BytesIO(data), name)
                return
            yield from _elements(text, _array_start(whole, text, at, name), name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_utf8(error, f"{name}:{line}") from error
    except json.JSONDecodeError as error:
        message = f"{name}:{error.lineno}: bad JSON ({error.msg}, column {error.colno})"
        raise DataError(message, hint="Repair the JSON there; nothing was read.") from error
    except RecursionError as error:
        raise DataError(f"{name}: the JSON is nested too deeply", hint="Give flat rows as JSONL.") from error


def _elements(text: str, at: int, name: str) -> Iterator[Row]:
    """Walk over an array that is known to be well-formed, from its ``[``."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    while text[at] != "]":
        at = _skip(text, at + 1)
        if text[at] == "]":
            break
        _, end = decoder.raw_decode(text, at)
        line, counted = line + text.count("\n", counted, at), at
        source = f"{name}:{line}"
        yield _json_row(text[at:end].encode(), source), source
        at = _skip(text, end)


def _array_start(whole: object, text: str, at: int, name: str) -> int:
    """Find the ``[`` of the rows: at the top, or as the value of "data"."""
    if isinstance(whole, list):
        return at
    if isinstance(whole, dict) and isinstance(whole.get("data"), list):
        return _member(text, at, "data")
    raise DataError(
        f'{name}: neither an array of objects nor an object with an array "data": {short(whole)}',
        hint='Write [{"question": "...", "answer": "..."}, ...]; for one object a line, name the file .jsonl.',
    )


def _member(text: str, at: int, wanted: str) -> int:
    """Position of the value of a key in the object that begins at ``at``; it is known to be there."""
    decoder = json.JSONDecoder()
    while True:
        key, at = decoder.raw_decode(text, _skip(text, at + 1))
        at = _skip(text, _skip(text, at) + 1)
        if key == wanted:
            return at
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _csv(stream: IO[bytes], name: str) -> Iterator[Row]:
    csv.field_size_limit(
        2**31 - 1
    )  # the limit of 128 KiB is too small for documents, and there is only a global one
    reader = csv.reader(_decoded(stream, name), strict=True)
    try:
        header = next(reader, [])
        _check_header(header, f"{name}:1")
        while True:
            source = f"{name}:{reader.line_num + 1}"
            cells = next(reader, None)
            if cells is None:
                return
            if cells:
                yield _csv_row(header, cells, source), source
    except csv.Error as error:
        raise DataError(
            f"{name}:{reader.line_num}: bad CSV ({error})",
            hint='Quote cells that hold commas, quotes or newlines: "a ""b"", c".',
        ) from error


def _decoded(stream: IO[bytes], name: str) -> Iterator[str]:
    for number, line in _lines(stream, name):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(error, f"{name}:{number}") from error


def _check_header(header: list[str], source: str) -> None:
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(
            f"{source}: the column {short(twice[0])} is there twice", hint="Rename or remove one of them."
        )


def _csv_row(header: list[str], cells: list[str], source: str) -> Json | DataError:
    if len(cells) == len(header):
        return dict(zip(header, cells, strict=True))
    return DataError(
        f"{source}: {len(cells)} cells under {len(header)} columns: {short(cells)}",
        hint="Quote cells that hold commas or newlines, and write empty cells as nothing between two commas.",
    )


def _parquet(stream: IO[bytes], name: str) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra(
            f"reading {name} needs pyarrow, which is not installed", hint="pip install 'limbeck[export]'"
        ) from error
    with _seekable(stream) as file:
        try:
            parquet = pq.ParquetFile(file)
            _check_header(list(parquet.schema_arrow.names), name)
            batches = parquet.iter_batches(batch_size=_PARQUET_BATCH)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, 1):
                yield jsonable(row), f"{name}:{number}"
        except pa.ArrowException as error:
            raise DataError(
                f"{name} is no readable Parquet file: {clip(str(error))}",
                hint="Write it again, or give JSONL.",
            ) from error


@contextmanager
def _seekable(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Parquet is read from its end, which in a gzip stream means unpacking it first: to disk, not to memory."""
    if not isinstance(stream, gzip.GzipFile):
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        yield unpacked


_READERS: dict[str, Callable[[IO[bytes], str], Iterator[Row]]] = {
    ".json": _json,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
