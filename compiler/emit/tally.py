"""What is counted of the rows that were written, for the manifest and the card.

Rows stream, and may be millions: of each one its provenance is read once, where it is written anyway, and the rest is
in the spool's columns. What is told of a trace (its usage) counts once, in however many rows the trace is.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from ...records import Json
from .labels import OTHER
from .spool import Numbers, Spool

MOST = 10_000
"""Different names that are counted apart; those that come up later count as ``OTHER``."""

SHOWN = 500
"""Most names that stand in the manifest, the most frequent ones; the rest is summed up as ``OTHER``."""

_NAMES = ("predictors", "adapters", "programs", "candidates", "origins", "outcomes")
_FACTS = itemgetter(*(name[:-1] for name in _NAMES))
_SAID = itemgetter("verifier", "by", "fingerprint")
_NOTHING = (0.0, 0.0, 0.0, 0.0)

_Key = tuple[tuple[Any, ...], tuple[Any, ...], tuple[tuple[str, str, str], ...]]
"""What all rows of one count have in common: facts, LMs and verdicts."""

_REST: _Key = ((OTHER,) * len(_NAMES), (OTHER,), ())


def _numbers(used: Json) -> tuple[float, ...]:
    usd = used["usd"]
    return used["calls"], used["input_tokens"], used["output_tokens"], math.nan if usd is None else usd


class Tally:
    """Counts over rows, made of the provenance of each. Time a row is constant; memory is 40 bytes an answer."""

    def __init__(self) -> None:
        self._rows: Counter[_Key] = Counter()
        self._traces = array("q")
        self._usage = array("d")

    def add(self, origin: bytes) -> None:
        """Count a row by its provenance, as JSON."""
        told: Json = orjson.loads(origin)
        key: _Key = (_FACTS(told), (told["lm"],), tuple([_SAID(verdict) for verdict in told["verdicts"]]))
        self._use(told)
        for other in told.get("others", ()):
            key = (
                key[0],
                (*key[1], other["lm"]),
                (*key[2], *[_SAID(verdict) for verdict in other.get("verdicts", ())]),
            )
            self._use(other)
        self._rows[key if key in self._rows or len(self._rows) < MOST else _REST] += 1

    def _use(self, answer: Json) -> None:
        """Note what a trace used; whether it was noted before shows in the end.

        Python's hash is another one in each process, but the sums are the same: they do not depend on the order.
        """
        self._traces.append(hash(answer["trace"]))
        used = answer.get("usage")
        self._usage.extend(_numbers(used) if used else _NOTHING)

    def as_json(self) -> Json:
        """Counts by name, the most frequent first.

        ``lms`` and ``verifiers`` are of rows: one that was made of answers of two LMs counts for both.
        """
        named = {
            name: _ordered(_summed((facts[place], n) for (facts, _, _), n in self._rows.items()))
            for place, name in enumerate(_NAMES)
        }
        lms = _ordered(_summed((lm, n) for (_, lms, _), n in self._rows.items() for lm in set(lms)))
        return {**named, "lms": lms, "verifiers": self._verifiers(), "usage": self._used()}

    def _verifiers(self) -> list[Json]:
        """Each verifier once, with the rows that it judged and its versions."""
        rows: Counter[tuple[str, str]] = Counter()
        versions: dict[tuple[str, str], set[str]] = {}
        for (_, _, verdicts), n in self._rows.items():
            rows.update(dict.fromkeys({(name, by) for name, by, _ in verdicts}, n))
            for name, by, version in verdicts:
                versions.setdefault((name, by), set()).add(version)
        found = sorted(rows.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
        return [
            {"verifier": name, "by": by, "rows": n, "fingerprints": sorted(filter(None, versions[name, by]))[:SHOWN]}
            for (name, by), n in found
        ]

    def _used(self) -> Json:
        """What the traces behind the rows used when they were made; ``usd`` is None where a price is not known.

        Traces without calls of their own (imported ones) are not ``with_calls``: what they cost nobody knows.
        """
        _, first = np.unique(np.frombuffer(self._traces, np.int64), return_index=True)
        used = np.frombuffer(self._usage, np.float64).reshape(-1, 4)[first]
        calls, read, written, usd = used.T
        return {
            "traces": len(first),
            "with_calls": int(np.count_nonzero(calls)),
            "calls": int(calls.sum()),
            "input_tokens": int(read.sum()),
            "output_tokens": int(written.sum()),
            "usd": None if np.isnan(usd).any() else math.fsum(usd),
        }


def _summed(pairs: Iterable[tuple[object, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for name, n in pairs:
        sums[str(name or "")] += n
    return sums


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first, then by name; beyond ``SHOWN`` of them the rest as one."""
    ordered = sorted(counts.items(), key=lambda item: (item[0] == OTHER, -item[1], item[0]))
    rest = sum(n for _, n in ordered[SHOWN:])
    return dict(ordered[:SHOWN]) | ({OTHER: dict(ordered[:SHOWN]).get(OTHER, 0) + rest} if rest else {})


