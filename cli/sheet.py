"""Traces as a file for people to judge in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..records import Trace


def write_sheet(path: Path, traces: Iterable[Trace]) -> Path:
    """Write a row for each trace: its id, inputs, labels, outputs, and ``passed``, ``who``, ``note`` to fill in.

    Raises:
        UsageError: The file is neither .jsonl nor .csv.
        OutputError: It is there already, for what people wrote into it is not to be lost; or it cannot be written.
    """
    from ..compiler.verify import sheet

    return sheet.write_sheet(path, map(sheet.sheet_row, traces))
