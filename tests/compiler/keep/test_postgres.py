"""PostgreSQL beyond what the tests of the store do on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, make_url, text

from limbeck.compiler.keep.migrate import VERSION_TABLE
from limbeck.compiler.keep.store import Store
from limbeck.errors import StoreError


def test_a_shared_database(empty_postgres: str, trace) -> None:
    """A database in which others have tables can hold a store; opened again, it is found."""
    engine = create_engine(empty_postgres)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS theirs (x int)"))
    engine.dispose()
    with Store.open(empty_postgres) as store:
        store.add(trace(1), run="r")
    with Store.open(empty_postgres) as store:
        assert list(store.traces()) == [trace(1)]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE theirs"))
    engine.dispose()


def test_a_newer_store_is_refused(empty_postgres: str) -> None:
    """As with SQLite; and no message holds the password."""
    Store.open(empty_postgres).close()
    engine = create_engine(empty_postgres)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="schema 0999") as caught:
        Store.open(empty_postgres)
    password = make_url(empty_postgres).password
    assert not password or password not in str(caught.value)
