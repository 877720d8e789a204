"""Stores and traces for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from limbeck.compiler.keep.migrate import VERSION_TABLE
from limbeck.compiler.keep.schema import metadata
from limbeck.compiler.keep.store import Store
from limbeck.records import Call, Example, Step, Trace, Usage, Verdict

POSTGRES = os.environ.get("LIMBECK_TEST_POSTGRES")


@pytest.fixture
def trace() -> Callable[..., Trace]:
    """Make a typical trace; keyword arguments replace its fields."""

    def make(number: int = 0, *, passed: bool = True, **fields) -> Trace:
        call = Call("openai/x", [{"role": "user", "content": f"question {number}"}], "answer", {"n": 1}, [], 3, 5)
        given = {
            "id": f"{number:032x}",
            "task": "tickets",
            "example": Example({"text": f"text {number}"}, {"team": "billing"}, f"train.jsonl:{number + 1}"),
            "candidate": "base",
            "lm": "openai/x",
            "prediction": {"team": "billing"},
            "steps": [Step("classify", {"text": f"text {number}"}, {"team": "billing"}, [call])],
            "verdicts": [Verdict("metric", passed, float(passed), "", {"gold": "billing"}, "v1")],
            "usage": Usage(1, 0, 3, 5, 0.001),
            "program": "p1",
        }
        return Trace(**{**given, **fields})

    return make


@pytest.fixture
def empty_postgres() -> str:
    """URL of a PostgreSQL database without tables."""
    if POSTGRES is None:
        pytest.skip("needs a PostgreSQL database, whose URL is in LIMBECK_TEST_POSTGRES")
    engine = create_engine(POSTGRES)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))
    engine.dispose()
    return POSTGRES


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new store; where a PostgreSQL database is given, every test runs on both."""
    postgres = request.param == "postgresql"
    place = request.getfixturevalue("empty_postgres") if postgres else tmp_path / "store.db"
    with Store.open(place) as opened:
        yield opened
