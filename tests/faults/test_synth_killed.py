"""``limbeck synth`` under SIGKILL: gone on with, it pays nothing twice, and keeps the same rows."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from limbeck.compiler.session import cache_directory
from limbeck.testing.stub import Stub

CONCURRENCY = 3

TASK = '''
import dspy
from limbeck import Task


def answered(example, prediction, trace=None):
    """Refuses some, so that there are rows that are not kept."""
    return prediction.answer[-1] not in "012"


task = Task(dspy.Predict("question -> answer"), answered, name="questions")
'''

# The provider: an evolver that fails now and then, a judge who says no now and then, and answers.
REPLY = """
import zlib


def reply(request):
    text = request["messages"][-1]["content"]
    mark = zlib.crc32(text.encode())
    parts = text.partition("[[ ## given_prompt ## ]]")[2].partition("[[ ## context ## ]]")
    if "`[[ ## rewritten_prompt ## ]]`" in text:
        more = "Why?" if mark % 5 else ""
        return f"[[ ## rewritten_prompt ## ]]\\n{parts[0].strip()} {more}\\n\\n[[ ## completed ## ]]"
    if "`[[ ## created_prompt ## ]]`" in text:
        return f"[[ ## created_prompt ## ]]\\nWhat is the rare thing {mark:x}?\\n\\n[[ ## completed ## ]]"
    if "`[[ ## judgment ## ]]`" in text:
        said = "same" if "[[ ## context ## ]]" in text else "not equal" if mark % 4 else "equal"
        return f"[[ ## judgment ## ]]\\n{said}\\n\\n[[ ## completed ## ]]"
    return f"[[ ## answer ## ]]\\nIt is {mark}\\n\\n[[ ## completed ## ]]"
"""

# The command line in children of a process that has everything imported, so that each starts at once.
NURSERY = """
import json, os, sys
import dspy, sqlalchemy, diskcache, alembic.command, limbeck.compiler.session, limbeck.compiler.synthesize
import limbeck.compiler.generate.evolve.program
from limbeck.cli.main import main

for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = ["limbeck", *json.loads(line)]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            os._exit(main() or 0)
        except SystemExit as end:
            os._exit(end.code or 0)
        except BaseException:
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Nursery:
    """Runs the command line, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, args: list[str]) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(args) + "\n")
        self._process.stdin.flush()
        return self._line()

    def ended(self) -> int:
        """Exit code of the one that was started last; below zero where a signal ended it."""
        return self._line()

    def _line(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


@pytest.fixture
def synths() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def args(place: Any, data: Path) -> list[str]:
    lm = ["--lm", "openai/stub", "--lm-arg", f"api_base={place.url}/v1", "--lm-arg", "api_key=sk-test"]
    return ["synth", place.target, "--method", "evolve", "--data", str(data), *lm, "--store", str(place.store),
            "--out", str(place.folder / "rows.jsonl"), "--concurrency", str(CONCURRENCY), "--quiet"]  # fmt: skip


def kill_after(child: int, answers: int, stub: Stub, process: Any) -> None:
    """Kill it once the provider was asked so often, if it has not ended by then."""
    while process.alive(child) and stub.stats().requests < answers:
        time.sleep(0.002)
    if process.alive(child):
        process.kill(child)


def test_killed_and_gone_on_with(place, process, synths, tmp_path):
    """Early, late, and twice in a row: what was answered is not asked again, and the rows are the same."""
    (tmp_path / "reply.py").write_text(REPLY)
    data = tmp_path / "seeds.jsonl"
    data.write_text("".join(json.dumps({"question": f"What is thing number {n}?"}) + "\n" for n in range(6)))
    with Stub(f"{tmp_path / 'reply.py'}:reply", latency=0.01) as stub:

        def made(name: str) -> Any:
            work = place(stub.url, name)
            (work.folder / "task.py").write_text(TASK)
            return work

        whole = made("whole")
        synths.start(args(whole, data))
        assert synths.ended() == 0
        rows, outcomes, calls = (whole.folder / "rows.jsonl").read_bytes(), whole.outcomes(), completed(whole)
        assert {"passed", "rejected"} <= outcomes.keys()
        codes = []
        for number, moments in enumerate([[1], [calls.total() // 4, calls.total() // 3]]):
            work, paid, before = made(f"killed{number}"), Counter[str](), received(stub)
            for moment in moments:
                kill_after(synths.start(args(work, data)), stub.stats().requests + moment, stub, process)
                codes.append(synths.ended())
                assert not (work.folder / "rows.jsonl").exists()
                lost = received(stub) - before - (completed(work) - paid)
                assert lost.total() <= CONCURRENCY, "more was sent again than was under way"
                paid, before = completed(work), received(stub)
            synths.start(args(work, data))
            assert synths.ended() == 0
            assert received(stub) - before == calls - paid, "what was answered was asked again"
            assert completed(work) == calls
            assert (work.folder / "rows.jsonl").read_bytes() == rows
            assert work.outcomes() == outcomes
        assert codes == [-9] * 3


def received(stub: Stub) -> Counter[str]:
    """Requests so far, by the stub's names of them. Attempts at the same thing have the same name."""
    return Counter(stub.stats().received)


def completed(place: Any) -> Counter[str]:
    """Answers that are on disk, by the same names."""
    path = cache_directory(place.store) / "cache.db"
    with closing(sqlite3.connect(path)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'Cache'").fetchall():
            return Counter()
        rows = database.execute("SELECT value FROM Cache").fetchall()
    return Counter(json.loads(value)["id"].removeprefix("chatcmpl-") for (value,) in rows)
