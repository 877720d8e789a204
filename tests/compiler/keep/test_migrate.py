"""An older schema is migrated, once; a newer one is refused."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from limbeck.compiler import keep
from limbeck.compiler.keep.connect import connect, parse, writing
from limbeck.compiler.keep.migrate import VERSION_TABLE
from limbeck.compiler.keep.schema import OLDER, VERSION, metadata
from limbeck.compiler.keep.store import Store
from limbeck.errors import StoreError

MIGRATIONS = Path(keep.__file__).parent / "migrations"


def make_old(path: Path, version: str) -> None:
    """A store as an older limbeck left it, with one trace."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = connect(parse(path), timeout=1)
    with writing(engine) as connection:
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        command.upgrade(config, version)
        connection.exec_driver_sql(
            "INSERT INTO traces VALUES (1,'t1','t','r','e','i','base','p','m','chat',0,'rollout','passed',"
            "NULL,1,1.0,1,0,3,5,NULL,'a:1','2025-01-01','{}','{}','{\"team\":\"sales\"}',NULL,'{}',"
            '\'[{"verifier":"metric","passed":true}]\',\'[]\')'
        )
    engine.dispose()


def tables(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(connection.execute("SELECT name, sql FROM sqlite_master"))


def version_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0]


def test_versions_are_those_of_the_files() -> None:
    """The versions that the code names are the migrations that there are."""
    scripts = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert scripts == [VERSION, *reversed(OLDER)]


def test_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    """What the migrations make and what the code expects are the same."""
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("version", OLDER)
def test_an_older_store_is_migrated(tmp_path: Path, version: str) -> None:
    """Opening an older store brings it up to date and keeps what it holds."""
    make_old(tmp_path / "s.db", version)
    with Store.open(tmp_path / "s.db") as store:
        (trace,) = store.traces(order="input")
        assert (trace.prediction, trace.outcome) == ({"team": "sales"}, "passed")
        store.add_evaluation("r", "base", "val", mean=1.0, n=1)
    assert version_of(tmp_path / "s.db") == VERSION
    Store.open(tmp_path / "new.db").close()
    assert tables(tmp_path / "s.db") == tables(tmp_path / "new.db")


@pytest.mark.parametrize("old", [True, False])
def test_several_processes_open_at_once(tmp_path: Path, old: bool) -> None:
    """Of processes that open a new or an older store at once, one migrates and none fails."""
    if old:
        make_old(tmp_path / "s.db", OLDER[0])
    code = (
        "import sys; from limbeck.compiler.keep.store import Store\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "store = Store.open('s.db'); store.start_run('t', 'compile', {}); store.close()\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with Store.open(tmp_path / "s.db") as store:
        assert len(store.runs()) == 4


def test_a_failed_migration_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """What a migration did before it failed is undone."""
    make_old(tmp_path / "s.db", OLDER[0])
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("CREATE TABLE ledger_by_run (x)")  # the last step's name is taken
    before = tables(tmp_path / "s.db")
    with pytest.raises(StoreError, match="ledger_by_run"):
        Store.open(tmp_path / "s.db")
    assert tables(tmp_path / "s.db") == before
    assert version_of(tmp_path / "s.db") == OLDER[0]


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """A store of a newer limbeck is left alone; the error names both versions and says to upgrade."""
    path = tmp_path / "s.db"
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"schema 0999, and this limbeck knows schemas up to {VERSION}") as caught:
        Store.open(path)
    assert "Upgrade limbeck" in caught.value.hint
    assert path.read_bytes() == before


def test_alembic_is_not_imported_without_need(tmp_path: Path) -> None:
    """Opening a store that is up to date does not load alembic."""
    Store.open(tmp_path / "s.db").close()
    code = (
        "import sys; from limbeck.compiler.keep.store import Store\n"
        "Store.open('s.db').close(); print({'alembic', 'mako', 'dspy', 'optuna'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_migrating_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Migrating neither logs at INFO nor prints."""
    caplog.set_level(logging.INFO)
    Store.open(tmp_path / "s.db").close()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
