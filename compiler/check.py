"""Look before you pay: data against signature, splits, the metric on a sample, a forecast. No LM call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..errors import MetricError
from ..optimizers.auto import AUTO
from ..records import Example, Json, Trace
from ..signatures.fields import predictors
from . import results
from .forecast import Forecast
from .lm.adapters import make_adapter
from .prepare import prepare
from .results import Result, Shown
from .session import Options
from .verify.base import Declared, judge
from .verify.metric import MetricVerifier
from .verify.registry import verifiers_of

if TYPE_CHECKING:
    from ..signatures.task import Data, Task

_MISSING = re.compile(r"(?:AttributeError: 'Example' object has no attribute|KeyError:) '(\w+)'")
_SAMPLE = 20  # rows that the metric is tried on


@dataclass(frozen=True, repr=False)
class Checked(Result):
    """What a check found.

    Attributes:
        task: Name of the task.
        predictors: Names of the program's predictors.
        inputs: Names of its inputs.
        labels: Label columns of the data.
        sizes: Rows by split.
        label_counts: Rows by label, for columns with few different values.
        gold: How often the metric passes the labels themselves: ``passed``, ``rejected`` or ``failed``. Labels that
            do not pass their own metric are worth a look, unless the metric needs what only the program gives.
            Empty where there are no labels.
        gold_problem: The first row of which the metric says something else than passed, and what it says.
        forecast: What a compile will take, and with which optimizer.
    """

    task: str
    predictors: list[str]
    inputs: list[str]
    labels: list[str]
    sizes: dict[str, int]
    label_counts: dict[str, dict[str, int]]
    gold: dict[str, int]
    gold_problem: str | None
    forecast: Forecast

    def as_json(self) -> Json:
        """One JSON object with everything."""
        return asdict(self)

    def shown(self) -> Shown:
        """What a compile would start from; label counts in notebooks."""
        need = self.forecast
        return Shown(
            f"{self.task}: {', '.join(self.inputs)} -> {', '.join(self.labels)}",
            results.facts(
                ("predictors", ", ".join(self.predictors)),
                ("rows", results.sizes(self.sizes)),
                ("labels by the metric", results.outcomes(self.gold)),
                ("the first that did not pass", self.gold_problem or ""),
                ("optimizer", results.with_reason(need.optimizer, need.why)),
                ("forecast", need.words()),
                ("budget", need.short),
            ),
            {f"Rows by {name}": [(v, f"{n:,}") for v, n in rows.items()] for name, rows in self.label_counts.items()},
        )


async def check_task(
    task: Task, *, optimizer: str = AUTO, options: Options | None = None,
    data: Mapping[str, Data | None] | None = None, values: bool = True,
) -> Checked:  # fmt: skip
    """Check a task.

    Args:
        task: Program, metric and data.
        optimizer: Name of the optimizer or chain; ``auto`` picks one.
        options: LMs, budget, seed and so on.
        data: Splits that take the place of the task's own.
        values: As for a compile, which then measures what each demo is worth.

    Raises:
        UsageError: Task, data, optimizer or options cannot be used.
        MetricError: The metric needs a label that the data does not have.
    """
    make_adapter((options or Options()).adapter)  # refused as a compile would
    prepared = prepare(task, optimizer, options or Options(), data, values=values)
    splits = prepared.splits
    gold, problem = await _gold(task, splits.train)
    rows = [*splits.train, *splits.val, *splits.test]
    return Checked(
        task=task.name or "", predictors=list(predictors(task.program)), inputs=list(task.input_names),
        labels=sorted({name for e in rows for name in e.labels}),
        sizes={"train": len(splits.train), "val": len(splits.val), "test": len(splits.test)},
        label_counts=_label_counts(rows), gold=gold, gold_problem=problem,
        forecast=prepared.forecast,
    )  # fmt: skip


async def _gold(task: Task, rows: Sequence[Example]) -> tuple[dict[str, int], str | None]:
    """Let the metric judge the labels as if the program had predicted them.

    That it fails on all of them may be in order: it may need what only the program gives, or an LM. A label that no
    row has is never there, though.
    """
    rows = rows[:_SAMPLE]
    verifiers = [v for v in verifiers_of(task) if not isinstance(v, Declared)]
    if not verifiers:
        return {}, None
    outcomes: dict[str, int] = {}
    problem = None
    for example in rows:
        trace = await judge(Trace("", task.name or "", example, "", "", prediction=example.labels), verifiers)
        outcomes[trace.outcome] = outcomes.get(trace.outcome, 0) + 1
        if problem is None and trace.outcome != "passed":
            said = next((v.error or v.feedback for v in trace.verdicts if not v.passed), "")
            problem = f"{example.source}: {said or f'score {trace.score}'}"
    if rows and outcomes.get("failed") == len(rows):
        await _refuse_missing_label(task, rows)
    return (outcomes, problem) if any(e.labels for e in rows) else ({}, None)


async def _refuse_missing_label(task: Task, rows: Sequence[Example]) -> None:
    """Let the metric judge predictions with every output in them: what it then still lacks is a label.

    Raises:
        MetricError: It asks each row for one that is not there.
    """
    verifier = MetricVerifier(task)
    outputs = dict.fromkeys(task.output_fields, "")
    name = error = ""
    for example in rows:
        trace = Trace("", task.name or "", example, "", "", prediction={**outputs, **example.labels})
        error = next((v.error or "" for v in await verifier.verify(trace, example)), "")
        found = _MISSING.match(error)
        name = found[1] if found else ""
        if name not in outputs or name in example.labels:
            return
    has = ", ".join(rows[0].labels)
    raise MetricError(
        f"the metric failed on every one of {len(rows)} rows, for they have no label {name!r}: {error}",
        hint=f"Add the column {name!r} to the data, or write a metric that does without; "
        + (f"the labels are {has}." if has else "there are no labels at all."),
    )


def _label_counts(rows: Sequence[Example]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for example in rows:
        for name, value in example.labels.items():
            column = counts.setdefault(name, {})
            column[str(value)] = column.get(str(value), 0) + 1
    few = {name: c for name, c in counts.items() if len(c) <= max(2, len(rows) // 2) and len(c) <= 100}
    return {name: dict(sorted(c.items(), key=lambda item: (-item[1], item[0]))) for name, c in few.items()}
