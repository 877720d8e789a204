"""A small project, and limbeck's command line in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from limbeck.cli.main import limbeck

Invoke = Callable[..., Result]

TASK = '''
import sys
from typing import Literal

import dspy

from limbeck import InputField, OutputField, Signature, Task


class Ask(Signature):
    """Say yes or no."""

    q: str = InputField()
    a: Literal["yes", "no"] = OutputField()


class Empty(dspy.Module):
    def forward(self, q):
        return dspy.Prediction(a="yes")


class Prints(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict(Ask)

    def forward(self, q):
        print("printed by the program")
        return self.answer(q=q)


def metric(example, prediction, trace=None):
    return example.a == prediction.a


def raises(example, prediction):
    raise KeyError("nope")


def exits(example, prediction):
    sys.exit(0)


def short(example, prediction):
    return len(prediction.a) < 10


def none(example, prediction):
    return None


def nan(example, prediction):
    return float("nan")


def text(example, prediction):
    return "yes"


def row(raw):
    return {"inputs": {"q": raw["q"]}, "labels": {"a": raw["a"]}, "outputs": {"a": "yes"}, "lm": "old/model"}


def bad_row(raw):
    raise RuntimeError("no idea")


program, empty, prints = dspy.Predict(Ask), Empty(), Prints()
task = Task(program=program, metric=metric, data="good.jsonl")
'''


def rows(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"q": f"question {i}", "a": "yes" if i % 2 else "no"} for i in range(start, stop)]


def write_jsonl(path: Path, records: Iterable[object]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def make_project(path: Path) -> None:
    """A task, good data, and data with every mistake that users make."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "task.py").write_text(TASK)
    (path / "broken.py").write_text("import limbeck\nraise RuntimeError('boom')\n")
    good = rows(0, 40)
    write_jsonl(path / "good.jsonl", good)
    write_jsonl(path / "nocolumn.jsonl", [{"question": "x", "a": "yes"}])
    write_jsonl(path / "literal.jsonl", [*good[:4], {"q": "x", "a": "maybe"}, *good[5:]])
    write_jsonl(path / "train.jsonl", rows(0, 20))
    write_jsonl(path / "unlabelled.jsonl", [{"q": row["q"]} for row in rows(0, 20)])
    (path / "semicolons.csv").write_text("q;a\nquestion 1;yes\n")
    write_jsonl(path / "shared.jsonl", rows(19, 40))
    lines = (path / "good.jsonl").read_text().splitlines()
    lines[16] = '{"q": "question 16", "a": '
    (path / "line17.jsonl").write_text("\n".join(lines))
    (path / "empty.jsonl").write_text("")
    (path / "full").mkdir()
    (path / "full" / "file").write_text("")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh project, which is where commands run."""
    path = tmp_path / "project"
    make_project(path)
    monkeypatch.chdir(path)
    return path


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "project"
    make_project(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        done = CliRunner().invoke(limbeck, ["compile", "task.py:task", "--out", "out", "--quiet"])
    assert done.exit_code == 0, done.stderr
    return path


@pytest.fixture
def compiled(_compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose task was compiled to ``out``; a copy that a test may change."""
    path = tmp_path / "project"
    shutil.copytree(_compiled, path)
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def invoke() -> Invoke:
    """Run ``limbeck`` in this process; never a traceback."""

    def run(*args: str | Path) -> Result:
        result = CliRunner().invoke(limbeck, [str(arg) for arg in args], catch_exceptions=False)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def files() -> Callable[[Path], set[str]]:
    """List what stands in a folder, at any depth, without limbeck's own store and Python's caches."""

    def listed(path: Path) -> set[str]:
        found = {str(item.relative_to(path)) for item in path.rglob("*")}
        return {name for name in found if not name.startswith(".limbeck") and "__pycache__" not in name}

    return listed
