"""Preference by label: only what was compared is paired, and labels count nowhere else."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.records import PREFERRED, Verdict


def said(messages):
    """The answer without the adapter's words."""
    return messages[0]["content"].removeprefix("[[ ## answer ## ]]\n").removesuffix("\n\n[[ ## completed ## ]]\n")


def compared(tried, pair, first, second, share, passed=True):
    """Two traces that carry the label of their pair."""
    for n, (text, score) in enumerate(((first, share), (second, 1 - share))):
        label = Verdict(PREFERRED, passed=True, score=score, evidence={"pair": pair}, by="model")
        verdicts = [label, Verdict("metric", passed=passed, score=float(passed))]
        yield tried(text, n=n, verdicts=verdicts, id=f"{pair}-{n}")


@pytest.mark.parametrize(
    ("share", "pair"), [(0.8, ("4", "5")), (0.2, ("5", "4")), (0.54, None), (0.55, ("4", "5")), (0.5, None)]
)
def test_the_likelier_one_is_chosen_from_the_margin_on(make, tried, sums, share, pair):
    """At a margin of 0.1 a label of 0.55 is the first that pairs; its columns are the soft label."""
    traces = list(compared(tried, "p", "4", "5", share))
    records, ledger = make("preference", traces, sums, pairs="label", failures=True)
    assert [(said(r.completion), said(r.rejected)) for r in records] == ([pair] if pair else [])
    if pair:
        soft = max(share, 1 - share)
        rewards = {"chosen_reward": pytest.approx(soft), "rejected_reward": pytest.approx(1 - soft)}
        assert records[0].columns == {**rewards, "rejected_outcome": "passed"}
    else:
        assert ledger.reasons() == {"no pair": 2}


def test_answers_without_a_label_are_left_alone(make, tried, sums):
    """What was not compared is in no pair, whatever its score."""
    traces = [*compared(tried, "p", "4", "5", 1.0), tried("6", n=7, passed=False), tried("7", n=8)]
    records, ledger = make("preference", traces, sums, pairs="label")
    assert len(records) == 1
    assert ledger.reasons() == {"no label": 2}


def test_only_the_two_of_a_pair_meet(make, tried, sums):
    """A certain label of one pair says nothing against an answer of another."""
    traces = [*compared(tried, "p", "4", "5", 1.0), *compared(tried, "q", "6", "7", 1.0)]
    records, _ = make("preference", traces, sums, pairs="label")
    assert {(said(r.completion), said(r.rejected)) for r in records} == {("4", "5"), ("6", "7")}


def test_labels_of_the_same_two_texts_are_averaged(make, tried, sums):
    """By two principles the first is likelier by 0.9 and 0.2: 0.55 in all."""
    traces = [*compared(tried, "p", "4", "5", 0.9), *compared(tried, "q", "5", "4", 0.8)]
    (record,), ledger = make("preference", traces, sums, pairs="label", failures=True)
    assert said(record.completion) == "4"
    assert record.columns["chosen_reward"] == pytest.approx(0.55)
    assert ledger.reasons() == {"same answer": 2}


def test_what_did_not_pass_is_never_chosen(make, tried, sums):
    """A label does not stand in for what judges the task."""
    records, ledger = make("preference", list(compared(tried, "p", "4", "5", 1.0, passed=False)), sums, pairs="label")
    assert not records
    assert ledger.reasons() == {"no pair": 2}


def test_strongest_first_up_to_max_pairs(make, tried, sums):
    """The rest goes to the ledger under its own reason."""
    traces = [t for n in range(4) for t in compared(tried, f"p{n}", f"a{n}", f"b{n}", 0.6 + n / 10)]
    records, ledger = make("preference", traces, sums, pairs="label", max_pairs=1)
    assert [said(r.completion) for r in records] == ["a3"]
    assert ledger.reasons() == {"over max_pairs": 6}


def test_labels_are_no_scores(make, tried, sums):
    """By score the metric counts, or another verifier; a label beside them does not."""
    traces = list(compared(tried, "p", "4", "5", 1.0))
    records, _ = make("preference", traces, sums, pairs="score")
    assert not records


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 1)), max_size=8))
def test_everything_is_accounted_for(make, tried, sums, labels):
    """What is read is in a pair or has a reason, whatever was compared with what."""
    traces = [t for n, (a, b, p) in enumerate(labels) for t in compared(tried, f"p{n}", f"x{a}", f"x{b}", p)]
    records, ledger = make("preference", traces, sums, pairs="label")
    assert ledger.n_read == len(traces) == ledger.n_combined + sum(ledger.reasons().values())
    assert all(said(r.completion) != said(r.rejected) for r in records)
    assert max(Counter((said(r.completion), said(r.rejected)) for r in records).values(), default=1) == 1
