"""Which side of a split a row falls on.

Rows of one input fall on one side, and on demand those whose inputs are near: what a model was trained on says nothing
of how good it is. Where rows have labels, each side gets like shares of each.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ...errors import UsageError
from .names import CONTAMINATED, LEDGER, MANIFEST, PRIVATE, PROVENANCE
from .order import scatter
from .spool import Numbers, Spool

_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_TAKEN = {Path(name).stem for name in (MANIFEST, PROVENANCE, LEDGER, CONTAMINATED, PRIVATE)}
_FORM = "Write it like train=0.9,val=0.1."

ONE_SIDE: Mapping[str, float] = {"train": 1.0}
"""Everything on one side."""

GIANT = 0.1
"""Share of the rows from which on a group that cannot be divided is warned of."""


def parse_split(text: str) -> dict[str, float]:
    """Read ``train=0.9,val=0.1``.

    Raises:
        UsageError: It has another form, or ``check_split`` refuses it.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, share = (word.strip() for word in part.partition("="))
        if name in shares:
            raise UsageError(f"Bad split {text!r}: {name!r} is there twice.", hint=_FORM)
        if not equals:
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
        if name in _TAKEN:
            raise UsageError(f"Bad name of a split: {name!r}, which another file has.", hint=_FORM)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"Bad name of a split: {name!r}.", hint=f"{_FORM} Names have small letters, digits, - and _."
            )
        if not 0 < share <= 1:  # NaN fails too
            raise UsageError(f"Bad share of split {name!r}: {share}.", hint=_FORM)
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UsageError(f"The shares of the split add up to {sum(shares.values()):g}, not to 1.", hint=_FORM)


def place(
    spool: Spool, shares: Mapping[str, float], seed: int, clusters: Numbers | None = None, *, stratify: bool = True
) -> tuple[Numbers, list[str]]:
    """Place each row on a side.

    Args:
        spool: The rows. Those that are no longer alive count for nothing, but are placed too.
        shares: Shares by name of the side.
        seed: Decides the sides.
        clusters: (n,) for each row one to whose input its own is near, such as the first of its cluster; itself where
            there is none. Without it only rows of one input stay together.
        stratify: Whether each side gets like shares of each label, where rows have labels.

    Returns:
        (n,) numbers of sides in the order of ``shares``, and warnings.
    """
    inputs = spool.columns.input
    groups = inputs if clusters is None else connected(inputs, clusters)
    labels = _hashes(spool.labels)[spool.columns.label] if stratify and any(spool.labels) else None
    warnings = _giant(spool, groups) if len(shares) > 1 else []
    return sides(groups, shares, seed, labels=labels, alive=spool.alive), warnings


def connected(inputs: Numbers, clusters: Numbers) -> Numbers:
    """Name each row's group: rows of one input, and near ones, and those that are so to one of the group, and so on.

    Each turn hangs every tree of rows under the smallest root that it touches, and makes the trees flat; the number of
    turns grows with the logarithm of the rows (S. Liu and R. Tarjan, "Simple concurrent labeling algorithms for
    connected components", SOSA 2019).

    Args:
        inputs: (n,) 64 bits for each input.
        clusters: (n,) for each row one that it is near to.

    Returns:
        (n,) the smallest ``inputs`` of the group, so that its name rests on no order.
    """
    root = np.arange(len(inputs), dtype=np.int32)
    ends = (root, _first(inputs), clusters.astype(np.int32))
    while True:
        roots = [root[end] for end in ends]
        low = np.minimum.reduce(roots)
        if all((low == found).all() for found in roots):
            break
        for found in roots:
            np.minimum.at(root, found, low)
        while (root != (higher := root[root])).any():
            root = higher
    name = inputs.copy()
    np.minimum.at(name, root, inputs)
    named: Numbers = name[root]
    return named


def _first(inputs: Numbers) -> Numbers:
    """For each row the first one with the same input."""
    _, first, which = np.unique(inputs, return_index=True, return_inverse=True)
    rows: Numbers = first.astype(np.int32)[which]
    return rows


