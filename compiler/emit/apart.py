"""Inputs that another dataset has, which this one is to have none of: SFT and preference rows that share no prompt."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import orjson

from ...errors import DataError, UsageError
from .names import MANIFEST, PROVENANCE

_ID = re.compile(r"[0-9a-f]{32}")
_HINT = "Give a directory that limbeck export wrote."


class Inputs(Collection[str]):
    """Identities of inputs, 32 hex digits each, in 16 bytes each; a set of strings takes seven times as much.

    Args:
        high: The first 16 digits of each, sorted.
        low: The others, in the same order.
    """

    def __init__(self, high: array[int], low: array[int]) -> None:
        self._high, self._low = high, low

    def __len__(self) -> int:
        return len(self._high)

    def __iter__(self) -> Iterator[str]:
        return (f"{high:016x}{low:016x}" for high, low in zip(self._high, self._low, strict=True))

    def __contains__(self, input_id: object) -> bool:
        if not (isinstance(input_id, str) and _ID.fullmatch(input_id)):
            return False
        high, low = int(input_id[:16], 16), int(input_id[16:], 16)
        at = bisect_left(self._high, high)
        while at < len(self._high) and self._high[at] == high:
            if self._low[at] == low:
                return True
            at += 1
        return False


def inputs_of(*directories: str | Path) -> Inputs:
    """Read which inputs the rows of datasets were made from.

    Inputs are the same where all values that went into the program are equal; near ones are others.

    Raises:
        UsageError: A directory does not exist, or is no dataset.
        DataError: Its provenance is missing or broken.
    """
    found = (array("Q"), array("Q"))
    for directory in map(Path, directories):
        _check(directory)
        for input_id in _read(directory / PROVENANCE):
            found[0].append(int(input_id[:16], 16))
            found[1].append(int(input_id[16:], 16))
    return Inputs(*_sorted(*found))


def _sorted(*halves: array[int]) -> tuple[array[int], array[int]]:
    """Sort pairs of numbers, and leave out those that are there already."""
    high, low = (np.frombuffer(half, np.uint64) for half in halves)
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    new = np.ones(len(high), dtype=np.bool_)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return array("Q", high[new].tobytes()), array("Q", low[new].tobytes())


def _check(directory: Path) -> None:
    """Refuse what is no dataset."""
    if not directory.is_dir():
        raise UsageError(f"There is no dataset {directory}: no such directory.", hint=_HINT)
    try:
        manifest = orjson.loads((directory / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{directory} is no dataset: {MANIFEST}: {why}.", hint=_HINT) from error
    if not isinstance(manifest, dict) or manifest.get("kind") != "dataset":
        raise UsageError(f"{directory} is no dataset: its {MANIFEST} is of something else.", hint=_HINT)


def _read(path: Path) -> Iterator[str]:
    """The input of each line."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _input(line, path, number)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error


def _input(line: bytes, path: Path, number: int) -> str:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}:{number} is no JSON: {error}.", hint="Make the dataset anew.") from error
    found = row.get("input") if isinstance(row, dict) else None
    if not (isinstance(found, str) and _ID.fullmatch(found)):
        raise DataError(f"{path}:{number} names no input.", hint="Make the dataset anew.")
    return found
