"""The Format protocol, and formats by name through the entry points ``limbeck.formats``."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from ....errors import UsageError
from ....records import Json
from ..rows import Record

GROUP = "limbeck.formats"
"""Entry point group in which other packages offer formats."""

BUILTINS = {
    "openai": "limbeck.compiler.emit.formats.openai:OpenAI",
    "trl-sft": "limbeck.compiler.emit.formats.trl_sft:TRLSFT",
}
"""Formats that are there even where the package runs from a checkout that was never installed."""


@runtime_checkable
class Format(Protocol):
    """How a target wants its rows.

    Attributes:
        name: What ``--format`` takes.
        extension: Of the files, without the dot.
    """

    name: str
    extension: str

    def row(self, record: Record) -> Json:
        """Make the row that the target reads."""
        ...

    def check(self, row: Json) -> list[str]:
        """Problems of a row by the target's own rules; empty where there is none."""
        ...

    def check_all(self, rows: int) -> list[str]:
        """Warnings about a file with so many rows."""
        ...


def format_names() -> list[str]:
    """Names of all formats, sorted."""
    return sorted(_known())


def get_format(name: str) -> Format:
    """Make a format.

    Raises:
        UsageError: There is no format of this name, or it cannot be loaded.
    """
    known = _known()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        raise UsageError(
            f"Unknown format {name!r}.",
            hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Formats: {', '.join(sorted(known))}.",
        )
    try:
        made = known[name].load()()
    except Exception as error:
        raise UsageError(
            f"Format {name!r} cannot be loaded from {known[name].value}: {error}",
            hint="Reinstall the package that offers it.",
        ) from error
    if not isinstance(made, Format):
        raise UsageError(
            f"Format {name!r} from {known[name].value} lacks row, check, check_all, name or extension.",
            hint="Run limbeck's conformance suite on it.",
        )
    return made


def _known() -> dict[str, EntryPoint]:
    """Entry points by name; a package cannot replace what limbeck itself offers."""
    offered = {point.name: point for point in entry_points(group=GROUP)}
    return offered | {name: EntryPoint(name, value, GROUP) for name, value in BUILTINS.items()}
