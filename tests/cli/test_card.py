"""The command in a dataset's card makes the dataset again, byte for byte."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]

ASKED = [
    "task.py:task",
    "task.py:task --format trl-prompt-completion --split train=0.6,val=0.4 --seed 5 --shuffle --dedup normalised",
    "task.py:task --format trl-preference --max-pairs 2 --no-reasoning --together input --licence mit",
    "task.py:task --format parquet --failures --per-input 3 --quota label:yes=4 --stratify none --prefer level,longest",
    "out --prompt compiled --format openai --limit 5",
    "task.py:program --metric metric --max-level 4",
]


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("asked", ASKED)
def test_the_command_in_the_card_makes_the_same_files(asked: str, compiled: Path, invoke: Invoke) -> None:
    """Whatever was asked for; the manifest has the same command."""
    assert invoke("export", *asked.split(), "--out", "first", "--quiet").exit_code == 0
    command = json.loads((compiled / "first" / "limbeck.json").read_text())["command"]
    assert f"\n{command}\n" in (compiled / "first" / "README.md").read_text()
    program, *again = shlex.split(command)
    assert program == "limbeck"
    assert invoke(*["again" if word == "DIR" else word for word in again], "--quiet").exit_code == 0
    assert files(compiled / "again") == files(compiled / "first")
    assert len(files(compiled / "first")) > 4
