"""Preference: which answers are paired, which never are, and where the others went."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.records import Call, Failure, Step, Verdict


def said(messages):
    """The answer without the adapter's words."""
    return messages[0]["content"].removeprefix("[[ ## answer ## ]]\n").removesuffix("\n\n[[ ## completed ## ]]\n")


def pairs(records):
    return [(said(record.completion), said(record.rejected)) for record in records]


def test_a_passed_answer_is_better_than_a_rejected_one(make, tried, sums):
    """The prompt is the same, the first answer of the record is the one that passed."""
    good, bad = tried("4"), tried("5", passed=False)
    (record,), ledger = make("preference", [bad, good], sums)
    assert pairs([record]) == [("4", "5")]
    assert [answer.trace for answer in record.answers] == [good, bad]
    assert "2+2?" in record.prompt[-1]["content"]
    assert (ledger.n_read, ledger.n_combined, ledger.n_formed, ledger.n_emitted) == (2, 2, 1, 1)


def test_answers_to_different_inputs_never_pair(make, tried, sums):
    """A better answer is better than another to the same question."""
    records, ledger = make("preference", [tried("4"), tried("5", question="2+3?", passed=False)], sums)
    assert not records
    assert ledger.reasons() == {"no pair": 2}


def test_what_both_passed_and_was_rejected_is_neither(make, tried, sums):
    """Verdicts that contradict each other teach nothing; white space at the ends makes no other answer."""
    traces = [tried("4"), tried(" 4\n", n=1, passed=False), tried("5", n=2, passed=False)]
    records, ledger = make("preference", traces, sums)
    assert not records
    assert ledger.reasons() == {"no pair": 1, "passed and rejected": 1, "same answer": 1}


def test_equal_answers_count_once(make, tried, sums):
    """A text that came ten times is in as many pairs as one that came once."""
    traces = [tried("4", n=n) for n in range(10)] + [tried("5", n=n, passed=False) for n in range(10)]
    records, ledger = make("preference", traces, sums)
    assert pairs(records) == [("4", "5")]
    assert ledger.reasons() == {"same answer": 18}


def test_by_score_pairs_lie_apart_by_the_margin(make, tried, sums):
    """A difference that floats make a hair smaller than the margin is the margin."""
    traces = [tried(f"{score}", n=n, score=score) for n, score in enumerate([0.1, 0.2, 0.3, 0.35])]
    found, _ = make("preference", traces, sums, pairs="score", margin=0.1, max_pairs=100)
    assert set(pairs(found)) == {("0.2", "0.1"), ("0.3", "0.1"), ("0.35", "0.1"), ("0.3", "0.2"), ("0.35", "0.2")}


@pytest.mark.parametrize("score", [None, math.nan, math.inf])
def test_scores_that_are_no_numbers_never_pair(make, tried, sums, score):
    """A null is not a zero."""
    traces = [tried("4", score=1.0), tried("5", n=1, score=score), tried("6", n=2, score=0.0, passed=False)]
    records, ledger = make("preference", traces, sums, pairs="score", max_pairs=100)
    assert pairs(records) == [("4", "6")]
    assert ledger.reasons() == {"no score": 1}


def test_an_answer_that_was_judged_once_is_judged(make, tried, sums):
    """Where the metric broke at one of two equal answers, the other says what it is worth; the row is that one's."""
    broke = [Verdict("metric", passed=False, error="ZeroDivisionError")]
    judged = [tried("4", n=n) for n in range(3)]
    traces = [*judged[:1], *(tried("4", n=n, verdicts=broke, id=f"{n}") for n in range(3)), tried("5", passed=False)]
    for how in ("outcome", "score"):
        (record,), ledger = make("preference", traces, sums, failures=True, pairs=how)
        assert record.first.trace is judged[0]
        assert ledger.reasons() == {"same answer": 3}


