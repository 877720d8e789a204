"""What can be asked of stored traces: filters, groups and orders."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

from sqlalchemy import Connection, Table, select
from sqlalchemy.sql.elements import ColumnElement

from ...records import Trace
from .rows import read_trace
from .schema import traces

Order = Literal["id", "input", "added", "newest"]
"""``id``: the same whatever the concurrency. ``input``: likewise, with traces of equal inputs side by side.
``added``: as they were committed. ``newest``: the last committed first."""

Group = Literal["outcome", "reason", "task", "run", "candidate", "lm", "adapter", "origin", "attempt"]
"""What ``count`` can count by."""

Connect = Callable[[], AbstractContextManager[Connection]]

PAGE = 500
"""Traces that are read at once; also under the number of parameters that every SQLite takes (999)."""

_ORDERS = {
    "id": (traces.c.id,),
    "input": (traces.c.input_id, traces.c.id),
    "added": (traces.c.seq,),
    "newest": (traces.c.seq.desc(),),
}

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")

# Not needed to build a trace.
_EXTRA = {"input_id", "run", "example_id", "outcome", "reason", "final", "score", "created"}


def matching(table: Table, values: Mapping[str, object]) -> list[ColumnElement[bool]]:
    """Conditions that columns equal values; None is no condition."""
    return [table.c[name] == value for name, value in values.items() if value is not None]


def by_id(connection: Connection, ids: Sequence[str], *, light: bool) -> list[Trace]:
    """Read traces by their ids, in no order."""
    statement = select(*_columns(light=light)).where(traces.c.id.in_(ids))
    return [read_trace(row) for row in connection.execute(statement).mappings()]


def numbers(connection: Connection) -> array[int]:
    """The first 64 bits of the ids of all traces, sorted; ids that ``fingerprint`` did not give are left out."""
    import numpy as np

    keys = connection.execute(select(traces.c.id).execution_options(yield_per=10 * PAGE)).scalars()
    found = array("Q", (int(key[:16], 16) for key in keys if _FINGERPRINT.fullmatch(key)))
    np.frombuffer(found, dtype=np.uint64).sort()  # in place
    return found


def pages(
    connect: Connect,
    conditions: Sequence[ColumnElement[bool]],
    order: Order,
    *,
    light: bool,
    limit: int | None,
) -> Iterator[list[Trace]]:
    """Read in pages, each in a short transaction of its own, so that writers are never held up.

    Which traces, and in which order, is settled first, in eight bytes a trace: what is added meanwhile is left out, or
    a reader that adds what it makes of each trace might never end.
    """
    chosen = select(traces.c.seq).where(*conditions).order_by(*_ORDERS[order]).limit(limit)
    with connect() as connection:
        numbers = array("q", connection.execute(chosen).scalars())
    for start in range(0, len(numbers), PAGE):
        page = numbers[start : start + PAGE].tolist()
        wanted = select(*_columns(light=light)).where(traces.c.seq.in_(page))
        with connect() as connection:
            found = {row["seq"]: read_trace(row) for row in connection.execute(wanted).mappings()}
        yield [found[number] for number in page if number in found]


def _columns(*, light: bool) -> list[ColumnElement[Any]]:
    """Columns to read; ``light`` leaves out the steps, which are most of a trace."""
    skipped = _EXTRA | {"steps"} if light else _EXTRA
    return [column for column in traces.c if column.name not in skipped]
