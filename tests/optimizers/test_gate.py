"""The gate says "proven" only where the test rows prove it."""

from __future__ import annotations

from math import lgamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.optimizers.gate import Gate, gate, score_interval

RUNS = 4000
SIZES = (10, 20, 40, 90, 300)
binary = st.sampled_from([0.0, 1.0])
graded = st.floats(0, 1)
anything = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)  # squares of 1e-200 are no scores


def binary_coverage(n: int, worse: float, better: float) -> tuple[float, float]:
    """Exact chances of "proven" and of covering the true gain, over all outcomes of n pairs."""
    proven = covered = 0.0
    probabilities = np.log([worse, better, max(1 - worse - better, 1e-300)])
    for losses in range(n + 1):
        for wins in range(n + 1 - losses):
            counts = np.array([losses, wins, n - losses - wins])
            ways = lgamma(n + 1) - sum(lgamma(k + 1) for k in counts)
            chance = float(np.exp(ways + counts @ probabilities))
            if chance > 1e-9:
                before = [1.0] * losses + [0.0] * (n - losses)
                after = [0.0] * losses + [1.0] * wins + [0.0] * (n - losses - wins)
                result = gate(before, after)
                proven += chance * result.proven
                covered += chance * (better - worse in result.interval)
    return proven, covered


def simulate(baseline: np.ndarray, compiled: np.ndarray, gain: float) -> tuple[float, float]:
    """Shares of "proven" and of intervals that hold the true gain; one run a row.

    Binary runs with the same wins and losses are the same to the gate and are judged once.
    """
    binary_scores = bool(np.isin(baseline, (0, 1)).all() and np.isin(compiled, (0, 1)).all())
    judged: dict[object, Gate] = {}
    proven = covered = 0
    for run, difference in enumerate(compiled - baseline):
        key = (int((difference > 0).sum()), int((difference < 0).sum())) if binary_scores else run
        if key not in judged:
            judged[key] = gate(baseline[run].tolist(), compiled[run].tolist())
        proven += judged[key].proven
        covered += gain in judged[key].interval
    return proven / len(baseline), covered / len(baseline)


def no_difference_bar(runs: int) -> float:
    """2.5% and three standard errors of a share measured on so many runs."""
    return 0.025 + 3 * float(np.sqrt(0.025 * 0.975 / runs))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.86])
def test_binary_scores_without_a_difference(n: int, p: float) -> None:
    """Correlated 0/1 scores of equal mean are "proven" in at most 2.5%, and covered in at least 94.5%."""
    rng = np.random.default_rng([n, int(100 * p)])
    for shared in (0.0, 0.7):
        common, first, second = rng.random((RUNS, n)), rng.random((RUNS, n)), rng.random((RUNS, n))
        same = rng.random((RUNS, n)) < shared
        before = (np.where(same, common, first) < p).astype(float)
        after = (np.where(same, common, second) < p).astype(float)
        proven, covered = simulate(before, after, 0.0)
        assert proven <= no_difference_bar(RUNS)
        assert covered >= 0.945


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("shape", [(8, 2), (0.3, 0.3)])
def test_graded_scores_without_a_difference(n: int, shape: tuple[float, float]) -> None:
    """Correlated graded scores with equal means keep the same promise."""
    runs = 1000
    rng = np.random.default_rng([n, int(10 * shape[0])])
    common, first, second = (rng.beta(*shape, (runs, n)) for _ in range(3))
    proven, covered = simulate((common + first) / 2, (common + second) / 2, 0.0)
    assert proven <= no_difference_bar(runs)
    assert covered >= 0.945


@pytest.mark.parametrize(("n", "worse", "better"), [(10, 0.1, 0.3), (10, 0.0, 0.6), (20, 0.05, 0.2), (40, 0.02, 0.1)])
def test_binary_scores_with_a_gain_are_covered_exactly(n: int, worse: float, better: float) -> None:
    """Summed over every outcome, the interval holds a true gain with at least 94.5%."""
    _, covered = binary_coverage(n, max(worse, 1e-12), better)
    assert covered >= 0.945


def test_rare_total_losses_do_not_pass_as_small_gains() -> None:
    """Scores that gain 5 points nearly always and lose all 100 rarely, for no true gain, stay within 3%."""
    rng = np.random.default_rng(7)
    before = np.where(rng.random((500, 300)) < 0.05 / 1.05, 1.0, 0.0)
    after = np.where(before == 1.0, 0.0, 0.05)
    proven, _ = simulate(before, after, 0.0)
    assert proven <= no_difference_bar(500)


def test_real_gain_is_proven() -> None:
    """A gain of 30 points on 90 rows is proven and said so."""
    result = gate([0.0] * 45 + [1.0] * 45, [1.0] * 27 + [0.0] * 18 + [1.0] * 45)
    assert result.proven
    assert result.gain == pytest.approx(0.3)
    gain = "better by 30.0 points [19.4, 39.3] on 90 test rows"
    assert result.verdict == f"proven: the compiled program is {gain}"


