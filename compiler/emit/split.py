"""Which side of a split a row falls on: decided by its input alone."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping

from ...errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_TAKEN = ("provenance", "ledger", "limbeck")
_FORM = "Write it like train=0.9,val=0.1."

WHOLE: Mapping[str, float] = {"train": 1.0}
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


def splitter(shares: Mapping[str, float], seed: int) -> Callable[[str], str]:
    """Make the function from an ``input_id`` to the name of its side.

    Shares hold on average: each input is placed by a hash, so that more data never moves what is placed.
    """
    *others, last = shares
    bounds: list[tuple[float, str]] = []
    for name in others:
        bounds.append(((bounds[-1][0] if bounds else 0.0) + shares[name], name))

    def side(input_id: str) -> str:
        digest = hashlib.sha256(f"{seed}:{input_id}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        return next((name for bound, name in bounds if place < bound), last)

    return side
