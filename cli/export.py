"""``limbeck export``: kept traces become fine-tuning data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define

if TYPE_CHECKING:
    from rich.console import Console

    from ..compiler.emit.dataset import DatasetResult


@define(
    "export",
    options.target,
    click.option("--out", metavar="DIR", required=True, help="Directory to write; empty or not there yet."),
    click.option("--format", "format_", metavar="NAME", default="openai", show_default=True, help="Kind of rows."),
    click.option(
        "--prompt",
        metavar="KIND",
        default="bare",
        show_default=True,
        help="bare (the signature alone), compiled (an artifact's prompt) or sent (as the teacher saw it).",
    ),
    click.option("--split", metavar="SHARES", help="Such as train=0.9,val=0.1; rows of one input stay together."),
    click.option("--predictor", metavar="NAME", help="Only this predictor.  [default: all]"),
    click.option("--lm", metavar="NAME", help="Only traces of this LM.  [default: all]"),
    click.option(
        "--max-level",
        metavar="N",
        type=click.IntRange(1, 6),
        help="Only traces of this level or below: 1 (people wrote and verified it) to 6 (an environment rewarded it).",
    ),
    *options.judging,
    options.own_adapter,
    options.seed,
    options.store,
)
def command(shell: Shell, target: str, out: str, format_: str, split: str | None, **given: Any) -> None:
    """Write the traces that passed as fine-tuning data.

    Rows with an input of the task's test data are left out.
    """
    from .. import api
    from ..compiler.emit.split import parse_split

    made = {name: value for name, value in given.items() if not name.startswith(("metric", "verifier"))}
    made |= {"split": parse_split(split)} if split else {}
    work = api.aexport(target, out, format=format_, **options.judges(given), **made)
    dataset = shell.finish(work)
    shell.result(dataset.as_json(), lambda console: show(console, target, dataset))


def show(console: Console, target: str, dataset: DatasetResult) -> None:
    """Print what was written."""
    from . import show as look

    look.line(console, f"{dataset.emitted:,} rows of {target} written to {dataset.path}", "bold")
    look.line(console)
    look.facts(console, [
        ("rows", look.counts_first(dataset.rows)),
        ("format", f"{dataset.format}, {dataset.prompt} prompts"),
        *([("levels", look.levels(dataset.levels))] if dataset.levels else []),
        ("read", f"{dataset.read:,} = {dataset.emitted:,} written + {dataset.read - dataset.emitted:,} not"),
        *((("not written" if not n else ""), text) for n, text in enumerate(_dropped(dataset))),
    ])  # fmt: skip
    for warning in dataset.warnings:
        look.line(console, f"  {warning}", "yellow")


def _dropped(dataset: DatasetResult) -> list[str]:
    return [f"{n:,} {reason}" for reason, n in dataset.dropped.items()]
