"""Scores of solutions, best of N, and what people should label next: the parts of ``steps`` without an LM."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.compiler.generate.steps.montecarlo import Curve, expected, pass_at, shuffled
from limbeck.compiler.generate.steps.rerank import Attempt, accuracy, best, is_right, majority, ranked
from limbeck.compiler.generate.steps.scores import Scored, p_right, solution_score
from limbeck.compiler.generate.steps.select import Candidate, Selection, wrong_of
from limbeck.compiler.verify.steps.labels import Label, Labelled, Labels, Neutral
from limbeck.records import Example, Trace, Verdict

SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
LABELS: Sequence[Label] = ("positive", "neutral", "negative")


def steps(*given: Label | float) -> list[Labelled]:
    """Steps by their labels, or by their chances."""
    return [Labelled("s", one) if isinstance(one, str) else Labelled("s", "positive", one) for one in given]


def test_a_solution_scores_the_product_of_its_steps() -> None:
    """The paper's reduction; the others are there by name."""
    chances = steps(0.5, 0.8, 0.9)
    assert solution_score(chances, "product", "positive") == pytest.approx(0.36)
    assert solution_score(chances, "min", "positive") == 0.5
    assert solution_score(chances, "mean", "positive") == pytest.approx(2.2 / 3)
    assert solution_score(chances, "last", "positive") == 0.9


@pytest.mark.parametrize(("neutral", "score"), [("positive", 1.0), ("negative", 0.0), ("skip", 1.0)])
def test_what_neutral_counts_as_is_said(neutral: Neutral, score: float) -> None:
    """A neutral step is right, wrong, or not there."""
    assert solution_score(steps("positive", "neutral"), "product", neutral) == score


def test_without_a_step_that_says_anything_there_is_no_score() -> None:
    """Nothing is made up."""
    assert solution_score(steps("neutral"), "product", "skip") is None
    assert solution_score([], "product", "positive") is None


def test_steps_after_a_wrong_one_do_not_raise_the_mean() -> None:
    """A solution that goes wrong early is not better than one that goes wrong late."""
    assert solution_score(steps("positive", "negative"), "mean", "positive", 2) == 0.25


@given(st.lists(st.sampled_from(LABELS), max_size=8), st.sampled_from(["product", "min", "last"]),
       st.sampled_from(["positive", "negative", "skip"]))  # fmt: skip
def test_scores_are_those_of_the_verifier(given: list[Label], reduction: str, neutral: Neutral) -> None:
    """The verifier ``steps`` and the generator read the same labels in the same way."""
    labelled = steps(*given)
    theirs = Labels(labelled).score(reduction, neutral)  # type: ignore[arg-type]
    assert solution_score(labelled, reduction, neutral) == theirs  # type: ignore[arg-type]


@given(st.floats(0, 1), st.floats(0, 1))
def test_three_chances_become_one(positive: float, share: float) -> None:
    """With neutral as right it is never less than with neutral as wrong, and always a chance."""
    neutral = (1 - positive) * share
    values = {policy: p_right(positive, neutral, policy) for policy in ("positive", "negative", "skip")}  # type: ignore[arg-type]
    assert 0 <= values["negative"] <= values["positive"] <= 1
    assert 0 <= values["skip"] <= 1 + 1e-9


def test_labels_end_with_the_first_wrong_step() -> None:
    """Also those of a PRM, which knows chances of all steps."""
    found = Scored(0.1, [*steps("positive", "negative"), *steps("positive")]).labels
    assert [step["label"] for step in found["steps"]] == ["positive", "negative"]
    assert (found["first_negative"], found["unlabelled"]) == (1, 1)


@settings(max_examples=40)
@given(st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=6), st.data())
def test_the_closed_form_is_the_mean_over_all_orders(
    attempts: list[tuple[float | None, bool]], data: st.DataObject
) -> None:
    """Of every order the first N are looked at, and the first of the best ones is taken."""
    n = data.draw(st.integers(1, len(attempts)))
    hits = []
    for order in itertools.permutations(attempts):
        top = max(order[:n], key=lambda pair: -1 if pair[0] is None else pair[0])  # max takes the first
        hits.append(top[1])
    scores, right = [score for score, _ in attempts], [hit for _, hit in attempts]
    assert expected(scores, right, n) == pytest.approx(sum(hits) / len(hits))


