"""The loss and the measure of weak-to-strong generalization, against what the paper says."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from limbeck.errors import DataError, MissingExtra, UsageError
from limbeck.training import (
    confidence_loss_numpy,
    confidence_loss_torch,
    confidence_weight,
    pgr,
    soft_targets,
)


def drawn(seed, rows=12, classes=2):
    """Logits of a student, and soft labels."""
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, classes)) * 2, random.dirichlet(np.ones(classes), rows)


def cross_entropy(logits, target):
    """As the books have it."""
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -(target * logs).sum(axis=1).mean()


def hardened(logits, share):
    """1[f > t] with t such that a share is above it, one by one."""
    positive = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    most = sorted(range(len(logits)), key=lambda n: -positive[n])[: math.floor(share * len(logits) + 0.5)]
    return np.array([[0.0, 1.0] if n in most else [1.0, 0.0] for n in range(len(logits))])


def test_the_weight_rises_over_the_first_fifth():
    """Linearly, then it stays."""
    found = [confidence_weight(step, 0.75) for step in (0, 0.1, 0.2, 0.6, 1)]
    assert found == pytest.approx([0, 0.375, 0.75, 0.75, 0.75])


def test_in_the_released_code_it_jumps_at_a_tenth():
    """It is the share of training itself up to there."""
    found = [confidence_weight(step, variant="released") for step in (0, 0.05, 0.1, 0.11, 1)]
    assert found == pytest.approx([0, 0.025, 0.05, 0.5, 0.5])


@pytest.mark.parametrize("step", [0, 0.08, 0.2, 1])
@pytest.mark.parametrize("share", [None, 0.25, 0.0, 1.0])
def test_two_terms_as_in_the_paper(step, share):
    """(1 - a) CE(f, f_weak) + a CE(f, 1[f > t])."""
    logits, weak = drawn(1)
    a = min(1, step / 0.2) * 0.75
    own = hardened(logits, 0.5 if share is None else share)
    expected = (1 - a) * cross_entropy(logits, weak) + a * cross_entropy(logits, own)
    assert confidence_loss_numpy(logits, weak, step, a_max=0.75, prior=share)[0] == pytest.approx(expected, abs=1e-12)


def test_more_classes_are_hardened_to_the_likeliest():
    """Without balancing."""
    logits, weak = drawn(2, classes=5)
    own = np.eye(5)[logits.argmax(axis=1)]
    expected = 0.5 * cross_entropy(logits, weak) + 0.5 * cross_entropy(logits, own)
    for variant in ("paper", "released"):
        assert confidence_loss_numpy(logits, weak, 1, variant=variant)[0] == pytest.approx(expected, abs=1e-12)


def test_the_released_code_cuts_where_the_weak_labels_say():
    """At the quantile of the first class that is the mean weak label of the second."""
    logits, weak = drawn(3)
    first = np.exp(logits[:, 0]) / np.exp(logits).sum(axis=1)
    at = np.quantile(first, weak[:, 1].mean())
    own = np.where(first[:, None] >= at, [1.0, 0.0], [0.0, 1.0])
    expected = cross_entropy(logits, 0.5 * weak + 0.5 * own)
    assert confidence_loss_numpy(logits, weak, 0.5, variant="released")[0] == pytest.approx(expected, abs=1e-12)


@given(
    st.integers(2, 5).flatmap(
        lambda classes: arrays.arrays(np.float64, (4, classes), elements=st.floats(-30, 30), unique=True)
    ),
    st.floats(0, 1), st.sampled_from(["paper", "released"]), st.integers(0, 99),
)  # fmt: skip
def test_the_gradient_is_that_of_the_loss(logits, step, variant, seed):
    """With the hardened prediction held fast: small steps change the loss as it says."""
    weak = np.random.default_rng(seed).dirichlet(np.ones(logits.shape[1]), 4)
    loss, gradient = confidence_loss_numpy(logits, weak, step, variant=variant)
    assert loss >= 0
    assert np.allclose(gradient.sum(axis=1), 0)
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    a = confidence_weight(step, variant=variant)
    own = (softmax - 4 * gradient - (1 - a) * weak) / a if a > 1e-3 else None
    if own is not None:  # what remains is the hardened prediction: a class each
        assert np.allclose(np.sort(own, axis=1)[:, -1], 1, atol=1e-6)
        assert np.allclose(np.sort(own, axis=1)[:, :-1], 0, atol=1e-6)


def test_a_naive_loss_is_had_by_no_weight():
    """And it is what a trainer has anyway."""
    logits, weak = drawn(4)
    assert confidence_loss_numpy(logits, weak, 1, a_max=0)[0] == pytest.approx(cross_entropy(logits, weak), abs=1e-12)


def test_equal_predictions_are_not_above_their_threshold():
    """All alike, none is positive."""
    loss, _ = confidence_loss_numpy(np.zeros((4, 2)), np.full((4, 2), 0.5), 1)
    assert loss == pytest.approx(math.log(2))
    _, gradient = confidence_loss_numpy(np.zeros((4, 2)), np.full((4, 2), 0.5), 1)
    assert (gradient[:, 0] < 0).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"logits": np.zeros((2, 3))}, "shape"),
        ({"logits": np.zeros((2, 1)), "weak": np.ones((2, 1))}, "shape"),
        ({"logits": np.zeros((0, 2)), "weak": np.zeros((0, 2))}, "shape"),
        ({"weak": np.ones((2, 2))}, "no probabilities"),
        ({"weak": np.array([[2.0, -1.0]] * 2)}, "no probabilities"),
        ({"weak": np.full((2, 2), np.nan)}, "no probabilities"),
        ({"step": 1.5}, "step is 1.5"),
        ({"step": math.nan}, "step is nan"),
        ({"a_max": -1}, "a_max is -1"),
        ({"prior": 2}, "prior is 2"),
        ({"prior": 0.3, "variant": "released"}, "prior=0.3"),
        ({"prior": 0.3, "logits": np.zeros((1, 3)), "weak": np.full((1, 3), 1 / 3)}, "prior=0.3"),
        ({"variant": "other"}, "'other'"),
    ],
)
def test_what_cannot_be_is_refused(settings, says):
    """With the value."""
    given = {"logits": np.zeros((2, 2)), "weak": np.full((2, 2), 0.5), "step": 1.0, **settings}
    with pytest.raises(UsageError, match=says):
        confidence_loss_numpy(given.pop("logits"), given.pop("weak"), given.pop("step"), **given)


def test_without_torch_it_says_what_to_install(monkeypatch):
    """And not that there is no module."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="train"):
        confidence_loss_torch([[0.0, 0.0]], [[0.5, 0.5]], 1.0)  # type: ignore[arg-type]


