"""One rollout from candidate to judged trace."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dspy
import pytest

import limbeck


def always(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Pass."""
    return True


class Event(limbeck.Signature):
    """Say something about a day."""

    day: dt.date = limbeck.InputField()
    answer: str = limbeck.OutputField()


class Year(dspy.Module):
    """Uses its input as what the signature says it is."""

    def __init__(self) -> None:
        super().__init__()
        self.say = dspy.Predict(Event)

    def forward(self, day: dt.date) -> dspy.Prediction:
        """Answer with the year."""
        self.say(day=day)
        return dspy.Prediction(answer=str(day.year))


def test_programs_get_typed_inputs(tmp_path: Path) -> None:
    """A date of the data is a date in ``forward``, as in plain DSPy, and JSON in the store."""
    task = limbeck.Task(program=Year(), metric=lambda e, p: p.answer == e.answer, name="t")
    rows = [{"day": f"20{i}-01-02", "answer": f"20{i}"} for i in range(10, 16)]
    assert limbeck.evaluate(task, rows, store=tmp_path / "s.db").outcomes == {"passed": 6}
    with limbeck.open_store(tmp_path / "s.db") as store:
        assert {trace.example.inputs["day"] for trace in store.traces()} == {row["day"] for row in rows}


def test_images_are_sent_as_images(tmp_path: Path) -> None:
    """An image input reaches the LM as an image, not as the text of its address."""

    class Look(limbeck.Signature):
        picture: dspy.Image = limbeck.InputField()
        answer: str = limbeck.OutputField()

    task = limbeck.Task(program=dspy.Predict(Look), metric=always, name="t")
    rows = [{"picture": dspy.Image(url=f"https://example.com/{i}.png"), "answer": "a cat"} for i in range(6)]
    limbeck.evaluate(task, rows, store=tmp_path / "s.db")
    with limbeck.open_store(tmp_path / "s.db") as store:
        trace = next(store.traces())
    parts = trace.steps[0].messages[-1]["content"]
    assert [part["type"] for part in parts if part["type"] != "text"] == ["image"]


def test_a_program_that_configures_dspy_is_told_so(tmp_path: Path) -> None:
    """``dspy.configure`` in ``forward`` would make the result depend on the concurrency."""

    class Configures(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.say = dspy.Predict("question -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            raise RuntimeError("dspy.settings can only be changed by the thread that initially configured it.")

    task = limbeck.Task(program=Configures(), metric=always, name="t")
    with pytest.raises(limbeck.TargetError, match="changes DSPy's settings while it runs"):
        limbeck.evaluate(task, [{"question": str(i)} for i in range(20)], store=tmp_path / "s.db")
