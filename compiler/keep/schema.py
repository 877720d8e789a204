"""Tables of the store. What changes here needs a new file in ``migrations/versions``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import UserDefinedType

from .jsontext import clean, dumps, loads

VERSION = "0002"
"""Schema that this code reads and writes: the newest file in ``migrations/versions``."""

OLDER = ("0001",)
"""Schemas that are migrated when a store is opened."""


class Words(UserDefinedType[str]):
    """Text of any origin, cleaned of what a database refuses.

    Not a ``TypeDecorator``, which costs two more function calls a value: a third of the time of an insert (measured).
    """

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The same column as ``Text``."""
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Clean on the way in."""
        return _clean


class JsonText(UserDefinedType[Any]):
    """A JSON value as text; None is NULL. Never pickle."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The same column as ``Text``."""
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:
        """Write with orjson."""
        return _dumps

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[object], Any]:
        """Read with orjson.

        Raises:
            ValueError: Somebody else wrote what is no JSON text.
        """
        return _loads


def _clean(value: str | None) -> str | None:
    return None if value is None else clean(value)


def _dumps(value: object) -> str | None:
    return None if value is None else dumps(value)


def _loads(value: object) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):  # SQLite keeps whatever it is given, whatever the column's type
        raise ValueError(f"{value!r:.40} is no text")  # noqa: TRY004  # as for other text that is no JSON
    return loads(value)


class Moment(TypeDecorator[datetime]):
    """A point in time in UTC; SQLite has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


# SQLite numbers rows by itself only where the type is INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Words, primary_key=True),
    Column("task", Words, nullable=False),
    Column("command", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("args", JsonText, nullable=False),
    Column("summary", JsonText),
)

# Verdicts stand in the row of their trace: a table of their own, keyed by hashes, would take as long to write as the
# traces, and nothing asks for verdicts without their trace. Ids are hashes too, so every index on them is paid for at
# each insert; there is one.
#
# The large columns stand last: SQLite reads a row from its start, and a query that leaves them out never
# touches the pages on which they overflow.
traces = Table(
    "traces",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False, unique=True),
    Column("task", Words, nullable=False),
    Column("run", Words, nullable=False),
    Column("example_id", Text, nullable=False),
    Column("input_id", Text, nullable=False),
    Column("candidate", Words, nullable=False),
    Column("program", Words, nullable=False),
    Column("lm", Words, nullable=False),
    Column("adapter", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("final", Boolean, nullable=False),
    Column("score", Float),
    Column("calls", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("usd", Float),
    Column("source", Words),
    Column("created", Moment, nullable=False),
    Column("inputs", JsonText, nullable=False),
    Column("labels", JsonText, nullable=False),
    Column("prediction", JsonText),
    Column("failure", JsonText),
    Column("meta", JsonText, nullable=False),
    Column("verdicts", JsonText, nullable=False),
    Column("steps", JsonText, nullable=False),
)

candidates = Table(
    "candidates",
    metadata,
    Column("id", Words, primary_key=True),
    Column("task", Words, nullable=False),
    Column("instructions", JsonText, nullable=False),
    Column("demos", JsonText, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("run", Words, primary_key=True),
    Column("candidate", Words, primary_key=True),
    Column("split", Words, primary_key=True),
    Column("mean", Float),
    Column("n", Integer, nullable=False),
    Column("low", Float),
    Column("high", Float),
    Column("detail", JsonText, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=True),
    Column("run", Words, nullable=False),
    Column("stage", Words, nullable=False),
    Column("item", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Index("ledger_by_run", "run", "seq"),
)
