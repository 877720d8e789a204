"""An answer as a chat: the student's prompt, and what it is to learn to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...records import Candidate, Json, Step
from ...signatures.fields import predictors
from ...signatures.program import apply
from .prompt import MissingOutput, PromptKind, PromptWriter, check_prompt_kind
from .record import PROGRAM, REASONING, Rendered
from .whole import whole_renderer

if TYPE_CHECKING:
    import dspy

Render = Callable[[Step], Rendered]
"""Renders a step of one predictor; raises ``NotRenderable``."""


class NotRenderable(ValueError):
    """A step that gives no row; the message is the ledger's reason.

    Args:
        reason: A few words, the same for all steps with this trouble.
        detail: What was wrong with this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def names_of(program: dspy.Module, only: str | None = None, *, whole: bool = False) -> list[str]:
    """Names of the predictors to emit for: all of them, one, or the program as a whole.

    Raises:
        TargetError: The program has no predictor.
        UsageError: There is no predictor of that name, or one was named beside the whole.
    """
    names = list(predictors(program))
    if whole:
        if only is not None:
            raise UsageError(
                f"Both the whole program and predictor {only!r} were asked for.", hint="Leave out one of them."
            )
        return [PROGRAM]
    if only is None:
        return names
    if only not in names:
        near = get_close_matches(only, names, n=1)
        raise UsageError(
            f"No predictor {only!r} in {type(program).__name__}.",
            hint=(f"Did you mean {near[0]!r}? " if near else "") + f"Predictors: {', '.join(names)}.",
        )
    return [only]


def same_signatures(program: dspy.Module) -> dict[str, str]:
    """For each predictor the first one that has the same signature: what both answer is one task."""
    found = predictors(program)
    firsts: dict[str, str] = {}
    for name, item in found.items():
        same = (first for first in firsts.values() if found[first].signature.equals(item.signature))
        firsts[name] = next(same, name)
    return firsts


def renderers(
    program: dspy.Module,
    prompt: PromptKind,
    adapter: str,
    candidate: Candidate | None = None,
    *,
    reasoning: bool = True,
    raw: bool = False,
) -> dict[str, Render]:
    """Make what renders the steps of each predictor, and of the program as a whole.

    Args:
        program: The program as declared.
        prompt: The student's prompt.
        adapter: Name of the adapter; not used for ``sent``, which is as it was.
        candidate: Instructions and demos for ``compiled``.
        reasoning: Whether the student learns to write the reasoning, where a predictor gives one.
        raw: Whether an answer that could not be parsed is rendered as its text; else it is not rendered.

    Raises:
        UsageError: Unknown prompt or adapter, ``compiled`` without a candidate, or ``sent`` without reasoning.
    """
    check_prompt_kind(prompt)
    if prompt == "sent":
        if not reasoning:
            raise UsageError(
                "Prompt 'sent' keeps completions as they were, reasoning included.",
                hint="Use --no-reasoning with --prompt bare or compiled.",
            )
        return dict.fromkeys([*predictors(program), PROGRAM], render_sent)
    if prompt == "compiled":
        if candidate is None:
            raise UsageError(
                "Prompt 'compiled' needs a compiled program.",
                hint="Name an artifact directory as the target, or use --prompt bare.",
            )
        program = apply(program, candidate)

    def make(signature: type[dspy.Signature], demos: Sequence[Any]) -> Render:
        shown = demos if prompt == "compiled" else ()
        return _renderer(_kept(signature, reasoning=reasoning), adapter, shown, raw=raw)

    renders = {name: make(item.signature, item.demos) for name, item in predictors(program).items()}
    return {**renders, PROGRAM: whole_renderer(program, make)}


def _renderer(signature: type[dspy.Signature], adapter: str, demos: Sequence[Any] = (), *, raw: bool) -> Render:
    writer = PromptWriter(signature, adapter, demos)
    last: tuple[Json, list[Json]] | None = None  # answers to one input come one after the other

    def prompt(inputs: Json) -> list[Json]:
        nonlocal last
        if last is None or last[0] != inputs or not all(type(value) is str for value in inputs.values()):
            last = inputs, writer.prompt(inputs)
        return last[1]

    def render(step: Step) -> Rendered:
        if step.outputs is None and raw and step.completion:
            return Rendered(prompt(step.inputs), [_assistant(step.completion)])
        outputs = step.outputs or {}
        try:
            answer = writer.completion(outputs)
        except MissingOutput as error:
            raise NotRenderable("output field without a value", str(error)) from None
        trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in outputs.items()}
        same = None if trimmed == outputs else writer.completion(trimmed)
        return Rendered(prompt(step.inputs), [_assistant(answer)], trimmed=same)

    return render


def _kept(signature: type[dspy.Signature], *, reasoning: bool) -> type[dspy.Signature]:
    """The signature, without the fields of the reasoning where that is not wanted and something else is left.

    Adapters write the fields that a signature has, so demos and past turns lose it with the signature.
    """
    gone = [] if reasoning else [name for name, field in signature.output_fields.items() if _is_reasoning(name, field)]
    if len(gone) == len(signature.output_fields):
        return signature
    for name in gone:
        signature = signature.delete(name)
    return signature


def _is_reasoning(name: str, field: Any) -> bool:
    import dspy

    return name == REASONING or field.annotation is dspy.Reasoning


def render_sent(step: Step) -> Rendered:
    """The messages of the call that counted, and its completion, both verbatim, with the tools that were sent.

    Raises:
        NotRenderable: The trace does not have them.
    """
    if not step.messages:
        raise NotRenderable("no messages recorded")
    call = step.calls[-1]
    if not call.completion and not call.tool_calls:
        raise NotRenderable("no completion text recorded")
    answer = _assistant(call.completion)
    if call.tool_calls:
        answer["tool_calls"] = call.tool_calls
    tools = call.config.get("tools")
    return Rendered(step.messages, [answer], tools if isinstance(tools, list) else [])


def _assistant(content: str | None) -> Json:
    return {"role": "assistant", "content": content}


def value_text(values: Mapping[str, Any] | None) -> str:
    """Field values as one text, without the words around them that an adapter writes."""
    return "\n".join(value if isinstance(value, str) else str(value) for value in (values or {}).values())
