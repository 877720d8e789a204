"""Splits by input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.split import check_split, parse_split, sides
from limbeck.errors import UsageError


def test_a_split_is_read_in_its_order():
    """Names and shares, spaces allowed."""
    assert list(parse_split("train=0.9, val=0.1").items()) == [("train", 0.9), ("val", 0.1)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train", "Bad split 'train': 'train'."),
        ("", "Bad split '': ''."),
        ("train=0.5,train=0.5", "Bad split 'train=0.5,train=0.5': 'train=0.5'."),
        ("train=most", "Bad split 'train=most': 'most' is no number."),
        ("train=0.9,val=0.2", "The shares of the split add up to 1.1, not to 1."),
        ("train=1,val=0", "Bad share of split 'val': 0.0."),
        ("train=1.5,val=-0.5", "Bad share of split 'train': 1.5."),
        ("train=nan", "Bad share of split 'train': nan."),
        ("../train=1", "Bad name of a split: '../train'."),
        ("provenance=1", "Bad name of a split: 'provenance'."),
    ],
)
def test_a_bad_split_is_refused_in_one_line(text, problem):
    """Each mistake is named with the value, and the form is shown."""
    with pytest.raises(UsageError) as caught:
        parse_split(text)
    assert str(caught.value) == f"{problem}\nWrite it like train=0.9,val=0.1."


def test_no_shares_at_all_are_refused():
    """From Python too."""
    with pytest.raises(UsageError):
        check_split({})


def test_shares_are_about_what_was_asked():
    """Ten thousand inputs fall as the shares say, to two points."""
    placed = sides(np.arange(10_000), {"train": 0.7, "val": 0.2, "test": 0.1}, seed=3)
    for number, share in enumerate((0.7, 0.2, 0.1)):
        assert abs((placed == number).mean() - share) < 0.02


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers())
def test_the_side_depends_on_group_and_seed_alone(groups, seed):
    """The same group falls on the same side, now and when there is more."""
    shares = {"train": 0.5, "val": 0.5}
    placed = sides(np.array(groups, dtype=np.uint64), shares, seed)
    assert placed[0] == sides(np.array(groups[:1], dtype=np.uint64), shares, seed)[0]


def test_the_seed_moves_the_sides():
    """Another seed, another split."""
    one, two = (sides(np.arange(64), {"train": 0.5, "val": 0.5}, seed).tolist() for seed in (1, 2))
    assert one != two
