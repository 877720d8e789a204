"""What the readers of all formats share: rows, lines, and what is no UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from ..errors import DataError
from ..records import Json

Row = tuple[Json | DataError, str]
"""A row and its source ``file:line``; the error that says why in the place of a row that cannot be read."""

BOM = b"\xef\xbb\xbf"


def lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number the lines of a file from 1, without a byte order mark before the first."""
    for number, line in enumerate(stream, 1):
        yield number, line.removeprefix(BOM) if number == 1 else line


def not_utf8(error: UnicodeDecodeError, source: str) -> DataError:
    """Say which byte of which line is no UTF-8."""
    byte, column = error.object[error.start], error.start - error.object.rfind(b"\n", 0, error.start)
    return DataError(
        f"{source}: not UTF-8 (byte 0x{byte:02x} at position {column} of the line)",
        hint="Save the file as UTF-8, for example with: iconv -f latin1 -t utf-8",
    )