def test_ties_never_pair(make, tried, sums):
    """However small the margin."""
    traces = [tried(str(n), n=n, score=1e20) for n in range(5)]
    records, _ = make("preference", traces, sums, pairs="score", margin=1e-300)
    assert not records


def test_an_answer_judged_differently_counts_as_its_worst_where_chosen(make, tried, sums):
    """And as its best where rejected: every pair holds whichever of the verdicts was right."""
    traces = [tried("4", score=0.9), tried("4", n=1, score=0.5), tried("5", n=2, score=0.4), tried("6", n=3, score=1.0)]
    records, _ = make("preference", traces, sums, pairs="score", margin=0.3, max_pairs=100)
    assert pairs(records) == [("6", "5")]


def test_the_score_of_a_judge_counts_where_there_is_no_metric(make, tried, sums):
    """A store of imported logs may have a judge's verdicts alone."""
    high, low = (tried(str(n), n=n, verdicts=[Verdict("judge", True, score)]) for n, score in enumerate([0.9, 0.2]))
    records, _ = make("preference", [low, high], sums, pairs="score")
    assert pairs(records) == [("0", "1")]


def test_the_strongest_contrasts_come_first(make, tried, sums):
    """The best meets the worst, the second best the second worst."""
    traces = [tried(str(n), n=n, score=n / 10) for n in range(10)]
    records, ledger = make("preference", traces, sums, pairs="score", max_pairs=3)
    assert pairs(records) == [("9", "0"), ("8", "1"), ("7", "2")]
    assert ledger.reasons() == {"over max_pairs": 4}


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 60), st.randoms())
def test_answers_are_used_evenly_whatever_the_order(make, tried, sums, good, bad, most, shuffler):
    """No answer is in more pairs than another of its side by more than two; no pair comes twice."""
    traces = [tried(f"g{n}", n=n) for n in range(good)] + [tried(f"b{n}", n=n, passed=False) for n in range(bad)]
    records, _ = make("preference", traces, sums, max_pairs=most)
    found = pairs(records)
    assert len(found) == len(set(found)) == min(most, good * bad)
    for side, of in ((0, [f"g{n}" for n in range(good)]), (1, [f"b{n}" for n in range(bad)])):
        counts = Counter(pair[side] for pair in found)
        uses = [counts[name] for name in of]
        assert max(uses) - min(uses) <= 2
    shuffler.shuffle(traces)
    assert pairs(make("preference", traces, sums, max_pairs=most)[0]) == found


def test_a_thousand_attempts_give_no_more_than_the_cap(make, tried, sums):
    """All but those in pairs are in the ledger."""
    draw = random.Random(1)
    traces = [tried(f"a{n}", n=n, score=draw.random()) for n in range(1000)]
    records, ledger = make("preference", traces, sums, pairs="score", max_pairs=8)
    assert len(records) == 8
    assert ledger.reasons() == {"over max_pairs": 984}


def test_answers_that_could_not_be_parsed_are_worse_where_failures_are_wanted(make, tried, sums):
    """The raw text is the rejected one; it is never chosen."""
    traces = [tried("4"), tried(broken="I think four", n=1)]
    assert make("preference", traces, sums)[1].reasons() == {"failed: parse": 1, "no pair": 1}
    (record,), _ = make("preference", traces, sums, failures=True)
    assert record.rejected == [{"role": "assistant", "content": "I think four"}]
    assert record.columns == {"chosen_reward": 1.0, "rejected_reward": 0.0, "rejected_outcome": "failed"}
    below = [tried("5", passed=False, score=-1.0), tried(broken="?", n=1)]
    assert not make("preference", below, sums, failures=True, pairs="score")[0]


def test_a_failure_that_is_not_the_answers_own_is_no_worse_answer(make, tried, sums):
    """Where the metric broke or a later step failed, nothing is known of this answer."""
    broke = [Verdict("metric", passed=False, error="ZeroDivisionError")]
    traces = [tried("4"), tried("5", n=1, verdicts=broke), tried("6", n=2, verdicts=[], failure=Failure("lm", "down"))]
    records, ledger = make("preference", traces, sums, failures=True)
    assert not records
    assert ledger.reasons() == {"failed: lm": 1, "failed: metric": 1, "no pair": 1}


