"""MinHash signatures of rows on disk: a byte a permutation to compare rows by, and hashes of bands to find them by.

MinHash: Broder, "On the resemblance and containment of documents" (1997). Bands: Leskovec, Rajaraman, Ullman, "Mining
of Massive Datasets", section 3.4. Of each of a signature's numbers only the lowest byte is kept, and the share of
equal bytes is corrected for those that are equal by chance: Li and König, "b-Bit Minwise Hashing" (2010).
"""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from .outdir import writing
from .spool import Numbers

_CHANCE = 1 / 256  # that two bytes are equal
_BLOCK = 4096  # rows that are read at once where many of them are wanted
_RECALL = 0.99  # of pairs that are just as similar as the threshold


def banding(threshold: float, permutations: int) -> tuple[int, int]:
    """Number of bands, and of permutations in each: the widest bands that find pairs at the threshold."""
    wide = range(permutations, 1, -1)
    found = (size for size in wide if 1 - (1 - threshold**size) ** (permutations // size) >= _RECALL)
    size = next(found, 1)
    return permutations // size, size


class Signatures:
    """Signatures in nameless files. Used in ``with``.

    Args:
        folder: Where the files are put; about 300 bytes a row.
        permutations: Numbers in a signature.
        threshold: Least similarity of rows that shall be found.
    """

    def __init__(self, folder: Path, permutations: int, threshold: float) -> None:
        self.permutations = permutations
        self.bands, self._wide = banding(threshold, permutations)
        self.least = int(np.ceil(permutations * (_CHANCE + threshold * (1 - _CHANCE)) - 1e-9))
        self._mix = np.cumprod(np.full(self._wide, 0x9E3779B97F4A7C15, np.uint64))
        self._starts = [0]
        self._folder = folder
        self._bytes, self._keys = (_nameless(folder) for _ in range(2))

    def __len__(self) -> int:
        return self._starts[-1]

    def add(self, made: Numbers) -> None:
        """Write down signatures of the next rows, (n, permutations) of 32 bits."""
        parts = made[:, : self.bands * self._wide].reshape(len(made), self.bands, self._wide).astype(np.uint64)
        keys = np.einsum("nbr,r->bn", parts, self._mix)
        with writing(self._folder):
            self._bytes.write(made.astype(np.uint8).tobytes())
            self._keys.write(keys.tobytes())
        self._starts.append(len(self) + len(made))

    def band(self, number: int) -> Numbers:
        """64 bits for each row, equal where rows are the same in a band."""
        parts = []
        for start, end in pairwise(self._starts):
            at = 8 * (start * self.bands + number * (end - start))
            parts.append(np.frombuffer(_read(self._keys, at, 8 * (end - start)), np.uint64))
        return np.concatenate(parts) if parts else np.empty(0, np.uint64)

    def of(self, rows: Numbers) -> Numbers:
        """Signatures of rows, which are given in ascending order: a byte a permutation."""
        wide = self.permutations
        made = np.empty((len(rows), wide), np.uint8)
        for low in range(0, len(rows), _BLOCK):
            wanted = rows[low : low + _BLOCK]
            first, last = int(wanted[0]), int(wanted[-1])
            if last - first < 16 * len(wanted):
                data = _read(self._bytes, first * wide, (last - first + 1) * wide)
                made[low : low + _BLOCK] = np.frombuffer(data, np.uint8).reshape(-1, wide)[wanted - first]
            else:
                data = b"".join(_read(self._bytes, row * wide, wide) for row in wanted.tolist())
                made[low : low + _BLOCK] = np.frombuffer(data, np.uint8).reshape(-1, wide)
        return made

    def alike(self, some: Numbers, others: Numbers) -> Numbers:
        """Whether rows with these signatures are similar enough."""
        enough: Numbers = (some == others).sum(axis=-1, dtype=np.uint16) >= self.least
        return enough

    def similarity(self, row: int, other: int) -> float:
        """Estimate of the Jaccard similarity of two rows, 0 to 1."""
        first, second = (self.of(np.array([index])) for index in (row, other))
        return max(0.0, (float((first == second).mean()) - _CHANCE) / (1 - _CHANCE))

    def flush(self) -> None:
        """Make what was written readable."""
        with writing(self._folder):
            self._bytes.flush()
            self._keys.flush()

    def close(self) -> None:
        """Remove the files."""
        self._bytes.close()
        self._keys.close()


def _nameless(folder: Path) -> IO[bytes]:
    with writing(folder):
        return tempfile.TemporaryFile(dir=folder, buffering=1 << 20)


def _read(file: IO[bytes], at: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, at)
