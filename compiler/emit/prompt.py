"""The messages of one predictor as an adapter writes them, without any LM call.

DSPy's own way to training text, ``format_finetune_data``, exists for some adapters only. What every adapter
has is how it formats a prompt, and how it formats the answer in a demo: that is what the LM is asked to
write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from ...errors import UsageError
from ...records import Json
from ...signatures.fields import annotation
from ...signatures.values import restorable, typed_values
from ..lm.adapters import allows_none, custom_type_marker, is_history, make_adapter, takes_tools, tools_of

if TYPE_CHECKING:
    import dspy

PromptKind = Literal["bare", "compiled", "sent"]
"""The student's prompt: signature alone, with a candidate's demos and instruction, as the teacher saw it."""


class MissingOutput(ValueError):
    """The outputs lack a field that the completion has to have."""


def check_prompt_kind(kind: str) -> None:
    """Refuse a prompt kind that does not exist.

    Raises:
        UsageError: ``kind`` is not one of ``PromptKind``.
    """
    if kind not in get_args(PromptKind):
        raise UsageError(f"Unknown prompt {kind!r}.", hint=f"Prompts: {', '.join(get_args(PromptKind))}.")


def render(
    signature: type[dspy.Signature], adapter_name: str, demos: Sequence[Any], inputs: Mapping[str, Any]
) -> list[Json]:
    """Render the prompt that an adapter sends for these inputs.

    Args:
        signature: Signature of the predictor, with the instructions to use.
        adapter_name: One of ``WRITERS`` of ``compiler/lm/adapters.py``.
        demos: Demos as a predictor holds them: objects or ``dspy.Example``s of field values.
        inputs: Values by input name; what the signature has a default for may be missing.

    Raises:
        UsageError: There is no such adapter.
    """
    messages: list[Json] = make_adapter(adapter_name, writing=True).format(
        signature, list(demos), _complete_inputs(signature, inputs)
    )
    return messages


def completion(signature: type[dspy.Signature], adapter_name: str, outputs: Mapping[str, Any]) -> str:
    """Write the assistant's text that an adapter would parse to these outputs.

    Raises:
        MissingOutput: A field without default has no value.
        UsageError: There is no such adapter.
    """
    text: str = make_adapter(adapter_name, writing=True).format_assistant_message_content(
        signature, _Outputs.of(signature).complete(outputs)
    )
    return text


class PromptWriter:
    """Renders many prompts of one predictor: the system message and the demos only once.

    Gives what ``render`` and ``completion`` give, several times as fast.

    Raises:
        UsageError: There is no such adapter, or it cannot write the signature.
    """

    def __init__(self, signature: type[dspy.Signature], adapter_name: str, demos: Sequence[Any] = ()) -> None:
        self._signature = signature
        self._name = adapter_name
        self._adapter = make_adapter(adapter_name, writing=True)
        self._demos = list(demos)
        self._marker = custom_type_marker()
        self._defaults = _input_defaults(signature)
        self._types = _types(signature.input_fields)
        self._outputs = _Outputs.of(signature)
        self._has_history = any(is_history(field.annotation) for field in signature.input_fields.values())
        self._prefix: list[Json] = [] if self._has_history else self._first()

    def prompt(self, inputs: Mapping[str, Any]) -> list[Json]:
        """Messages up to and including the user's turn."""
        values = {**self._defaults, **_typed(inputs, self._types)}
        if self._has_history:
            return self._format(values)
        content = self._user_content(values)
        if not content or self._marker in content:
            return self._format(values)  # images and the like become blocks there
        return [*self._prefix, {"role": "user", "content": content}]

    def completion(self, outputs: Mapping[str, Any]) -> str:
        """The assistant's turn.

        Raises:
            MissingOutput: A field without default has no value.
        """
        text: str = self._adapter.format_assistant_message_content(self._signature, self._outputs.complete(outputs))
        return text

    def _first(self) -> list[Json]:
        """What comes before the user's turn.

        Raises:
            UsageError: The adapter has no way to write a type of the signature.
        """
        try:
            return self._format({})[:-1]
        except ValueError as error:
            raise UsageError(
                f"Adapter {self._name!r} cannot write {self._signature.signature}: {error}",
                hint="Take another one with --adapter.",
            ) from error

    def _format(self, inputs: Mapping[str, Any]) -> list[Json]:
        messages: list[Json] = self._adapter.format(self._signature, self._demos, dict(inputs))
        return messages

    def _user_content(self, inputs: Mapping[str, Any]) -> str:
        content: str = self._adapter.format_user_message_content(self._signature, dict(inputs), main_request=True)
        return content


def _input_defaults(signature: type[dspy.Signature]) -> Json:
    """Values that DSPy fills in for inputs that are not given (it does not call default factories here)."""
    from pydantic_core import PydanticUndefined

    return {
        name: field.default for name, field in signature.input_fields.items() if field.default is not PydanticUndefined
    }


def _complete_inputs(signature: type[dspy.Signature], inputs: Mapping[str, Any]) -> Json:
    """Add defaults, and make objects of what adapters do not take as JSON (History, Image, ...)."""
    types = _types(signature.input_fields)
    return {**_input_defaults(signature), **_typed(inputs, types)}


def _typed(inputs: Mapping[str, Any], types: Mapping[str, Any]) -> Json:
    """Make objects of JSON values whose type is given."""
    if not types:
        return dict(inputs)
    tools = {name: tools_of(inputs[name]) for name in types if name in inputs and takes_tools(types[name])}
    return {**typed_values(dict(inputs), {name: kind for name, kind in types.items() if name not in tools}), **tools}


def _types(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Types of the fields whose values are more than JSON."""
    return restorable({name: annotation(field) for name, field in fields.items()})


@dataclass(frozen=True)
class _Outputs:
    """The output fields of a signature, and what has to be known of each to write an answer.

    Attributes:
        fields: By name: the field, and whether None is a value of it.
        types: Types of those whose values are more than JSON.
    """

    fields: Mapping[str, tuple[Any, bool]]
    types: Mapping[str, Any]

    @classmethod
    def of(cls, signature: type[dspy.Signature]) -> Self:
        """The output fields of a signature."""
        fields = {name: (field, allows_none(field.annotation)) for name, field in signature.output_fields.items()}
        return cls(fields, _types(signature.output_fields))

    def complete(self, outputs: Mapping[str, Any]) -> Json:
        """Add defaults; never let a missing field be written as the text ``None``."""
        values: Json = {}
        for name, (field, may_be_none) in self.fields.items():
            value = outputs[name] if name in outputs else _default(field)
            if value is None and not may_be_none:
                raise MissingOutput(f"output field {name!r} has no value")
            values[name] = value
        return typed_values(values, self.types) if self.types else values


def _default(field: Any) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)
