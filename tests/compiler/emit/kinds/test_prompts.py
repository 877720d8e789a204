"""Prompts with what is known, and how the attempts at them fared."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.records import Verdict


def test_a_prompt_is_one_row_with_how_its_attempts_fared(make, tried, sums):
    """Mean score, share of passes, number."""
    traces = [tried("4"), tried("5", n=1, passed=False), tried("6", n=2, passed=False, score=0.5), tried("4", n=3)]
    (record,), ledger = make("prompts", traces, sums)
    assert record.columns == {"reward": 0.625, "pass_rate": 0.5, "attempts": 4}
    assert record.known == {"answer": "4"}
    assert record.completion == ()
    assert (ledger.n_combined, ledger.n_formed) == (4, 1)


def test_an_answer_that_could_not_be_parsed_is_an_attempt(make, tried, sums):
    """It was tried, and came to nothing; so do all attempts at a prompt that is too hard."""
    (record,), _ = make("prompts", [tried("4"), tried(broken="?", n=1)], sums)
    assert record.columns == {"reward": 0.5, "pass_rate": 0.5, "attempts": 2}
    (record,), _ = make("prompts", [tried(broken="?")], sums)
    assert record.columns == {"reward": 0.0, "pass_rate": 0.0, "attempts": 1}


def test_an_attempt_whose_metric_broke_says_nothing(make, tried, sums):
    """It is part of the row, but in none of its numbers."""
    broke = tried("5", n=1, verdicts=[Verdict("metric", passed=False, error="ZeroDivisionError")])
    (record,), ledger = make("prompts", [tried("4"), broke], sums)
    assert record.columns == {"reward": 1.0, "pass_rate": 1.0, "attempts": 1}
    assert ledger.n_combined == 2


def test_a_prompt_that_nothing_has_judged_has_no_reward(make, tried, sums):
    """Null is not zero."""
    (record,), _ = make("prompts", [tried(passed=None)], sums)
    assert record.columns == {"reward": None, "pass_rate": None, "attempts": 0}


def test_of_two_right_answers_the_one_of_more_attempts_is_kept(make, tried, sums):
    """The others say so in the ledger."""
    traces = [tried("4", n=n, labels={"answer": f"{4 + (n == 0)}"}) for n in range(3)]
    (record,), ledger = make("prompts", traces, sums)
    assert record.known == {"answer": "4"}
    assert ledger.reasons() == {"other labels": 1}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([True, False, None]),
                          st.sampled_from([0.0, 1.0, None, math.nan]), st.booleans()), max_size=15))  # fmt: skip
@pytest.mark.parametrize("failures", [False, True])
def test_the_counts_add_up(make, tried, sums, failures, drawn):
    """A row an input that has an answer; nothing in it is no number."""
    drawn = sorted(drawn, key=lambda item: item[0])
    traces = [tried(str(n), n=n, question=q, passed=p, score=s, broken="?" if b else None)
              for n, (q, p, s, b) in enumerate(drawn)]  # fmt: skip
    records, ledger = make("prompts", traces, sums, failures=failures)
    assert len(records) == ledger.n_formed == len({q for q, *_ in drawn})
    assert all(value is None or math.isfinite(value) for record in records for value in record.columns.values())
