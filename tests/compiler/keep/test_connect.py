"""A store that cannot be used is one clear error with a next step."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from limbeck.compiler.keep.connect import parse, shown
from limbeck.compiler.keep.store import Store
from limbeck.errors import MissingExtra, StoreError


def refusal(place: str | Path, **options) -> StoreError:
    """The error of opening and reading a store; it has one line, a hint, and exit code 2."""
    with pytest.raises(StoreError) as caught, Store.open(place, **options) as store:
        list(store.traces())
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.fixture
def filled(tmp_path: Path, trace) -> Path:
    """A store with traces in it, closed."""
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        for number in range(300):
            store.add(trace(number), run="r")
    return path


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process may not write to, also where the tests run as root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)  # noqa: PTH101
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(user)


def test_a_new_store_is_private(tmp_path: Path) -> None:
    """Folder and file of a new store can be read by their owner only."""
    Store.open(tmp_path / "new" / "store.db").close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "store.db").stat().st_mode) == 0o600


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place, the store is in the working directory's .limbeck."""
    monkeypatch.chdir(tmp_path)
    with Store.open() as store:
        assert repr(store) == "Store('.limbeck/store.db')"
    assert (tmp_path / ".limbeck" / "store.db").exists()


def test_a_place_with_odd_characters(tmp_path: Path, trace) -> None:
    """Characters that mean something in URLs and templates are plain in a path."""
    path = tmp_path / "50%s ü?x=1#y" / "a b.db"
    with Store.open(path) as store:
        store.add(trace(1), run="r")
    with Store.open(f"{path}") as store:
        assert store.count() == {"passed": 1}


def test_sqlite_url(tmp_path: Path) -> None:
    """A URL of SQLite names the same store as its path."""
    Store.open(f"sqlite:///{tmp_path}/s.db").close()
    Store.open(tmp_path / "s.db", create=False).close()


def test_missing(tmp_path: Path) -> None:
    """A store that is to be read only is not made."""
    assert "there is no store at" in refusal(tmp_path / "s.db", create=False).message
    assert not (tmp_path / "s.db").exists()


def test_directory(tmp_path: Path) -> None:
    """A directory is no store; the hint names a file in it."""
    assert "store.db" in refusal(tmp_path).hint


def test_read_only_directory(read_only: Path) -> None:
    """A store cannot be made where nothing can be written."""
    assert "cannot be made: Permission denied" in refusal(read_only / "s.db").message
    assert "cannot be made: Permission denied" in refusal(read_only / "folder" / "s.db").message


def test_file_in_place_of_the_directory(tmp_path: Path) -> None:
    """A file where the store's directory should be is an error, not a crash."""
    (tmp_path / "file").write_text("x")
    assert "cannot be made" in refusal(tmp_path / "file" / "s.db").message


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to have a header" * 40, b"x"])
def test_no_database(tmp_path: Path, content: bytes) -> None:
    """A file of something else is refused, and left as it is."""
    path = tmp_path / "s.db"
    path.write_bytes(content)
    assert "is not a database" in refusal(path).message
    assert path.read_bytes() == content


def test_random_bytes(filled: Path) -> None:
    """A store overwritten with noise, header included, is refused."""
    filled.write_bytes(random.Random(0).randbytes(filled.stat().st_size))
    assert "is not a database, or is corrupted" in refusal(filled).message


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated(filled: Path, share: float) -> None:
    """A store that lost its end is refused."""
    os.truncate(filled, int(filled.stat().st_size * share))
    assert "is corrupted" in refusal(filled).message


def test_damaged_pages(filled: Path) -> None:
    """Damage behind an intact header is found when it is read."""
    with filled.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(random.Random(0).randbytes(filled.stat().st_size - 4096 * 4))
    assert "is corrupted" in refusal(filled).message


@pytest.mark.parametrize(
    ("column", "value"), [("inputs", "{"), ("steps", '[{"x": 1}]'), ("steps", "7"), ("failure", '{"a": 1}')]
)
def test_a_record_somebody_changed(filled: Path, column: str, value: str) -> None:
    """A record that is no longer a trace is named as such."""
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute(f"UPDATE traces SET {column} = ?", [value])
    assert "holds a record that cannot be read" in refusal(filled).message


def test_nothing_is_unpickled(filled: Path, tmp_path: Path) -> None:
    """A pickle planted in a column is refused, not run."""
    planted = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute("UPDATE traces SET prediction = ?", [planted])
    refusal(filled)
    assert not (tmp_path / "ran").exists()


def test_database_of_something_else(tmp_path: Path) -> None:
    """A database with other tables is not taken over."""
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert "is a database, but not a store of limbeck" in refusal(tmp_path / "s.db").message


def test_locked_while_opening(tmp_path: Path) -> None:
    """A new store on which another process sits is given up after the time-out."""
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked" in refusal(tmp_path / "s.db", timeout=0.1).message


def test_locked_while_writing(filled: Path, trace) -> None:
    """A lock that outlasts the time-out stops whoever writes; reading goes on."""
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = Store.open(filled, timeout=0.1)
        assert store.get([trace(1).id])
        store.add(trace(1000), run="r")
        for use in (store.flush, lambda: store.add(trace(1001), run="r"), store.close):
            with pytest.raises(StoreError, match="is locked"):
                use()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:sekret@h/d", "mysql://u:***@h/d is in a database that limbeck does not know"),
        ("postgresql://u:sekret@h:port/d", "starts with 'postgresql://'"),
        ("sqlite://", "is no plain file"),
        ("sqlite:///:memory:", "is no plain file"),
        ("sqlite:///file:x?mode=memory&uri=true", "is no plain file"),
    ],
)
def test_urls_that_cannot_be(url: str, said: str) -> None:
    """A URL that cannot hold a store is refused without repeating a password."""
    error = refusal(url)
    assert said in error.message
    assert "sekret" not in str(error)


def test_passwords_are_not_shown() -> None:
    """Neither the password nor the query of a URL, which may hold another, is shown."""
    name = shown(parse("postgresql://u:sekret@h/d?password=sekret&sslmode=require"))
    assert name == "postgresql+psycopg://u:***@h/d"


def test_unreachable_server() -> None:
    """A server that is not there is one line, without the password."""
    pytest.importorskip("psycopg", reason="needs psycopg, of the extra postgres")
    with pytest.raises(StoreError, match="failed: connection") as caught:
        Store.open("postgresql://u:sekret@127.0.0.1:1/d")
    assert "\n" not in caught.value.message
    assert "sekret" not in str(caught.value)


def test_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, the error says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"limbeck\[postgres\]"):
        Store.open("postgresql://u@h/d")
