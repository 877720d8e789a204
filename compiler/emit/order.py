"""Chance that rests on content: the order of rows, and which of them a quota keeps."""

from __future__ import annotations

import hashlib

import numpy as np

from .spool import Numbers, Spool

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def scatter(values: Numbers, seed: int, purpose: str) -> Numbers:
    """Hash 64 bits to 64 bits that look random; no two values fall on one.

    This is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): a million
    in 40 ms, where SHA-256 of each takes seconds. Nobody is to be kept from finding values by it.

    Args:
        values: (n,) numbers; signed ones count as their bits.
        seed: Another seed, other hashes.
        purpose: Another purpose, other hashes; so what a quota keeps says nothing of where it is written.
    """
    salt = hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8).digest()
    mixed = (values.astype(np.uint64) ^ np.uint64(int.from_bytes(salt))) + _GOLDEN
    for shift, factor in _STEPS:
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed


def lots(spool: Spool, seed: int, purpose: str) -> Numbers:
    """Draw a number for each row, by what the row is: other rows that come or go do not change it.

    Rows with equal digests are told apart by which of them comes first, so that chance does not put them side by side.
    """
    words = spool.columns.digest
    if not len(words):
        return np.empty(0, np.uint64)
    order = np.lexsort((words[:, 1], words[:, 0]))  # stable: equal rows as they came
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    starts = np.flatnonzero(new)
    nth = np.empty(len(order), np.uint64)
    nth[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return scatter(words[:, 0] ^ (nth * _GOLDEN), seed, purpose)


def ordered(spool: Spool, seed: int, *, shuffle: bool) -> Numbers:
    """Give the rows that are alive in the order in which they are to be written: as they came, or shuffled by the seed.

    It takes some 50 bytes a row while it works; no row is read.
    """
    alive: Numbers = np.flatnonzero(spool.alive)
    return alive[np.argsort(lots(spool, seed, "order")[alive], kind="stable")] if shuffle else alive
