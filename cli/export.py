"""``limbeck export``: stored traces become a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define

if TYPE_CHECKING:
    from rich.console import Console

    from ..compiler.emit.result import DatasetResult

_ROWS = (
    click.option(
        "--format", metavar="NAME", default="openai", show_default=True,
        help="What the rows are for: openai, trl-preference, hf, ...; docs/formats.md has all.",
    ),
    click.option(
        "--kind",
        metavar="KIND",
        help="sft, preference, unpaired, stepwise, prompts or soft.  [default: the format's own]",
    ),
    click.option("--predictor", metavar="NAME", help="Only this predictor.  [default: all, a row for each step]"),
    click.option("--whole", is_flag=True, help="A row for the whole program: from what goes in to what comes out."),
    click.option("--lm", metavar="NAME", help="Only traces of this LM.  [default: all]"),
    click.option(
        "--max-level",
        metavar="N",
        type=click.IntRange(1, 6),
        help="Only traces of this level or below: 1 (people wrote and verified it) to 6 (an environment rewarded it).",
    ),
    click.option("--failures", is_flag=True, help="Also what did not pass, with columns outcome and reward."),
    click.option(
        "--pairs", metavar="HOW", default="outcome", show_default=True,
        help="What makes an answer the better one of a pair: outcome, score or label.",
    ),
    click.option("--margin", metavar="X", type=float, default=0.1, show_default=True,
                 help="Least difference of the scores in a pair."),
    click.option("--max-pairs", metavar="N", type=int, default=4, show_default=True, help="Most pairs of a prompt."),
    click.option(
        "--neutral", metavar="LABEL", default="positive", show_default=True,
        help="What a neutral step counts as, where there is only positive and negative.",
    ),
)  # fmt: skip
_PROMPT = (
    click.option(
        "--prompt",
        metavar="KIND",
        default="bare",
        show_default=True,
        help="bare (the signature alone), compiled (an artifact's prompt) or sent (as the teacher saw it).",
    ),
    options.writer,
    click.option(
        "--reasoning/--no-reasoning", default=True, help="Whether the student learns to reason.  [default: it does]"
    ),
)
_CLEAN = (
    click.option(
        "--dedup", metavar="HOW", default="exact", show_default=True,
        help="Drop duplicates: exact, normalised (case and white space aside), near (words), semantic, or none.",
    ),
    click.option("--similarity", metavar="X", type=float,
                 help="How alike near or semantic duplicates are at least.  [default: 0.8; semantic: 0.9]"),
    click.option("--prefer", metavar="A,B", default="score,level,shortest", show_default=True,
                 help="Which duplicate stays: by score, level, shortest, longest."),
    click.option("--embedder", metavar="NAME", help="Embedding model for semantic duplicates: PROVIDER/MODEL."),
    click.option("--against", metavar="FILE", multiple=True,
                 help="Test data that no row may contain, beside the task's own; may be repeated."),
    click.option("--overlap", metavar="X", type=float, default=0.5, show_default=True,
                 help="Share of a test text's word sequences from which on a row counts as contaminated."),
    click.option("--private", metavar="HOW", default="keep", show_default=True,
                 help="Rows with secrets or personal data: keep, mask or quarantine."),
    click.option("--licence", metavar="ID", help="Licence for the card.  [default: those of the data]"),
)  # fmt: skip
_SIDES = (
    click.option("--split", metavar="SHARES", help="Such as train=0.9,val=0.1; rows of one input stay together."),
    click.option("--together", metavar="WHAT", default="near", show_default=True,
                 help="What falls on one side: rows with equal input, or also with near inputs."),
    click.option("--stratify", metavar="FIELD", help="Output field that each side has in like shares, or none.  "
                 "[default: those of a type with few values]"),
    click.option("--apart-from", metavar="DIR", multiple=True,
                 help="Dataset with none of whose inputs a row may be made; may be repeated."),
    click.option("--per-input", metavar="N", type=int, help="Most rows of an input."),
    click.option("--balance", metavar="FACET",
                 help="As many rows of every label, source, difficulty, length, lm or level as of the rarest."),
    click.option("--quota", metavar="FACET:VALUE=N", multiple=True, help="Most rows of a value; may be repeated."),
    click.option("--limit", metavar="N", type=int, help="Most rows in all."),
    click.option("--shuffle", is_flag=True, help="Write rows in random order."),
    options.seed,
)  # fmt: skip


@define(
    "export",
    options.target,
    click.option("--out", metavar="DIR", required=True, help="Directory to write; empty or not there yet."),
    options.store,
    *options.judging,
    *_ROWS,
    *_PROMPT,
    *_CLEAN,
    *_SIDES,
    sections={
        "format": "Rows",
        "prompt": "Prompt of the student",
        "dedup": "Clean data",
        "split": "Sides, mix and order",
        "as_json": "Output",
    },
)
def command(shell: Shell, target: str, out: str, **given: Any) -> None:
    """Write stored traces as a dataset for a trainer.

    Rows with an input of the task's test data are left out, and so are rows that contain such an input. What is left
    out, and why, stands in the dataset's ledger. docs/datasets.md tells more of each option.
    """
    from .. import api

    shell.kept = "nothing was written"
    judging = options.judging_flags(given)
    work = api.aexport(
        target, out, store=given.pop("store"), judging=judging, progress=shell.progress, **options.judges(given),
        **_choices(given),
    )  # fmt: skip
    dataset = shell.finish(work)
    shell.result(dataset.as_json(), lambda console: show(console, target, dataset))


def _choices(given: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as ``Choices`` has it."""
    from ..compiler.emit.mix import parse_quotas
    from ..compiler.emit.split import parse_split

    made = {name: value for name, value in given.items() if not name.startswith(("metric", "verifier"))}
    quotas = parse_quotas(made.pop("quota"))
    split = made.pop("split")
    made |= {"split": parse_split(split)} if split else {}
    stratify = "" if made["stratify"] == "none" else made["stratify"]
    prefer = tuple(filter(None, made["prefer"].split(",")))
    return {**made, "quotas": quotas, "prefer": prefer, "stratify": stratify}


def show(console: Console, target: str, dataset: DatasetResult) -> None:
    """Print what was written."""
    from . import show as look

    look.line(console, f"{dataset.emitted:,} rows of {target} written to {dataset.path}", "bold")
    look.line(console)
    look.facts(console, [
        ("rows", look.counts_first(dataset.rows)),
        ("format", f"{dataset.format}, {dataset.kind} rows, {dataset.prompt} prompts"),
        *([("levels", look.levels(dataset.levels))] if dataset.levels else []),
        *_sum(dataset),
        *((("not written" if not n else ""), text) for n, text in enumerate(_dropped(dataset))),
    ])  # fmt: skip
    for warning in dataset.warnings:
        look.line(console, f"  {warning}", "yellow")


def _sum(dataset: DatasetResult) -> list[tuple[str, str]]:
    """Where everything that was read went."""
    dropped = sum(dataset.dropped.values())
    if not dataset.formed:
        return [("read", f"{dataset.read:,} = {dataset.emitted:,} written + {dropped:,} not")]
    return [
        ("read", f"{dataset.read:,} answers, {dataset.combined:,} of them combined into {dataset.formed:,} rows"),
        ("written", f"{dataset.emitted:,} rows; {dropped:,} answers and rows not"),
    ]


def _dropped(dataset: DatasetResult) -> list[str]:
    return [f"{n:,} {reason}" for reason, n in dataset.dropped.items()]
