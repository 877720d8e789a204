"""Runs of words as numbers, and a quick look whether any of a row's is among those that are sought."""

from __future__ import annotations

import numpy as np

from .spool import Numbers

FOUR, RUN = 4, 8
"""Words of the two kinds of runs."""

_MIX = (0x9E3779B97F4A7C15, *(pow(0x9E3779B97F4A7C15, power, 2**64) for power in (2, 4)))
_M1, _M2, _M4 = (np.uint64(value) for value in _MIX)


def runs_of(words: Numbers) -> tuple[Numbers, Numbers]:
    """64 bits for each run of four words, and for each run of eight."""
    two = words[:-1] * _M1 + words[1:]
    four = two[:-2] * _M2 + two[2:]
    return four, four[:-4] * _M4 + four[4:]


class Lookup:
    """Tells which of a row's numbers are among those sought.

    A table by the first bits refuses nearly all of them at once; what is left is searched for.

    Args:
        sought: Different numbers of 64 bits, in ascending order.
    """

    def __init__(self, sought: Numbers) -> None:
        bits = min(max(12, len(sought).bit_length() + 5), 25)  # at most 32 MiB
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[(sought >> self._shift).view(np.int64)] = True
        self._sought = np.append(sought, np.uint64(2**64 - 1))  # so that a search ends inside

    def find(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Where in ``numbers`` there are some that are sought, and which of the sought they are."""
        maybe = self._table[(numbers >> self._shift).view(np.int64)].nonzero()[0]
        if not len(maybe):
            return maybe, maybe
        held = numbers[maybe]
        at = self._sought.searchsorted(held)
        found = self._sought[at] == held
        return maybe[found], at[found]