def test_importing_it_is_light():
    """A training script need not load what the compiler does."""
    code = "import sys, limbeck.training; print(sorted({'dspy', 'torch', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_gap_that_was_recovered():
    """The median over seeds; those without a gap are left out, and counted."""
    found = pgr([0.5, 0.5, 0.6, 0.7, 0.7], [0.6, 0.8, 0.55, 0.9, 0.7], [0.9, 0.9, 0.7, 0.7, 0.6])
    assert found.values == pytest.approx((0.25, 0.75, -0.5))
    assert found.median == pytest.approx(0.25)
    assert found.left_out == 2


def test_of_one_pair():
    """Numbers will do."""
    assert pgr(0.5, 0.9, 0.9).median == 1
    assert pgr(0.5, 0.9, 0.5) == pgr([0.5], [0.1], [0.4])
    assert pgr(0.5, 0.9, 0.5).median is None


@pytest.mark.parametrize("columns", [([1], [1, 2], [1]), ([math.nan], [1], [2]), ([[1]], [[1]], [[2]])])
def test_scores_that_are_none(columns):
    """As many of each, and numbers."""
    with pytest.raises(UsageError):
        pgr(*columns)


@given(st.lists(st.tuples(*[st.integers(0, 1000).map(lambda n: n / 1000)] * 3), max_size=9))
def test_every_pair_counts_or_is_left_out(pairs):
    """And the median is one of the values, or between two."""
    found = pgr(*([pair[n] for pair in pairs] for n in range(3)))
    assert len(found.values) + found.left_out == len(pairs)
    if found.values:
        assert min(found.values) <= found.median <= max(found.values)


def test_rows_become_targets():
    """In the order of the labels that are given."""
    rows = [{"labels": ["b", "a"], "probabilities": [0.75, 0.25]}, {"labels": ["c"], "probabilities": [1.0]}]
    assert soft_targets(rows, ["a", "b", "c"]).tolist() == [[0.25, 0.75, 0], [0, 0, 1]]
    assert soft_targets([], ["a", "b"]).shape == (0, 2)
    with pytest.raises(DataError, match="'c'"):
        soft_targets(rows, ["a", "b"])
    for row in ({}, {"labels": None, "probabilities": None}, {"labels": ["a"], "probabilities": []}):
        with pytest.raises(DataError, match="row 0 has no probability for each label"):
            soft_targets([row], ["a"])
