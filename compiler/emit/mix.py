"""How many rows of what: most of an input, most of a label, as many of each source, most in all.

Which rows stay is decided by lots that rest on what each row is, and on the seed (``order.lots``). So the same ones
stay when others come that the limit does not concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError
from .duplicates import WORSE
from .labels import FACETS, check_facets, check_quotas, counts
from .order import lots
from .spool import Numbers, Spool

if TYPE_CHECKING:
    from .choices import Choices

_FORM = "Write it like label:spam=100."


def parse_quota(text: str) -> tuple[str, str, int]:
    """Read ``label:spam=100``: a facet, a value of it, and the most rows of that value.

    The facet ends at the first colon and the number stands behind the last equals sign, so a value may have both in it
    (``source:data/a=b.jsonl=10``). A value is taken as it is, white space too. No value (``label:=10``) are the rows
    that have none.

    Raises:
        UsageError: It has another form, there is no such facet, or the number is none.
    """
    facet, colon, rest = text.partition(":")
    value, equals, number = rest.rpartition("=")
    if not colon or not equals:
        raise UsageError(f"Bad quota {text!r}.", hint=_FORM)
    facet = facet.strip()
    check_facets([facet])
    try:
        most = int(number)
    except ValueError:
        raise UsageError(f"Bad quota {text!r}: {number!r} is no whole number.", hint=_FORM) from None
    check_quotas({facet: {value: most}})
    return facet, value, most


def parse_quotas(texts: Iterable[str]) -> dict[str, dict[str, int]]:
    """Read several quotas.

    Raises:
        UsageError: One of them is bad, or a value has two.
    """
    quotas: dict[str, dict[str, int]] = {}
    for text in texts:
        facet, value, most = parse_quota(text)
        if value in quotas.setdefault(facet, {}):
            raise UsageError(f"Two quotas for {facet} {value!r}.", hint="Leave one of them out.")
        quotas[facet][value] = most
    return quotas


def mix(spool: Spool, choices: Choices) -> list[str]:
    """Drop the rows that are too many, and return warnings.

    First by input, then by quota, then by balance, then in all. Each counts what those before it left.
    """
    draw = lots(spool, choices.seed, "mix")
    if choices.per_input is not None:
        best = _ranked(spool, *(WORSE[name](spool) for name in choices.prefer), draw)
        _, inputs = np.unique(spool.columns.input, return_inverse=True)
        lost = over(best, inputs, np.full(len(spool), min(choices.per_input, len(spool))))
        spool.drop(lost.tolist(), "over the rows of its input", lambda _: f"{choices.per_input}")
    warnings = []
    for facet, quota in choices.quotas.items():
        warnings += _missing(spool, facet, quota)
        _limit(spool, draw, facet, quota, "over the quota")
    if choices.balance:
        warnings += _balance(spool, draw, choices.balance, choices.limit)
    if choices.limit is not None:
        lost = np.sort(_ranked(spool, draw)[choices.limit :])
        spool.drop(lost.tolist(), "over the limit", lambda _: f"{choices.limit}")
    return warnings


def over(order: Numbers, codes: Numbers, most: Numbers) -> Numbers:
    """Find the rows that are too many of their value.

    Args:
        order: (m,) rows, those that stay first.
        codes: (n,) number of each row's value.
        most: Most rows of each value, by its number.

    Returns:
        Rows, the smallest first.
    """
    by_value = order[np.argsort(codes[order], kind="stable")]
    held = codes[by_value]
    starts = np.flatnonzero(np.diff(held, prepend=-1))
    nth = np.arange(len(held)) - np.repeat(starts, np.diff(starts, append=len(held)))
    lost: Numbers = np.sort(by_value[nth >= most[held]])
    return lost


def _ranked(spool: Spool, *worse: Numbers) -> Numbers:
    """Rows that are alive, the best first; numbers that come first decide first."""
    alive = np.flatnonzero(spool.alive)
    ranked: Numbers = alive[np.lexsort([numbers[alive] for numbers in reversed(worse)])]
    return ranked


def _limit(spool: Spool, draw: Numbers, facet: str, quota: Mapping[str, int], reason: str) -> None:
    """Drop what a quota leaves no room for."""
    codes, names = FACETS[facet](spool)
    most = np.array([min(quota.get(name, len(spool)), len(spool)) for name in names], np.int64)
    lost = over(_ranked(spool, draw), codes, most)

    def detail(index: int) -> str:
        return f"{facet}={names[codes[index]]}: {most[codes[index]]}"

    spool.drop(lost.tolist(), reason, detail)


def _balance(spool: Spool, draw: Numbers, facet: str, limit: int | None) -> list[str]:
    """Keep as many rows of each value as of the rarest, or as a limit for all of them has room for."""
    held = counts(spool, facet)
    if len(held) < 2:
        return [f"nothing to balance: all rows have {facet} {value!r}" for value in held]
    rarest = min(held, key=lambda value: (held[value], value))
    least = held[rarest] if limit is None else min(held[rarest], max(1, limit // len(held)))
    _limit(spool, draw, facet, dict.fromkeys(held, least), "over the balance")
    before, after = sum(held.values()), held[rarest] * len(held)
    if after * 2 >= before:
        return []
    why = f"for {rarest!r} has only {held[rarest]:,}: quotas for the others would leave more"
    return [f"balancing by {facet} leaves {after:,} of {before:,} rows, {why}"]


def _missing(spool: Spool, facet: str, quota: Mapping[str, int]) -> list[str]:
    """Warn of values that no row has, with those that were meant perhaps."""
    held = list(counts(spool, facet))
    return [_unknown(facet, value, held) for value in quota if value not in held]


def _unknown(facet: str, value: str, held: list[str]) -> str:
    if facet == "label" and not any(held):
        return f"the quota of label {value!r} holds for no row: rows have no label unless --stratify names a field"
    near = get_close_matches(value, held[:_LOOKED_AT], n=3)
    meant = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {_listed(held)}"
    return f"the quota of {facet} {value!r} holds for no row: {meant}"


_LOOKED_AT = 1_000  # values that a misspelled one is compared with


def _listed(values: list[str]) -> str:
    shown = ", ".join(map(repr, values[:8]))
    return f"{shown} and {len(values) - 8} more" if len(values) > 8 else shown or "no rows"
