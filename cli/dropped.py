"""What a run left out, and why: ``limbeck traces --dropped``."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from ..errors import UsageError
from .shell import Shell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from ..compiler.keep.ledger import LedgerEntry
    from ..compiler.keep.store import Store

LAST = "last"
"""Names the newest run."""


def dropped(shell: Shell, kept: Store, run: str, limit: int) -> None:
    """List the ledger of a run.

    Raises:
        UsageError: There is no such run.
    """
    runs = kept.runs()
    found = runs[0] if runs and run == LAST else next((r for r in runs if r.id.startswith(run)), None)
    if found is None:
        raise UsageError(f"there is no run {run!r} in {kept.name}", hint=f"--dropped {LAST} is the newest one's.")
    entries, counts = list(islice(kept.ledger(found.id), limit)), kept.ledger_counts(found.id)
    value = {"run": found.id, "command": found.command, "counts": counts, "dropped": [asdict(e) for e in entries]}
    title = f"{found.command} of {found.task}, run {found.id[:10]}"
    shell.result(value, lambda console: _show(console, title, entries, counts))


def _show(console: Console, title: str, entries: Sequence[LedgerEntry], counts: Mapping[str, int]) -> None:
    from rich.padding import Padding
    from rich.table import Table

    from . import show as look

    look.line(console, title, "bold")
    look.line(console)
    if not entries:
        look.line(console, "  Nothing was left out.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, expand=True)
    table.add_column("of", no_wrap=True, max_width=24)
    table.add_column("why", no_wrap=True, max_width=30)
    table.add_column("", no_wrap=True, ratio=1)
    for entry in entries:
        table.add_row(entry.item, entry.reason, " ".join(entry.detail.split()))
    console.print(Padding(table, (0, 0, 0, 2)))
    look.line(console)
    look.line(console, f"  {len(entries):,} of {sum(counts.values()):,} ({look.counts(counts)})", "dim")
