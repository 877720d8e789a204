"""``limbeck check``: look before you pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define

if TYPE_CHECKING:
    from rich.console import Console

    from ..compiler.check import Checked

_LABELS_SHOWN = 12
_UNTRIED = "not tried, for there are no labels to take for predictions"
_LEGITIMATE = "That is right only where it needs what labels do not have: other outputs, the trace, or an LM."


@define(
    "check",
    options.target,
    *options.judging,
    *options.splits,
    *options.lm,
    *options.teacher,
    *options.optimizer,
    options.adapter,
    *options.plan,
    options.seed,
    options.store,
    click.option("--no-values", is_flag=True, help="Forecast a compile that does not measure what each demo is worth."),
)
def command(shell: Shell, target: str, no_values: bool, **given: Any) -> None:
    """Check data and metric, and forecast calls, cost and time. Calls no LM."""
    check(shell, target, given, values=not no_values)


def check(shell: Shell, target: str, given: dict[str, Any], *, values: bool) -> None:
    """Check a task and show what was found; also what ``compile --dry-run`` does."""
    from .. import api
    from ..compiler.targets import DEFAULT_LM

    data = {name: given[name] for name in ("train", "val", "test", "data")}
    made = options.settings(given)
    named = {**options.judges(given), "optimizer": given["optimizer"], "values": values}
    checked = shell.finish(api.acheck(target, **named, **data, **made))
    lm = f"{given['lm'] or DEFAULT_LM}{' and others' if given['teacher'] or given['lm_for'] else ''}"
    shell.result(checked.as_json(), lambda console: show(console, target, checked, lm))


def show(console: Console, target: str, checked: Checked, lm: str) -> None:
    """Print what a check found."""
    from . import show as look

    forecast = checked.forecast
    look.line(console, f"{target} can be compiled{_doubt(checked)}", "bold")
    look.line(console)
    rows = [
        ("predictors", ", ".join(checked.predictors)),
        ("inputs", ", ".join(checked.inputs)),
        ("labels", ", ".join(checked.labels) or "none"),
        ("rows", look.counts_first(checked.sizes)),
        *((f"by {name}", _spread(numbers)) for name, numbers in checked.label_counts.items()),
        ("metric", f"on the labels themselves: {look.counts(checked.gold)}" if checked.gold else _UNTRIED),
        *look.forecast(forecast, lm),
    ]
    look.facts(console, rows)
    if checked.gold_problem:
        look.line(console)
        look.line(console, f"  The metric does not pass every label: {checked.gold_problem}", "yellow")
        if not checked.gold.get("passed"):
            look.line(console, f"  {_LEGITIMATE}", "yellow")


def _doubt(checked: Checked) -> str:
    """What the heading must not hide."""
    tried = sum(checked.gold.values())
    if not tried:
        return ", but its metric could not be tried"
    if checked.gold.get("passed"):
        return ""
    what = "failed on all" if checked.gold.get("failed") == tried else "passed none of the"
    return f", but its metric {what} {tried} labels that it was tried on"


def _spread(numbers: dict[str, int]) -> str:
    first = [f"{name} {n:,}" for name, n in list(numbers.items())[:_LABELS_SHOWN]]
    more = len(numbers) - len(first)
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
