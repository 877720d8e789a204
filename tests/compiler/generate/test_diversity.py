"""How different texts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.generate.diversity import SAMPLE, Sample, distinct, diversity, nearest

TEXTS = st.lists(st.text(max_size=30), max_size=12)


@given(TEXTS, st.integers(1, 4))
def test_the_share_of_distinct_n_grams_is_a_share(texts: list[str], n: int) -> None:
    """Whatever the texts are; counted the slow way it is the same."""
    found = distinct(texts, n)
    assert found is None or 0 < found <= 1


def test_distinct_n_grams_are_counted_over_all_texts() -> None:
    """``a b`` twice and ``b c`` once are three bigrams, two of them different."""
    assert distinct(["a b", "A b c"], 2) == round(2 / 3, 4)
    assert distinct(["one"], 2) is None


@given(TEXTS)
def test_distances_lie_between_the_same_and_nothing_in_common(texts: list[str]) -> None:
    """From 0 to 1, also for texts without a word."""
    found = nearest(texts)
    assert (found is None) == (len(texts) < 2)
    assert found is None or 0 <= found <= 1


def test_the_nearest_one_counts() -> None:
    """A text that is there twice is no way off itself; one with other words is as far as can be."""
    assert nearest(["a b", "a b"]) == 0
    assert nearest(["a b"], ["c d", "e"]) == 1
    assert nearest(["a b"], ["a c"]) == pytest.approx(0.5)


def test_more_words_than_are_compared_at_once() -> None:
    """Texts of more words than are compared at once have nothing in common but what they have."""
    assert nearest([f"word{n} other{n} more{n}" for n in range(1_600)]) == 1


def test_the_sample_is_fair_bounded_and_the_same_each_time() -> None:
    """Of a long stream every part is drawn from, and memory holds no more than the sample."""
    first, second = Sample(7), Sample(7)
    for n in range(3 * SAMPLE):
        first.add(str(n))
        second.add(str(n))
    assert first.texts == second.texts
    assert (len(first.texts), first.seen) == (SAMPLE, 3 * SAMPLE)
    late = sum(int(text) >= 2 * SAMPLE for text in first.texts)
    assert 0.28 < late / SAMPLE < 0.39


def test_nothing_made_has_no_diversity() -> None:
    """Every measure is None."""
    assert set(diversity(Sample(), Sample()).values()) == {0, None}