def test_six_wins_without_a_loss_are_the_least_that_proves() -> None:
    """As in the exact sign test, five wins of no loss are not enough and six are."""
    assert not gate([0.0] * 100, [1.0] * 5 + [0.0] * 95).proven
    assert gate([0.0] * 100, [1.0] * 6 + [0.0] * 94).proven


def test_small_gain_says_how_many_rows_are_missing() -> None:
    """A gain that is not proven comes with an estimate of the rows that would prove it."""
    result = gate([0.0] * 8 + [1.0] * 12, [1.0] * 2 + [0.0] * 6 + [1.0] * 12)
    assert not result.proven
    assert result.verdict.startswith("not proven: the compiled program is better by 10.0 points [")
    assert "about 120 more test rows would be needed if the gain is real" in result.verdict


def test_loss_within_the_interval_is_not_called_a_gain() -> None:
    """A small loss is reported as one, without an estimate."""
    verdict = gate([1.0] * 10, [1.0] * 9 + [0.0]).verdict
    assert verdict.startswith("not proven: the compiled program is worse by 10.0 points")
    assert "more test rows" not in verdict


def test_clear_loss_is_called_worse() -> None:
    """An interval below zero is a loss."""
    result = gate([1.0] * 40, [0.0] * 40)
    assert not result.proven
    assert result.verdict.startswith("worse: the compiled program is worse by 100.0 points")


def test_equal_scores_are_no_difference() -> None:
    """The same scores give no difference, and an interval that still has width."""
    result = gate([1.0] * 30, [1.0] * 30)
    assert result.verdict.startswith("no difference")
    assert result.interval.low < 0 < result.interval.high


def test_tiny_gain_caps_the_estimate() -> None:
    """An estimate beyond all reason is not printed to the digit."""
    result = gate([0.5] * 50, [0.5] * 49 + [0.501])
    assert "more than 100,000 more test rows" in result.verdict
    assert "more than 100,000 more test rows" in gate([0.0], [1e-300]).verdict


def test_scores_outside_the_unit_range_keep_their_units() -> None:
    """Scores from 1 to 10 are shown as they are, not as percent."""
    result = gate([3.0, 4.0, 5.0, 4.0] * 10, [8.0, 9.0, 9.0, 10.0] * 10)
    assert result.proven
    assert result.verdict.startswith("proven: the compiled program is better by 5 [")
    assert "points" not in result.verdict


def test_wilson_interval_matches_the_textbook() -> None:
    """81 of 263 is [0.2553, 0.3662] (Newcombe 1998, Stat. Med. 17, table I)."""
    interval = score_interval([1.0] * 81 + [0.0] * 182)
    assert interval.low == pytest.approx(0.2553, abs=5e-5)
    assert interval.high == pytest.approx(0.3662, abs=5e-5)


def test_verdict_survives_a_single_row() -> None:
    """One row proves nothing."""
    result = gate([0.0], [1.0])
    assert not result.proven
    assert "on 1 test row," in result.verdict


@pytest.mark.parametrize(
    ("baseline", "compiled"),
    [([], []), ([1.0], [1.0, 0.0]), ([float("nan")], [1.0]), ([1.0], [float("inf")])],
)
def test_scores_that_cannot_be_paired_are_refused(baseline: list[float], compiled: list[float]) -> None:
    """No rows, lists of different length and numbers that are not finite raise ValueError."""
    with pytest.raises(ValueError, match="scores"):
        gate(baseline, compiled)


@given(st.one_of(*(st.lists(st.tuples(kind, kind), min_size=1, max_size=60) for kind in (binary, graded, anything))))
def test_interval_holds_the_gain_and_has_width(pairs: list[tuple[float, float]]) -> None:
    """For any scores the interval contains the measured gain and is never a point."""
    baseline, compiled = [b for b, _ in pairs], [c for _, c in pairs]
    result = gate(baseline, compiled)
    slack = 1e-9 * max(map(abs, [1.0, *baseline, *compiled]))
    assert result.interval.low - slack <= result.gain <= result.interval.high + slack
    assert result.interval.low < result.interval.high
    assert result.proven == (result.interval.low > 0)


@given(st.lists(st.tuples(binary, binary), min_size=1, max_size=60))
def test_swapping_the_programs_mirrors_the_interval(pairs: list[tuple[float, float]]) -> None:
    """Neither side is favoured."""
    baseline, compiled = [b for b, _ in pairs], [c for _, c in pairs]
    there, back = gate(baseline, compiled).interval, gate(compiled, baseline).interval
    assert there.low == pytest.approx(-back.high, abs=1e-12)
    assert there.high == pytest.approx(-back.low, abs=1e-12)


@given(st.one_of(*(st.lists(kind, min_size=1, max_size=60) for kind in (binary, graded, anything))))
def test_score_interval_has_width_around_the_mean(scores: list[float]) -> None:
    """The mean lies in its interval and the interval is never a point."""
    interval = score_interval(scores)
    slack = 1e-9 * max(map(abs, [1.0, *scores]))
    assert interval.low - slack <= sum(scores) / len(scores) <= interval.high + slack
    assert interval.low < interval.high
