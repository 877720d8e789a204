"""A benchmark's row passes only where every bar holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
from harness import bench

@bench("good", ratio="<= 1.15")
def good(quick):
    return {"ratio": 1.1, "seconds": 2.0}

@bench("slow", ratio="<= 1.15", rate=">= 5")
def slow(quick):
    return {"ratio": 1.2, "rate": 5}

@bench("silent", ratio="<= 1.15")
def silent(quick):
    return {}

@bench("broken", ratio="<= 1.15")
def broken(quick):
    raise RuntimeError("no such peer")
"""


@pytest.fixture
def benchmarks(root: Path, tmp_path: Path) -> Path:
    for name in ("harness.py", "run.py"):
        shutil.copy(root / "benchmarks" / name, tmp_path / name)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "some.py").write_text(SUITE)
    return tmp_path


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "run.py"), "suite", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_passing_rows_exit_zero_and_are_saved_with_the_machine(benchmarks: Path) -> None:
    """A row whose bars hold passes; its numbers and the machine's are written."""
    done = run(benchmarks, "--only", "good")
    assert done.returncode == 0
    assert "| good | ratio 1.1 (bar <= 1.15); seconds 2 | pass |" in done.stdout
    saved = json.loads((benchmarks / "results" / "suite.json").read_text())
    assert saved["rows"][0]["values"] == {"ratio": 1.1, "seconds": 2.0}
    assert saved["machine"]["cores"] >= 1


def test_failing_rows_exit_nonzero_and_do_not_stop_the_others(benchmarks: Path) -> None:
    """A bar missed, a value missing and an exception are three rows that fail, beside the one that passes."""
    done = run(benchmarks, "--quick")
    assert done.returncode == 1
    results = [line.split("|")[-2].strip() for line in done.stdout.splitlines()[3:]]
    assert results == ["pass", "FAIL", "FAIL", "error"]
    assert "RuntimeError: no such peer" in done.stdout
    assert not (benchmarks / "results").exists()


def test_rows_that_were_not_run_keep_their_numbers(benchmarks: Path) -> None:
    """``--only`` replaces its own rows in the results, no others."""
    run(benchmarks)
    run(benchmarks, "--only", "good")
    saved = json.loads((benchmarks / "results" / "suite.json").read_text())
    assert [row["name"] for row in saved["rows"]] == ["good", "slow", "silent", "broken"]


def test_unknown_name_lists_the_known_ones(benchmarks: Path) -> None:
    """A name that no benchmark has is wrong use."""
    done = run(benchmarks, "--only", "nothing")
    assert done.returncode == 2
    assert "good, slow" in done.stderr
