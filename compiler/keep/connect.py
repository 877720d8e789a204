"""Connections to the store's database, and what its errors mean to a user."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from ...errors import MissingExtra, StoreError

_WRITE = "limbeck_write"  # execution option of transactions that write
_HEADER = b"SQLite format 3\0"
_LOCK = 0x6C696D62  # key of the advisory lock in PostgreSQL: "limb"

LOCKED_HINT = "Another process is writing to it for long; wait for it or stop it, or give another --store."
BROKEN_HINT = "Give another --store, or move the file away and run again: cached LM answers are not paid twice."
WRITE_HINT = "Give a path in a directory that you can write to, with --store."


def parse(location: str | Path) -> URL:
    """Turn a path or an SQLAlchemy URL into the URL to connect to.

    Raises:
        StoreError: The URL is malformed, or names a database that a store cannot be in.
    """
    if isinstance(location, Path) or "://" not in location:
        return URL.create("sqlite+pysqlite", database=str(location))
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):
        # The URL is not repeated: it may hold a password.
        raise StoreError(
            f"the store's URL, which starts with {location.partition('://')[0] + '://'!r}, cannot be read",
            hint="Give a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE.",
        ) from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        return _file_url(url)
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"the store {shown(url)} is in a database that limbeck does not know",
        hint="Give a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE.",
    )


def shown(url: URL) -> str:
    """Name of a store for messages: no password, and no query, which may hold one too."""
    if is_file(url):
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def is_file(url: URL) -> bool:
    """Whether the store is an SQLite file."""
    return url.get_backend_name() == "sqlite"


def make_file(url: URL, *, create: bool) -> None:
    """See to it that an SQLite file is there, readable by its owner only where it is new.

    Raises:
        StoreError: It cannot be, or it is not there and not to be made.
    """
    path = Path(str(url.database))
    if path.is_dir():
        raise StoreError(f"the store {shown(url)} is a directory", hint=f"Give a file in it: {path / 'store.db'}.")
    try:
        if path.exists():
            _check_header(path)
            return
        if not create:
            raise StoreError(
                f"there is no store at {shown(url)}",
                hint="Run limbeck compile or limbeck import first, or give its place with --store.",
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"the store {shown(url)} cannot be made: {error.strerror}", hint=WRITE_HINT) from error


def connect(url: URL, *, timeout: float) -> Engine:
    """Make the engine: short read transactions, and write transactions that take their lock at the start.

    Args:
        url: What ``parse`` returned.
        timeout: Seconds to wait for another process's lock.

    Raises:
        MissingExtra: The database's driver is not installed.
    """
    arguments: dict[str, Any] = {"timeout": timeout} if is_file(url) else {"connect_timeout": 10}
    try:
        engine = create_engine(url, connect_args=arguments, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise MissingExtra(
            "a store in PostgreSQL needs psycopg, which is not installed",
            hint="Install it: pip install 'limbeck[postgres]'.",
        ) from error
    if is_file(url):
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def use_wal(engine: Engine, timeout: float) -> None:
    """Switch an SQLite file to write-ahead logging, which lets others read while one writes.

    It stays switched. SQLite does not wait for locks here, so that two processes that make one store at
    once have to try again. A file system that cannot do it (some network ones) keeps the old journal.
    """
    end = time.monotonic() + timeout
    with closing(engine.raw_connection()) as connection:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)
            else:
                return


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes, one at a time over all processes on both kinds of database.

    So two processes that write the same traces cannot end in a deadlock, and rows are numbered in the
    order in which they are committed.
    """
    with engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
        if not is_file(engine.url):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield connection


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn what the database raises into a StoreError of one line and a hint."""
    try:
        yield
    except DBAPIError as error:
        raise _store_error(url, str(error.orig)) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _store_error(url, str(error)) from error
    except (TypeError, ValueError) as error:
        message = f"the store {shown(url)} holds a record that cannot be read: {error}"
        raise StoreError(message, hint=BROKEN_HINT) from error


def _file_url(url: URL) -> URL:
    path = url.database or ":memory:"
    if path.startswith(("file:", ":memory:")) or url.query:
        raise StoreError(
            f"the store {path!r} is no plain file",
            hint="A store is shared by threads and processes: give a path such as .limbeck/store.db.",
        )
    return URL.create("sqlite+pysqlite", database=path)


def _check_header(path: Path) -> None:
    """Refuse a file of something else: SQLite takes one below its page size for empty, and writes over it."""
    with path.open("rb") as file:
        header = file.read(len(_HEADER))
    if header and header != _HEADER:
        raise StoreError(f"the store {path} is not a database, or is corrupted", hint=BROKEN_HINT)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Leave transactions to ``_begin_sqlite``; sync at checkpoints: a commit survives a killed process."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=NORMAL")
    # Ids are hashes, so inserts land all over the indexes: without these, pages go out and in again, and
    # every thousand pages are copied from the log (measured: two thirds of the time of large imports).
    connection.execute("PRAGMA cache_size=-16384")  # KiB
    connection.execute("PRAGMA wal_autocheckpoint=8192")  # pages


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a read lock that is raised later fails where another process writes."""
    writes = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _store_error(url: URL, said: str) -> StoreError:
    name, line = shown(url), said.strip().partition("\n")[0]
    if url.password:
        line = line.replace(str(url.password), "***")
    for sign, message, hint in (
        ("locked", "is locked", LOCKED_HINT),
        ("not a database", "is not a database, or is corrupted", BROKEN_HINT),
        ("malformed", "is corrupted", BROKEN_HINT),
        ("readonly", "cannot be written", WRITE_HINT),
        ("unable to open", "cannot be opened or written", WRITE_HINT),
        ("is full", "cannot grow: the disk is full", "Make room and run the same command again."),
    ):
        if is_file(url) and sign in line:
            return StoreError(f"the store {name} {message}", hint=hint)
    return StoreError(f"the database of the store {name} failed: {line}")
