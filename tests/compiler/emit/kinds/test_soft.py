"""Soft labels: shares of the labels that a weaker LM gave."""

from __future__ import annotations

import math

import dspy
from hypothesis import given
from hypothesis import strategies as st

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
