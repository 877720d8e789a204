"""The Bellman backup over a tree of steps, against its definition."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.generate.improve.credit import UNSEEN, Attempt, Tree

STEPS = st.lists(st.sampled_from("abc"), max_size=4)
NUMBER = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])


@st.composite
def attempts(draw: st.DrawFn) -> list[Attempt]:
    """Attempts with rewards in the end and on the way, the same steps not always rewarded alike."""
    found = []
    for steps in draw(st.lists(STEPS, max_size=7)):
        each = draw(st.one_of(st.just([]), st.lists(NUMBER, min_size=len(steps), max_size=len(steps))))
        found.append(Attempt(steps, draw(NUMBER), each))
    return found


def by_definition(tried: Sequence[Attempt], prefix: Sequence[str]) -> float:
    """Value of the last step of a prefix, by the sentences in the module's docstring, one by one."""
    n = len(prefix)
    through = [a for a in tried if list(a.steps[:n]) == list(prefix)]
    ended = [a.reward for a in through if len(a.steps) == n]
    ways = [by_definition(tried, [*prefix, step]) for step in {a.steps[n] for a in through if len(a.steps) > n}]
    best = max([*ways, *([fmean(ended)] if ended else [])])
    if not n:
        return best
    floors = [sum(a.each[n - 1 :]) + a.reward for a in through]
    return fmean(max(floor, a.each[n - 1] + best) for floor, a in zip(floors, through, strict=True))


@given(attempts())
def test_values_are_those_of_the_definition(tried: list[Attempt]) -> None:
    """Each step of each attempt, with any rewards."""
    for attempt, found in zip(tried, Tree(tried).credit(), strict=True):
        for at, step in enumerate(found):
            assert step.value == pytest.approx(by_definition(tried, attempt.steps[: at + 1]))


@given(attempts())
def test_what_an_attempt_came_to_is_a_floor(tried: list[Attempt]) -> None:
    """A target is never below the attempt's own return, nor a step's value below the mean return of those it is of."""
    credit = Tree(tried).credit()
    for attempt, found in zip(tried, credit, strict=True):
        for at, step in enumerate(found):
            assert step.gained == pytest.approx(sum(attempt.each[at:]) + attempt.reward)
            assert step.before == pytest.approx(sum(attempt.each[:at]))
            assert step.target >= step.gained
            same = [c[at].gained for a, c in zip(tried, credit, strict=True)
                    if list(a.steps[: at + 1]) == list(attempt.steps[: at + 1])]  # fmt: skip
            assert step.visits == len(same)
            assert step.value >= fmean(same) - 1e-9


@given(st.dictionaries(STEPS.map(tuple), NUMBER, max_size=8), st.data())
def test_a_step_is_worth_the_best_that_followed(rewards: dict[tuple[str, ...], float], data: st.DataObject) -> None:
    """Where the same steps are always rewarded alike: the maximum over all attempts that took it."""
    tried = [Attempt(steps, reward) for steps, reward in rewards.items() for _ in range(data.draw(st.integers(1, 2)))]
    tree = Tree(tried)
    for attempt, found in zip(tried, tree.credit(), strict=True):
        for at, step in enumerate(found):
            own = attempt.steps[: at + 1]
            assert step.value == max(a.reward for a in tried if a.steps[: at + 1] == own)
            assert step.target == step.value
        assert tree.values(attempt.steps) == [step.value for step in found]
    assert tree.best == max((a.reward for a in tried), default=UNSEEN)


def test_a_wrong_end_does_not_blame_a_right_beginning() -> None:
    """The first step led to success once, so it keeps its worth in the attempt that failed after it."""
    right, wrong = Tree([Attempt(["a", "b"], 1.0), Attempt(["a", "c"], 0.0)]).credit()
    assert [step.value for step in right] == [1.0, 1.0]
    assert [step.value for step in wrong] == [1.0, 0.0]
    assert [step.visits for step in wrong] == [2, 1]


def test_to_end_is_one_of_the_ways_on() -> None:
    """An attempt that ended in time is not worth less because another one went on and failed."""
    ended, went_on = Tree([Attempt(["a"], 1.0), Attempt(["a", "b"], 0.0)]).credit()
    assert ended[0].value == went_on[0].value == 1.0
    assert went_on[1].value == 0.0


def test_luck_is_averaged_and_floored() -> None:
    """Of the same steps rewarded 1 and 0, one is to expect 0.5; the lucky attempt's target is its own 1."""
    lucky, unlucky = Tree([Attempt(["a"], 1.0), Attempt(["a"], 0.0)]).credit()
    assert (lucky[0].target, unlucky[0].target) == (1.0, 0.5)
    assert lucky[0].value == unlucky[0].value == 0.75


def test_rewards_on_the_way_count_from_their_step_on() -> None:
    """What was earned before is told apart."""
    found = Tree([Attempt(["a", "b"], rewards=[0.5, 0.25]), Attempt(["a", "c"], rewards=[0.5, 0.0])]).credit()
    assert [(step.value, step.before, step.total) for step in found[0]] == [(0.75, 0.0, 0.75), (0.25, 0.5, 0.75)]
    assert [step.total for step in found[1]] == [0.75, 0.5]


def test_unseen_steps_are_worth_nothing() -> None:
    """Also known ones after another beginning, and all that comes after."""
    tree = Tree([Attempt(["a", "b"], 1.0)])
    assert tree.values(["a", " b "]) == [1.0, 1.0]
    assert tree.values(["a", "c", "b"]) == [1.0, UNSEEN, UNSEEN]
    assert tree.values(["b"]) == [UNSEEN]
    assert Tree([]).best == UNSEEN


def test_a_long_attempt_is_no_deep_recursion() -> None:
    """Ten thousand steps."""
    found = Tree([Attempt([f"step {n}" for n in range(10_000)], 1.0)]).credit()[0]
    assert {step.value for step in found} == {1.0}


@pytest.mark.parametrize(
    "attempt",
    [Attempt(["a"], rewards=[1.0, 1.0]), Attempt(["a"], float("nan")), Attempt(["a"], rewards=[float("inf")])],
)
def test_rewards_that_are_none_are_refused(attempt: Attempt) -> None:
    """One for each step, and finite."""
    with pytest.raises(ValueError, match="reward"):
        Tree([attempt])
