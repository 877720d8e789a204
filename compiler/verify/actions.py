"""The actions of a trace: what it did, one after the other, as a list in an output, a text or its predictor calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...records import Trace
from .asking import as_text
from .steps.split import Split, split_text

REASONING = "reasoning"


def actions_of(trace: Trace, names: Sequence[str], split: Split) -> list[Any]:
    """What a trace did, in order; nothing where it has none of the outputs.

    Args:
        trace: With a prediction or steps.
        names: Outputs to look for; the first that the prediction or a predictor has counts.
        split: How a text becomes actions (see ``steps.split``); the items of a list are actions as they are.
            ``predictors``: the outputs of each predictor call, whatever the names.
    """
    if split == "predictors":
        return [step.outputs for step in trace.steps if step.outputs is not None]
    value = next((found for name in names if (found := _value(trace, name)) is not None), None)
    if value is None:
        return []
    return list(value) if isinstance(value, list) else list(split_text(as_text(value), split))


def outputs_of(trace: Trace, declared: Sequence[str], *, reasoning: bool) -> list[str]:
    """Outputs that may hold the actions, where the user named none: the last one of the program before the others.

    Args:
        trace: Whose outputs.
        declared: Outputs of the program, in its order; stored ones are sorted.
        reasoning: Whether the reasoning comes first, or not at all.
    """
    given = [name for name in trace.prediction or {} if name != REASONING]
    ordered = sorted(given, key=lambda name: (declared.index(name) if name in declared else -1, name), reverse=True)
    return [REASONING, *ordered] if reasoning else ordered


def _value(trace: Trace, name: str) -> Any:
    if name in (trace.prediction or {}):
        return (trace.prediction or {})[name]
    said = (step.outputs for step in reversed(trace.steps))
    return next((outputs[name] for outputs in said if outputs and name in outputs), None)
