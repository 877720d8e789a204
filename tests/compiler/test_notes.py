"""What a method has to tell beside reaches the result, the run in the store and the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import dspy
from rich.console import Console

import limbeck
from limbeck.cli.synth import show
from limbeck.compiler.generate.base import Dropped, Made, Provenance, Written, born
from limbeck.records import Example
from limbeck.testing.scripted import script


class Noting:
    """A generator of one row, with notes."""

    name: ClassVar[str] = "noting"
    judges: ClassVar[bool] = True

    def __init__(self) -> None:
        self.program = dspy.Predict("a -> b")
        self.notes: dict[str, Any] = {}

    async def generate(self, bench: Any) -> AsyncIterator[Made | Dropped]:
        """One row."""
        self.notes = {"share": 0.25, "quota": {"x": {"target": 1_000, "rate": None}, "y": {"why": "no use"}}}
        yield Made(
            Example({"a": "1"}), Provenance("note"), Written({"b": "2"}, "lm"), verdicts=[born("it", passed=True)]
        )


def test_notes_are_told(tmp_path: Path) -> None:
    """Tables as tables, figures as facts, and both in JSON."""
    task = limbeck.Task(dspy.Predict("a -> b"), name="t")
    made = limbeck.synthesize(task, Noting(), data=[{"a": "0"}], lm=script({"b": "1"}).lm, store=tmp_path / "s.db")
    assert made.as_json()["notes"]["quota"]["x"] == {"target": 1_000, "rate": None}
    assert "share" in repr(made)
    assert made.noted() == {"quota": [("x", "target 1000"), ("y", "why no use")]}
    out = StringIO()
    show(Console(file=out, width=100), "t", made, {"store": "s.db", "metric": None, "verifier": (), "verifier_arg": ()})
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["quota", "target", "rate", "why"] in lines
    assert ["x", "1,000"] in lines
    assert ["y", "no", "use"] in lines
    assert ["share", "0.25"] in lines
