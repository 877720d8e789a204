"""The program as one step: what a student learns that does in one call what the program does in several."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import TargetError
from ...records import Step
from ...signatures.fields import input_fields, input_names, output_fields, own_signature, predictors
from .record import REASONING, Rendered

if TYPE_CHECKING:
    import dspy

    from .render import Render

_DEFAULT = re.compile(r"Given the fields `")
"""How the instruction begins that DSPy writes where the user wrote none."""

_KNOWN = (str, bool, int, float, list, dict)

Shape = tuple[tuple[str, ...], tuple[tuple[str, type | None], ...]]
"""Names of inputs, and of outputs with a type where no predictor has one: by these a program's signatures differ."""


def whole_renderer(
    program: dspy.Module, make: Callable[[type[dspy.Signature], Sequence[Any]], Render]
) -> Callable[[Step], Rendered]:
    """Make what renders the program as one step.

    Args:
        program: The program, with instructions and demos as the student is to see them.
        make: Makes what renders by a signature and its demos.
    """
    signatures = _Signatures(program)
    made: dict[Shape, Render] = {}

    def render(step: Step) -> Rendered:
        shape = signatures.shape(step)
        if shape not in made:
            signature = signatures.signature(shape)
            made[shape] = make(signature, _demos(program, signature))
        return made[shape](step)

    return render


class _Signatures:
    """Signatures of a program as one.

    A program that has a signature of its own has that one, instruction included. Else inputs are what ``forward``
    takes, optional ones where they were given; outputs are what the program returned, without values that no predictor
    makes if any is left; and the instruction is the predictor's, or names the fields and lists the predictors' own.
    """

    def __init__(self, program: dspy.Module) -> None:
        self._own = own_signature(program)
        self._predictors = [item.signature for item in predictors(program).values()]
        self._required, self._types = _inputs(program, self._own, self._predictors)
        self._outputs = list(output_fields(program))

    def shape(self, step: Step) -> Shape:
        """What decides the signature of a step."""
        inputs = [name for name in self._types if name in self._required or name in step.inputs]
        inputs += [name for name in step.inputs if name not in self._types]
        if self._own is not None:
            return tuple(inputs), tuple((name, None) for name in self._own.output_fields)
        if step.outputs is None:
            return tuple(inputs), tuple((name, None) for name in self._predictors[-1].output_fields)
        known = tuple((name, None) for name in self._outputs if name in step.outputs)
        return tuple(inputs), known or tuple((name, _type(value)) for name, value in step.outputs.items())

    def signature(self, shape: Shape) -> type[dspy.Signature]:
        """The signature of a shape."""
        import dspy

        inputs, outputs = shape
        if self._own is not None and set(inputs) <= set(self._own.input_fields):
            return self._own
        fields = {name: self._field(name, "input_fields", self._types.get(name)) for name in inputs}
        fields |= {name: self._field(name, "output_fields", kind) for name, kind in outputs}
        made: type[dspy.Signature] = dspy.Signature(fields, self._instruction(inputs, [name for name, _ in outputs]))
        return made

    def _field(self, name: str, side: str, kind: Any) -> tuple[Any, Any]:
        """Type and field: as the last predictor has it, else a plain one."""
        import dspy

        for signature in [*([self._own] if self._own else []), *reversed(self._predictors)]:
            if name in (fields := getattr(signature, side)):
                return fields[name].annotation, fields[name]
        plain = dspy.InputField() if side == "input_fields" else dspy.OutputField()
        return (str if kind is None or kind is Any else kind), plain

    def _instruction(self, inputs: Sequence[str], outputs: Sequence[str]) -> str:
        if self._own is not None:
            return str(self._own.instructions)
        own = [text for text in (str(item.instructions) for item in self._predictors) if not _is_default(text)]
        if len(self._predictors) == 1 and own:
            return own[0]
        given, wanted = _quoted(inputs), _quoted([name for name in outputs if name != REASONING] or outputs)
        parts = [f"Given the fields {given}, produce the fields {wanted}."]  # DSPy's own words
        if own:
            parts.append("\nThis is what has to be done:")
            parts += [f"{number}. {text}" for number, text in enumerate(dict.fromkeys(own), start=1)]
        return "\n".join(parts)


def _is_default(instruction: str) -> bool:
    """Whether DSPy wrote an instruction, the user having written none."""
    return bool(_DEFAULT.match(instruction))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _inputs(
    program: dspy.Module, own: type[dspy.Signature] | None, signatures: Sequence[type[dspy.Signature]]
) -> tuple[list[str], Mapping[str, Any]]:
    """Names of the inputs that are always there, and types of all. Where ``forward`` does not tell, none always is."""
    try:
        return input_names(program), input_fields(program)
    except TargetError:
        made = {name for signature in signatures for name in signature.output_fields}
        taken = [own] if own else signatures
        found = {name: info.annotation for each in taken for name, info in each.input_fields.items()}
        types = {name: kind for name, kind in found.items() if name not in made}
        return [], types


def _type(value: Any) -> type | None:
    return type(value) if type(value) in _KNOWN else None


def _demos(program: dspy.Module, signature: type[dspy.Signature]) -> Sequence[Any]:
    """Demos of the only predictor, where they are demos of the program as well: it has the same fields."""
    found = list(predictors(program).values())
    if len(found) > 1:
        return ()
    only = found[0]
    return only.demos if set(signature.fields) == set(only.signature.fields) else ()
