"""Math-Shepherd's format for process reward models: steps that end with a token, and a copy with + or - in its place.

Rules: https://huggingface.co/datasets/peiyi9979/Math-Shepherd (``input``, ``label``; the token is U+043A U+0438), and
https://github.com/huggingface/trl/blob/main/examples/datasets/math_shepherd.py, by which TRL reads it: the problem ends
where ``Step 1:`` begins. So each step has its number; and a problem or a step with the token in it, as Russian words
have, cannot be written.
"""

from __future__ import annotations

from itertools import pairwise

from ....records import Json
from ..record import Kind, Record
from .base import JsonLines
from .trl_stepwise import prompt_text

TOKEN = "\u043a\u0438"
"""Ends a step in ``input``."""


class MathShepherd(JsonLines):
    """``{"input": "Problem Step 1: ... TOKEN", "label": "Problem Step 1: ... +"}``."""

    name = "math-shepherd"
    kinds: tuple[Kind, ...] = ("stepwise",)

    def row(self, record: Record) -> Json:
        """The problem without the words of its prompt, and the steps, numbered; null with pictures or tools."""
        if prompt_text(record) is None:
            return {"input": None, "label": None}
        steps = [_numbered(step.text.strip(), number) for number, step in enumerate(record.steps, 1)]
        signs = ["+" if good else "-" for good in record.good_steps]
        problem = record.input_text.strip()
        return {
            "input": f"{problem} " + "\n".join(f"{step} {TOKEN}" for step in steps),
            "label": f"{problem} " + "\n".join(f"{step} {sign}" for step, sign in zip(steps, signs, strict=True)),
        }

    def check(self, row: Json) -> list[str]:
        """Check that a row can be read back: as many tokens as steps, each step with its number."""
        if set(row) != {"input", "label"} or not all(isinstance(text, str) for text in row.values()):
            return ["the row must have 'input' and 'label', which are texts; pictures and tools have no place in them"]
        *steps, end = row["input"].split(TOKEN)
        if not steps or end:
            return ["input must end with the step token"]
        problem, *rest = steps[0].split("Step 1:")
        if not problem.strip() or len(rest) != 1:
            return ["'Step 1:' must stand once, between a problem and the first step"]
        bodies = [rest[0], *(_body(step, number) for number, step in enumerate(steps[1:], 2))]
        if not all(body.strip() for body in bodies):
            return ["a step is empty, or the step token stands within a text"]
        return _label_problems(steps, row["label"])


def _numbered(text: str, number: int) -> str:
    head = f"Step {number}:"
    return text if text.startswith(head) else f"{head} {text}"


def _body(step: str, number: int) -> str:
    """What a step says; "" where its number does not stand in front."""
    head = f"\nStep {number}:"
    return step.removeprefix(head) if step.startswith(head) else ""


def _label_problems(steps: list[str], label: str) -> list[str]:
    """The label must be the input with one sign for each token."""
    starts = [0]
    for step in steps:
        starts.append(starts[-1] + len(step) + 1)
    parts = [label[start:end] for start, end in pairwise(starts)]
    same = len(label) == starts[-1] and all(
        part[:-1] == step and part[-1] in "+-" for part, step in zip(parts, steps, strict=True)
    )
    return [] if same else ["label must be the input with + or - for each step token"]
