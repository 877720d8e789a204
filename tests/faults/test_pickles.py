"""Invariant 8: a pickle planted anywhere that is read back is refused or ignored, never run."""

from __future__ import annotations

import pickle
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import orjson
import pytest

from limbeck import api
from limbeck.compiler.keep import schema
from limbeck.compiler.session import cache_directory
from limbeck.errors import LimbeckError
from limbeck.testing.stub import Stub


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return (Path.touch, (self.sentinel,))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, place_at):
    """A finished compile with its store, cache, recording and artifact, to be copied by each test."""
    folder = tmp_path_factory.mktemp("compiled")
    with Stub() as stub:
        place_at(folder, stub.url).compile(record=folder / "recording.jsonl")
    return folder


@pytest.fixture
def bomb(tmp_path):
    sentinel = tmp_path / "ran"
    yield pickle.dumps(Bomb(sentinel))
    assert not sentinel.exists(), "a planted pickle was run"


@pytest.fixture
def work(place, compiled, tmp_path):
    shutil.copytree(compiled, tmp_path / "work")
    return place()


def test_the_bomb_works(tmp_path):
    """What is planted would leave its mark if it were run."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["values", "keys", "files"])
def test_in_the_cache(place, bomb, kind):
    """Rows of the LM cache that hold a pickle, or point at one, are misses: asked again, the artifact is the same."""
    with Stub() as stub:
        work = place(stub.url)
        expected, sent = work.compile(), stub.stats().requests
        plant(work, bomb, kind)
        assert work.compile("again") == expected
        assert stub.stats().requests == 2 * sent


def plant(work, bomb, kind):
    """Spoil every row of the cache, and forget the rollouts, so that the cache is asked."""
    cache = cache_directory(work.store)
    with closing(sqlite3.connect(cache / "cache.db")) as database, database:
        if kind == "values":
            database.execute("UPDATE Cache SET mode = 4, value = ?", (bomb,))
        elif kind == "keys":
            database.execute("UPDATE Cache SET raw = 0, key = CAST(rowid AS BLOB) || ?", (bomb,))
        else:
            (cache / "planted.val").write_bytes(bomb)
            database.execute("UPDATE Cache SET mode = 4, filename = 'planted.val', value = NULL")
    for file in work.store.parent.glob("store.db*"):
        file.unlink()


def columns(form):
    """Columns that hold text; raw bytes are planted where JSON is read back."""
    kinds = (schema.JsonText,) if form == "bytes" else (schema.JsonText, schema.Words)
    tables = schema.metadata.tables.values()
    return [(t.name, c.name) for t in tables for c in t.columns if isinstance(c.type, kinds) and not c.primary_key]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["bytes", "text"])
def test_in_the_store(work, bomb, form, capfd):
    """A pickle in any column of the store is a StoreError or just text, whatever reads it."""
    planted = bomb if form == "bytes" else bomb.decode("latin-1")
    whole = work.store.read_bytes()
    for table, column in columns(form):
        for file in work.store.parent.glob("store.db*"):
            file.unlink()
        work.store.write_bytes(whole)
        with closing(sqlite3.connect(work.store)) as database, database:
            try:
                database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (planted,))
            except sqlite3.IntegrityError:
                continue
        for use in (read_all, export, verify):
            with suppress(LimbeckError):
                use(work)
    assert "Traceback" not in capfd.readouterr().err


def read_all(work):
    with api.open_store(work.store) as store:
        list(store.traces())
        for run in store.runs():
            list(store.ledger(run.id))
            store.evaluations(run=run.id)
        for name in ("outcome", "reason", "lm"):
            store.count(name)


def export(work):
    shutil.rmtree(work.folder / "dataset", ignore_errors=True)
    api.export(work.target, work.folder / "dataset", store=work.store)


def verify(work):
    api.verify(work.target, store=str(work.store))


@pytest.mark.parametrize("name", ["program.json", "limbeck.json"])
def test_in_place_of_a_file_of_the_artifact(work, bomb, name):
    """An artifact whose files are pickles is refused."""
    for content in (bomb, b" " + bomb, orjson.dumps({"planted": bomb.decode("latin-1")})):
        (work.folder / "out" / name).write_bytes(content)
        with pytest.raises(LimbeckError):
            api.run(work.folder / "out", {"message": "x"}, store=work.store)


@pytest.mark.parametrize("name", ["program.pkl", "metadata.pickle", "PROGRAM.PKL"])
def test_beside_the_artifact(work, bomb, name):
    """A pickle among the files of an artifact is refused by name."""
    (work.folder / "out" / name).write_bytes(bomb)
    with pytest.raises(LimbeckError, match=name):
        api.run(work.folder / "out", {"message": "x"}, store=work.store)


@pytest.mark.slow
def test_beside_everything_else(work, bomb):
    """Pickles beside store, cache, task and recording are none of our business."""
    expected = work.artifact()
    for folder in (work.folder, work.store.parent, cache_directory(work.store)):
        for name in ("program.pkl", "store.pkl", "cache.pickle", "00.val"):
            (folder / name).write_bytes(bomb)
    with Stub() as stub:
        work.url = stub.url
        assert work.compile("again") == expected
    assert read_all(work) is None


def test_in_the_program_state(work, bomb):
    """Pickles as demos, and a class of an LM to import, are text: read as such, or refused."""
    path = work.folder / "out" / "program.json"
    state = orjson.loads(path.read_bytes())
    planted = bomb.decode("latin-1")
    state["note"]["demos"] = [{"message": planted, "note": planted}]
    state["note"]["lm"] = {"_dspy_lm_class": "planted.LM", "model": "openai/x", "api_base": "http://127.0.0.1:9"}
    state["note"]["signature"]["instructions"] = planted
    state["extra"] = {"deep": [planted]}
    path.write_bytes(orjson.dumps(state))
    (work.folder / "planted.py").write_text(f"open({str(work.folder.parent / 'ran')!r}, 'w')\n")
    with Stub() as stub:
        work.url = stub.url
        assert api.run(work.folder / "out", {"message": "x"}, **work.options())["team"] in "abc"


@pytest.mark.parametrize("content", ["whole", "row", "last"])
def test_in_a_recording(work, bomb, content):
    """A recording that is a pickle, or has one among its rows, is refused."""
    path = work.folder / "recording.jsonl"
    recorded = path.read_bytes()
    path.write_bytes({"whole": bomb, "row": bomb + b"\n" + recorded, "last": recorded + bomb}[content])
    with pytest.raises(LimbeckError, match="recorded answer"):
        api.run(work.target, {"message": "x"}, lm=f"replay/{path}", store=work.store)


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv", "data.pkl", "data.jsonl.gz"])
def test_as_data(work, bomb, name):
    """A data file that is a pickle is refused."""
    (work.folder / name).write_bytes(bomb)
    with pytest.raises(LimbeckError):
        api.evaluate(work.target, work.folder / name, store=work.store)
