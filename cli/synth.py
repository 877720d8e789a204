"""``limbeck synth``: new examples, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define
from .words import share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ..compiler.yields import Synthesized
    from ..optimizers.registry import Factory

_GAP = 3  # between columns
_MOST = 20  # labels that are shown; all are in --json
_WRITERS = (
    click.option(
        "--teacher",
        metavar="NAME",
        multiple=True,
        help="LM that writes and answers; if repeated, the first.  [default: the same LM]",
    ),
    options.teacher[1],
)


@define(
    "synth",
    options.target,
    click.option("--method", metavar="NAME", required=True, help="One of the methods above, or MODULE.PY:CLASS."),
    click.option("--data", metavar="FILE", help="What to start from.  [default: the training rows of the task]"),
    click.option("--rows", metavar="N", type=click.IntRange(min=1), help="End after so many were kept."),
    click.option("--out", metavar="FILE", help="JSONL file to write the kept rows to, for --train or --data."),
    click.option(
        "--set",
        "set_",
        metavar="KEY=VALUE",
        multiple=True,
        help="Option of the method; may be repeated. --set help lists them.",
    ),
    click.option(
        "--prompts",
        metavar="DIR",
        multiple=True,
        help="Compiled prompts of the method's own program, or a part of it; may be repeated.",
    ),
    *options.judging,
    options.all_verdicts,
    *options.lm,
    *_WRITERS,
    options.own_adapter,
    *options.calls,
    options.seed,
    options.store,
)
def command(shell: Shell, target: str, **given: Any) -> int | None:
    """Make new examples and keep what is verified.

    The teacher writes and answers; without one, the LM does.

    \b
    backtranslate  instructions for texts that somebody wrote (Humpback)
    clean          rows that people wrote, in better words
    evolve         harder and rarer inputs (Evol-Instruct)
    improve        attempts that an environment rewards, in rounds
    invert         inputs for the outputs that are wanted (SynthIE)
    revise         answers revised by principles (Constitutional AI)
    steps          labels of steps; the best of N attempts (Let's Verify)
    tests          unit tests, and answers that pass them
    weak           labels and how sure a weak LM is (Weak-to-Strong)
    """  # noqa: D301 - click takes \b for lines that are not to be joined
    if "help" in given["set_"]:
        return _help(shell, given["method"])
    from .. import api

    names = ("method", "data", "rows", "out", "prompts")
    made = {**{name: given[name] for name in names}, **options.judges(given), **options.settings(given)}
    synthesized = shell.finish(api.asynthesize(target, progress=shell.progress, **made))
    shell.result(synthesized.as_json(), lambda console: show(console, target, synthesized, given))
    return None if synthesized.kept else 1


def _help(shell: Shell, method: str) -> int:
    """Tell the options of a method; returns the exit code."""
    from ..compiler.generate.registry import factory_of

    factory = factory_of(method)
    told = {name: factory.explains(name) or words for name, words in factory.options.items()}
    shell.result({"method": method, "options": told}, lambda console: _list(console, method, factory))
    return 0


def _list(console: Console, method: str, factory: Factory) -> None:
    from . import show as look

    look.line(console, f"--set KEY=VALUE of {method}" if factory.options else f"{method} has no options", "bold")
    look.line(console)
    look.facts(console, [(name, factory.explains(name) or words) for name, words in factory.options.items()])


def show(console: Console, target: str, made: Synthesized, given: Mapping[str, Any]) -> None:
    """Print what a synthesis came to."""
    from . import show as look

    look.line(console, f"{made.kept:,} rows kept for {target} by {made.method}", "bold")
    look.line(console)
    look.grid(console, ("", "rows", ""), _stages(made), left=1)
    look.line(console)
    if len(made.operations) > 1:
        rows = [(name, f"{n:,}", f"{kept:,}", share(kept, n)) for name, (kept, n) in made.operations.items()]
        look.grid(console, ("operation", "generated", "kept", ""), rows)
        look.line(console)
    for name, labels in made.labels.items():
        shown = list(labels.items())[:_MOST]
        table = [(label, f"{before:,}", f"{after:,}") for label, (before, after) in shown]
        rest = f" ({len(shown)} of {len(labels)})" if len(labels) > len(shown) else ""
        look.grid(console, (f"{name}{rest}", "before", "after"), table)
        look.line(console)
    for name, table in made.notes.items():
        if isinstance(table, dict) and table:
            _noted(console, name, table)
    look.facts(console, _facts(made, given))
    judging = options.judging_flags(given)
    store = ["--store", given["store"]] if given["store"] != options.DEFAULT_STORE else []
    after = [["export", target, "--out", "dataset", *judging, *store]] if made.kept else []
    if made.eliminated:
        after.append(["traces", "--dropped", "last", *store])
    if made.rejected and not made.kept:
        after.append(["traces", "--outcome", "rejected", *store])
    if after:
        look.commands(console, after)


def _noted(console: Console, name: str, table: Mapping[str, Any]) -> None:
    """Print a table of the method's own: rows by name, each with its figures by name."""
    from . import show as look

    rows = [(label, row if isinstance(row, dict) else {"": row}) for label, row in list(table.items())[:_MOST]]
    columns = list(dict.fromkeys(column for _, row in rows for column in row))
    rest = f" ({len(rows)} of {len(table)})" if len(table) > len(rows) else ""
    cells = [(label, *(_cell(row.get(column)) for column in columns)) for label, row in rows]
    whole = [(f"{name}{rest}", *columns), *cells]
    if sum(max(len(row[at]) for row in whole) + _GAP for at in range(len(columns) + 1)) <= console.width:
        look.grid(console, whole[0], cells)
    else:  # a line a figure is longer, and can be read
        look.line(console, f"  {name}{rest}")
        look.facts(console, [
            (label, ", ".join(f"{column} {cell}" for column, cell in zip(columns, told, strict=True) if cell))
            for label, *told in cells
        ])  # fmt: skip
    look.line(console)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _stages(made: Synthesized) -> list[tuple[str, str, str]]:
    """The yield, stage by stage, each with its share of what was asked for."""
    rows: list[tuple[str, int]] = [("asked", made.asked)]
    rows += [(f"eliminated: {rule}", n) for rule, n in made.eliminated.items()]
    rows.append(("generated", made.generated))
    rows += [(f"rejected: {who}", n) for who, n in made.rejected.items()]
    rows += [(f"failed: {reason}", n) for reason, n in made.failed.items()]
    rows.append(("kept", made.kept))
    return [(name, f"{n:,}", share(n, made.asked)) for name, n in rows]


def _facts(made: Synthesized, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    from . import show as look

    rows: list[tuple[str, str]] = []
    cost = made.cost
    if made.kept:
        tokens = cost["input_tokens"] + cost["output_tokens"]
        usd = "" if not cost["usd"] else f", {cost['usd']:.4f} USD"
        rows.append(("a kept row", f"{cost['calls']:.1f} LM calls, {tokens:,.0f} tokens{usd}"))
    spread = made.diversity
    if spread["distinct_2"] is not None:
        rows.append(("distinct", ", ".join(f"{n}-grams {spread[f'distinct_{n}']:.0%}" for n in (1, 2, 3)
                                          if spread[f"distinct_{n}"] is not None)))  # fmt: skip
    near = [(spread["to_nearest"], "each other"), (spread["to_nearest_seed"], "the seeds")]
    if any(value is not None for value, _ in near):
        told = ", ".join(f"{value:.2f} to {of}" for value, of in near if value is not None)
        rows.append(("nearest", f"{told}; 1 is no word in common"))
    rows.append(("spent", look.spent(made.spent)))
    rows += [(name, _cell(value)) for name, value in made.notes.items() if not isinstance(value, dict)]
    if made.out is not None:
        rows.append(("rows", str(made.out)))
    rows.append(("store", given["store"]))
    return rows
