"""Rows of CSV and Parquet files, streamed."""

from __future__ import annotations

import csv
import gzip
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ..errors import DataError, MissingExtra
from ..records import Json
from .lines import Row, lines, not_utf8
from .values import clip, jsonable, short

_PARQUET_BATCH = 1024  # rows held at once


def csv_rows(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Stream the rows of a CSV file with a header; all cells are strings."""
    csv.field_size_limit(2**31 - 1)  # the limit of 128 KiB is too small for documents, and there is only a global one
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
    for number, line in lines(stream):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(error, f"{name}:{number}") from error


def _check_header(header: list[str], source: str) -> None:
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(f"{source}: the column {short(twice[0])} is there twice", hint="Rename or remove one of them.")


def _csv_row(header: list[str], cells: list[str], source: str) -> Json | DataError:
    if len(cells) == len(header):
        return dict(zip(header, cells, strict=True))
    return DataError(
        f"{source}: {len(cells)} cells under {len(header)} columns: {short(cells)}",
        hint="Quote cells that hold commas or newlines, and write empty cells as nothing between two commas.",
    )


def parquet_rows(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Stream the rows of a Parquet file; values become JSON, and sources count rows."""
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
    """Parquet is read from its end, so a gzip stream is unpacked first: to disk, not to memory."""
    if not isinstance(stream, gzip.GzipFile):
        yield stream
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        yield unpacked
