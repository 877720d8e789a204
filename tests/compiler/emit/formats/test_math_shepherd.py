"""Math-Shepherd, read back by a reader of its own."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.math_shepherd import MathShepherd
from limbeck.compiler.emit.record import LabelledStep

KI = b"\xd0\xba\xd0\xb8".decode()

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).map(str.strip).filter(bool)
safe = words.filter(lambda text: KI not in text and "Step" not in text)
labels = st.sampled_from(["positive", "neutral", "negative"])


def read(row):
    """Problem, steps and labels, as the dataset's card and TRL's script have it: a sign in place of each token."""
    text = row["input"].replace(KI, "\u2dfb")
    at = [match.start() for match in re.finditer("\u2dfb", text)]
    signs = [row["label"][place] for place in at]
    assert set(signs) <= {"+", "-"}
    parts = [text[start:end].lstrip("\u2dfb").strip() for start, end in zip([0, *at], at, strict=False)]
    problem, first = parts[0].split("Step 1:")
    return problem.strip(), [f"Step 1:{first}".strip(), *parts[1:]], [sign == "+" for sign in signs]


@given(st.data())
def test_steps_and_labels_are_read_back(record, data):
    """The label of each step stands where its token stood."""
    problem, texts = data.draw(safe), data.draw(st.lists(safe, min_size=1, max_size=4))
    steps = [LabelledStep(text, data.draw(labels)) for text in texts]
    neutral = data.draw(st.sampled_from(["positive", "negative"]))
    row = MathShepherd().row(record(kind="stepwise", steps=steps, neutral=neutral, input_text=problem))
    assert MathShepherd().check(row) == []
    good = {"positive"} if neutral == "negative" else {"positive", "neutral"}
    found = [f"Step {number}: {text}" for number, text in enumerate(texts, 1)]
    assert read(json.loads(json.dumps(row))) == (problem, found, [step.label in good for step in steps])


def test_a_row_looks_like_those_of_the_dataset(record):
    """Steps that have their number keep it; each ends with the token."""
    steps = [LabelledStep("Step 1: 2 + 2 = 4", "positive"), LabelledStep("So 5.", "negative")]
    row = MathShepherd().row(record(kind="stepwise", steps=steps, input_text="What is 2 + 2?"))
    assert row == {
        "input": f"What is 2 + 2? Step 1: 2 + 2 = 4 {KI}\nStep 2: So 5. {KI}",
        "label": "What is 2 + 2? Step 1: 2 + 2 = 4 +\nStep 2: So 5. -",
    }


@pytest.mark.parametrize(
    ("problem", "texts"),
    [
        ("Why?", []),
        ("", ["One."]),
        (" ", ["One."]),
        ("Why?", ["One.", ""]),
        ("Why?", [" "]),
        (f"Где ре{KI}?", ["One."]),
        ("Why?", [f"Ре{KI} там."]),
        ("Why?", [f"One. {KI}\nStep 2: Two."]),
        ("Go to Step 1: now", ["One."]),
        ("Why?", ["As in Step 1: no."]),
    ],
)
def test_what_could_not_be_read_back_is_a_problem(problem, texts, record):
    """A token within a text would be taken for the end of a step."""
    steps = [LabelledStep(text, "positive") for text in texts]
    row = MathShepherd().row(record(kind="stepwise", steps=steps, input_text=problem))
    assert len(MathShepherd().check(row)) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"input": "x"},
        {"input": "x", "label": None},
        {"input": f"Why? Step 1: a {KI}", "label": "Why? Step 1: a ?"},
        {"input": f"Why? Step 1: a {KI}", "label": "Why? Step 1: a + "},
        {"input": f"Why? Step 1: a {KI}", "label": "Why? Step 1: b +"},
        {"input": f"Why? Step 1: a {KI} more", "label": "Why? Step 1: a + more"},
        {"input": f"Why? Step 1: a {KI}\nStep 3: b {KI}", "label": "Why? Step 1: a +\nStep 3: b +"},
    ],
)
def test_a_label_that_does_not_fit_is_a_problem(row):
    """Input and label are the same but for the signs."""
    assert MathShepherd().check(row)
