"""The response cache: on disk before it is used, shared, and deaf to pickles."""

from __future__ import annotations

import asyncio
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import diskcache
import hypothesis.strategies as st
import pytest
from hypothesis import given

from limbeck.compiler.lm.cache import JSONOnlyDisk, NotCacheable, ResponseCache
from limbeck.errors import StoreError


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return (Path.touch, (self.sentinel,))


@pytest.fixture
def cache(tmp_path):
    cache = ResponseCache(tmp_path / "cache")
    yield cache
    cache.close()


def put(cache, **items):
    async def all_of_them():
        await asyncio.gather(*(cache.put(key, value) for key, value in items.items()))

    asyncio.run(all_of_them())


def test_round_trip(cache):
    """What is put can be got, byte for byte; an unknown key gives None."""
    put(cache, a=b"\x00\xff", b=b"x" * 3_000_000)
    assert cache.get("a") == b"\x00\xff"
    assert cache.get("b") == b"x" * 3_000_000
    assert cache.get("c") is None


def test_large_values_stay_in_the_database(cache):
    """No value becomes a file of its own, where a row could point to any file."""
    put(cache, a=b"x" * 3_000_000)
    assert [f.name for f in cache.directory.rglob("*") if f.is_file() and not f.name.startswith("cache.db")] == []


def test_private_directory(cache):
    """Prompts may be private: only the owner may look."""
    assert cache.directory.stat().st_mode & 0o777 == 0o700


def test_many_writers_share_transactions(cache):
    """Hundreds of concurrent puts are all there when each of them returns."""

    async def write_and_read(n):
        await cache.put(str(n), b"%d" % n)
        return cache.get(str(n))

    async def everybody():
        return await asyncio.gather(*(write_and_read(n) for n in range(500)))

    assert asyncio.run(everybody()) == [b"%d" % n for n in range(500)]


def test_committed_before_put_returns(tmp_path):
    """A response survives SIGKILL at any time after put has returned."""
    code = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from limbeck.compiler.lm.cache import ResponseCache\n"
        "cache = ResponseCache(Path(sys.argv[1]))\n"
        "asyncio.run(cache.put('key', b'value'))\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "cache")], check=False)
    assert done.returncode == -signal.SIGKILL
    cache = ResponseCache(tmp_path / "cache")
    assert cache.get("key") == b"value"
    cache.close()


