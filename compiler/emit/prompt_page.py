"""``prompt.md``: the final prompt of each predictor, to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...records import Json
from ..lm.adapters import is_history, make_adapter

if TYPE_CHECKING:
    import dspy

_TICKS = re.compile("`+")


def prompt_page(predictors: Mapping[str, dspy.Predict], adapter: str) -> str:
    """Write the page: a section for each predictor, a code block for each message.

    Args:
        predictors: Predictors of the compiled program, by name.
        adapter: Name of the adapter that renders them.
    """
    lines = [
        "# Prompts",
        "",
        f"As the `{adapter}` adapter sends them; values stand in braces where they differ.",
        "",
    ]
    for name, predictor in predictors.items():
        lines += [f"## `{name}`", ""]
        for title, content in prompt_parts(predictor, adapter):
            fence = _fence(content)
            lines += [f"### {title}", "", f"{fence}text", content, fence, ""]
    return "\n".join(lines)


def prompt_parts(predictor: dspy.Predict, adapter: str) -> list[tuple[str, str]]:
    """Give title and content of each message of a predictor's prompt, placeholders for the inputs."""
    signature = predictor.signature
    messages = make_adapter(adapter).format(signature, list(predictor.demos), _placeholders(signature))
    titles = ["System", *_demo_titles(len(messages) - 2), "User"]
    return [(title, _text(message["content"])) for title, message in zip(titles, messages, strict=True)]


def _placeholders(signature: type[dspy.Signature]) -> Json:
    """A name in braces for each input; none for a conversation, which is no text."""
    fields = signature.input_fields.items()
    return {name: f"{{{name}}}" for name, field in fields if not is_history(field.annotation)}


def _demo_titles(messages: int) -> list[str]:
    return [f"Demo {index // 2 + 1}: {('user', 'assistant')[index % 2]}" for index in range(messages)]


def _text(content: object) -> str:
    """Content as text; images and the like by their kind."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part.get("text") or f"({part.get('type')})" for part in parts)


def _fence(content: str) -> str:
    """A fence longer than any in the content."""
    return "`" * max(3, 1 + max(map(len, _TICKS.findall(content)), default=0))