TEXTS = st.sampled_from(["", " ", "4", "4 ", "five", "\u2028", "\ud800", "数"])
SCORES = st.sampled_from([None, 0.0, 0.5, 1.0, -1.0, math.nan, math.inf])


@given(
    st.lists(st.tuples(TEXTS, st.booleans(), SCORES, st.booleans()), max_size=25),
    st.sampled_from(["outcome", "score"]),
    st.booleans(),
    st.integers(1, 9),
)
def test_no_text_meets_itself_and_the_counts_add_up(make, tried, sums, drawn, how, failures, most):
    """Whatever was answered and however it was judged."""
    traces = [
        tried(text, n=n, passed=passed, score=score, broken=text if broken else None)
        for n, (text, passed, score, broken) in enumerate(drawn)
    ]
    records, ledger = make("preference", traces, sums, pairs=how, failures=failures, max_pairs=most)
    assert len(records) <= most
    assert ledger.n_read == len(drawn)
    for record in records:
        assert record.completion[0]["content"].strip() != record.rejected[0]["content"].strip()
        better, worse = record.answers
        assert better.reward > worse.reward if how == "score" else better.outcome == "passed" != worse.outcome


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([None, 0.0, 0.1, 0.2, 0.3, 0.5, 1.0]), st.booleans()),
        max_size=20,
    ),
    st.sampled_from([0.1, 0.2, 0.5]),
    st.sampled_from(["outcome", "score"]),
)
def test_without_a_cap_all_pairs_that_there_are_come_once(make, tried, sums, drawn, margin, how):
    """Compared with looking at every two texts."""
    traces = [tried(text, n=n, passed=passed, score=score) for n, (text, score, passed) in enumerate(drawn)]
    found = pairs(make("preference", traces, sums, pairs=how, margin=margin, max_pairs=10**6)[0])
    worth = {text: [float(passed) if how == "outcome" else score for t, score, passed in drawn
                    if t == text and (how == "outcome" or score is not None)] for text, _, _ in drawn}  # fmt: skip
    least = 1.0 if how == "outcome" else margin
    expected = [(one, other) for one in worth for other in worth if worth[one] and worth[other]
                and min(worth[one]) - max(worth[other]) >= least - 1e-9]  # fmt: skip
    assert sorted(found) == sorted(expected)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), min_size=2, max_size=20), st.integers(1, 12))
def test_the_first_pair_is_the_strongest_contrast(make, tried, sums, scores, most):
    """And no answer is chosen a third time before all that can be were chosen once."""
    traces = [tried(f"t{n}", n=n, score=score) for n, score in enumerate(scores)]
    records, _ = make("preference", traces, sums, pairs="score", margin=0.1, max_pairs=most)
    gaps = [record.answers[0].reward - record.answers[1].reward for record in records]
    if max(scores) > min(scores):
        assert gaps[0] == max(scores) - min(scores)
    chosen = Counter(record.first.id for record in records)
    able = sum(score >= min(scores) + 0.1 - 1e-9 for score in scores)
    assert len(chosen) == min(most, able)


@pytest.mark.parametrize("calls", [["odd"], [{"id": "1"}], [{"function": None}]])
def test_messages_of_any_form_are_compared(make, trace, sums, calls):
    """Sent ones may have no content, and calls of tools that are none."""
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"id": "1"}]}]
    traces = [
        trace("q", team, passed=team == "a", steps=[
            Step("self", {"ticket": "q"}, {"team": team}, [Call("lm", messages, team, tool_calls=calls)]),
        ])
        for team in "ab"
    ]  # fmt: skip
    (record,), _ = make("preference", traces, sums, prompt="sent")
    assert (record.completion[0]["content"], record.rejected[0]["content"]) == ("a", "b")
