"""An export that is killed leaves no half-written dataset; run again it finishes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import sys, time
from pathlib import Path
import dspy
from limbeck.compiler.emit import dataset
from limbeck.compiler.emit.choices import Choices
from limbeck.records import Call, Example, Step, Trace, Verdict

def traces(hang):
    for n in range(3000):
        if n == hang:
            print("half", flush=True)
            time.sleep(600)
        step = Step("self", {"ticket": f"t {n}"}, {"team": "tech"}, [Call("lm", [], "tech")])
        yield Trace(f"{n:032x}", "tickets", Example({"ticket": f"t {n}"}), "c", "lm", prediction={"team": "tech"},
                    steps=[step], verdicts=[Verdict("metric", True, 1.0)])

source = dataset.Source(program=dspy.Predict("ticket -> team"), task="tickets")
dataset.export(traces(int(sys.argv[2])), source, Choices(format="trl-sft", split={"train": 0.9, "val": 0.1}),
               out=Path(sys.argv[1]))
"""


def start(out: Path, hang: int = -1) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(out), str(hang)], stdout=subprocess.PIPE)


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    with start(out) as done:
        pass
    assert done.returncode == 0
    return files(out)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_export_leaves_nothing_once_it_is_run_again(
    how: signal.Signals, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Nothing by the name of the dataset; after the next run nothing else either, and the same files as ever."""
    out = tmp_path / "out"
    with start(out, hang=1500) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"half\n"
        killed.send_signal(how)
    assert killed.returncode == -how
    assert [path.name.startswith(".out.") for path in tmp_path.iterdir()] == [True]
    with start(out) as done:
        pass
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert files(out) == undisturbed
