"""Rows that say nearly the same: clusters by MinHash over runs of words, in bounded memory.

Rows are compared by the share of their runs of three words that they have in common (Jaccard similarity), as MinHash
estimates it. Candidates are rows that share a band of their signatures (LSH); each pair of candidates is compared,
but for large buckets, whose rows are compared with some of them. A cluster is what pairs join: of three rows the
first and the last may be less alike than the threshold, where both are like the second.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ...errors import MissingExtra
from ._clusters import merge
from ._signatures import Signatures
from .spool import Numbers

PERMUTATIONS = 128
GRAM = 3
"""Words in a run; of a text with fewer, all of it is one run."""

_ROWS, _WORDS = 2048, 1 << 20  # rows and words that wait in memory
_FEW = 32  # rows of a bucket that are all compared with each other
_LEADERS = 32  # rows of a larger bucket with which the others are compared
_PAIRS = 1 << 16  # pairs compared at once
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
_PAD = np.array([0x27D4EB2F165667C5, 0x85EBCA77C2B2AE63], np.uint64)  # no words: they fill up short texts


class NearIndex:
    """Finds rows that are nearly the same. Used in ``with``; its files are gone at the end.

    About 300 bytes a row in ``folder``, and 40 in memory. The same rows in the same order give the same clusters.

    Args:
        folder: Where its files are put.
        threshold: Least similarity of two rows that belong together, over 0 to 1.

    Raises:
        MissingExtra: rensa is not installed.
        OutputError: The files cannot be written.
    """

    def __init__(self, folder: Path, threshold: float = 0.8) -> None:
        try:
            from rensa import RMinHash
        except ImportError as error:
            raise MissingExtra(
                "near duplicates are found with rensa, which is not installed",
                hint="Install it: pip install rensa. Or choose --dedup normalised and --together input.",
            ) from error
        self._minhash = RMinHash.digest_matrix_from_flat_token_hashes
        self._signatures = Signatures(folder, PERMUTATIONS, threshold)
        self._waiting: list[Numbers] = []
        self._waiting_words = 0
        self._empty: list[int] = []

    def __len__(self) -> int:
        return len(self._signatures) + len(self._waiting)

    def add(self, words: Numbers) -> None:
        """Add the next row, by hashes of its words in their order."""
        if not len(words):
            self._empty.append(len(self))
        self._waiting.append(np.concatenate((words, _PAD[: GRAM - len(words)])) if len(words) < GRAM else words)
        self._waiting_words += len(words)
        if len(self._waiting) >= _ROWS or self._waiting_words >= _WORDS:
            self._flush()

    def clusters(self) -> Numbers:
        """For each row the smallest index of a row in its cluster. A row without words is alone."""
        if self._waiting:
            self._flush()
        self._signatures.flush()
        labels = np.arange(len(self), dtype=np.int64)
        rows = np.delete(labels, self._empty)
        for number in range(self._signatures.bands):
            self._join(labels, *_buckets(self._signatures.band(number)[rows], rows))
        return labels

    def similarity(self, row: int, other: int) -> float:
        """Estimate of the similarity of two rows, 0 to 1; after ``clusters``."""
        return self._signatures.similarity(row, other)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signatures.close()

    def _flush(self) -> None:
        runs, starts = _runs(self._waiting)
        made = self._minhash(runs, starts, PERMUTATIONS, 1)
        self._signatures.add(np.array(made.to_rows(), np.uint32))
        self._waiting, self._waiting_words = [], 0

    def _join(self, labels: Numbers, members: Numbers, sizes: Numbers) -> None:
        """Join the clusters of rows of a band that are similar.

        Args:
            labels: Cluster of each row; changed.
            members: Rows of the first bucket, in ascending order, then those of the second, and so on.
            sizes: Size of each bucket.
        """
        small = np.repeat(sizes <= _FEW, sizes)
        self._join_pairs(labels, members[small], sizes[sizes <= _FEW])
        ends = np.cumsum(sizes)
        pairs = _Pairs(labels)  # joined together: each joining looks at all labels
        for end, size in zip(ends[sizes > _FEW].tolist(), sizes[sizes > _FEW].tolist(), strict=True):
            bucket = members[end - size : end]
            if (labels[bucket] != labels[bucket[0]]).any():
                self._compare_large(pairs, bucket)
        pairs.join()

    def _join_pairs(self, labels: Numbers, members: Numbers, sizes: Numbers) -> None:
        """Compare each row of a bucket with each other one."""
        left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(members))  # rows of the bucket from here on
        for distance in range(1, _FEW):
            at = np.flatnonzero(left > distance)
            for low in range(0, len(at), _PAIRS):
                part = at[low : low + _PAIRS]
                merge(labels, *self._similar(labels, members[part], members[part + distance]))

    def _similar(self, labels: Numbers, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Those of the pairs that are similar and in clusters apart."""
        apart = labels[some] != labels[others]
        some, others = some[apart], others[apart]
        rows, at = np.unique(np.concatenate((some, others)), return_inverse=True)
        signatures = self._signatures.of(rows)
        alike = self._signatures.alike(signatures[at[: len(some)]], signatures[at[len(some) :]])
        return some[alike], others[alike]

    def _compare_large(self, pairs: _Pairs, members: Numbers) -> None:
        """Compare each row of a bucket with leaders: rows that are like none of the leaders before them."""
        leaders: list[tuple[int, Numbers]] = []
        for low in range(0, len(members), _PAIRS):
            rows = members[low : low + _PAIRS]
            signatures = self._signatures.of(rows)
            alone = np.ones(len(rows), np.bool_)
            for leader in leaders:
                alone &= ~self._followers(pairs, leader, rows, signatures)
            while alone.any() and len(leaders) < _LEADERS:
                first = int(np.argmax(alone))
                leaders.append((int(rows[first]), signatures[first].copy()))
                alone &= ~self._followers(pairs, leaders[-1], rows, signatures)

    def _followers(self, pairs: _Pairs, leader: tuple[int, Numbers], rows: Numbers, signatures: Numbers) -> Numbers:
        """Whether rows are like a leader; those that are join its cluster."""
        alike = self._signatures.alike(signatures, leader[1])
        pairs.add(np.full(int(alike.sum()), leader[0]), rows[alike])
        return alike


