"""``limbeck import``: existing logs become traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define
from .words import share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ..compiler.ingest import Ingested


@define(
    "import",
    options.target,
    click.option("--data", metavar="FILE", required=True, help="The log: .jsonl, .json, .csv or .parquet."),
    click.option(
        "--row",
        metavar="MODULE.PY:NAME",
        help="Function that maps a row to inputs, labels, outputs or completion, lm, person, attempt, meta.",
    ),
    click.option("--source", metavar="NAME", help="Where the log comes from, for a dataset's card."),
    click.option("--licence", metavar="ID", help="Licence that it stands under, such as mit or cc-by-4.0."),
    *options.judging,
    options.all_verdicts,
    *options.lm,
    options.adapter,
    *options.calls,
    options.store,
)
def command(
    shell: Shell, target: str, data: str, row: str | None, source: str | None, licence: str | None, **given: Any
) -> None:
    """Judge and keep the log of an existing model.

    Calls no LM, but for verifiers that ask one.
    """
    from .. import api

    made = {**options.judges(given), **options.settings(given)}
    work = api.aingest(target, data, row=row, source=source, licence=licence, progress=shell.progress, **made)
    ingested = shell.finish(work)
    shell.result(ingested.as_json(), lambda console: show(console, target, ingested, given))


def show(console: Console, target: str, ingested: Ingested, given: Mapping[str, Any]) -> None:
    """Print what an import came to."""
    from . import show as look

    look.line(console, f"{ingested.read:,} rows imported into {target}", "bold")
    look.line(console)
    rows = [("traces", look.outcomes(ingested.outcomes))]
    if ingested.reasons:
        rows.append(("failed", f"by reason: {look.counts(ingested.reasons)}"))
    if ingested.dropped:
        rows.append(("not kept", look.counts(ingested.dropped)))
    rows.append(("store", given["store"]))
    look.facts(console, rows)
    if len(ingested.by_lm) > 1:
        look.line(console)
        rates = ingested.by_lm.items()
        table = [(lm or "people", f"{n:,}", f"{passed:,}", share(passed, n)) for lm, (passed, n) in rates]
        look.grid(console, ("LM", "traces", "passed", ""), table)
    judging = options.judging_flags(given)
    store = ["--store", given["store"]] if given["store"] != options.DEFAULT_STORE else []
    look.commands(console, [["export", target, "--out", "dataset", *judging, *store]])
