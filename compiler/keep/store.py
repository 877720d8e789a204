"""The store: every trace that was ever made, with what was said of it.

Threads of one process share a ``Store``; processes share its database. Writing is enqueued and committed in
groups; reading sees what was enqueued before. All of it is SQL and JSON: nothing is ever unpickled.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, func, select, update

from ...errors import StoreError
from ...records import Candidate, Example, Json, Trace, Usage
from . import schema
from .batch import Added, Batches, Item, Judged, Row, upsert
from .connect import connect, explained, is_file, make_file, parse, shown, writing
from .ledger import LedgerEntry
from .migrate import migrate
from .query import PAGE, Group, Order, by_id, matching, numbers, pages
from .rows import candidate_row, read_candidate
from .runs import Evaluated, Run, Status, new_run_id
from .writer import Writer

DEFAULT = ".limbeck/store.db"
"""Where the store is unless ``--store`` says otherwise."""


class Store:
    """A database of runs, traces, verdicts, candidates and evaluations. Made by ``Store.open``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # One snapshot for the queries of a transaction; SQLite gives it anyway.
        level = None if is_file(engine.url) else "REPEATABLE READ"
        self._reader = engine.execution_options(isolation_level=level) if level else engine
        self._batches = Batches(engine)
        self._writer: Writer[Item] = Writer(self._batches.commit)
        # Also runs when the interpreter ends: what was added by then is written.
        self._end = weakref.finalize(self, _end, self._writer, engine)

    @classmethod
    def open(cls, url: str | Path = DEFAULT, *, create: bool = True, timeout: float = 60) -> Self:
        """Open a store; its schema is made or migrated where needed.

        Args:
            url: Path of an SQLite file, or an SQLAlchemy URL of SQLite or PostgreSQL.
            create: Whether to make the file if it is not there.
            timeout: Seconds to wait for another process that holds the database's lock.

        Raises:
            StoreError: It is not there, not writable, corrupted, locked, of a newer limbeck, or no store.
            MissingExtra: The driver of PostgreSQL is not installed.
        """
        place = parse(url)
        if is_file(place):
            make_file(place, create=create)
        engine = connect(place, timeout=timeout)
        try:
            with explained(place):
                migrate(engine, timeout=timeout)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def name(self) -> str:
        """Path or URL to show to people; without a password."""
        return shown(self._url)

    def __repr__(self) -> str:
        return f"Store({self.name!r})"

    # Traces

    def add(self, trace: Trace, *, run: str) -> None:
        """Enqueue a trace; one with the same id is replaced, with its verdicts.

        Raises:
            StoreError: An earlier record could not be written.
        """
        self._put_trace(Added(trace, run))

    def judged(self, trace: Trace) -> None:
        """Enqueue new verdicts, outcome and score of a trace that is stored; nothing else of it changes.

        Raises:
            StoreError: An earlier record could not be written.
        """
        self._put_trace(Judged(trace))

    def flush(self) -> None:
        """Wait until everything that was added before is committed.

        Raises:
            StoreError: It cannot be written.
        """
        self._writer.flush()

    def get(self, ids: Sequence[str], *, light: bool = False) -> dict[str, Trace]:
        """Read traces by id, in the order of the ids; those that are not there are left out.

        Ask for many at once: one that is not there costs as much as ten.

        Args:
            ids: Ids of traces.
            light: Leave out the steps, which are most of a trace.

        Raises:
            StoreError: The database cannot be read.
        """
        waiting = self._batches.unwritten(ids)
        if any(isinstance(item, Judged) for item in waiting.values()):
            self.flush()
            waiting = {}
        found = {key: replace(item.trace, steps=[]) if light else item.trace for key, item in waiting.items()}
        missing = [key for key in dict.fromkeys(ids) if key not in found]
        for start in range(0, len(missing), PAGE):
            with self._reading() as connection:
                for trace in by_id(connection, missing[start : start + PAGE], light=light):
                    found[trace.id] = trace
        return {key: found[key] for key in dict.fromkeys(ids) if key in found}

    def ids(self) -> array[int]:
        """The first 64 bits of the ids of all traces, sorted: eight bytes each.

        Raises:
            StoreError: The database cannot be read.
        """
        self.flush()
        with self._reading() as connection:
            return numbers(connection)

    def traces(
        self,
        *,
        task: str | None = None,
        run: str | None = None,
        outcome: str | None = None,
        lm: str | None = None,
        candidate: str | None = None,
        origin: str | None = None,
        attempt: int | None = None,
        limit: int | None = None,
        order: Order = "id",
        light: bool = False,
    ) -> Iterator[Trace]:
        """Stream traces that match; memory stays bounded, and others may write meanwhile.

        Traces that are added after the start are left out.

        Raises:
            StoreError: The database cannot be read.
        """
        self.flush()
        given = {"task": task, "run": run, "outcome": outcome, "lm": lm, "candidate": candidate}
        conditions = matching(schema.traces, {**given, "origin": origin, "attempt": attempt})
        left = limit
        for page in pages(self._reading, conditions, order, light=light, limit=limit):
            yield from page[:left]
            left = left and max(left - len(page), 0)

    def examples(self, *, task: str, inputs: Sequence[str]) -> list[Example]:
        """Read an example for each of these ``input_id`` that traces of a task have, in the order of the ids.

        Raises:
            StoreError: The database cannot be read.
        """
        self.flush()
        table = schema.traces.c
        found: dict[str, Example] = {}
        for start in range(0, len(inputs), PAGE):
            asked = select(table.input_id, table.inputs, table.labels, table.source).where(
                table.task == task, table.input_id.in_(inputs[start : start + PAGE])
            )
            with self._reading() as connection:
                for row in connection.execute(asked):
                    found.setdefault(row.input_id, Example(row.inputs, row.labels, row.source))
        return [found[name] for name in inputs if name in found]

    def count(self, by: Group = "outcome", **filters: str | int | None) -> dict[str, int]:
        """Count traces by a column, with the filters of ``traces``; "" is where there is no value.

        Raises:
            StoreError: The database cannot be read.
        """
        self.flush()
        column = schema.traces.c[by]
        statement = select(column, func.count()).where(*matching(schema.traces, filters)).group_by(column)
        with self._reading() as connection:
            rows = connection.execute(statement).all()
        return dict(sorted(("" if value is None else str(value), n) for value, n in rows))

    def used(self, **filters: str | int | None) -> tuple[int, Usage]:
        """Count matching traces, and add up what the LM calls of their rollouts used when they were made.

        Raises:
            StoreError: The database cannot be read.
        """
        self.flush()
        table = schema.traces.c
        columns = (table.calls, table.hits, table.input_tokens, table.output_tokens, table.usd)
        sums = [func.coalesce(func.sum(column), 0) for column in columns]
        statement = select(func.count(), func.count(table.usd), *sums).where(*matching(schema.traces, filters))
        with self._reading() as connection:
            n, priced, calls, hits, read, written, usd = connection.execute(statement).one()
        return n, Usage(int(calls), int(hits), int(read), int(written), float(usd) if priced == n else None)

    # Candidates and evaluations

    def add_candidate(self, candidate: Candidate, task: str) -> None:
        """Enqueue a candidate."""
        self._writer.put(Row(schema.candidates, candidate_row(candidate, task)))

    def candidate(self, id: str) -> Candidate | None:  # noqa: A002  # the word of the records
        """Read a candidate by its id."""
        self.flush()
        with self._reading() as connection:
            chosen = select(schema.candidates).where(schema.candidates.c.id == id)
            row = connection.execute(chosen).mappings().first()
        return None if row is None else read_candidate(row)

    def add_evaluation(
        self,
        run: str,
        candidate: str,
        split: str,
        *,
        mean: float | None,
        n: int,
        low: float | None = None,
        high: float | None = None,
        detail: Json | None = None,
    ) -> None:
        """Enqueue what a run measured of a candidate on a split; measured again, it is replaced."""
        measured = Evaluated(run, candidate, split, mean, n, low, high, detail or {})
        self._writer.put(Row(schema.evaluations, asdict(measured)))

    def evaluations(self, *, run: str | None = None, candidate: str | None = None) -> list[Evaluated]:
        """Read what was measured, by run, candidate and split."""
        self.flush()
        table = schema.evaluations
        statement = select(table).where(*matching(table, {"run": run, "candidate": candidate}))
        with self._reading() as connection:
            rows = connection.execute(statement.order_by(*table.primary_key)).mappings().all()
        return [Evaluated(**row) for row in rows]

    # Runs

    def start_run(self, task: str, command: str, args: Mapping[str, object]) -> str:
        """Write down that a run started; returns its id. ``args`` must hold no secrets."""
        now = datetime.now(UTC)
        run = Run(new_run_id(now), task, command, "running", now, args=dict(args))
        with explained(self._url), writing(self._engine) as connection:
            upsert(connection, schema.runs, [asdict(run)])
        return run.id

    def finish_run(self, run: str, status: Status, summary: Mapping[str, object]) -> None:
        """Commit everything that was added, and write down what became of a run."""
        self.flush()
        values = {"status": status, "finished": datetime.now(UTC), "summary": dict(summary)}
        with explained(self._url), writing(self._engine) as connection:
            connection.execute(update(schema.runs).where(schema.runs.c.id == run).values(values))

    def runs(self, *, task: str | None = None, command: str | None = None, limit: int | None = None) -> list[Run]:
        """Read runs, the latest first."""
        table = schema.runs
        statement = select(table).where(*matching(table, {"task": task, "command": command}))
        statement = statement.order_by(table.c.started.desc(), table.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [Run(**row) for row in connection.execute(statement).mappings()]

    # The ledger

    def note(self, run: str, stage: str, item: str, reason: str, detail: str = "") -> None:
        """Enqueue an entry of a run's ledger: something planned or read that was not kept, and why."""
        entry = LedgerEntry(stage, item, reason, detail)
        self._writer.put(Row(schema.ledger, {"run": run, **asdict(entry)}))

    def ledger(self, run: str) -> Iterator[LedgerEntry]:
        """Stream a run's ledger in the order in which it was written."""
        self.flush()
        table, place = schema.ledger, 0
        chosen = select(table).where(table.c.run == run).order_by(table.c.seq).limit(PAGE)
        more = True
        while more:
            with self._reading() as connection:
                rows = connection.execute(chosen.where(table.c.seq > place)).all()
            yield from (LedgerEntry(row.stage, row.item, row.reason, row.detail) for row in rows)
            more = len(rows) == PAGE
            place = rows[-1].seq if rows else place

    def ledger_counts(self, run: str) -> dict[str, int]:
        """Count a run's ledger by reason."""
        self.flush()
        table = schema.ledger
        statement = select(table.c.reason, func.count()).where(table.c.run == run).group_by(table.c.reason)
        with self._reading() as connection:
            return dict(sorted((reason, n) for reason, n in connection.execute(statement)))

    # The end

    def close(self) -> None:
        """Commit everything and let go of the database; closing twice does nothing.

        Raises:
            StoreError: Something that was added could not be written.
        """
        if self._end.alive:
            try:
                self.flush()
            finally:
                self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _url(self) -> URL:
        return self._engine.url

    def _put_trace(self, item: Added | Judged) -> None:
        self._batches.announce(item)
        self._writer.put(item)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if not self._end.alive:
            raise StoreError(f"the store {self.name} is closed")
        with explained(self._url), self._reader.connect() as connection:
            yield connection


def _end(writer: Writer[Item], engine: Engine) -> None:
    writer.close()
    engine.dispose()
