"""Surgery on DSPy programs: candidates in and out, predictors by name, predictions as JSON and back.

The one file that relies on how DSPy modules are built inside.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import TargetError
from ..records import Candidate, Json, Step
from .fields import annotation, predictors
from .values import jsonable, mentions_model, restorable, short, typed_values

if TYPE_CHECKING:
    import dspy

_NAME = "_limbeck_name"


def base_candidate(program: dspy.Module) -> Candidate:
    """Read instructions and demos off a program, as the user declared it."""
    found = predictors(program)
    instructions = {name: item.signature.instructions for name, item in found.items()}
    demos = {name: tuple(_demo_values(demo) for demo in item.demos) for name, item in found.items()}
    return Candidate(instructions, demos)


def _demo_values(demo: Any) -> Json:
    keys = demo.keys() if isinstance(demo, Mapping) else demo.keys(include_dspy=True)
    return {key: jsonable(demo[key]) for key in keys}


def apply(program: dspy.Module, candidate: Candidate) -> dspy.Module:
    """Copy a program and set a candidate's instructions and demos in the copy.

    What the candidate does not mention stays. LMs that the user set on predictors are shared, not copied.
    Each predictor of the copy carries its name, which further copies keep: those that BestOfN and Refine
    make, too.

    Raises:
        TargetError: The candidate names a predictor that the program does not have.
    """
    found = predictors(program)
    for name in {**candidate.instructions, **candidate.demos}:
        if name not in found:
            raise _unknown(name, list(found))
    copied = _copy(program)
    for name, predictor in predictors(copied).items():
        setattr(predictor, _NAME, name)
        instructions = candidate.instructions.get(name)
        if instructions is not None and instructions != predictor.signature.instructions:
            predictor.signature = predictor.signature.with_instructions(instructions)
        if name in candidate.demos:
            predictor.demos = [_demo(demo, predictor.signature) for demo in candidate.demos[name]]
    return copied


def _unknown(name: str, known: list[str]) -> TargetError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known)}."
    return TargetError(f"the program has no predictor {name!r}", hint=f"{hint} Compile again if the program changed.")


def _copy(program: dspy.Module) -> dspy.Module:
    """Deep copy, but for LMs: they hold clients and locks, and the very one that was set is to be used."""
    kept = [item.lm for _, item in program.named_sub_modules() if getattr(item, "lm", None) is not None]
    try:
        return copy.deepcopy(program, {id(lm): lm for lm in kept})
    except Exception:  # noqa: BLE001  # any attribute may refuse; DSPy copies one by one
        copied = program.deepcopy()
        for name, predictor in copied.named_predictors():
            predictor.lm = dict(program.named_predictors())[name].lm
        return copied


def _demo(values: Json, signature: type[dspy.Signature]) -> dspy.Example:
    """Build a demo.

    Only what holds pydantic models is typed: DSPy renders enums, dates and sets from JSON just the same, and
    could not save some of these typed.
    """
    import dspy

    types = {name: annotation(field) for name, field in signature.fields.items() if name in values}
    models = {name: kind for name, kind in types.items() if mentions_model(kind)}
    return dspy.Example(typed_values(values, models))


def predictor_name(predictor: object) -> str | None:
    """Name of a predictor of a program made by :func:`apply`; None for one that was made at run time."""
    name = getattr(predictor, _NAME, None)
    return name if isinstance(name, str) else None


def prediction_values(prediction: object) -> Json:
    """Output values of what a program returned, as JSON.

    Raises:
        TypeError: It is neither a ``dspy.Prediction`` nor a dict.
    """
    import dspy

    if isinstance(prediction, dspy.Example | Mapping):
        return {str(name): jsonable(value) for name, value in prediction.items()}
    raise TypeError(
        f"the program returned {type(prediction).__name__} {short(prediction)}, not a dspy.Prediction; "
        "end forward with: return dspy.Prediction(answer=...)"
    )


class Restorer:
    """Builds from stored steps the trace that a metric sees, with typed values where a field declares a type.

    Args:
        program: A program, which must not change afterwards.
    """

    def __init__(self, program: dspy.Module) -> None:
        self._known: dict[str | None, tuple[Any, dict[str, Any]]] = {
            name: (found, restorable({n: annotation(f) for n, f in found.signature.fields.items()}))
            for name, found in predictors(program).items()
        }

    def trace(self, steps: Sequence[Step]) -> list[tuple[Any, Json, dspy.Prediction]]:
        """Predictor, inputs and Prediction of each step.

        Steps that failed are left out, as DSPy does. The predictor is the program's own of that name, or None
        for one that was made at run time.
        """
        import dspy

        restored = []
        for step in steps:
            if step.outputs is not None:
                predictor, types = self._known.get(step.predictor, (None, {}))
                inputs, outputs = (typed_values(v, types) if types else v for v in (dict(step.inputs), step.outputs))
                restored.append((predictor, inputs, dspy.Prediction(outputs)))
        return restored
