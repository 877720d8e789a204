"""Batches of records as few SQL statements, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, Table, bindparam, update
from sqlalchemy.dialects import postgresql

from ...records import Json, Trace
from .connect import explained, writing
from .rows import judgment_row, trace_row
from .schema import traces


@dataclass(frozen=True)
class Added:
    """A trace to write, made by a run."""

    trace: Trace
    run: str


@dataclass(frozen=True)
class Judged:
    """A trace that is stored already, with new verdicts."""

    trace: Trace


@dataclass(frozen=True)
class Row:
    """A row of any other table."""

    table: Table
    values: Json


_CHUNKS = (250, 25, 1) if sqlite3.sqlite_version_info >= (3, 32) else (16, 1)
"""Rows that are written in one statement; before 3.32, SQLite took 999 values in one."""

Item = Added | Judged | Row


Judgment = Added | Judged


class Batches:
    """Commits batches, and knows what is not committed yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._unwritten: dict[str, tuple[int, Judgment]] = {}  # how many items of a trace wait, and their sum

    def announce(self, item: Judgment) -> None:
        """Remember a trace until it is committed, so that it can be read at once."""
        with self._lock:
            count, before = self._unwritten.get(item.trace.id, (0, None))
            self._unwritten[item.trace.id] = (count + 1, _merge(before, item))

    def unwritten(self, ids: Iterable[str]) -> dict[str, Judgment]:
        """Those of the traces that are not committed yet."""
        with self._lock:
            if not self._unwritten:
                return {}
            return {key: self._unwritten[key][1] for key in ids if key in self._unwritten}

    def commit(self, items: list[Item]) -> None:
        """Write a batch in one transaction.

        Raises:
            StoreError: The database refuses.
        """
        of_trace: dict[str, Judgment] = {}
        rows: dict[Table, list[Json]] = {}
        for item in items:
            if isinstance(item, Row):
                rows.setdefault(item.table, []).append(item.values)
            else:
                of_trace[item.trace.id] = _merge(of_trace.get(item.trace.id), item)
        with explained(self._engine.url), writing(self._engine) as connection:
            if of_trace:
                _write_traces(connection, of_trace)
            for table, values in rows.items():
                upsert(connection, table, values)
        self._forget(items)

    def _forget(self, items: list[Item]) -> None:
        with self._lock:
            for item in items:
                if not isinstance(item, Row):
                    count, last = self._unwritten.pop(item.trace.id)
                    if count > 1:
                        self._unwritten[item.trace.id] = (count - 1, last)


def upsert(connection: Connection, table: Table, rows: list[Json], *, key: str | None = None) -> None:
    """Insert rows; one whose key is there replaces the old row, and of several with one key the last stays.

    Args:
        connection: In a transaction that writes.
        table: Where to.
        rows: Values by column, all with the same columns.
        key: Unique column; the primary key by default, unless that is a serial number: then none is replaced.
    """
    keys = [key] if key else [column.name for column in table.primary_key if column.name in rows[0]]
    if keys:
        rows = list({tuple(row[name] for name in keys): row for row in rows}.values())
    if connection.dialect.name == "sqlite":
        _upsert_sqlite(connection, table, rows, keys)
        return
    statement = postgresql.insert(table)
    if keys:
        new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=new)
    # RETURNING makes SQLAlchemy send many rows a statement.
    connection.execute(statement.returning(next(iter(table.primary_key))), rows)


def _upsert_sqlite(connection: Connection, table: Table, rows: list[Json], keys: list[str]) -> None:
    """Many rows a statement, put together here: SQLAlchemy's own way takes half of the time of a large import.

    One statement a row would be slower still: each costs the other threads a change of the interpreter's lock.
    """
    columns = [table.c[name] for name in rows[0]]
    binds = [(c.name, c.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)) for c in columns]
    names = ", ".join(c.name for c in columns)
    place = f"({', '.join('?' * len(columns))})"
    replaced = ", ".join(f"{c.name} = excluded.{c.name}" for c in columns if c.name not in keys)
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {replaced}" if keys else ""
    for chunk in _chunks(rows):
        values = tuple(bind(row[name]) if bind else row[name] for row in chunk for name, bind in binds)
        places = ", ".join([place] * len(chunk))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES {places}{conflict}", values)  # noqa: S608


def _chunks(rows: list[Json]) -> Iterator[list[Json]]:
    """Cut rows into few different lengths: each is a statement of its own, a large one, which SQLite keeps compiled."""
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _merge(before: Judgment | None, item: Judgment) -> Judgment:
    """What two writes of one trace come to."""
    if isinstance(item, Judged) and isinstance(before, Added):
        return Added(replace(before.trace, verdicts=item.trace.verdicts), before.run)
    return item


def _write_traces(connection: Connection, of_trace: Mapping[str, Judgment]) -> None:
    now = datetime.now(UTC)
    added = [trace_row(item.trace, item.run, now) for item in of_trace.values() if isinstance(item, Added)]
    if added:
        upsert(connection, traces, added, key="id")
    judged = [
        {"trace": item.trace.id, **{f"new_{name}": value for name, value in judgment_row(item.trace).items()}}
        for item in of_trace.values()
        if isinstance(item, Judged)
    ]
    if judged:
        connection.execute(_JUDGE, judged)


_JUDGE = (
    update(traces)
    .where(traces.c.id == bindparam("trace"))
    .values({name: bindparam(f"new_{name}") for name in ("verdicts", "outcome", "reason", "score")})
)
