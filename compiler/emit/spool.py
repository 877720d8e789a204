"""Rows that wait on disk until everything is known of all of them.

Which of several equal rows is kept, which side of a split a row falls on and whether a quota is full can be told only
when all rows are there. So each row is made once, written to a file, and stands for itself in memory with some
hundred bytes of numbers in columns. What decides works on the columns; what is kept is copied from the file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson

from ...records import Json
from ..keep.ledger import Ledger
from .labels import OTHER, lm_of
from .outdir import writing
from .record import Record

Numbers = npt.NDArray[Any]

FILE = ".rows"
"""Name of the file, in the directory that is being written; it is gone when that is done."""

MOST_NAMES = 10_000
"""Most labels, sources or LMs that are told apart; all that come later are one. Names of rows would fill the memory."""


@dataclass(slots=True)
class Item:
    """A record on its way into the spool.

    Attributes:
        record: The record.
        row: Its row as JSON, without a newline.
        words: Hashes of the words of its input, then of its answer; None where nothing needs them.
        input_words: How many of them are of the input.
    """

    record: Record
    row: bytes
    words: Numbers | None = None
    input_words: int = 0


@dataclass(frozen=True)
class Columns:
    """What is known of each row, in the order in which rows came; ``n`` numbers each.

    Attributes:
        input: 64 bits that stand for the row's ``input_id``.
        digest: (n, 2) 128 bits that are the same where rows are equal.
        score: Score of the row's first answer.
        level: 1 to 6; 0 where nothing says.
        characters: Length of input and answer.
        attempts: Judged traces of the input.
        passes: How many of them passed.
        label: Number of the row's label in ``Spool.labels``.
        source: Number of the row's source in ``Spool.sources``.
        lm: Number of the row's LM in ``Spool.lms``.
        predictor: Number of the row's predictor in ``Spool.predictors``; one for all that have the same signature.
        good: 1 or 0 where the row says whether its answer is good, else -1.
        tools: 1 where the row has tools.
    """

    input: Numbers
    digest: Numbers
    score: Numbers
    level: Numbers
    characters: Numbers
    attempts: Numbers
    passes: Numbers
    label: Numbers
    source: Numbers
    lm: Numbers
    predictor: Numbers
    good: Numbers
    tools: Numbers


_TYPES = {"input": "Q", "digest": "Q", "score": "d", "level": "b", "characters": "I", "attempts": "I", "passes": "I",
          "label": "i", "source": "i", "lm": "i", "predictor": "i", "good": "b", "tools": "b"}  # fmt: skip


class Spool:
    """Rows on disk, and columns of numbers about them. Used in ``with``; the file is removed at its end.

    Args:
        folder: Where the file is put.
        ledger: Told of rows that are dropped.

    Attributes:
        alive: Whether each row is still to be written; after ``seal``.
        columns: What is known of each row; after ``seal``.
        labels: Labels by number. A row without one has the label "".
        sources: Sources by number.
        lms: LMs by number.
        predictors: Predictors by number.
        extra: Names of the extra columns that rows have.
    """

    alive: npt.NDArray[np.bool_]
    columns: Columns

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        self.labels: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.lms: dict[str, int] = {}
        self.predictors: dict[str, int] = {}
        self.extra: tuple[str, ...] = ()
        self._path = folder / FILE
        self._ends = array("Q", [0])
        self._splits = array("I")
        self._arrays: dict[str, array[Any]] = {name: array(kind) for name, kind in _TYPES.items()}
        with writing(self._path):
            self._file = self._path.open("w+b", buffering=1 << 20)

    def __len__(self) -> int:
        return len(self._splits)

    def add(
        self, item: Item, *, origin: bytes, digest: bytes, level: int, label: str, source: str, predictor: str = ""
    ) -> None:
        """Write a row down.

        Args:
            item: The row.
            origin: Its provenance, as JSON.
            digest: 16 bytes, equal for rows that are duplicates.
            level: 1 to 6, or 0.
            label: Its label, or "".
            source: Where its example comes from.
            predictor: The first predictor with the signature of its own.
        """
        record, first = item.record, item.record.first
        with writing(self._path):
            self._file.write(item.row)
            self._file.write(origin)
        self._ends.append(self._ends[-1] + len(item.row) + len(origin))
        self._splits.append(len(item.row))
        to = self._arrays
        to["input"].append(int(first.trace.example.input_id[:16], 16))
        to["digest"].frombytes(digest)
        to["score"].append(first.reward)
        to["level"].append(level)
        to["characters"].append(len(record.input_text) + len(record.answer_text))
        to["attempts"].append(first.attempts)
        to["passes"].append(first.passes)
        to["label"].append(_number(self.labels, label))
        to["source"].append(_number(self.sources, source))
        to["lm"].append(_number(self.lms, lm_of(record)))
        to["predictor"].append(_number(self.predictors, predictor))
        to["good"].append(-1 if record.label is None else int(record.label))
        self.extra = self.extra or tuple(record.columns)
        to["tools"].append(int(record.has_tools))

    def seal(self) -> None:
        """End adding: the columns become arrays, and every row is alive."""
        with writing(self._path):
            self._file.flush()
        made = {name: np.frombuffer(values, dtype=values.typecode) for name, values in self._arrays.items()}
        made["digest"] = made["digest"].reshape(-1, 2)
        self.columns = Columns(**{column.name: made[column.name] for column in fields(Columns)})
        self.alive = np.ones(len(self), dtype=np.bool_)

    def read(self, index: int) -> tuple[bytes, bytes]:
        """Row and provenance, each as JSON."""
        start, end, size = self._ends[index], self._ends[index + 1], self._splits[index]
        with writing(self._path):
            data = os.pread(self._file.fileno(), end - start, start)
        return data[:size], data[size:]

    def id(self, index: int) -> str:
        """The row's identity."""
        origin: Json = orjson.loads(self.read(index)[1])
        return str(origin["row"])

    def drop(self, rows: Iterable[int], reason: str, detail: Callable[[int], str] = lambda _: "") -> None:
        """Take rows out, and tell the ledger.

        Args:
            rows: Indices of rows that are alive.
            reason: A few words, the same for all of them.
            detail: Gives the words for one of them.
        """
        for index in rows:
            self.alive[index] = False
            self.ledger.dropped(self.id(int(index)), reason, detail(int(index)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk takes no last bytes either; nobody needs them
            self._file.close()
        self._path.unlink(missing_ok=True)


def _number(names: dict[str, int], name: str) -> int:
    """The number of a name; that of ``OTHER`` for a new one where there are too many."""
    if name not in names and len(names) >= MOST_NAMES:
        name = OTHER
    return names.setdefault(name, len(names))