def tally_columns(spool: Spool, sides: Sequence[str], placed_on: Numbers) -> Json:
    """Count what is known of the rows that are alive from the spool's columns.

    Args:
        spool: The rows; those that are alive were written.
        sides: Names of the sides.
        placed_on: (n,) number of each row's side.

    Returns:
        ``labels``, ``sources`` and ``levels`` by name and then by side; ``lengths`` in characters; ``difficulty``;
        ``inputs`` that differ.
    """
    alive = np.flatnonzero(spool.alive)
    columns, on = spool.columns, np.asarray(placed_on)[alive]
    labels = _by_side(columns.label[alive], list(spool.labels), on, sides)
    return {
        "labels": {} if set(labels) <= {""} else labels,
        "sources": _by_side(columns.source[alive], list(spool.sources), on, sides),
        "levels": _by_side(columns.level[alive], ["none", *"123456"], on, sides),
        "lengths": _lengths(columns.characters[alive]),
        "difficulty": _difficulty(columns.attempts[alive], columns.passes[alive]),
        "inputs": len(np.unique(columns.input[alive])),
    }


def _by_side(numbers: Numbers, names: Sequence[str], on: Numbers, sides: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count numbers that stand for names, by name and side."""
    width = len(sides)
    cells = np.bincount(numbers.astype(np.int64) * width + on, minlength=len(names) * width).reshape(-1, width)
    totals = {names[index]: int(n) for index, n in enumerate(cells.sum(axis=1)) if n}
    row = {name: index for index, name in enumerate(names)}
    kept = list(_ordered(totals))
    counts = {name: cells[row[name]] for name in kept if name != OTHER}
    if OTHER in kept:
        counts[OTHER] = cells.sum(axis=0) - sum(counts.values())
    return {name: {side: int(n) for side, n in zip(sides, cell, strict=True) if n} for name, cell in counts.items()}


def _lengths(characters: Numbers) -> Json:
    """Quantiles, and how many rows have up to 1, 2, 4, 8, ... characters, each more than those before."""
    if not len(characters):
        return {}
    wide = characters.astype(np.int64)
    bins = np.bincount(np.ceil(np.log2(np.maximum(wide, 1))).astype(np.int64))
    names = {"min": 0, "median": 50, "p90": 90, "p99": 99, "max": 100}
    at = np.percentile(wide, list(names.values()), method="inverted_cdf")
    quantiles = {name: int(value) for name, value in zip(names, at, strict=True)}
    counts = {str(2**power): int(n) for power, n in enumerate(bins)}
    first = next(index for index, n in enumerate(bins) if n)
    return {**quantiles, "total": int(wide.sum()), "up_to": dict(list(counts.items())[first:])}


def _difficulty(attempts: Numbers, passes: Numbers) -> Json:
    """Rows by the share of the attempts at their input that passed; one attempt alone says nothing."""
    several = attempts > 1
    rate = passes[several] / attempts[several]
    names = ("none", "up to 25%", "up to 50%", "up to 75%", "under 100%", "all")
    edges = np.array([0.0, 0.25, 0.5, 0.75])
    places = np.where(rate >= 1, 5, np.searchsorted(edges, rate, side="left"))
    counts = np.bincount(places, minlength=len(names))
    found = {name: int(n) for name, n in zip(names, counts, strict=True)} if several.any() else {}
    return {"one_attempt": int((~several).sum()), "passed": found}
