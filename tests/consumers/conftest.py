"""A store of judged answers, and the tools that read what is exported from it.

The tools run in processes of their own: what they load, patch and warn of is none of the other tests' business.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import limbeck

HERE = Path(__file__).parent

PROJECT = '''
import dspy

from limbeck import Task

program = dspy.ChainOfThought("question -> answer: int")


def right(example, prediction, trace=None):
    return prediction.answer == example.answer


task = Task(program=program, metric=right, verifiers=["steps"], name="problems")
'''


def attempts(number: int) -> list[dict[str, Any]]:
    """Two right answers to a problem, and two that go wrong at a step."""
    boxes, pens, given = number + 2, number % 5 + 3, number % 4 + 1
    all_pens = boxes * pens
    left = all_pens - given
    question = f"Ana has {boxes} boxes of {pens} pens. She gives {given} away. How many has she left? №{number} 数"
    lines = [
        ([f"{boxes} * {pens} = {all_pens}", f"{all_pens} - {given} = {left}"], left),
        ([f"There are {boxes} * {pens} = {all_pens} pens.", f"So {all_pens} - {given} = {left} are left."], left),
        ([f"{boxes} * {pens} = {all_pens}", f"{all_pens} - {given} = {left + 1}"], left + 1),
        ([f"{boxes} * {pens} = {all_pens + 2}", f"{all_pens + 2} - {given} = {left + 2}"], left + 2),
    ]
    return [
        {
            "inputs": {"question": question},
            "labels": {"answer": left},
            "outputs": {"reasoning": "\n".join(steps), "answer": answer},
            "lm": "teacher/big",
        }
        for steps, answer in lines
    ]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task, and a store that has 24 answers that passed and 24 that did not, with judged steps."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "problems.py").write_text(PROJECT)
    log = folder / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for number in range(12) for row in attempts(number)))
    made = limbeck.ingest(f"{folder}/problems.py:task", log, store=folder / ".limbeck" / "store.db")
    assert made.outcomes == {"passed": 24, "rejected": 24}
    return folder


Export = Callable[..., Path]


@pytest.fixture(scope="session")
def exported(project: Path) -> Export:
    """Export from the store, once a set of choices; give the dataset's folder."""
    made: dict[str, Path] = {}

    def export(format: str, **choices: Any) -> Path:
        key = json.dumps([format, choices], sort_keys=True)
        if key not in made:
            folder = project / f"dataset{len(made)}"
            # The problems are alike, and would all fall on one side.
            choices = {"split": {"train": 0.75, "val": 0.25}, "together": "input", **choices}
            store = project / ".limbeck" / "store.db"
            limbeck.export(f"{project}/problems.py:task", folder, format=format, store=store, **choices)
            made[key] = folder
        return made[key]

    return export


@pytest.fixture(scope="session")
def tool(project: Path) -> Callable[..., Any]:
    """Run a script of this folder with a tool's packages; give what it prints last, as JSON."""

    def run(script: str, *args: str | Path, needs: tuple[str, ...]) -> Any:
        for name in needs:
            if importlib.util.find_spec(name) is None:
                missing = f"{name} is not installed: scripts/setup train"
                pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        environment = {"HF_HOME": str(project / "hf"), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(
            [sys.executable, HERE / script, *args],
            cwd=project, env=os.environ | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-5000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def rows() -> Callable[[Path], list[Any]]:
    """Read JSONL with the standard library alone."""

    def read(path: Path) -> list[Any]:
        with path.open(encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file]

    return read