class _Pairs:
    """Pairs of rows whose clusters are to be joined, many at once.

    Args:
        labels: Cluster of each row; changed.
    """

    def __init__(self, labels: Numbers) -> None:
        self._labels = labels
        self._waiting: list[tuple[Numbers, Numbers]] = []
        self._count = 0

    def add(self, some: Numbers, others: Numbers) -> None:
        self._waiting.append((some, others))
        self._count += len(some)
        if self._count >= _PAIRS:
            self.join()

    def join(self) -> None:
        if self._waiting:
            some, others = (np.concatenate(side) for side in zip(*self._waiting, strict=True))
            merge(self._labels, some, others)
        self._waiting, self._count = [], 0


def _runs(rows: list[Numbers]) -> tuple[Numbers, Numbers]:
    """Hashes of the runs of words of all rows, and where each row's start; and where the last one's end."""
    lengths = np.array([len(words) for words in rows])
    words = np.concatenate(rows)
    runs = words[:-2] * _MIX[0] + words[1:-1] * _MIX[1] + words[2:] * _MIX[2]
    ends = np.cumsum(lengths)[:-1]
    inside = np.ones(len(runs), np.bool_)
    inside[ends - 1] = inside[ends - 2] = False  # runs that reach into the next row
    return runs[inside], np.concatenate(([0], np.cumsum(lengths - GRAM + 1))).astype(np.uint64)


def _buckets(keys: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
    """Rows with equal keys side by side, and how many there are of each; without those that are alone."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], np.diff(keys[order]) != 0)))[: len(keys)]
    sizes = np.diff(starts, append=len(keys))
    several = np.repeat(sizes > 1, sizes)
    return rows[order[several]], sizes[sizes > 1]
