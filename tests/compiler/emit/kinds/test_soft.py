"""Soft labels: shares of the labels that a weaker LM gave."""

from __future__ import annotations

import math

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.generate.base import born
from limbeck.records import Step


def test_a_label_has_the_share_of_the_answers_that_gave_it(make, tried, sums):
    """Right or wrong, judged or not; the most frequent first."""
    traces = [tried("5", n=0, passed=False), tried("4", n=1), tried("4", n=2, passed=None), tried("6", n=3)]
    (record,), ledger = make("soft", traces, sums, fields=("answer",))
    assert list(record.soft.items()) == [("4", 0.5), ("5", 0.25), ("6", 0.25)]
    assert record.first.step.outputs == {"answer": "4"}
    assert (ledger.n_combined, ledger.n_formed) == (4, 1)


def test_only_the_chosen_lm_counts(make, tried, sums):
    """The weak supervisor is one of several in the store."""
    traces = [tried("4", lm="weak"), tried("5", lm="strong")]
    (record,), _ = make("soft", traces, sums, lm="weak")
    assert record.soft == {"4": 1.0}


def test_answers_without_a_label_are_left_out(make, tried, sums):
    """What could not be parsed has no share."""
    traces = [tried("4"), tried(broken="?", n=1), tried(None, n=2)]
    (record,), ledger = make("soft", traces, sums, fields=("answer",))
    assert record.soft == {"4": 1.0}
    assert ledger.reasons() == {"output field without a value": 1, "step without outputs": 1}
    assert make("soft", traces, sums, fields=("answer",), failures=True)[1].reasons() == {
        "no label": 1, "output field without a value": 1,
    }  # fmt: skip


def test_a_step_without_the_field_gives_no_label(make, tried, sums):
    """Other predictors of the program are none of it."""
    assert make("soft", [tried("4")], sums, fields=("team",))[1].reasons() == {"no label": 1}


@given(st.lists(st.sampled_from(["4", "5", "6", "", None]), max_size=30), st.randoms())
def test_shares_add_up_to_one_whatever_the_order(make, tried, sums, drawn, shuffler):
    """And stand in the same order."""
    traces = [tried(answer, n=n) for n, answer in enumerate(drawn)]
    records, _ = make("soft", traces, sums)
    assert len(records) == any(answer is not None for answer in drawn)
    shuffler.shuffle(traces)
    again, _ = make("soft", traces, sums)
    for record, other in zip(records, again, strict=True):
        assert math.isclose(sum(record.soft.values()), 1)
        assert list(record.soft.items()) == list(other.soft.items())
        assert record.id == other.id


def test_of_several_predictors_each_has_labels_of_its_own(make, tried, sums):
    """A field that only another predictor has is none that is missing."""
    (record,), _ = make("soft", [tried("4"), tried("4", n=1)], sums, fields=("team", "answer"))
    assert record.soft == {"4": 1.0}


def test_the_order_of_outputs_makes_no_other_label(make, trace):
    """Some adapters leave it to the LM."""
    steps = [Step("self", {"q": "?"}, outputs) for outputs in ({"a": "x", "b": "y"}, {"b": "y", "a": "x"})]
    traces = [trace("?", steps=[step], attempt=n) for n, step in enumerate(steps)]
    (record,), _ = make("soft", traces, dspy.Predict("q -> a, b"))
    assert record.soft == {"x / y": 1.0}


def weak(tried, answer, soft, *, n=0, field="answer", sure=True):
    """A trace as ``synth --method weak`` makes it."""
    verdict = born("confidence", passed=sure, score=0.5, by="model", feedback="" if sure else "not sure")
    made = tried(answer, n=n, passed=None, origin="synth", meta={"synth": {"field": field, "soft": soft}})
    return made.with_verdicts([verdict])


def test_soft_labels_of_a_trace_are_taken_as_they_are(make, tried, sums):
    """Whatever its own answer was; the likeliest first."""
    (record,), ledger = make("soft", [weak(tried, "5", {"5": 0.25, "4": 0.7, "6": 0.05, "7": 0})], sums)
    assert list(record.soft) == ["4", "5", "6"]
    assert list(record.soft.values()) == pytest.approx([0.7, 0.25, 0.05])
    assert (ledger.n_combined, ledger.n_formed) == (1, 1)


def test_they_count_instead_of_plain_answers(make, tried, sums):
    """Which they may have been made of."""
    traces = [weak(tried, "4", {"4": 0.75, "5": 0.25}), tried("6", n=1), weak(tried, "5", {"5": 1.0}, n=2)]
    (record,), ledger = make("soft", traces, sums)
    assert record.soft == {"5": 0.625, "4": 0.375}
    assert record.first.step.outputs == {"answer": "5"}
    assert ledger.reasons() == {"plain answer": 1}


class Twice(dspy.Module):
    """A guess, and an answer after it."""

    def __init__(self):
        super().__init__()
        self.guess, self.final = dspy.Predict("q -> answer"), dspy.Predict("q, guess -> answer")


def test_they_are_those_of_the_last_step_that_has_the_field(make, trace):
    """What the program guessed before is a plain answer."""
    steps = [Step("guess", {"q": "?"}, {"answer": "5"}), Step("final", {"q": "?", "guess": "5"}, {"answer": "4"})]
    about = {"field": "answer", "soft": {"4": 0.75, "5": 0.25}}
    records, _ = make("soft", [trace("?", steps=steps, meta={"synth": about})], Twice())
    assert [record.soft for record in records] == [{"5": 1.0}, {"4": 0.75, "5": 0.25}]


def test_what_the_method_refused_is_no_row(make, tried, sums):
    """A label that it was not sure enough of."""
    records, ledger = make("soft", [weak(tried, "4", {"4": 0.5, "5": 0.5}, sure=False)], sums)
    assert not records
    assert ledger.reasons() == {"refused: synth:confidence": 1}


@pytest.mark.parametrize(
    "soft", [None, {}, [], {"4": -1, "5": 2}, {"4": float("nan")}, {"4": "x"}, {"4": 0.0}, {"4": 1e999}, "4"]
)
def test_soft_labels_that_make_no_sense_are_not_taken(make, tried, sums, soft):
    """The answer counts as any other."""
    (record,), _ = make("soft", [weak(tried, "4", soft)], sums)
    assert record.soft == {"4": 1.0}


def test_those_of_another_field_are_not_taken(make, tried, sums):
    """They say nothing of this one."""
    (record,), _ = make("soft", [weak(tried, "4", {"billing": 1.0}, field="team")], sums, fields=("answer",))
    assert record.soft == {"4": 1.0}
