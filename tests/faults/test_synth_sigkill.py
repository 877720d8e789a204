"""Every method of ``limbeck synth`` under SIGKILL: gone on with, it pays nothing twice, and makes the same."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from limbeck.compiler.generate.registry import BUILTINS
from limbeck.compiler.session import cache_directory

CASES = Path(__file__).parents[1] / "compiler" / "generate" / "cases"
CONCURRENCY = 3

# Cases of the conformance suite in children of a process that has everything imported, so that each starts at once.
# A child writes each request down before it is answered, and kills itself at the one that it is told.
NURSERY = """
import importlib, json, os, signal, sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import alembic.command, diskcache, dspy, numpy, sqlalchemy
from limbeck.testing.conformance import generator

CASES = {name: importlib.import_module(name).CASE for name in sys.argv[3:]}


def work(name, folder, last):
    asked = os.open(folder / "asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    seen = 0

    def reply(text):
        nonlocal seen
        seen += 1
        os.write(asked, json.dumps(text).encode() + b"\\n")
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return CASES[name].reply(text)

    ran = generator._run(replace(CASES[name], reply=reply), folder, out=True, concurrency=int(sys.argv[2]))
    told = {"made": ran.made, "dropped": ran.dropped, "rows": ran.rows.decode(), "notes": ran.result.notes}
    (folder / "ran").write_text(json.dumps(told))


for line in sys.stdin:
    name, folder, last = json.loads(line)
    child = os.fork()
    if not child:
        try:
            work(name, Path(folder), last)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Nursery:
    """Runs cases, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", NURSERY, str(CASES), str(CONCURRENCY), *sorted(BUILTINS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, name: str, folder: Path, last: int | None = None) -> int:
        """Exit code of a run of a case; below zero where it was killed, at the request that is named."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, str(folder), last]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


@pytest.fixture(scope="module")
def cases() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_killed_and_gone_on_with(name: str, cases: Nursery, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Early, and again later: what is on disk is not asked again, and what is made is what is made in one go."""
    if name == "tests":
        request.getfixturevalue("sandboxed")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert cases.run(name, whole) == 0
    calls = asked(whole)
    for share in (5, 2):
        sent, paid = asked(killed).total(), answered(killed)
        last = max(1, (calls.total() - paid) // share)
        assert cases.run(name, killed, last) == -signal.SIGKILL
        assert not (killed / "rows.jsonl").exists()
        lost = asked(killed).total() - sent - (answered(killed) - paid)
        assert lost <= CONCURRENCY, "more is to be sent again than was under way"
    sent, paid = asked(killed), answered(killed)
    assert cases.run(name, killed) == 0
    rest = asked(killed) - sent
    assert rest <= calls, "it asked for something else"
    assert rest.total() == calls.total() - paid, "what was answered was asked again"
    assert (killed / "ran").read_text() == (whole / "ran").read_text()


def asked(folder: Path) -> Counter[str]:
    """Requests so far."""
    path = folder / "asked"
    return Counter(path.read_text().splitlines() if path.exists() else ())


def answered(folder: Path) -> int:
    """Answers that are on disk."""
    path = cache_directory(folder / "store.db") / "cache.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'Cache'").fetchall():
            return 0  # killed while the cache was being made
        return int(database.execute("SELECT count(*) FROM Cache").fetchone()[0])
