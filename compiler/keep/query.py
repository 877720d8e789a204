"""What can be asked of stored traces: filters, groups and orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Table, func, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from ...records import Trace, Verdict
from .rows import read_trace, read_verdict
from .schema import traces, verdicts

Order = Literal["id", "input", "added"]
"""``id``: the same whatever the concurrency. ``input``: likewise, with traces of equal inputs side by side.
``added``: as they were committed."""

Group = Literal["outcome", "reason", "task", "run", "candidate", "lm", "adapter", "origin", "attempt"]
"""What ``count`` can count by."""

Connect = Callable[[], AbstractContextManager[Connection]]

PAGE = 500
"""Traces that are read at once; also under the number of parameters that every SQLite takes (999)."""

_ORDERS = {"id": ("id",), "input": ("input_id", "id"), "added": ("seq",)}

# Not needed to build a trace, nor to find the place where a page ended.
_EXTRA = {"run", "example_id", "outcome", "reason", "final", "score", "created"}


def matching(table: Table, values: Mapping[str, object]) -> list[ColumnElement[bool]]:
    """Conditions that columns equal values; None is no condition."""
    return [table.c[name] == value for name, value in values.items() if value is not None]


def by_id(connection: Connection, ids: Sequence[str], *, light: bool) -> list[Trace]:
    """Read traces by their ids, in no order."""
    statement = select(*_columns(light=light)).where(traces.c.id.in_(ids))
    return _build(connection, connection.execute(statement).mappings().all())


def pages(
    connect: Connect,
    conditions: Sequence[ColumnElement[bool]],
    order: Order,
    *,
    light: bool,
    limit: int | None,
) -> Iterator[list[Trace]]:
    """Read in pages, each in a short transaction of its own, so that writers are never held up.

    What is added meanwhile is left out, or a reader that adds what it makes of each trace might never end.
    """
    keys = [traces.c[name] for name in _ORDERS[order]]
    with connect() as connection:
        last = connection.execute(select(func.coalesce(func.max(traces.c.seq), 0))).scalar_one()
    statement = select(*_columns(light=light)).where(traces.c.seq <= last, *conditions)
    size = PAGE if limit is None else min(PAGE, limit)
    statement = statement.order_by(*keys).limit(size)
    page, more = statement, last > 0 and size > 0
    while more:
        with connect() as connection:
            rows = connection.execute(page).mappings().all()
            found = _build(connection, rows)
        yield found
        more = len(rows) == size
        if more:
            page = statement.where(tuple_(*keys) > tuple_(*(rows[-1][key.name] for key in keys)))


def _columns(*, light: bool) -> list[ColumnElement[Any]]:
    """Columns to read; ``light`` leaves out the steps, which are most of a trace."""
    skipped = _EXTRA | {"steps"} if light else _EXTRA
    return [column for column in traces.c if column.name not in skipped]


def _build(connection: Connection, rows: Sequence[RowMapping]) -> list[Trace]:
    judged = _verdicts(connection, [row["id"] for row in rows])
    return [read_trace(row, judged.get(row["id"], [])) for row in rows]


def _verdicts(connection: Connection, ids: Sequence[str]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    if ids:
        chosen = select(verdicts).where(verdicts.c.trace_id.in_(ids))
        for row in connection.execute(chosen.order_by(verdicts.c.trace_id, verdicts.c.position)).mappings():
            found.setdefault(row["trace_id"], []).append(read_verdict(row))
    return found
