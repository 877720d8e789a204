"""What rows are counted, mixed and balanced by: their label, where they come from, how hard and how long they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError
from ...signatures.fields import is_closed, output_fields
from .record import Record

if TYPE_CHECKING:
    import dspy

    from .spool import Numbers, Spool

OTHER = "(other)"
"""Stands for the values of which there are too many to show each."""

EASY, HARD = 0.8, 0.2
"""Pass rates from which on an input is easy, and up to which it is hard."""

SHORT, LONG = 400, 4_000
"""Characters of input and answer under which a row is short, and from which on it is long: in English about 100 and
1,000 tokens."""

BITS = 63
"""Most bits of a number: it has to stand in JSON."""

_LENGTH = 100  # characters of a label or a source; longer ones are no names


def label_fields(program: dspy.Module, only: str | None = None) -> tuple[str, ...]:
    """Output fields that hold labels: the named one, none for "", else those of a type with few values.

    Raises:
        UsageError: There is no such output field.
    """
    fields = output_fields(program)
    if only is None:
        return tuple(name for name, kind in fields.items() if is_closed(kind))
    if only and only not in fields:
        near = get_close_matches(only, fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Output fields: {', '.join(fields)}."
        raise UsageError(f"No output field {only!r} to stratify by.", hint=hint)
    return (only,) if only else ()


def label_of(record: Record, fields: tuple[str, ...]) -> str:
    """The label of a record's answer, cut where it is long; "" where there is none."""
    if not fields:
        return ""
    values = {**(record.first.trace.prediction or {}), **(record.first.step.outputs or {})}
    return _short(" / ".join(str(values[name]) for name in fields if name in values))


def source_of(record: Record) -> str:
    """Where a record's example comes from: what the importer noted as its source, else its file, else its origin."""
    trace = record.first.trace
    named = trace.meta.get("source")
    if isinstance(named, str) and named:
        return _short(named)
    return _short((trace.example.source or "").rpartition(":")[0] or trace.origin)


def lm_of(record: Record) -> str:
    """The LM that gave a record's answer."""
    calls = record.first.step.calls
    return _short(calls[-1].lm if calls else record.first.trace.lm)


def _short(text: str) -> str:
    """A name that can stand in a table and in JSON; what is no valid Unicode becomes a question mark."""
    cut = text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
    return cut.encode(errors="replace").decode()


Facet = tuple["Numbers", list[str]]
"""For each row the number of its value, and the values by number."""


def _named(names: Mapping[str, int], column: Numbers) -> Facet:
    return column, list(names)


def _difficulty(spool: Spool) -> Facet:
    attempts = spool.columns.attempts
    rate = spool.columns.passes / np.maximum(attempts, 1)
    return np.select([attempts == 0, rate >= EASY, rate <= HARD], [3, 0, 2], 1), ["easy", "medium", "hard", "unknown"]


def _length(spool: Spool) -> Facet:
    return np.digitize(spool.columns.characters, (SHORT, LONG)), ["short", "medium", "long"]


FACETS: Mapping[str, Callable[[Spool], Facet]] = {
    "label": lambda spool: _named(spool.labels, spool.columns.label),
    "source": lambda spool: _named(spool.sources, spool.columns.source),
    "lm": lambda spool: _named(spool.lms, spool.columns.lm),
    "difficulty": _difficulty,
    "length": _length,
    "level": lambda spool: (spool.columns.level, ["none", "1", "2", "3", "4", "5", "6"]),
}
"""What rows can be mixed by. A row without a label has the label ""."""


def check_facets(names: Iterable[str]) -> None:
    """Refuse a facet that does not exist.

    Raises:
        UsageError: One of the names is none of ``FACETS``.
    """
    for name in names:
        if name not in FACETS:
            near = get_close_matches(str(name), FACETS, n=1)
            there = f"Facets: {', '.join(FACETS)}."
            raise UsageError(
                f"There is no facet {name!r} to mix rows by.",
                hint=f"Did you mean {near[0]!r}? {there}" if near else there,
            )


def check_quotas(quotas: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse facets that do not exist, and numbers of rows that are none.

    Raises:
        UsageError: There is one.
    """
    check_facets(quotas)
    for facet, values in quotas.items():
        for value, most in values.items():
            if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most < 1 << BITS:
                raise UsageError(f"Bad quota of {facet} {value!r}: {most!r}.", hint="Give a whole number, at least 0.")


def counts(spool: Spool, facet: str) -> dict[str, int]:
    """Rows that are alive by value of a facet; values without any are left out.

    Difficulties, lengths and levels stand in their own order, other values by the number of rows.
    """
    codes, names = FACETS[facet](spool)
    found = np.bincount(codes[spool.alive], minlength=len(names)).tolist()
    held = [(name, rows) for name, rows in zip(names, found, strict=True) if rows]
    return dict(held if facet in _ORDERED else sorted(held, key=lambda item: (-item[1], item[0])))


_ORDERED = ("difficulty", "length", "level")
