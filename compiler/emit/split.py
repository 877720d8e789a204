"""Which side of a split a row falls on: decided by its input alone."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

import numpy as np

from ...errors import UsageError
from .spool import Numbers

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_TAKEN = ("provenance", "ledger", "limbeck")
_FORM = "Write it like train=0.9,val=0.1."

ONE_SIDE: Mapping[str, float] = {"train": 1.0}
"""Everything on one side."""


def parse_split(text: str) -> dict[str, float]:
    """Read ``train=0.9,val=0.1``.

    Raises:
        UsageError: It has another form, or ``check_split`` refuses it.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, share = (word.strip() for word in part.partition("="))
        if not equals or name in shares:
            raise UsageError(f"Bad split {text!r}: {part.strip()!r}.", hint=_FORM)
        try:
            shares[name] = float(share)
        except ValueError:
            raise UsageError(f"Bad split {text!r}: {share!r} is no number.", hint=_FORM) from None
    check_split(shares)
    return shares


def check_split(shares: Mapping[str, float]) -> None:
    """Refuse shares that do not make a whole, and names that cannot name a file.

    Raises:
        UsageError: A name or a share is wrong.
    """
    for name, share in shares.items():
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise UsageError(f"Bad name of a split: {name!r}.", hint=_FORM)
        if not 0 < share <= 1:  # NaN fails too
            raise UsageError(f"Bad share of split {name!r}: {share}.", hint=_FORM)
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UsageError(f"The shares of the split add up to {sum(shares.values()):g}, not to 1.", hint=_FORM)


def sides(groups: Numbers, shares: Mapping[str, float], seed: int) -> Numbers:
    """Place each row on a side: its number in the order of ``shares``.

    Shares hold on average: each group is placed by a hash, so that more data never moves what is placed.

    Args:
        groups: 64 bits for each row, equal where rows must fall on one side.
        shares: Shares by name of the side.
        seed: Decides the sides.
    """
    bounds = np.cumsum([*shares.values()])[:-1] if len(shares) > 1 else np.empty(0)
    unique, where = np.unique(groups, return_inverse=True)
    places = np.fromiter((_place(int(group), seed) for group in unique), np.float64, len(unique))
    placed: Numbers = np.searchsorted(bounds, places, side="right")[where]
    return placed


def _place(group: int, seed: int) -> float:
    """Where a group falls, at least 0 and under 1."""
    digest = hashlib.sha256(f"{seed}:{group:016x}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
