"""Secrets and personal data in a text: where they stand, and of which kind they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any, NamedTuple, Self

from ....errors import MissingExtra

KINDS = ("CARD", "EMAIL", "IBAN", "ID", "IP", "PHONE", "SECRET")
"""Kinds of finds, as placeholders have them: ``[EMAIL_1]``."""

PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})_\d+\]")
"""What stands where something was masked."""

_RUN = re.compile(r"\d(?:[ ().\-/\u00a0]{0,3}\d){6,}")
_LONG = 10  # characters without a blank in any secret, or number with letters
_PIECE = re.compile(r"\[?[A-Z]{0,8}_?\d{0,5}\]?")  # as long as any
_ESCAPE = re.compile(r"(?<!\\)\\+(?:[nrtbf\"']|u[0-9a-fA-F]{4})")
_LETTER = re.compile(r"(?<!\\)\\+u[0-9a-fA-F]{4}")
_PLAIN = re.compile(r"[A-Za-z_]{0,19}")  # shorter than any key; may be the name of a field
_REMEMBERED = 8192  # characters; longer texts are not worth their memory, for they seldom come twice


class Find(NamedTuple):
    """Something found.

    Attributes:
        kind: One of ``KINDS``.
        start: Where it begins.
        end: Where it ends.
        key: The same for all spellings of one thing, such as a card's number without its blanks.
    """

    kind: str
    start: int
    end: int
    key: str


class Seen(str):  # noqa: SLOT000  # what is known of it is kept in it
    r"""A text as finders see it: of the same length, with blanks for what JSON and code write with a backslash.

    In ``"\nbob@..."``, a string inside another one, the name is no ``nbob``, and no word character stands before it.

    Attributes:
        lowered: In small letters, of the same length.
        long: Its longer words, which are few, with blanks between.
        runs: Where seven or more digits stand side by side, with at most three blanks or signs between.

    Args:
        text: The text as it is.
    """

    def __new__(cls, text: str) -> Self:
        """See a text."""
        return super().__new__(cls, _ESCAPE.sub(_blank, text) if "\\" in text else text)

    @cached_property
    def lowered(self) -> str:  # noqa: D102  # documented in the class, with the other two
        lowered = self.lower()
        if len(lowered) == len(self):
            return lowered
        return "".join(letter.lower() if letter.isascii() else letter for letter in self)  # some letters become two

    @cached_property
    def long(self) -> str:  # noqa: D102
        return " ".join([word for word in self.split() if len(word) >= _LONG])

    @cached_property
    def runs(self) -> list[tuple[int, int]]:  # noqa: D102
        return [match.span() for match in _RUN.finditer(self)]

    def near(self, before: int, after: int) -> Iterator[tuple[int, int]]:
        """Where to look for numbers: so many characters before and after each run.

        Rules see what stands before such a piece, but not what stands behind it; it must be longer than any match.
        """
        for start, end in self.runs:
            yield max(0, start - before), min(len(self), end + after)


Finder = Callable[[Seen], Iterable[Find]]
"""Finds things in a text."""


def extra(module: str) -> Any:
    """Import a library of the extra ``privacy``.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        name = {"stdnum": "python-stdnum"}.get(module.partition(".")[0], module.partition(".")[0])
        raise MissingExtra(
            f"Finding private data needs {name}, which is not installed.",
            hint="Install it: pip install 'limbeck[privacy]'",
        ) from error


def load() -> None:
    """See that the libraries are there.

    Raises:
        MissingExtra: One is not installed.
    """
    for module in ("phonenumbers", "publicsuffixlist", "stdnum"):
        extra(module)


def find(text: str) -> tuple[Find, ...]:
    """Everything private in a text, in its order; nothing overlaps.

    Base64 data of pictures and sounds is not looked at.

    Raises:
        MissingExtra: A library is not installed.
    """
    return _find(text) if len(text) > _REMEMBERED else _remembered(text)


def _find(text: str) -> tuple[Find, ...]:
    if text.startswith("data:") and ";base64," in text[:200]:
        return ()
    clean = Seen(text)
    found = [item for finder in _finders() for item in finder(clean)]
    return tuple(_apart(_meant(item, text) for item in found if not _harmless(text[item.start : item.end])))


_remembered = lru_cache(maxsize=512)(_find)


@lru_cache(maxsize=1)
def _finders() -> tuple[Finder, ...]:
    from . import numbers, personal, secrets

    return (secrets.find_secrets, personal.find_emails, personal.find_addresses, numbers.find_numbers)


def _blank(match: re.Match[str]) -> str:
    """As many blanks as an escape is long; letters where it stands for one, for that is part of a word."""
    code = match[0].lstrip("\\")
    return ("x" if len(code) == 5 and chr(int(code[1:], 16)).isalnum() else " ") * len(match[0])


def _meant(item: Find, text: str) -> Find:
    """The find with the key that it would have without escapes."""
    value = text[item.start : item.end]
    if "\\u" not in value:
        return item
    return item._replace(key=_LETTER.sub(lambda match: chr(int(match[0][-4:], 16)), value).casefold())


def _harmless(value: str) -> bool:
    """Whether a find is a mere word, or (a piece of) a placeholder: replacing that would never come to an end."""
    return bool(_PLAIN.fullmatch(value) or _PIECE.fullmatch(value) or PLACEHOLDER.search(value))


def _apart(found: Iterable[Find]) -> Iterator[Find]:
    """Finds that do not overlap: of those that do, the first one, and of those that begin together the longest."""
    end = 0
    for item in sorted(found, key=lambda item: (item.start, -item.end)):
        if item.start >= end:
            yield item
            end = item.end