@settings(max_examples=25)
@given(st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=30), st.data())
def test_monte_carlo_agrees_with_the_closed_form(
    attempts: list[tuple[float | None, bool]], data: st.DataObject
) -> None:
    """2,000 shuffles are within five standard errors of it."""
    n = data.draw(st.integers(1, len(attempts)))
    scores, right = [score for score, _ in attempts], [hit for _, hit in attempts]
    (hits,) = shuffled(scores, right, [n], 2_000, seed=0)
    exact = expected(scores, right, n)
    assert abs(float(hits.mean()) - exact) <= 5 * (max(exact * (1 - exact), 0) / 2_000) ** 0.5 + 1e-9


def test_all_n_come_from_the_same_shuffles() -> None:
    """With scores that know what is right, the best of more is never worse."""
    right = [n % 3 == 0 for n in range(20)]
    curves = shuffled([float(hit) for hit in right], right, [1, 2, 4, 8, 20], 50, seed=1)
    for few, more in itertools.pairwise(curves):
        assert (more >= few).all()
    assert curves[-1].all()


def test_pass_at_n_is_the_share_of_draws_with_a_right_one() -> None:
    """Counted by hand over all pairs of four."""
    right = [True, False, False, False]
    pairs = list(itertools.combinations(right, 2))
    assert pass_at(4, 1, 2) == pytest.approx(sum(map(any, pairs)) / len(pairs))


def test_a_curve_leaves_out_problems_with_too_few_attempts() -> None:
    """And says how many it has at each N."""
    curve = Curve(shuffles=20)
    curve.add([0.1, 0.9, 0.5, None], [False, True, False, False], 1)
    curve.add([0.1, 0.9], [True, False], 2)
    curve.add([], [], 3)
    points = {point.n: point for point in curve.points}
    assert {n: point.problems for n, point in points.items()} == {1: 2, 2: 2, 4: 1}
    assert points[4].estimate == points[4].exact == 1.0
    assert all(point.low <= point.estimate <= point.high for point in points.values())


@given(st.lists(SCORES, max_size=12))
def test_the_best_is_the_first_with_the_highest_score(scores: list[float | None]) -> None:
    """What has no score comes last, and is never chosen."""
    order = ranked(scores)
    assert sorted(order) == list(range(len(scores)))
    known = [score for score in scores if score is not None]
    assert best(scores) == (scores.index(max(known)) if known else None)


def test_the_majority_is_the_first_attempt_that_says_it() -> None:
    """A tie chooses nobody, nor do attempts without an answer."""
    assert majority([Attempt(None, True, "a"), Attempt(None, True, "b"), Attempt(None, True, "b")]) == 1
    assert majority([Attempt(None, True, "a"), Attempt(None, True, "b")]) is None
    assert majority([Attempt(None, True, None)]) is None


def test_accuracies_of_each_way_to_choose() -> None:
    """One attempt is the mean; the oracle needs one right attempt; what nobody judged is not counted."""
    problems = [
        [Attempt(0.1, False, "x"), Attempt(0.9, True, "y"), Attempt(0.2, False, "x")],
        [Attempt(0.9, False, "x"), Attempt(0.9, False, "y"), Attempt(0.1, True, "z")],
        [Attempt(None, False, "x")],
        [Attempt(0.5, None, "x")],
    ]
    told = accuracy(problems, shuffles=10)
    right = {name: row["right"] for name, row in told["accuracy"].items()}
    shares = {"one attempt": 2 / 9, "majority": 0.0, "best by score": 1 / 3, "oracle": 2 / 3}
    assert right == pytest.approx(shares, abs=1e-6)
    assert told["counts"] == {"problems": 3, "unknown": 1, "attempts": 7, "ties": 1, "unscored": 1, "equal": 1}
    assert accuracy([]) == {"counts": dict.fromkeys(told["counts"], 0)}


