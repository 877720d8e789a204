"""An answer as a chat: the student's prompt, and what it is to learn to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...records import Candidate, Json, Step
from ...signatures.fields import own_signature, predictors
from ...signatures.program import apply
from .prompt import MissingOutput, PromptKind, PromptWriter, check_prompt_kind
from .record import PROGRAM, Rendered

if TYPE_CHECKING:
    import dspy

Render = Callable[[Step], Rendered]
"""Renders a step of one predictor; raises ``NotRenderable``."""

REASONING = "reasoning"
"""Output field that DSPy's ``ChainOfThought`` puts before the others."""


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
                hint="Use --prompt bare or compiled with --reasoning drop.",
            )
        return dict.fromkeys([*predictors(program), PROGRAM], render_sent)
    if prompt == "bare":
        found = {name: (item.signature, ()) for name, item in predictors(program).items()}
    elif candidate is None:
        raise UsageError(
            "Prompt 'compiled' needs a compiled program.",
            hint="Name an artifact directory as the target, or use --prompt bare.",
        )
    else:
        program = apply(program, candidate)
        found = {name: (item.signature, item.demos) for name, item in predictors(program).items()}
    renders = {
        name: _renderer(_kept(signature, reasoning=reasoning), adapter, demos, raw=raw)
        for name, (signature, demos) in found.items()
    }
    return {**renders, PROGRAM: _renderer(_kept(_whole(program), reasoning=reasoning), adapter, raw=raw)}


def _renderer(signature: type[dspy.Signature], adapter: str, demos: Sequence[Any] = (), *, raw: bool) -> Render:
    writer = PromptWriter(signature, adapter, demos)

    def render(step: Step) -> Rendered:
        if step.outputs is None and raw and step.completion:
            return Rendered(writer.prompt(step.inputs), [_assistant(step.completion)])
        try:
            answer = writer.completion(step.outputs or {})
        except MissingOutput as error:
            raise NotRenderable("output field without a value", str(error)) from None
        return Rendered(writer.prompt(step.inputs), [_assistant(answer)])

    return render


def _kept(signature: type[dspy.Signature], *, reasoning: bool) -> type[dspy.Signature]:
    """The signature, without the field of the reasoning where that is not wanted and something else is left."""
    others = set(signature.output_fields) - {REASONING}
    if reasoning or not others or len(others) == len(signature.output_fields):
        return signature
    kept: type[dspy.Signature] = signature.delete(REASONING)
    return kept


def _whole(program: dspy.Module) -> type[dspy.Signature]:
    """Signature of the program as one: its own, else the first predictors' inputs and all outputs that come out last.

    A student that does in one call what the program does in several sees what goes into the program, and gives what
    the last predictor gives.
    """
    import dspy

    own = own_signature(program)
    if own is not None:
        return own
    signatures = [item.signature for item in predictors(program).values()]
    made = {name for signature in signatures for name in signature.output_fields}
    fields: dict[str, Any] = {}
    for signature in signatures:
        fields |= {name: info for name, info in signature.input_fields.items() if name not in made}
    fields |= signatures[-1].output_fields
    whole: type[dspy.Signature] = dspy.Signature({name: (info.annotation, info) for name, info in fields.items()})
    return whole


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
