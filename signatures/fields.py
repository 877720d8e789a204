"""What a plain DSPy program takes and gives: names and types of its inputs and outputs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from ..errors import TargetError

if TYPE_CHECKING:
    import dspy

_UNTYPED = "IS_TYPE_UNDEFINED"  # DSPy's mark for a field whose type the user did not write
_GIVE_INPUTS = "Name them: Task(program=..., inputs=['question', ...])."
_PARAMETER = inspect.Parameter


def predictors(program: dspy.Module) -> dict[str, dspy.Predict]:
    """Map names to predictors, in DSPy's order. A program without any is of no use here.

    Raises:
        TargetError: There is no predictor, or all of them are in frozen (compiled) sub-modules.
    """
    found = dict(program.named_predictors())
    if found:
        return found
    kind = type(program).__name__
    raise TargetError(
        f"the program {kind} has no predictor that could be compiled",
        hint="Set predictors as attributes in __init__: self.answer = dspy.Predict('question -> answer'). "
        "Those in sub-modules that are compiled already are frozen and do not count.",
    )


def input_names(program: dspy.Module) -> list[str]:
    """Name what the program must be called with: its signature's inputs or its ``forward`` parameters.

    Raises:
        TargetError: They cannot be told; ``Task(inputs=[...])`` says them.
    """
    return [name for name, required in _inputs(program).items() if required]


def optional_inputs(program: dspy.Module) -> list[str]:
    """Name what the program may be called with besides: parameters and fields with a default."""
    return [name for name, required in _inputs(program).items() if not required]


def input_fields(program: dspy.Module) -> dict[str, Any]:
    """Map each input, optional ones too, to its type; Any where none was written or they disagree."""
    names = list(_inputs(program))
    hints = _forward_hints(program)
    fields = _merge(signature.input_fields for signature in _signatures(program))
    return {name: hints.get(name, fields.get(name, Any)) for name in names}


def output_fields(program: dspy.Module) -> dict[str, Any]:
    """Map outputs to types: of the program's own signature, else every predictor's outputs by name.

    A constrained field has the type ``Annotated[int, Ge(1)]``. Where predictors disagree it is Any.
    """
    return _merge(signature.output_fields for signature in _signatures(program))


def own_signature(program: dspy.Module) -> type[dspy.Signature] | None:
    """Return the signature of the program as a whole, if it has one (Predict, ChainOfThought, ReAct, ...).

    A module that the user wrote has one only in an attribute ``signature``: what its ``forward`` returns is
    its own.
    """
    import dspy

    signature = getattr(program, "signature", None)
    if isinstance(signature, type) and issubclass(signature, dspy.Signature):
        return signature
    if not _is_dspys(program):
        return None
    inner = getattr(program, "module", None)  # BestOfN, Refine
    if isinstance(inner, dspy.Module):
        return own_signature(inner)
    found = list(dict(program.named_predictors()).values())
    return found[0].signature if len(found) == 1 else None


def annotation(field: FieldInfo) -> Any:
    """Type of a signature field, its constraints as ``Annotated`` metadata; Any where none was written."""
    extra = field.json_schema_extra
    if isinstance(extra, Mapping) and extra.get(_UNTYPED):
        return Any
    if not field.metadata:
        return field.annotation
    return Annotated[field.annotation, *field.metadata]


def is_closed(kind: Any) -> bool:
    """Whether a type has few values, None aside: Literal, enum or bool."""
    inner = [arg for arg in get_args(kind) if arg is not NoneType]
    if get_origin(kind) is not Literal and len(inner) == 1 and len(get_args(kind)) == 2:
        return is_closed(inner[0])
    return get_origin(kind) is Literal or kind is bool or (isinstance(kind, type) and issubclass(kind, Enum))


def _is_dspys(program: dspy.Module) -> bool:
    return type(program).__module__.startswith("dspy.")


def _signatures(program: dspy.Module) -> list[type[dspy.Signature]]:
    own = own_signature(program)
    return [own] if own is not None else [item.signature for item in predictors(program).values()]


def _merge(several: Iterable[Mapping[str, FieldInfo]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for fields in several:
        for name, field in fields.items():
            kind = annotation(field)
            merged[name] = kind if merged.setdefault(name, kind) == kind else Any
    return merged


def _inputs(program: dspy.Module) -> dict[str, bool]:
    """Map input names to whether they are required."""
    import dspy

    found = predictors(program)
    if isinstance(program, dspy.Predict):
        return _field_inputs(program.signature)
    parameters = _forward_parameters(program)
    by_name = (_PARAMETER.POSITIONAL_OR_KEYWORD, _PARAMETER.KEYWORD_ONLY)
    named = {name: item for name, item in parameters.items() if item.kind in by_name}
    if any(item.kind is _PARAMETER.POSITIONAL_ONLY for item in parameters.values()):
        raise TargetError(
            f"{type(program).__name__}.forward takes positional-only parameters",
            hint="A program is called with its inputs by name; remove the '/' from forward.",
        )
    required = {name: item.default is _PARAMETER.empty for name, item in named.items()}
    starred = any(item.kind is _PARAMETER.VAR_KEYWORD for item in parameters.values())
    if any(required.values()) or not starred:
        return required
    settings = {} if _is_dspys(program) else required  # RLM.forward takes an interpreter besides its inputs
    return {**_kwargs_inputs(program, list(found.values())), **settings}


def _kwargs_inputs(program: dspy.Module, found: list[dspy.Predict]) -> dict[str, bool]:
    """Inputs of ``forward(**kwargs)``."""
    import dspy

    own = own_signature(program)
    if own is None and isinstance(getattr(program, "module", None), dspy.Module):
        return _inputs(program.module)
    if own is None and len(found) == 1:
        own = found[0].signature
    if own is None:
        kind = type(program).__name__
        raise TargetError(f"cannot tell what {kind}.forward(**kwargs) takes as inputs", hint=_GIVE_INPUTS)
    return _field_inputs(own)


def _field_inputs(signature: type[dspy.Signature]) -> dict[str, bool]:
    """As DSPy has it, an input may be left out where it has a default or may be None."""
    return {
        name: field.is_required() and NoneType not in get_args(field.annotation)
        for name, field in signature.input_fields.items()
    }


def _forward(program: dspy.Module) -> Any:
    """``forward`` or ``aforward`` as the class has it: DSPy warns when it is read off the instance."""
    for name in ("forward", "aforward"):
        method = getattr(type(program), name, None)
        if callable(method):
            return method
    kind = type(program).__name__
    raise TargetError(
        f"the program {kind} has neither forward nor aforward",
        hint="Define def forward(self, question): ... in it.",
    )


def _forward_parameters(program: dspy.Module) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(_forward(program)).parameters.items())
    return dict(parameters[1:])  # without self


def _forward_hints(program: dspy.Module) -> dict[str, Any]:
    method = _forward(program)
    if _is_dspys(program):
        return {}
    try:
        return get_type_hints(method, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):  # a hint that only a type checker can read
        return {}
