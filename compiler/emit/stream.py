"""The half of an export that streams: from traces to rows that wait in the spool.

Each stage is a plain function over an iterator: select -> make (one kind of rows) -> check by the target's rules ->
decontaminate -> fill the spool. What a stage drops it writes into the ledger.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import orjson

from ...records import Trace
from ..keep.level import level_of
from .duplicates import digest_of, drop_near
from .kinds import MAKERS
from .kinds.base import NOT_JSON, Making
from .labels import label_of, source_of
from .near import NearIndex
from .provenance import provenance
from .select import Wanted, select
from .semantic import SemanticIndex
from .spool import Item, Numbers, Spool

if TYPE_CHECKING:
    from ..keep.ledger import Ledger
    from .choices import Choices, Dedup, Prefer
    from .formats.base import Format
    from .record import Kind, Record


JACCARD, COSINE = 0.8, 0.9
"""Similarities from which on rows are near, in words and in meaning, where nothing else was asked for."""


def make(traces: Iterable[Trace], wanted: Wanted, kind: Kind, making: Making) -> Iterator[Record]:
    """Select answers, and make the records of those to each input."""
    maker = MAKERS[kind]
    for answers in select(traces, wanted, making.ledger):
        yield from maker(answers, making)


def check(records: Iterable[Record], target: Format, ledger: Ledger) -> Iterator[Item]:
    """Make the row of each record; drop what the target would not take."""
    for record in records:
        row = target.row(record)
        if problems := target.check(row):
            ledger.dropped(record.id, "format check failed", "; ".join(problems))
            continue
        try:
            line = orjson.dumps(row)
        except orjson.JSONEncodeError as error:
            ledger.dropped(record.id, NOT_JSON, str(error))
        else:
            yield Item(record, line)


class Neighbours:
    """Which rows, and which inputs, are near each other. Used in ``with``.

    Args:
        folder: Where the indexes put their files.
        choices: Say which of the indexes are needed.
        vectors: Folder that keeps vectors that were paid for.
    """

    def __init__(self, folder: Path, choices: Choices, vectors: Path | None = None) -> None:
        near = choices.similarity if choices.similarity is not None and choices.dedup != "semantic" else JACCARD
        by_input = choices.together == "near" and len(choices.split) > 1
        with ExitStack() as stack:
            self._rows = stack.enter_context(NearIndex(folder, near)) if choices.dedup == "near" else None
            self._inputs = stack.enter_context(NearIndex(folder, near)) if by_input else None
            self._meanings: SemanticIndex | None = None
            if choices.dedup == "semantic" and choices.embedder is not None:
                index = SemanticIndex(folder, choices.embedder, choices.similarity or COSINE, cache=vectors)
                self._meanings = stack.enter_context(index)
            self._stack = stack.pop_all()
        self._input_of = array("I")
        self._first_row = array("I")
        self._last: str | None = None

    @property
    def needed(self) -> bool:
        """Whether there is an index at all."""
        return self._rows is not None or self._inputs is not None

    def add(self, item: Item) -> None:
        """Add the next row of the spool, with its words. Rows of one input are one in the index of inputs.

        An input is what went into the step: a predictor that is called again in a trace has another one.
        """
        if self._meanings is not None:
            self._meanings.add(f"{item.record.input_text}\n{item.record.answer_text}")
        if item.words is None:
            return
        if self._rows is not None:
            self._rows.add(item.words)
        if self._inputs is not None:
            if item.record.input_text != self._last:
                self._last = item.record.input_text
                self._first_row.append(len(self._input_of))
                self._inputs.add(item.words[: item.input_words])
            self._input_of.append(len(self._first_row) - 1)

    def drop_rows(self, spool: Spool, prefer: Sequence[Prefer]) -> None:
        """Of rows that are near each other, in words or in meaning, keep the best."""
        if self._rows is not None:
            drop_near(spool, self._rows.clusters(), prefer, self._rows.similarity, "near")
        if self._meanings is not None:
            drop_near(spool, self._meanings.clusters(), prefer, self._meanings.similarity, "semantic")

    def of_inputs(self) -> Numbers | None:
        """For each row one whose input is near its own; None where nobody asked."""
        if self._inputs is None:
            return None
        first = np.frombuffer(self._first_row, np.uint32)
        near: Numbers = first[self._inputs.clusters()][np.frombuffer(self._input_of, np.uint32)]
        return near

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def fill(
    spool: Spool, items: Iterable[Item], neighbours: Neighbours, dedup: Dedup, *, labels: tuple[str, ...],
    same: Mapping[str, str],
) -> None:  # fmt: skip
    """Put every row into the spool, and seal it.

    Args:
        spool: Gets the rows.
        items: The rows.
        neighbours: Told of each row.
        dedup: Which rows are duplicates.
        labels: Output fields that hold labels.
        same: For each predictor the first one that has the same signature.
    """
    for item in items:
        record = item.record
        level, predictor = level_of(record.first.trace), record.first.step.predictor or ""
        predictor = same.get(predictor, predictor)
        try:
            origin = orjson.dumps(provenance(record, level))
            digest = digest_of(record, dedup, predictor)
        except orjson.JSONEncodeError as error:
            spool.ledger.dropped(record.id, NOT_JSON, str(error))
            continue
        spool.add(item, origin=origin, digest=digest, level=level.number or 0, label=label_of(record, labels),
                  source=source_of(record), predictor=predictor)  # fmt: skip
        neighbours.add(item)
    spool.seal()
