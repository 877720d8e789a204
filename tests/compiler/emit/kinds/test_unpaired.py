"""Unpaired: one label an answer, and weights that balance them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.kinds.unpaired import weights


def test_each_distinct_answer_is_a_row_with_its_label(make, tried, sums):
    """What passed is good, what was rejected is not."""
    records, ledger = make("unpaired", [tried("4"), tried("4", n=1), tried("5", passed=False)], sums)
    assert {record.answer_text.splitlines()[1]: record.label for record in records} == {"4": True, "5": False}
    assert ledger.reasons() == {"same answer": 1}


def test_an_answer_that_both_passed_and_was_rejected_is_left_out(make, tried, sums):
    """With its reason."""
    records, ledger = make("unpaired", [tried("4"), tried("4 ", n=1, passed=False)], sums)
    assert not records
    assert ledger.reasons() == {"passed and rejected": 1, "same answer": 1}


def test_equal_answers_to_different_questions_are_different_rows(make, tried, sums):
    """A label holds for a prompt."""
    records, _ = make("unpaired", [tried("4"), tried("4", question="2+3?", passed=False)], sums)
    assert sorted(record.label for record in records) == [False, True]


def test_what_could_not_be_parsed_is_bad_where_failures_are_wanted(make, tried, sums):
    """Its text is as it came."""
    (record,), _ = make("unpaired", [tried(broken="four!")], sums, failures=True)
    assert (record.label, record.completion[0]["content"]) == (False, "four!")
    assert record.columns == {"outcome": "failed", "reward": 0.0}


@given(st.lists(st.tuples(st.sampled_from("123 "), st.booleans(), st.booleans()), max_size=20), st.booleans())
def test_the_counts_add_up(make, tried, sums, drawn, failures):
    """And no text has two labels."""
    traces = [tried(t, n=n, passed=p, broken=t if b else None) for n, (t, p, b) in enumerate(drawn)]
    records, _ = make("unpaired", traces, sums, failures=failures)
    texts = [record.answer_text.strip() for record in records]
    assert len(texts) == len(set(texts))


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_weighted_rows_are_as_kto_wants_them(positives, negatives):
    """Within 1:1 and 4:3, one of the weights being 1; nothing is changed where that holds already."""
    desirable, undesirable = weights(positives, negatives)
    assert 1 <= desirable * positives / (undesirable * negatives) <= 4 / 3
    assert 1.0 in (desirable, undesirable)


@pytest.mark.parametrize(("rows", "expected"), [((0, 5), (1, 1)), ((5, 0), (1, 1)), ((4, 3), (1, 1)), ((3, 3), (1, 1))])
def test_what_is_balanced_or_has_one_side_only_needs_no_weights(rows, expected):
    """There is nothing to balance."""
    assert weights(*rows) == expected
