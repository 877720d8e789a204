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

import dspy
import pytest

import limbeck
from limbeck.compiler.emit import dataset
from limbeck.compiler.emit.choices import Choices
from limbeck.compiler.emit.dataset import Source
from limbeck.records import Call, Example, Step, Trace, Verdict

HERE = Path(__file__).parent

PROJECT = """
import dspy

from limbeck import Task

program = dspy.ChainOfThought("question -> answer: int")


def right(example, prediction, trace=None):
    return prediction.answer == example.answer


task = Task(program=program, metric=right, verifiers=["steps"], name="problems")
"""


def attempts(number: int) -> list[dict[str, Any]]:
    """Two right answers to a problem, a right one with a wrong step, and a wrong one."""
    boxes, pens, given = number + 2, number % 5 + 3, number % 4 + 1
    all_pens = boxes * pens
    left = all_pens - given
    question = f"Ana has {boxes} boxes of {pens} pens. She gives {given} away. How many has she left? №{number} 数"
    lines = [
        ([f"{boxes} * {pens} = {all_pens}", f"{all_pens} - {given} = {left}"], left),
        ([f"There are {boxes} * {pens} = {all_pens} pens.", f"So {all_pens} - {given} = {left} are left."], left),
        ([f"{boxes} * {pens} = {all_pens}", f"{all_pens} - {given} = {left + 1}"], left),
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
    made = limbeck.ingest(f"{folder}/problems.py:task", log, store=folder / ".limbeck" / "store.db", all_verdicts=True)
    assert made.outcomes == {"passed": 24, "rejected": 24}
    return folder


Export = Callable[..., Path]


@pytest.fixture(scope="session")
def exported(project: Path) -> Export:
    """Export from the store, once a set of choices; give the dataset's folder."""
    made: dict[str, Path] = {}

    def export(name: str, **choices: Any) -> Path:
        key = json.dumps([name, choices], sort_keys=True)
        if key not in made:
            folder = project / f"dataset{len(made)}"
            # The problems are alike, and would all fall on one side.
            choices = {"split": {"train": 0.75, "val": 0.25}, "together": "input", **choices}
            store = project / ".limbeck" / "store.db"
            limbeck.export(f"{project}/problems.py:task", folder, format=name, store=store, **choices)
            made[key] = folder
        return made[key]

    return export


LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look into a log.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Ask for the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def trace(number: int, messages: list[Any], completion: str | None, tools: list[Any], calls: list[Any]) -> Trace:
    """A trace with the messages as they were sent."""
    question = {"question": f"{number}"}
    said = Call("teacher", messages, completion, {"tools": tools}, calls)
    step = Step("self", question, {"answer": "x"}, [said])
    verdict = Verdict("metric", True, 1.0)
    return Trace(id=f"t{number}", task="tools", example=Example(question), candidate="c", lm="teacher", attempt=0,
                 prediction={"answer": "x"}, steps=[step], verdicts=[verdict])  # fmt: skip


TRACES = [
    trace(
        1,
        [{"role": "system", "content": "Help."}, {"role": "user", "content": "What went wrong?"}],
        None,
        [LOOK],
        [call("look", '{"place": "errors"}')],
    ),
    trace(
        2,
        [
            {"role": "user", "content": "Will it rain?"},
            {"role": "assistant", "content": None, "tool_calls": [call("weather", '{"city": "Oslo", "days": 2}')]},
            {"role": "tool", "tool_call_id": "call_1", "content": "dry"},
        ],
        "It stays dry.",
        [WEATHER],
        [],
    ),
]


@pytest.fixture(scope="session")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Export two conversations with calls of tools, as they were sent: one ends with a call, one has it amid."""

    def export(name: str) -> Path:
        out = tmp_path_factory.mktemp("tools") / name
        made = dataset.export(
            TRACES,
            Source(program=dspy.Predict("question -> answer"), task="tools"),
            Choices(format=name, kind="sft", prompt="sent", together="input"),
            out=out,
        )
        assert made.emitted == 2
        return out

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
    """Read JSONL with the standard library alone; what Azure is given starts with a byte order mark."""

    def read(path: Path) -> list[Any]:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            return [json.loads(line) for line in file]

    return read
