"""Which output is revised, and a revised answer as the store keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from ....errors import UsageError
from ....records import BORN, Json, Step, Trace
from ..base import Written

if TYPE_CHECKING:
    from ....signatures.task import Task
    from ...verify.base import Answer

REASONING = "reasoning"
"""Output that ``dspy.ChainOfThought`` puts before the others; it led to the old answer, not to the new one."""


def text_field(task: Task, name: str | None) -> str:
    """Name of the output that is revised: the one named, else the last that is a text.

    Raises:
        UsageError: There is none, or it is no text.
    """
    kinds = task.output_fields
    texts = [field for field, kind in kinds.items() if is_text(kind) and field != REASONING]
    if name is None and texts:
        return texts[-1]
    if name in texts:
        return str(name)
    if name is None:
        raise UsageError(
            f"{task.name}: no output is a text that could be revised", hint=f"Its outputs: {', '.join(kinds)}."
        )
    hint = f"Outputs that are texts: {', '.join(texts) or 'none'}."
    raise UsageError(f"--set field={name}: there is no such output, or it is no text", hint=hint)


def is_text(kind: Any) -> bool:
    """Whether a type is that of texts: written as one, with constraints or without, or not written at all."""
    return kind is str or kind is Any or (get_origin(kind) is Annotated and is_text(get_args(kind)[0]))


def text_of(trace: Trace, field: str) -> str | None:
    """The text to revise; None where the answer has none."""
    value = (trace.prediction or {}).get(field)
    return value if isinstance(value, str) and value.strip() else None


def revised(trace: Trace, field: str, text: str, critiqued: Answer, answered: Answer) -> Written:
    """An answer with another text, in which it can be seen how that came about.

    Its steps are those of the program up to the one that gave the text, then the critique and the revision as they were
    sent, then the step that the program would have made. What came after that one rested on another text, and so did
    the reasoning before it; both are gone.

    Args:
        trace: The answer that was revised.
        field: Name of the output.
        text: What it is now.
        critiqued: The answer with the critique.
        answered: The one with the revision.
    """
    before, last = _split(trace, field)
    asked = ((f"{BORN}critique", critiqued), (f"{BORN}revise", answered))
    made = [replace(step, predictor=name) for name, answer in asked for step in answer.steps]
    prediction = _changed(trace.prediction or {}, field, text)
    step = (
        Step(None, trace.example.inputs, prediction)
        if last is None
        else replace(last, outputs=_changed(last.outputs or {}, field, text), calls=[])
    )
    return Written(prediction, answered.lm, steps=[*before, *made, step])


def _split(trace: Trace, field: str) -> tuple[list[Step], Step | None]:
    """Steps before the one that gave the text, and that one; it is None where the program made it of something else."""
    steps = [step for step in trace.steps if not (step.predictor or "").startswith(BORN)]
    text = (trace.prediction or {}).get(field)
    at = [n for n, step in enumerate(steps) if step.predictor and (step.outputs or {}).get(field) == text]
    return (steps[: at[-1]], steps[at[-1]]) if at else ([], None)


def _changed(values: Json, field: str, text: str) -> Json:
    return {name: text if name == field else value for name, value in values.items() if name != REASONING}
