"""Look before you pay: data against signature, splits, the metric on a sample, a forecast. No LM call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..errors import MetricError
from ..optimizers.registry import make_optimizer
from ..records import Example, Json, Trace
from ..signatures.fields import predictors
from ..signatures.program import base_candidate
from ..signatures.splits import Splits, given_splits
from . import results
from .lm.backends import make_backend
from .lm.secrets import Secrets
from .results import Result, Shown
from .session import Options
from .verify.base import judge
from .verify.metric import MetricVerifier, verifiers_of

if TYPE_CHECKING:
    from ..signatures.task import Data, Task

_MISSING = re.compile(r"(?:AttributeError: 'Example' object has no attribute|KeyError:) '(\w+)'")
_SAMPLE = 20  # rows that the metric is tried on
_BYTES_PER_TOKEN = 4  # of English; for the forecast only, budgets count the worst case


@dataclass(frozen=True)
class Forecast:
    """What a compile will need at most, by the program's number of predictors and the optimizer's plan.

    Attributes:
        calls: LM calls, if each predictor runs once a rollout.
        input_tokens: Prompt tokens, at four bytes each.
        usd: Price of the prompts and of as many completion tokens as the labels have; None where no price is known.
    """

    calls: int
    input_tokens: int
    usd: float | None


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
        forecast: What a compile will need.
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
        usd = f", ${need.usd:.2f}" if need.usd else ""
        return Shown(
            f"{self.task}: {', '.join(self.inputs)} -> {', '.join(self.labels)}",
            results.facts(
                ("predictors", ", ".join(self.predictors)),
                ("rows", results.sizes(self.sizes)),
                ("labels by the metric", results.outcomes(self.gold)),
                ("the first that did not pass", self.gold_problem or ""),
                ("forecast", f"at most {need.calls:,} calls, {need.input_tokens:,} prompt tokens{usd}"),
            ),
            {f"Rows by {name}": [(v, f"{n:,}") for v, n in rows.items()] for name, rows in self.label_counts.items()},
        )


async def check_task(
    task: Task, *, optimizer: str = "bootstrap", options: Options | None = None,
    data: Mapping[str, Data | None] | None = None,
) -> Checked:  # fmt: skip
    """Check a task.

    Args:
        task: Program, metric and data.
        optimizer: Name of the optimizer.
        options: LMs, seed and so on.
        data: Splits that take the place of the task's own.

    Raises:
        UsageError: Task, data, optimizer or options cannot be used.
        MetricError: The metric needs a label that the data does not have.
    """
    options = options or Options()
    chosen = make_optimizer(optimizer, options.set)
    splits = given_splits(task, data, seed=options.seed, need_val=chosen.needs_val)
    gold, problem = await _gold(task, splits.train)
    rows = [*splits.train, *splits.val, *splits.test]
    return Checked(
        task=task.name or "", predictors=list(predictors(task.program)), inputs=list(task.input_names),
        labels=sorted({name for e in rows for name in e.labels}),
        sizes={"train": len(splits.train), "val": len(splits.val), "test": len(splits.test)},
        label_counts=_label_counts(rows), gold=gold, gold_problem=problem,
        forecast=_forecast(task, splits, chosen, options),
    )  # fmt: skip


async def _gold(task: Task, rows: Sequence[Example]) -> tuple[dict[str, int], str | None]:
    """Let the metric judge the labels as if the program had predicted them.

    That it fails on all of them may be in order: it may need what only the program gives, or an LM. A label that no
    row has is never there, though.
    """
    rows = rows[:_SAMPLE]
    verifiers = verifiers_of(task)
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


def _forecast(task: Task, splits: Splits, chosen: object, options: Options) -> Forecast:
    """Most calls that a compile needs: the optimizer's attempts, and the test rows twice."""
    wanted = getattr(chosen, "max_bootstrapped_demos", 0)
    attempts = len(splits.train) * getattr(chosen, "max_rounds", 0) if wanted else 0
    each = len(predictors(task.program))
    calls = (attempts + 2 * len(splits.test)) * each
    row = _mean_bytes(splits.train)
    base = sum(len(text) for text in base_candidate(task.program).instructions.values()) / max(each, 1)
    shots = wanted + getattr(chosen, "max_labeled_demos", getattr(chosen, "k", 0))
    prompt = (base + 600 + row * (1 + min(shots, len(splits.train)))) / _BYTES_PER_TOKEN
    tokens = int(calls * prompt)
    backend = make_backend(options.lm, options.lm_args, Secrets().public(options.lm_args))
    usd = None if backend.price is None else backend.price.usd(tokens, int(calls * row / _BYTES_PER_TOKEN))
    return Forecast(calls, tokens, usd)


def _mean_bytes(rows: Sequence[Example]) -> float:
    sample = rows[:200]
    return sum(len(str(e.inputs)) + len(str(e.labels)) for e in sample) / max(len(sample), 1)