def test_what_generators_say_does_not_tell_what_is_right() -> None:
    """The metric does; without one all that judged; of nobody it is unknown."""

    def trace(*verdicts: Verdict) -> Trace:
        return Trace("i", "t", Example({"q": 1}), "c", "lm", prediction={"a": 1}, verdicts=list(verdicts))

    good, bad = Verdict("metric", passed=True), Verdict("metric", passed=False)
    assert is_right(trace(Verdict("synth:best", passed=False), good)) is True
    assert is_right(trace(bad, Verdict("agree", passed=True))) is False
    assert is_right(trace(Verdict("agree", passed=True), Verdict("tests", passed=False))) is False
    assert is_right(trace(Verdict("synth:best", passed=True), Verdict("check:short", passed=True))) is None
    assert is_right(trace(Verdict("metric", passed=False, error="it broke"))) is None


def candidates(scores: Sequence[float], *, wrong: bool, prefix: str) -> list[Candidate[str]]:
    """Solutions of one problem."""
    return [Candidate(f"{prefix}{n}", f"{prefix}{n}", score, wrong) for n, score in enumerate(scores)]


def test_four_of_five_are_convincing_wrong_ones() -> None:
    """The rest is the most convincing of what remains, right or wrong."""
    selection: Selection[str] = Selection(5)
    for n in range(10):
        selection.add(candidates([n / 10], wrong=True, prefix=f"w{n}-"))
        selection.add(candidates([n / 100], wrong=False, prefix=f"r{n}-"))
    assert [one.item for one in selection.chosen] == ["w9-0", "w8-0", "w7-0", "w6-0", "w5-0"]
    selection.add(candidates([0.99], wrong=False, prefix="good"))
    assert [one.item for one in selection.chosen][-1] == "good0"


def test_the_first_of_each_problem_comes_before_the_second_of_any() -> None:
    """Labels are spread over problems."""
    selection: Selection[str] = Selection(3, wrong=1.0)
    selection.add(candidates([0.9, 0.8, 0.7], wrong=True, prefix="a"))
    selection.add(candidates([0.2, 0.1], wrong=True, prefix="b"))
    assert [one.item for one in selection.chosen] == ["a0", "b0", "a1"]


def test_the_papers_number_a_problem() -> None:
    """Of each problem 80% of so many are wrong, and the rest is the most convincing that remains."""
    selection: Selection[str] = Selection(100, each=5)
    for name in "ab":
        selection.add([
            *candidates([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], wrong=True, prefix=f"{name}w"),
            *candidates([0.3, 0.95], wrong=False, prefix=f"{name}r"),
        ])  # fmt: skip
    chosen = {one.item for one in selection.chosen}
    assert chosen == {f"{name}{one}" for name in "ab" for one in ("w0", "w1", "w2", "w3", "r1")}


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), max_size=40),
       st.integers(1, 10), st.integers(0, 2**16))  # fmt: skip
def test_the_selection_is_exact_and_the_same_in_any_order(
    given: list[tuple[int, float, bool]], size: int, seed: int
) -> None:
    """As many as are wanted and there, the quota of wrong ones, and no matter how problems come."""
    groups: dict[int, list[Candidate[int]]] = {}
    for n, (problem, score, wrong) in enumerate(given):
        groups.setdefault(problem, []).append(Candidate(n, f"{n:04}", score, wrong))
    found = []
    for order in (sorted(groups), random.Random(seed).sample(sorted(groups), len(groups))):
        selection: Selection[int] = Selection(size)
        for problem in order:
            selection.add(groups[problem])
        found.append([one.item for one in selection.chosen])
    assert found[0] == found[1]
    assert len(found[0]) == len(set(found[0])) == min(size, len(given))
    total = sum(wrong for *_, wrong in given)
    assert sum(given[n][2] for n in found[0]) >= min(total, wrong_of(size, 0.8))


def test_a_selection_holds_no_more_than_twice_its_size() -> None:
    """Whatever goes by."""
    selection: Selection[str] = Selection(4)
    for n in range(200):
        selection.add(candidates([n / 200] * 5, wrong=n % 2 == 0, prefix=f"{n}-"))
    assert sum(len(heap._heap) for heap in (selection._wrong, selection._right)) == 8
