"""Rows of JSON and JSONL files, parsed strictly: no NaN, no lone surrogates, no lost digits."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import IO, Any

import orjson

from ..errors import DataError
from ..records import Json
from .lines import BOM, Row, lines, not_utf8
from .values import clip, short

_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_SPACE = re.compile(r"\s*")


def jsonl_rows(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Stream the rows of a file of one object a line."""
    for number, line in lines(stream):
        if not line.isspace():
            source = f"{name}:{number}"
            yield _json_row(line.rstrip(b"\r\n"), source), source


def _json_row(line: bytes, source: str) -> Json | DataError:
    try:
        row = _loads(line)
    except UnicodeDecodeError as error:
        return not_utf8(error, source)
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


def json_rows(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Rows of an array of objects, or of ``{"data": [...]}``, each with the line on which it begins.

    A file of one object a line is read as JSONL, since many are named ``.json``.
    """
    data = stream.read().removeprefix(BOM)
    try:
        yield from _whole(data, data.decode(), name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise not_utf8(error, f"{name}:{line}") from error
    except json.JSONDecodeError as error:
        message = f"{name}:{error.lineno}: bad JSON ({error.msg}, column {error.colno})"
        raise DataError(message, hint="Repair the JSON there; nothing was read.") from error
    except RecursionError as error:
        raise DataError(f"{name}: the JSON is nested too deeply", hint="Give flat rows as JSONL.") from error


def _whole(data: bytes, text: str, name: str) -> Iterator[Row]:
    at = _skip(text, 0)
    if at == len(text):
        return
    whole, end = json.JSONDecoder().raw_decode(text, at)
    more = _skip(text, end)
    if more == len(text):
        yield from _elements(text, _array_start(whole, text, at, name), name)
    elif isinstance(whole, dict):
        yield from jsonl_rows(io.BytesIO(data), name)
    else:
        raise json.JSONDecodeError("Extra data", text, more)


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
        hint='Write [{"question": "...", "answer": "..."}, ...], or one object a line and name it .jsonl.',
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
