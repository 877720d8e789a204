"""Clusters of rows that are nearly the same."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit import _signatures, near
from limbeck.compiler.emit._signatures import banding
from limbeck.compiler.emit.near import NearIndex
from limbeck.compiler.emit.words import words_of
from limbeck.errors import MissingExtra, OutputError


def some_words(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 2**63, count, dtype=np.uint64)


def changed(rng: np.random.Generator, words: np.ndarray, count: int) -> np.ndarray:
    """The words with a stretch of them replaced: with 220 words 4 give a similarity of 0.95, 40 of 0.68."""
    made = words.copy()
    at = int(rng.integers(0, len(words) - count))
    made[at : at + count] = some_words(rng, count)
    return made


def clusters(folder: Path, rows: list, threshold: float = 0.8) -> list[int]:
    with NearIndex(folder, threshold) as index:
        for row in rows:
            index.add(words_of(row) if isinstance(row, str) else row)
        return index.clusters().tolist()


def test_planted_near_duplicates_are_found_and_nothing_else(tmp_path):
    """Each row joins the one that it was made of; those that have less in common stay apart."""
    rng = np.random.default_rng(1)
    rows, expected = [], []
    for _ in range(300):
        base = some_words(rng, 220)
        first = len(rows)
        rows += [base, changed(rng, base, 4), changed(rng, base, 60)]
        expected += [first, first, first + 2]
    assert clusters(tmp_path, rows) == expected


def test_a_cluster_is_what_pairs_join(tmp_path):
    """The first and the last of a chain are in one cluster, named by the smallest index."""
    rng = np.random.default_rng(2)
    chain = [some_words(rng, 220)]
    for part in range(8):
        made = chain[-1].copy()
        made[part * 20 : part * 20 + 6] = some_words(rng, 6)
        chain.append(made)
    assert clusters(tmp_path, [some_words(rng, 50), *reversed(chain)]) == [0, *[1] * 9]


def test_short_texts_are_compared_as_a_whole(tmp_path):
    """Fewer words than a run: the same words are near, others are not; case makes no difference."""
    rows = ["yes", "Yes!", "no", "yes no", "no yes", "Yes, no", "yes yes", "yes no maybe", "yes, no - maybe"]
    assert clusters(tmp_path, rows) == [0, 0, 2, 3, 4, 3, 6, 7, 7]


def test_rows_without_words_are_alone(tmp_path):
    """Nothing is like a row that says nothing, not even another such row."""
    assert clusters(tmp_path, ["", "a b c", "?!", "", "a b c", "❤️"]) == [0, 1, 2, 3, 1, 5]
    assert clusters(tmp_path, ["", ""]) == [0, 1]
    assert clusters(tmp_path, []) == []


def test_batches_make_no_difference(tmp_path, monkeypatch):
    """The same rows give the same clusters, however many wait in memory or are read at once."""
    rng = np.random.default_rng(3)
    bases = [some_words(rng, int(rng.integers(0, 40))) for _ in range(40)]
    rows = [changed(rng, bases[row % 40], 1) if len(bases[row % 40]) > 2 else bases[row % 40] for row in range(400)]
    expected = clusters(tmp_path, rows)
    monkeypatch.setattr(near, "_ROWS", 7)
    monkeypatch.setattr(near, "_PAIRS", 5)
    monkeypatch.setattr(_signatures, "_BLOCK", 3)
    assert clusters(tmp_path, rows) == expected
    monkeypatch.setattr(near, "_WORDS", 50)
    assert clusters(tmp_path, rows) == expected


@pytest.fixture
def compared(monkeypatch):
    """Counts the pairs of rows that are compared."""
    count = [0]
    alike = _signatures.Signatures.alike

    def counted(self, some, others):
        count[0] += len(some)
        return alike(self, some, others)

    monkeypatch.setattr(_signatures.Signatures, "alike", counted)
    return count


@pytest.mark.parametrize("words_changed", [0, 4])
def test_a_large_cluster_is_not_compared_row_with_row(tmp_path, compared, words_changed):
    """Of thousands of like rows each is compared with a few others, not with all."""
    rng = np.random.default_rng(4)
    base = some_words(rng, 220)
    rows = [changed(rng, base, words_changed) if words_changed else base for _ in range(4000)]
    assert clusters(tmp_path, rows) == [0] * 4000
    assert compared[0] < 100 * 4000  # of 4000 * 3999 / 2 pairs


@pytest.mark.parametrize(("few", "pairs"), [(2, 1 << 16), (2, 3), (32, 1 << 16)])
def test_buckets_of_any_size_give_the_same(tmp_path, monkeypatch, few, pairs):
    """Rows of small buckets are compared with each other, those of large ones with leaders; clusters come out alike."""
    monkeypatch.setattr(near, "_FEW", few)
    monkeypatch.setattr(near, "_PAIRS", pairs)
    rng = np.random.default_rng(7)
    bases = [some_words(rng, 220) for _ in range(20)]
    rows = [changed(rng, bases[row % 20], 3) for row in range(400)]
    assert clusters(tmp_path, rows) == [row % 20 for row in range(400)]


def test_buckets_of_rows_that_are_not_alike_stay_bounded(tmp_path, monkeypatch, compared):
    """Rows of one form, which meet in many bands but are under the threshold, cost a bounded number of comparisons."""
    monkeypatch.setattr(near, "_LEADERS", 4)
    rng = np.random.default_rng(5)
    base = some_words(rng, 220)
    rows = []
    for _ in range(2000):
        row = base.copy()
        row[20:60] = some_words(rng, 40)
        rows.append(row)
    assert len(set(clusters(tmp_path, rows))) > 1900
    assert compared[0] < 2000 * 21 * 20


def test_similarity_is_near_the_truth(tmp_path):
    """The estimate is that of MinHash: within four standard deviations of the share of runs in common."""
    rng = np.random.default_rng(6)
    base = some_words(rng, 220)
    with NearIndex(tmp_path) as index:
        for count in (0, 4, 20, 60):
            index.add(changed(rng, base, count) if count else base)
        index.add(some_words(rng, 220))
        index.clusters()
        truth = [1.0, *[(218 - count - 2) / (218 + count + 2) for count in (4, 20, 60)], 0.0]
        found = [index.similarity(0, row) for row in range(5)]
    assert found == pytest.approx(truth, abs=0.16)
    assert found[0] == 1.0
    assert sorted(found, reverse=True) == found


@given(st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=12), st.sampled_from([0.3, 0.8, 1.0]))
def test_equal_rows_are_always_together(tmp_path_factory, rows, threshold):
    """Whatever the threshold: rows with the same words are one cluster, and labels are smallest members."""
    hashed = [words_of(" ".join("abcd"[letter] for letter in row)) for row in rows]
    found = clusters(tmp_path_factory.mktemp("near"), hashed, threshold)
    assert all(found[label] == label <= row for row, label in enumerate(found))
    for one, other in combinations(range(len(rows)), 2):
        if rows[one] == rows[other] and rows[one]:
            assert found[one] == found[other]
    assert all(found[row] == row for row in range(len(rows)) if not rows[row])


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 1.0])
def test_bands_find_pairs_at_the_threshold(threshold):
    """Of pairs that are as similar as the threshold 99 in 100 meet in a band, where bands can do that at all."""
    bands, wide = banding(threshold, 128)
    assert bands * wide <= 128
    assert wide == 1 or 1 - (1 - threshold**wide) ** bands >= 0.99


def test_nothing_is_left_on_disk(tmp_path):
    """The files have no names, so that nothing is left of them, whatever happens."""
    with NearIndex(tmp_path) as index:
        index.add(words_of("a b c"))
        assert index.clusters().tolist() == [0]
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    """The message names the folder."""
    with pytest.raises(OutputError, match="nowhere"):
        NearIndex(tmp_path / "nowhere")


def test_without_rensa_it_is_said_what_to_install(tmp_path, monkeypatch):
    """The error names the package, and what works without it."""
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(MissingExtra, match=r"rensa.*\n.*pip install rensa.*--dedup normalised"):
        NearIndex(tmp_path)
