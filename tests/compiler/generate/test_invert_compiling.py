"""The backward program as a task: an input passes where ``invert`` would keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import dspy
import pytest

import limbeck
from limbeck.compiler.generate.invert import Invert, backward
from limbeck.signatures.program import base_candidate
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted, fields

ROWS = [{"message": f"{what} number {n}", "team": team} for n in range(4)
        for what, team in (("invoice", "billing"), ("parcel", "shipping"))]  # fmt: skip


def same(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.team == prediction.team)


def teams() -> Task:
    """Messages of customers, and who answers them."""
    made = {"message": (str, dspy.InputField()), "team": (Literal["billing", "shipping"], dspy.OutputField())}
    return Task(dspy.Predict(dspy.Signature(made, "Say which team answers.")), same, name="teams")


def test_its_rows_are_the_calls_of_invert() -> None:
    """The predictor has the same name and fields, and the prompts have rows of their own side alone."""
    task = backward(teams(), ROWS[:4], ROWS[4:], calls=2)
    assert list(base_candidate(task.program).instructions) == list(base_candidate(Invert().program).instructions)
    assert [len(part) for part in (task.train, task.val, task.test)] == [4, 2, 4]  # type: ignore[arg-type]
    assert "number 0" in task.train[0]["examples"]  # type: ignore[index]
    assert "number 0" not in str(task.test)
    assert [len(row["shown"]) for row in task.train] == [3] * 4, "of the label and of others, without their labels"  # type: ignore[union-attr]
    assert task.train[0]["shown"][2] == "parcel number 0"  # type: ignore[index]
    assert task.name == "teams-backward"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("my invoice again", "leads to {'team': 'billing'}"),
        ("my parcel again", "leads to {'team': 'shipping'}"),
        ("label: billing, my invoice", "gives the output away"),
        ("Invoice number 2!", "copies an example"),
        ("Hello, my own money is gone for good!", "copies an example"),
        ("The input says what the output follows from, in their words", "copies the prompt"),
        ("invoice number 7", "input known already"),
        ("I'm sorry, but I can't help with that.", "refusal"),
    ],
)
def test_an_input_passes_where_it_can_be_kept(tmp_path: Path, written: str, told: str) -> None:
    """Each other one is refused, with the reason as feedback."""

    def answer(text: str, _: int) -> str:
        if "Write an input" in text:
            return fields(input=written)
        return fields(team="billing" if "invoice" in text.rsplit("[[ ## message ## ]]", 1)[1] else "shipping")

    rows = [*ROWS, {"message": "invoice number 7", "team": "shipping"}]
    task = backward(teams(), rows, rows, calls=1)
    billing = [row for row in task.test if row["wanted"]["team"] == "billing"]  # type: ignore[union-attr]
    billing = [{**row, "shown": ["invoice number 2", "my own money\n\nis gone for good"]} for row in billing]
    limbeck.evaluate(task, data=billing, lm=Scripted(answer).lm, store=tmp_path / "s.db")
    with limbeck.open_store(tmp_path / "s.db") as store:
        (trace,) = store.traces()
    (verdict,) = [verdict for verdict in trace.verdicts if verdict.verifier == "round_trip"]
    assert told in verdict.feedback
    assert verdict.passed == (written == "my invoice again")
