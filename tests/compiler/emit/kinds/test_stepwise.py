"""Stepwise: steps and labels up to the first wrong one, with the prompt of what wrote them."""

from __future__ import annotations

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.record import LabelledStep
from limbeck.records import Step, Verdict


def test_labels_end_with_the_first_wrong_step(make, tried, sums):
    """What comes after a wrong step is neither right nor wrong."""
    steps = [("2+2 is", "positive"), ("hm", "neutral"), ("5", "negative"), ("so 5", "positive")]
    (record,), ledger = make("stepwise", [tried("5", passed=False, steps=steps)], sums)
    assert record.steps == [LabelledStep(*step) for step in steps[:3]]
    assert "2+2?" in record.prompt[-1]["content"]
    assert record.answer_text == "2+2 is\nhm\n5"
    assert ledger.n_combined == 0


@pytest.mark.parametrize("found", [None, [], "steps", [1], [{"text": "a"}], [{"text": 1, "label": "positive"}],
                                   [{"text": "a", "label": "good"}]])  # fmt: skip
def test_a_trace_without_labelled_steps_is_in_the_ledger(make, tried, sums, found):
    """Another verifier's evidence may have anything under that name."""
    verdicts = [Verdict("metric", passed=True), Verdict("judge", passed=True, evidence={"steps": found})]
    records, ledger = make("stepwise", [tried(verdicts=verdicts)], sums)
    assert not records
    assert ledger.reasons() == {"no labelled steps": 1}


def test_the_prompt_is_that_of_the_predictor_that_wrote_the_steps(make, trace, two_steps):
    """Other steps of the trace are none of it."""
    steps = [Step("summarize", {"text": "t"}, {"summary": "It rains.\nSo take  a hat."}),
             Step("answer", {"summary": "s", "question": "q"}, {"answer": "hat"})]  # fmt: skip
    evidence = {"steps": [{"text": "It rains.", "label": "positive"}, {"text": "So take a hat.", "label": "neutral"}]}
    verdicts = [Verdict("steps", passed=True, evidence=evidence)]
    (record,), ledger = make("stepwise", [trace(steps=steps, verdicts=verdicts)], two_steps)
    assert record.first.step.predictor == "summarize"
    assert ledger.reasons() == {"no labelled steps": 1}


def test_steps_of_no_predictor_are_the_whole_programs(make, trace, two_steps):
    """Where the steps are the program's own calls, the problem is what went into it."""
    steps = [Step("summarize", {"text": "t"}, {"summary": "s"}), Step("answer", {}, {"answer": "hat"})]
    verdicts = [Verdict("steps", passed=True, evidence={"steps": [{"text": "summarize: s", "label": "positive"}]})]
    one = trace(steps=steps, verdicts=verdicts, prediction={"answer": "hat"})
    assert make("stepwise", [one], two_steps)[1].reasons() == {"no labelled steps": 2}
    (record,), _ = make("stepwise", [one], two_steps, whole=True)
    assert [step.text for step in record.steps] == ["summarize: s"]


LABELS = st.sampled_from(["positive", "neutral", "negative"])


@given(st.lists(st.tuples(st.booleans(), st.lists(st.tuples(st.text(max_size=3), LABELS), max_size=4)), max_size=10))
def test_the_counts_add_up(make, tried, sums, drawn):
    """A row a trace with steps; a negative label is the last one."""
    traces = [tried(str(n), n=n, passed=passed, steps=steps) for n, (passed, steps) in enumerate(drawn)]
    records, ledger = make("stepwise", traces, sums)
    assert len(records) == sum(bool(steps) for _, steps in drawn)
    assert ledger.n_dropped == len(drawn) - len(records)
    for record in records:
        assert "negative" not in [step.label for step in record.steps[:-1]]


def test_reasoning_of_a_program_is_what_the_steps_are_of(make, tried):
    """The prompt is the one that asks for the reasoning."""
    program = dspy.ChainOfThought("question -> answer")
    step = Step("predict", {"question": "2+2?"}, {"reasoning": "a", "answer": "4"})
    (record,), _ = make("stepwise", [tried(steps=[("a", "positive")], calls=[step])], program)
    assert "reasoning" in record.prompt[0]["content"]
