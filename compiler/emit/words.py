r"""Words of texts as numbers: what near-duplicates and contaminated rows are found by.

A word is a run of letters and digits, whatever its case and width; a character of a script that is written without
spaces (Chinese, Japanese, Thai, ...) is a word by itself. Underscores and punctuation are no part of words: who
writes ``has_close`` as "Has close!" has the same words. What was masked is a word without its number, for numbers
count what is in a row: ``[EMAIL_2]`` is ``email``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

import numpy as np

from .private.finds import PLACEHOLDER
from .spool import Item, Numbers

# Thai to Tibetan, Myanmar, Khmer, kana, Han: scripts in which no space stands between words.
_SPACELESS = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
_FOREIGN = re.compile(r"[^\x00-\x7f]+")

# What stands in a value that was written as JSON or as Python writes it: a newline as backslash and n, and so on.
_ESCAPED = re.compile(r"\\+(?:u([0-9a-f]{4})|x([0-9a-f]{2})|[nrt])", re.IGNORECASE)

# What becomes of the bytes of UTF-8: letters and digits stay, in lower case; so does what is no ASCII.
_BYTES = bytes(ord(chr(byte).lower()) if byte < 128 and chr(byte).isalnum() else byte if byte > 127 else 0
               for byte in range(256))  # fmt: skip

_LONGEST = 1 << 16  # bytes that are looked at at once
_BASE, _FINAL = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
_SHIFTS = np.uint64(29), np.uint64(32)


def words_of(text: str) -> Numbers:
    """Hashes of a text's words, in their order: 64 bits each, the same on all machines.

    The hash of a word is the polynomial of its bytes (Karp and Rabin 1987) modulo 2^64, mixed. It finds equal words; it
    is no defence against someone who looks for two words with one hash.
    """
    clean = cleaned(text)
    if len(clean) <= _LONGEST:
        return _hashes(clean)
    made = []
    while clean:
        cut = clean.rfind(b"\0", 0, _LONGEST) + 1 or _LONGEST
        made.append(_hashes(clean[:cut]))
        clean = clean[cut:]
    return np.concatenate(made)


def _hashes(clean: bytes) -> Numbers:
    powers, inverses = _powers()
    data = np.frombuffer(b"\0%b\0" % clean, np.uint8)
    inside = data != 0
    edges = (inside[1:] != inside[:-1]).nonzero()[0]  # before the first byte of a word, and at its last
    sums = (powers[: len(data)] * data).cumsum()[edges]
    made: Numbers = (sums[1::2] - sums[::2]) * inverses[edges[::2]]
    made ^= made >> _SHIFTS[0]
    made *= _FINAL
    made ^= made >> _SHIFTS[1]
    return made


@cache
def _powers() -> tuple[Numbers, Numbers]:
    """Powers of the base of the polynomial, and of its inverse."""
    bases = (_BASE, pow(_BASE, -1, 2**64))
    powers, inverses = (np.cumprod(np.full(_LONGEST + 2, base, np.uint64)) for base in bases)
    return powers, inverses


def cleaned(text: str) -> bytes:
    """A text's words as UTF-8, with zeros between them."""
    text = _plain(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        for character in sorted(set("".join(_FOREIGN.findall(text)))):
            spaced = _spaced(character)
            if spaced != character:
                text = text.replace(character, spaced)
    return text.encode().translate(_BYTES)


def word_spans(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text with the same words as ``text`` but normal characters, and where its words start and end."""
    normal = unicodedata.normalize("NFKC", _plain(text))
    spans: list[tuple[int, int]] = []
    start = -1
    for at, character in enumerate(normal + " "):
        spaced = _spaced(character) if character > "\x7f" else character if character.isalnum() else " "
        if start >= 0 and spaced[:1] == " ":
            spans.append((start, at))
            start = -1
        if len(spaced) > 1:
            spans.append((at, at + 1))
        elif start < 0 and spaced not in {"", " "}:
            start = at
    return normal, spans


def with_words(items: Iterable[Item]) -> Iterator[Item]:
    """Give each item the words of its record's input, then of its answer."""
    for item in items:
        words_given(item)
        yield item


def words_given(item: Item) -> Numbers:
    """The words of an item, which is given them where it has none."""
    if item.words is None:
        asked, answered = words_of(item.record.input_text), words_of(item.record.answer_text)
        item.words, item.input_words = np.concatenate((asked, answered)), len(asked)
    return item.words


def _plain(text: str) -> str:
    """A text without escapes, and without the numbers of what was masked."""
    if "\\" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return PLACEHOLDER.sub(_unnumbered, text) if "_" in text and "[" in text else text


def _unnumbered(match: re.Match[str]) -> str:
    return f"{match[0].rpartition('_')[0]}]"


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else " "


@lru_cache(maxsize=20_000)
def _spaced(character: str) -> str:
    """What a character that is no ASCII counts as: itself, a word of its own, a space, or nothing."""
    kind = unicodedata.category(character)
    if kind == "Cf" or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return ""  # soft hyphens and joiners, and how a character is drawn
    if kind[0] not in "LN" and kind not in {"Mn", "Mc"}:
        return " "
    return f" {character} " if any(low <= ord(character) <= high for low, high in _SPACELESS) else character
