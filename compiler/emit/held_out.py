"""Test data as it is read: different texts, which rows have them, and which of them many rows have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...records import Example
from ...signatures.reading import file_kind, read_rows
from ._runs import RUN
from .spool import Numbers
from .words import words_of

_SOURCES = 5  # that are told of one text
_FEW = 3  # rows that may have a text in common
_PUNCTUATION = re.compile(r"[^\w\s]|_")


class TestRows:
    """Test rows, read once.

    Args:
        texts: Sources and texts; those of a row side by side, and the rows of a file too.

    Attributes:
        texts: The different texts; those with the same words are one.
        sources: Where each stands, ``file:line``; the first few.
        forms: Words of texts, each with the number of its text: as they are, and as they would be if somebody had
            taken out the punctuation ("well-known" became "wellknown"), or put spaces in its place.
        n_rows: Rows.
    """

    __test__ = False  # no test, whatever its name may tell pytest

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self.texts: list[str] = []
        self.sources: list[tuple[str, ...]] = []
        self.forms: list[tuple[int, Numbers]] = []
        self._lengths: list[int] = []
        self._known: dict[bytes, int] = {}
        self._written: dict[str, int] = {}
        self._formed: set[tuple[int, bytes]] = set()
        self._files: list[list[list[int]]] = []  # files of rows of numbers of texts
        for _, pairs in groupby(texts, key=lambda pair: pair[0].rpartition(":")[0]):
            self._files.append([])
            for source, row in groupby(pairs, key=lambda pair: pair[0]):
                numbers = (self._number(text, source) for _, text in row)
                self._files[-1].append(list(dict.fromkeys(number for number in numbers if number is not None)))
        self.n_rows = sum(map(len, self._files))
        self._written, self._formed = {}, set()  # they have done their work

    def _number(self, text: str, source: str) -> int | None:
        """Number of a text; None where it has no words."""
        number = self._written.get(text)
        if number is None:
            words = words_of(text)
            if not len(words):
                return None
            number = self._known.setdefault(words.tobytes(), len(self._known))
            if number == len(self.texts):
                self.texts.append(text)
                self.sources.append(())
                self._lengths.append(len(words))
            self._written[text] = number
            self._add_forms(number, words, text)
        if len(self.sources[number]) < _SOURCES and source not in self.sources[number]:
            self.sources[number] += (source,)
        return number

    def _add_forms(self, number: int, words: Numbers, text: str) -> None:
        """Note the forms of a text; another text with the same words may have other ones."""
        for form in (words, *(words_of(_PUNCTUATION.sub(by, text)) for by in ("", " "))):
            key = (number, form.tobytes())
            if len(form) and key not in self._formed:
                self._formed.add(key)
                self.forms.append((number, form))

    def common(self) -> Numbers:
        """For each text whether more than half of a file's rows have it, and more than three: the words of a prompt."""
        made = np.zeros(len(self.texts), np.bool_)
        for rows in self._files:
            counts = Counter(number for row in rows for number in row)
            most = max(_FEW, len(rows) / 2)
            made[[number for number, count in counts.items() if count > most]] = True
        return made

    def topics(self, common: Numbers) -> Numbers:
        """For each text a number that is equal for texts of rows that are about the same.

        Rows are about the same if the first long text is, whatever else they hold: attempts at one question are many
        rows, and still the question is that of one. What is ``common`` is not what they are about.
        """
        made = np.full(len(self.texts), -1)
        for row in (row for rows in self._files for row in rows):
            own = [number for number in row if not common[number]]
            if own:
                made[[number for number in own if made[number] < 0]] = self._topic(own)
        return made

    def _topic(self, numbers: list[int]) -> int:
        """The first long text, else the longest."""
        long = next((number for number in numbers if self._lengths[number] >= RUN), None)
        return max(numbers, key=self._lengths.__getitem__) if long is None else long


def file_texts(paths: Iterable[str | Path]) -> Iterator[tuple[str, str]]:
    """Every text in data files, nested ones too, each with its ``file:line``.

    Args:
        paths: Files that ``read_rows`` reads, or ``.txt`` files, of which each line is a text.

    Raises:
        DataError: A file or a row cannot be read, or a file has none.
        MissingExtra: Parquet is read with pyarrow, which is not installed.
    """
    for path in map(Path, paths):
        if path.suffix.lower() == ".txt":
            yield from _lines(path)
        else:
            _check_kind(path)
            for row, source in read_rows(path):
                yield from ((source, text) for text in _strings(row))


def _check_kind(path: Path) -> None:
    """Refuse what is neither text nor rows."""
    try:
        file_kind(path)
    except DataError as error:
        raise DataError(
            error.message, hint="Test data is read from .jsonl, .json, .csv and .parquet, each also with .gz behind, "
            "and from .txt, of which each line is a text.",
        ) from error  # fmt: skip


def example_texts(examples: Iterable[Example]) -> Iterator[tuple[str, str]]:
    """Every text in examples, each with where the example comes from."""
    for number, example in enumerate(examples, 1):
        source = example.source or f"test example:{number}"
        yield from ((source, text) for text in _strings([example.inputs, example.labels]))


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    number, empty = 0, True
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                empty = empty and not line.strip()
                yield f"{path}:{number}", line
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 behind line {number}", hint="Save the file as UTF-8.") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="Give --against a readable file.") from error
    if empty:
        raise DataError(f"{path} has no text", hint="Give --against a file with test data, a text a line.")


def _strings(value: Any) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
