"""Placeholders for what was found: in one row, the same one for the same thing wherever it stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from .finds import PLACEHOLDER, Find, find

_SHORTEST = 6  # characters; nothing shorter is ever found
_SMALLEST = 10_000_000  # no number below is ever found
_LONGEST = 300  # characters; longer values do not need the name of their field to be known
_TELLING = re.compile(
    r"pass|pwd|secret|token|key|cred|tel|phone|mobile|cell|fax|whatsapp|sms|ssn|card|\bid\b|_id|cpf|bsn|nhs|\bip\b|host|server",
    re.IGNORECASE,
)


class Masking:
    """The placeholders of one row.

    Attributes:
        kinds: How many different things were found, by kind.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._names: dict[tuple[str, str], str] = {}
        self._spellings: dict[str, str] = {}
        self._changed = False

    def mask(self, value: Any) -> Any:
        """A JSON value without anything private; the same object where there is nothing.

        What was masked may have hidden something else, so it is looked at again until nothing is left. That ends: each
        time characters go that are in no placeholder, and placeholders are never found.

        Raises:
            MissingExtra: A library is not installed.
        """
        self._changed = True
        while self._changed and (found := list(_found(value))):
            self._changed = False
            if not self._names:
                self._skip(value)
            for text, item in found:
                self._name(item, text[item.start : item.end])
            value = self._masked(value)
        return value

    def _skip(self, value: Any) -> None:
        """Leave out numbers that placeholders of an earlier masking have."""
        for text, _ in _texts(value):
            for match in PLACEHOLDER.finditer(text):
                kind, _, number = match[0][1:-1].rpartition("_")
                self._last[kind] = max(self._last[kind], int(number[:9]))

    def _name(self, item: Find, spelling: str) -> None:
        if (item.kind, item.key) not in self._names:
            self.kinds[item.kind] += 1
            self._last[item.kind] += 1
            self._names[item.kind, item.key] = f"[{item.kind}_{self._last[item.kind]}]"
        for variant in _variants(spelling):
            self._spellings.setdefault(variant, self._names[item.kind, item.key])

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            made: dict[Any, Any] = {}
            for key, item in value.items():
                made[_free(self._text(key) if isinstance(key, str) else key, made)] = self._masked(item)
            return made
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = repr(value)
            masked = self._text(text)
            return value if masked == text else PLACEHOLDER.findall(masked)[0]
        return value

    def _text(self, text: str) -> str:
        if len(text) < _SHORTEST:
            return text
        masked = self._spelled(self._spanned(text))
        if masked != text and text[0] in '{["' and _is_json(text) and not _is_json(masked):
            self._changed = True
            return json.dumps(self._masked(json.loads(text)), ensure_ascii=False)  # a number in a string in a string
        return masked

    def _spanned(self, text: str) -> str:
        """The text with placeholders where something was found."""
        pieces, at = [], 0
        for item in find(text):
            name = self._names.get((item.kind, item.key))
            if name is not None:
                pieces += [text[at : item.start], _quoted(name, text, item.start, item.end)]
                at = item.end
        self._changed = self._changed or bool(pieces)
        return "".join([*pieces, text[at:]])

    def _spelled(self, text: str) -> str:
        """The text with placeholders where stands what was found elsewhere."""
        present = [spelling for spelling in self._spellings if spelling in text]
        if not present:
            return text
        present.sort(key=lambda spelling: (-len(spelling), spelling))
        pattern = "|".join([f"(?P<name>{PLACEHOLDER.pattern})", *map(_pattern, present)])
        return re.sub(pattern, lambda match: self._put(match, text), text)

    def _put(self, match: re.Match[str], text: str) -> str:
        if match["name"]:
            return match[0]
        self._changed = True
        name = self._spellings.get(match[0]) or next(self._spellings[s] for s in self._spellings if s in match[0])
        return _quoted(name, text, *match.span())


def mask_json(value: Any) -> Any:
    """A JSON value without secrets and personal data; the same object where there are none.

    Raises:
        MissingExtra: A library is not installed.
    """
    return Masking().mask(value)


def _found(value: Any) -> Iterator[tuple[str, Find]]:
    """What is found in a JSON value, each with the text that it stands in.

    A text all of whose lines stood in others is not looked at: inputs and answers stand in the messages, too.
    """
    lines: set[str] = set()
    for text, start in _texts(value):
        own = set(text.split("\n"))
        if not own <= lines:
            if not start:
                lines |= own
            for item in find(text):
                if item.start >= start:
                    yield text, item


def _texts(value: Any) -> Iterator[tuple[str, int]]:
    """All texts in a JSON value that may hold something, numbers too, each with the index from which on to look.

    What a field's name tells (``{"password": "..."}``) is given once more with it before.
    """
    if isinstance(value, str):
        if len(value) >= _SHORTEST:
            yield value, 0
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item)
            if isinstance(key, str):
                yield from _texts(key)
                if _tells(key) and (text := _short(item)):
                    yield f'{key}: "{text}"', len(key) + 3
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _SMALLEST:
        yield repr(value), 0


def _short(item: Any) -> str:
    if isinstance(item, str) and len(item) <= _LONGEST:
        return item
    return str(item) if isinstance(item, int) and abs(item) >= _SMALLEST else ""


@lru_cache(maxsize=1024)
def _tells(key: str) -> bool:
    return len(key) <= _LONGEST and bool(_TELLING.search(key))


def _variants(spelling: str) -> set[str]:
    """A value as it may stand in a text: as it is, as a JSON string inside has it, and as such a string means it."""
    found = {spelling}
    for plain in (True, False):
        found.add(json.dumps(spelling, ensure_ascii=plain)[1:-1])
    if "\\" in spelling:
        with suppress(ValueError):  # a backslash of its own
            found.add(json.loads(f'"{spelling}"', strict=False))
    return {variant for variant in found if len(variant) >= _SHORTEST}


def _pattern(spelling: str) -> str:
    """What to replace: the spelling, and where it is a number all digits around it, lest half a number is left."""
    if not spelling.isdecimal():
        return re.escape(spelling)
    return rf"(?:(?<=[:,\[ ])-)?(?:\d+\.)?\d*{spelling}\d*(?:\.\d+)?(?:[eE][+-]?\d+)?"


def _quoted(name: str, text: str, start: int, end: int) -> str:
    """The placeholder, in quotes where a number stood in JSON."""
    if not text[start:end].lstrip("-")[:1].isdigit() or not _is_json_number(text, start, end):
        return name
    return f'"{name}"'


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_json_number(text: str, start: int, end: int) -> bool:
    if not re.fullmatch(r"-?\d[\d.eE+-]*", text[start:end]):
        return False
    before, after = text[max(0, start - 50) : start].rstrip(), text[end : end + 50].lstrip()
    if after[:1] not in {",", "]", "}"}:
        return False
    if before.endswith(":"):
        return before[:-1].rstrip().endswith(('"', "'"))
    if before.endswith("["):
        return True
    return before.endswith(",") and text.rfind("[", 0, start) > max(text.rfind(end, 0, start) for end in "]{}")


def _free(key: Any, taken: Mapping[Any, Any]) -> Any:
    """The key, or one like it, where two keys became the same."""
    n, free = 1, key
    while free in taken:
        n += 1
        free = f"{key} ({n})"
    return free
