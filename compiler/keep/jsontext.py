"""JSON values as text, for every value a program or a model may come up with.

orjson does nearly all of the work. What it refuses (integers beyond 64 bits, lone surrogates, keys that are
no strings, values that are no JSON, nesting beyond its depth) takes a slow way that never raises: one odd
value must not cost a run its store.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

MAX_DEPTH = 250
"""Deeper values are cut off; orjson itself refuses at 254."""

MAX_BITS = 13_000
"""Longer integers become hexadecimal strings: Python refuses to write over 4,300 decimal digits."""

# orjson reads integers beyond 64 bits as floats. Text that the slow way wrote starts with this mark, which
# is legal JSON whitespace, and is read by the standard library, which keeps every digit.
_SLOW = " "


def dumps(value: object) -> str:
    """Write any value as JSON; NaN and infinities become null, as JSON has no word for them."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson.JSONEncodeError is one
        return _SLOW + json.dumps(plain(value), ensure_ascii=False)


def loads(text: str) -> Any:
    """Read what ``dumps`` wrote.

    Raises:
        ValueError: The text is no JSON.
    """
    return json.loads(text) if text.startswith(_SLOW) else orjson.loads(text)


def clean(text: str) -> str:
    """Make text that every database takes: lone surrogates and NUL become U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    # Halves of a pair that stand side by side are one character; decoding joins them.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def plain(value: object, depth: int = 0) -> Any:
    """Copy a value as nearest JSON: objects of unknown types become their ``str``."""
    if depth > MAX_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, dict):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return _scalar(value)
    return _unknown(value, depth)


def _scalar(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return _valid(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= MAX_BITS else hex(value)
    return float(value) if math.isfinite(value) else None


def _valid(text: str) -> str:
    """Text that UTF-8 can write. Unlike in a column, NUL may stay: JSON escapes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return str.__str__(text)  # the value of a str enum, not its name


def _key(key: object) -> str:
    if isinstance(key, str):
        return _valid(key)
    text = plain(key)
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def _unknown(value: object, depth: int) -> Any:
    """What is no JSON: records keep their fields, orjson knows dates and enums, the rest has ``str``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), depth + 1) for field in fields(value)}
    try:
        return plain(orjson.loads(orjson.dumps(value)), depth)
    except (TypeError, ValueError):
        pass
    dump = getattr(value, "model_dump", None)  # a pydantic model, which most structured outputs are
    try:
        return plain(dump(mode="json") if callable(dump) else str(value), depth + 1)
    except Exception:  # noqa: BLE001  # a stranger's __str__ may raise anything
        return f"({type(value).__name__})"
