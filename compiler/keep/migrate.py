"""Bring a store's schema up to date. Alembic is imported only where there is something to do."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, MetaData, Table, Text, inspect, select
from sqlalchemy.schema import Column

from ...errors import StoreError
from .connect import is_file, shown, use_wal, writing
from .schema import OLDER, VERSION

VERSION_TABLE = "limbeck_version"
"""Not alembic's default name: optuna and others keep theirs in it, and a team's database may be shared."""

_versions = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def migrate(engine: Engine, *, timeout: float) -> None:
    """Make or migrate the tables, unless they are up to date.

    Of several processes that open a store at once, one migrates while the others wait; a process that
    is killed in between leaves the store as it was.

    Raises:
        StoreError: The store is of a newer limbeck, or is a database of something else.
    """
    with engine.connect() as connection:
        if _current(connection, engine.url):
            return
    if is_file(engine.url):
        use_wal(engine, timeout)
    with writing(engine) as connection:
        if not _current(connection, engine.url):
            _upgrade(connection)


def _current(connection: Connection, url: URL) -> bool:
    """Whether the schema is this code's; False where it is older or there is none yet."""
    tables = inspect(connection)
    if not tables.has_table(VERSION_TABLE):
        if is_file(url) and tables.get_table_names():
            raise StoreError(
                f"{shown(url)} is a database, but not a store of limbeck",
                hint="Give another file with --store.",
            )
        return False
    version = connection.execute(select(_versions.c.version_num)).scalar()
    if version is not None and version != VERSION and version not in OLDER:
        raise StoreError(
            f"the store {shown(url)} has schema {version}, and this limbeck knows schemas up to {VERSION}",
            hint="Upgrade limbeck: pip install --upgrade limbeck.",
        )
    return bool(version == VERSION)


_ONE_AT_A_TIME = threading.Lock()
"""alembic keeps what it works on in globals; two stores that are made in two threads would write into each other."""


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    # A program that logs at INFO has no use for what alembic says there.
    logger = logging.getLogger("alembic")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")
