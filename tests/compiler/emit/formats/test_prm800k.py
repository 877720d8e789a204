"""PRM800K, read back by a reader of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.prm800k import PRM800K
from limbeck.compiler.emit.record import LabelledStep

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)


def read(row):
    """Steps and ratings of the solution, as PRM800K's README puts it together."""
    steps = row["label"]["steps"]
    chosen = [
        step["human_completion"]
        if step["chosen_completion"] is None
        else step["completions"][step["chosen_completion"]]
        for step in steps
    ]
    return [(completion["text"], completion["rating"]) for completion in chosen]


@given(st.data())
def test_steps_and_ratings_are_read_back(record, data):
    """Neutral stays apart from right and wrong, whatever it counts as elsewhere."""
    texts = data.draw(st.lists(words, min_size=1, max_size=4))
    good = [data.draw(st.sampled_from(["positive", "neutral"])) for _ in texts[1:]]
    labels = [*good, data.draw(st.sampled_from(["positive", "neutral", "negative"]))]
    steps = [LabelledStep(*step) for step in zip(texts, labels, strict=True)]
    row = PRM800K().row(record(kind="stepwise", steps=steps, input_text="Why?", neutral="negative"))
    assert PRM800K().check(row) == []
    again = json.loads(json.dumps(row))
    rating = {"positive": 1, "neutral": 0, "negative": -1}
    assert read(again) == [(step.text, rating[step.label]) for step in steps]
    assert again["question"]["problem"] == "Why?"
    assert again["label"]["finish_reason"] == ("found_error" if labels[-1] == "negative" else "solution")


def test_a_row_has_the_keys_that_the_readme_names(record):
    """One completion a step, which was chosen; nobody's time."""
    row = PRM800K().row(record(kind="stepwise", steps=[LabelledStep("One.", "positive")], input_text="Why?"))
    completion = {"text": "One.", "rating": 1, "flagged": False}
    step = {"completions": [completion], "human_completion": None, "chosen_completion": 0}
    assert row["label"] == {"steps": [step], "total_time": None, "finish_reason": "solution"}
    assert set(row["question"]) == {"problem", "ground_truth_answer"}


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        ({}, None),
        ({"team": "tech"}, "tech"),
        ({"total": 5}, "5"),
        ({"answer": "40", "solution": "20 + 20"}, "40"),
        ({"a": 1, "b": "é"}, '{"a": 1, "b": "é"}'),
        ({"answer": None}, "null"),
    ],
)
def test_the_right_answer_is_a_text(known, answer, record):
    """That which is called so, or all that is known."""
    steps = [LabelledStep("One.", "positive")]
    row = PRM800K().row(record(kind="stepwise", steps=steps, known=known, input_text="Why?"))
    assert row["question"]["ground_truth_answer"] == answer
    assert PRM800K().check(row) == []


@pytest.mark.parametrize(
    ("problem", "steps", "told"),
    [
        ("", [("One.", "positive")], "the problem is empty or no text (pictures and tools have no place in it)"),
        ("Why?", [], "there is no step"),
        ("Why?", [("One.", "positive"), (" ", "positive")], "step 1 is empty or no text"),
        ("Why?", [("One.", "negative"), ("Two.", "positive")], "there are steps after the first wrong one"),
    ],
)
def test_what_is_no_solution_is_a_problem(problem, steps, told, record):
    """Labelling stops at the first error."""
    made = record(kind="stepwise", steps=[LabelledStep(*step) for step in steps], input_text=problem)
    assert PRM800K().check(PRM800K().row(made)) == [told]
