"""Processes share a store, and die at any moment, and nothing that was flushed is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from limbeck.compiler.keep.store import Store

# Adds traces PREFIX0, PREFIX1, ...; after each group it flushes and says how many are safe.
WRITER = """
import sys
from limbeck.compiler.keep.store import Store
from limbeck.records import Example, Step, Trace, Verdict

place, prefix, count, group = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = Store.open(place)
for number in range(count):
    store.add(
        Trace(f"{prefix}{number}", "t", Example({"n": number}), "c", "lm", prediction={"n": number},
              steps=[Step("p", {"text": "x" * 2000}, None)],
              verdicts=[Verdict("metric", True), Verdict("b", True)]),
        run=prefix,
    )
    if (number + 1) % group == 0:
        store.flush()
        print(number + 1, flush=True)
store.close()
"""


def start(place: str | Path, prefix: str, count: int, group: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(place), prefix, str(count), str(group)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def write_by_two(place: str | Path) -> None:
    """Two processes write 2,000 traces each, of which 1,000 are the same."""
    processes = [start(place, "a", 2000, 100), start(place, "b", 1000, 100), start(place, "b", 1000, 70)]
    for process in processes:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")
    with Store.open(place) as store:
        assert store.count("run") == {"a": 2000, "b": 1000}
        found = list(store.traces())
        assert len({trace.id for trace in found}) == 3000
        assert all(len(trace.verdicts) == 2 and len(trace.steps) == 1 for trace in found)


def test_processes_write_at_once(tmp_path: Path) -> None:
    """Of what several processes write into one store at once, also the same traces, nothing is lost."""
    write_by_two(tmp_path / "s.db")


def test_processes_write_at_once_to_postgres(empty_postgres: str) -> None:
    """The same in PostgreSQL, without deadlocks."""
    write_by_two(empty_postgres)


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """After SIGKILL the store is readable and has all that was flushed; a second process never notices."""
    chance = random.Random(0)
    place = tmp_path / "s.db"
    Store.open(place).close()
    witness = start(place, "witness", 2000, 20)
    safe: dict[str, int] = {}
    for round_ in range(6):
        victim = start(place, f"victim{round_}-", 100_000, 5)
        safe[f"victim{round_}-"] = int(victim.stdout.readline())
        time.sleep(chance.uniform(0, 0.4))
        victim.kill()
        lines = victim.communicate()[0].split("\n")[:-1]  # the last one may be cut
        safe[f"victim{round_}-"] = max([safe[f"victim{round_}-"], *map(int, lines)])
        with Store.open(place) as store:
            assert sum(1 for _ in store.traces(light=True)) >= sum(safe.values())
    assert (witness.communicate()[1], witness.returncode) == ("", 0)
    with Store.open(place) as store:
        assert store.count("run")["witness"] == 2000
        for prefix, count in safe.items():
            ids = [f"{prefix}{number}" for number in range(count)]
            found = store.get(ids)
            assert list(found) == ids
            assert all(len(trace.verdicts) == 2 for trace in found.values())