def sides(
    groups: Numbers,
    shares: Mapping[str, float],
    seed: int,
    *,
    labels: Numbers | None = None,
    alive: Numbers | None = None,
) -> Numbers:
    """Place each row on a side: its number in the order of ``shares``.

    A group's place is a hash. Without labels that is all: shares hold on average, and more data never moves what is
    placed. With labels the groups of each label stand in the order of their hashes, and are cut where the shares say:
    a side has its share of each label to within a group and a row, and more data moves only groups close to a cut.
    Labels of fewer groups than it takes for one on each side are cut together.

    Args:
        groups: (n,) 64 bits for each row, equal where rows must fall on one side.
        shares: Shares by name of the side.
        seed: Decides the sides.
        labels: (n,) numbers of the rows' labels, 0 or more; a group with several counts as what most of its rows are.
        alive: (n,) whether a row counts; default: all do.
    """
    ranked = sorted(range(len(shares)), key=lambda side: -list(shares.values())[side])  # the largest first
    cuts = np.cumsum([list(shares.values())[side] for side in ranked])[:-1]
    unique, which = np.unique(groups, return_inverse=True)
    which = which.astype(np.int32)
    places = scatter(unique, seed, "side")
    found = np.searchsorted(cuts, places / 2.0**64, side="right")
    if labels is not None and len(cuts):
        rows = np.arange(len(groups)) if alive is None else np.flatnonzero(alive)
        sizes = np.bincount(which[rows], minlength=len(unique))
        held = np.flatnonzero(sizes)
        least = min(shares.values())
        strata = _strata(which[rows], labels[rows], math.ceil(1 / least - 1e-9))
        found[held] = _cut(places[held], sizes[held], strata, cuts, least, seed)
    placed: Numbers = np.array(ranked)[found][which]
    return placed


def _strata(groups: Numbers, labels: Numbers, least: int) -> Numbers:
    """The label of each group, in the order of groups; -1 for labels of fewer groups than are needed for each side."""
    numbers, codes = np.unique(labels, return_inverse=True)
    pairs, rows = np.unique(groups * np.int64(len(numbers)) + codes.astype(np.int32), return_counts=True)
    group, code = (part.astype(np.int32) for part in np.divmod(pairs, len(numbers)))
    order = np.lexsort((code, -rows, group))
    main = code[order[np.flatnonzero(np.diff(group[order], prepend=-1))]]
    strata: Numbers = np.where(np.bincount(main)[main] < least, -1, numbers[main].astype(np.int64))
    return strata


def _cut(places: Numbers, sizes: Numbers, strata: Numbers, cuts: Numbers, least: float, seed: int) -> Numbers:
    """Cut each stratum by its rows; a group belongs where its middle lies.

    Parts of a row are rounded up or down by lot, the same for all cuts of a stratum: so each side's rows are rounded up
    or down, and a stratum is cut whatever there is of others. Groups that are larger than all that the smallest side is
    to have of a stratum stand first, on the largest side; anywhere else they could push all others off a side.
    """
    names, which = np.unique(strata, return_inverse=True)
    totals = np.bincount(which, weights=sizes)
    lot = scatter(names, seed, "cut") / 2.0**64
    order = np.lexsort((places, sizes <= least * totals[which], which))
    before = np.cumsum(totals) - totals
    middles = np.cumsum(sizes[order]) - sizes[order] / 2 - before[which[order]]
    found = np.zeros(len(sizes), np.int64)
    for cut in cuts:
        found[order] += middles >= np.floor(cut * totals + lot)[which[order]]
    return found


def _hashes(names: Iterable[str]) -> Numbers:
    """A number for each name, that rests on no order of rows. That two labels share one does no harm."""
    digests = (hashlib.blake2b(name.encode(errors="replace"), digest_size=4).digest() for name in names)
    return np.array([int.from_bytes(digest) for digest in digests], np.uint32)


def _giant(spool: Spool, groups: Numbers) -> list[str]:
    """Warn of a group that has so many rows that shares cannot be had."""
    alive = np.flatnonzero(spool.alive)
    names, rows = np.unique(groups[alive], return_counts=True)
    if not len(rows) or (share := rows.max() / len(alive)) < GIANT:
        return []
    inputs = spool.columns.input[alive][groups[alive] == names[rows.argmax()]]
    if (inputs == inputs[0]).all():
        return [f"{share:.0%} of the rows are of one input, and so are all on one side"]
    todo = "--together input would keep only equal ones together, a higher --similarity fewer"
    return [f"{share:.0%} of the rows have inputs near each other, and so are all on one side: {todo}"]
