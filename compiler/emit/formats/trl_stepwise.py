"""TRL's format for process reward models (PRMTrainer): a prompt, steps, and whether each is right.

Rules: https://huggingface.co/docs/trl/dataset_formats (stepwise supervision, which has a standard form only: texts, no
messages). So the prompt is the text of its messages; pictures and tools have no place in it. Labels are true or false;
whether a neutral step counts as true is for the user to say (TRL's own script for PRM800K makes it false).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....records import Json
from ..record import Kind, Record, text_of
from ._trl import column_problems, turns
from .base import JsonLines


class TRLStepwise(JsonLines):
    """``{"prompt": "...", "completions": ["step", ...], "labels": [true, ...]}``."""

    name = "trl-stepwise"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("stepwise",)

    def row(self, record: Record) -> Json:
        """Text of the prompt, texts of the steps and their labels."""
        return {
            "prompt": prompt_text(record),
            "completions": [step.text for step in record.steps],
            "labels": record.good_steps,
            **record.columns,
        }

    def check(self, row: Json) -> list[str]:
        """Check a row by what PRMTrainer takes."""
        return column_problems(row, ["prompt", "completions", "labels"]) or [
            *([] if is_text(row["prompt"]) else [f"prompt {NO_TEXT}"]),
            *step_problems(row["completions"], row["labels"]),
        ]


NO_TEXT = "is empty or no text (pictures and tools have no place in it)"


def prompt_text(record: Record) -> str | None:
    """The prompt as one text; None, for ``check`` to see, where there are pictures or tools, which would be lost."""
    return None if record.tools else chat_text(turns(record.prompt))


def chat_text(messages: Sequence[Json]) -> str | None:
    """Messages as one text; None where there are pictures, calls of tools, or what these gave back."""
    plain = all(
        isinstance(message["content"], str) and message["role"] != "tool" and not message.get("tool_calls")
        for message in messages
    )
    return text_of(messages) if plain else None


def step_problems(steps: Any, labels: Any) -> list[str]:
    """Problems of steps and of labels that are true or false."""
    if not isinstance(steps, list) or not steps:
        return ["there is no step"]
    if not isinstance(labels, list) or len(labels) != len(steps):
        return ["there must be as many labels as steps"]
    problems = [f"step {n} is empty or no text" for n, step in enumerate(steps) if not is_text(step)]
    return problems + [
        f"label {n} is neither true nor false" for n, it in enumerate(labels) if not isinstance(it, bool)
    ]


def is_text(value: Any) -> bool:
    """Whether it is a text that says something."""
    return isinstance(value, str) and bool(value.strip())