def test_cancelled_put_is_written(tmp_path, recwarn):
    """A response is kept even if whoever waited for it has gone, and the writer lives on."""
    cache = ResponseCache(tmp_path / "cache")

    async def give_up():
        tasks = [asyncio.ensure_future(cache.put(str(n), b"kept")) for n in range(50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cache.put("later", b"too")

    asyncio.run(give_up())
    assert [cache.get(str(n)) for n in range(50)] == [b"kept"] * 50
    assert cache.get("later") == b"too"
    cache.close()
    assert not recwarn.list


def test_close_commits_what_waits(tmp_path):
    """Closing loses nothing that was put before, and may be done twice."""
    cache = ResponseCache(tmp_path / "cache")

    async def leave():
        task = asyncio.ensure_future(cache.put("key", b"value"))
        await asyncio.sleep(0)
        cache.close()
        cache.close()
        await task

    asyncio.run(leave())
    again = ResponseCache(tmp_path / "cache")
    assert again.get("key") == b"value"
    again.close()


def test_two_processes(tmp_path):
    """Two processes that open and fill one cache at once lose nothing."""
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from limbeck.compiler.lm.cache import ResponseCache\n"
        "cache = ResponseCache(Path(sys.argv[1]))\n"
        "async def fill():\n"
        "    await asyncio.gather(*(cache.put(f'{sys.argv[2]} {n}', b'v') for n in range(200)))\n"
        "asyncio.run(fill()); cache.close()"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cache"), name]) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    cache = ResponseCache(tmp_path / "cache")
    assert all(cache.get(f"{name} {n}") == b"v" for name in "ab" for n in range(200))
    cache.close()


def test_waits_for_another_process(tmp_path):
    """While another process holds the lock, a put waits; it is not lost and not refused."""
    cache = ResponseCache(tmp_path / "cache")
    other = sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    put(cache, a=b"1")
    release.join()
    assert cache.get("a") == b"1"
    other.close()
    cache.close()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_broken_database(tmp_path, content):
    """A file that is no database is a StoreError that says what to do; an empty one is a new cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "cache.db").write_bytes(content)
    if not content:
        ResponseCache(folder).close()
        return
    with pytest.raises(StoreError, match="delete that folder"):
        ResponseCache(folder)


def test_directory_is_a_file(tmp_path):
    """A file where the directory should be is a StoreError."""
    (tmp_path / "cache").touch()
    with pytest.raises(StoreError):
        ResponseCache(tmp_path / "cache")


def test_write_error_reaches_the_asker(tmp_path):
    """Where the disk refuses, whoever put hears of it, and does not wait for ever."""
    cache = ResponseCache(tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute("DROP TABLE Cache")
    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(asyncio.wait_for(cache.put("a", b"1"), 10))
    cache.close()


# Pickles


def plant(folder: Path, *, key="key", raw=True, mode=4, filename=None, value=b""):
    """Write a row as diskcache itself would."""
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute(
            "INSERT INTO Cache (key, raw, store_time, expire_time, access_time, access_count, tag, size, mode,"
            " filename, value) VALUES (?, ?, ?, NULL, 0, 0, NULL, 0, ?, ?, ?)",
            (key, raw, time.time(), mode, filename, value),
        )


@pytest.mark.parametrize("mode", [0, 2, 3, 4, 5, None, "1"])
def test_planted_pickle_is_a_miss(cache, tmp_path, mode):
    """A pickled value is not read, whatever its mode says."""
    sentinel = tmp_path / "ran"
    plant(cache.directory, mode=mode, value=pickle.dumps(Bomb(sentinel)))
    got = cache.get("key")
    assert got is None or mode == "1"  # the column has an affinity that makes 1 of "1": raw bytes, not unpickled
    assert not sentinel.exists()


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_planted_file_is_a_miss(cache, tmp_path, mode):
    """A row that points at a file is not followed."""
    sentinel = tmp_path / "ran"
    (cache.directory / "00").mkdir()
    (cache.directory / "00" / "x.val").write_bytes(pickle.dumps(Bomb(sentinel)))
    plant(cache.directory, mode=mode, filename="00/x.val", value=None)
    assert cache.get("key") is None
    assert not sentinel.exists()


def test_planted_pickled_key(cache, tmp_path):
    """A pickled key is neither matched nor read."""
    sentinel = tmp_path / "ran"
    plant(cache.directory, key=pickle.dumps(Bomb(sentinel)), raw=False, mode=1, value=b"x")
    assert cache.get("key") is None
    with pytest.raises(NotCacheable):
        list(cache._cache)
    assert not sentinel.exists()


def test_overwriting_a_planted_row_deletes_no_file(cache, tmp_path):
    """A planted row that names a file elsewhere is replaced; the file is none of the cache's business."""
    (tmp_path / "precious").write_text("mine")
    plant(cache.directory, mode=2, filename="../precious", value=None)
    put(cache, key=b"new")
    assert cache.get("key") == b"new"
    assert (tmp_path / "precious").read_text() == "mine"


def test_planted_pickle_is_replaced(cache, tmp_path):
    """The true response takes the planted one's place."""
    plant(cache.directory, mode=4, value=pickle.dumps(Bomb(tmp_path / "ran")))
    put(cache, key=b"true")
    assert cache.get("key") == b"true"
    assert not (tmp_path / "ran").exists()


def test_pickle_files_beside_are_ignored(tmp_path):
    """Files with a pickle in them, in the cache's folder, are never opened."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("cache.pkl", "key.val", "settings.pickle"):
        (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    cache = ResponseCache(folder)
    put(cache, key=b"v")
    assert cache.get("key") == b"v"
    cache.close()
    assert not (tmp_path / "ran").exists()


def test_planted_settings(tmp_path):
    """The settings that diskcache keeps in its database cannot bring pickle back, nor send values to files."""
    ResponseCache(tmp_path / "cache").close()
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as database:
        database.execute("UPDATE Settings SET value = 0 WHERE key = 'disk_min_file_size'")
        blob = pickle.dumps(Bomb(tmp_path / "ran"))
        database.execute("INSERT OR REPLACE INTO Settings VALUES ('disk_pickle_protocol', ?)", (blob,))
    cache = ResponseCache(tmp_path / "cache")
    put(cache, key=b"v" * 100)
    assert cache.get("key") == b"v" * 100
    cache.close()
    assert not (tmp_path / "ran").exists()


@given(st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.tuples(st.binary()))
def test_disk_takes_bytes_only(value):
    """Nothing but bytes is stored, so nothing is ever pickled on the way in."""
    disk = JSONOnlyDisk(".")
    with pytest.raises(NotCacheable):
        disk.store(value, read=False)
    if not isinstance(value, str):
        with pytest.raises(NotCacheable):
            disk.put(value)


@given(
    st.integers(-3, 10),
    st.none() | st.text(max_size=5),
    st.none() | st.binary() | st.text() | st.integers(),
    st.booleans(),
)
def test_disk_gives_inline_bytes_only(mode, filename, value, read):
    """Only a row of raw inline bytes can be read."""
    disk = JSONOnlyDisk(".")
    try:
        assert disk.fetch(mode, filename, value, read) == value
    except NotCacheable:
        assert (mode, filename, read) != (diskcache.core.MODE_RAW, None, False) or not isinstance(value, bytes)


def test_no_leftover_threads(tmp_path):
    """A closed cache leaves no thread behind."""
    before = threading.active_count()
    cache = ResponseCache(tmp_path / "cache")
    put(cache, a=b"1")
    cache.close()
    assert threading.active_count() == before
    assert list((tmp_path / "cache").iterdir())
