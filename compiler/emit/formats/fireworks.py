"""Fireworks' formats: OpenAI's conversations, in which user and assistant take turns, and its pairs.

Rules: https://docs.fireworks.ai/fine-tuning/fine-tuning-models (3 to 3,000,000 examples; a system message comes first;
``weight`` 0 or 1; ``tools``), .../fine-tuning/fine-tuning-vlm (pictures as base64 with their type, PNG or JPEG) and
.../fine-tuning/dpo-fine-tuning (roles system, user and assistant, contents text).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._chat import few_or_many
from ._openai import chat_row, pair_row
from ._openai_rules import Rules, chat_problems, pair_problems
from .base import JsonLines

MIN_ROWS, MAX_ROWS = 3, 3_000_000

RULES = Rules(
    keys=frozenset({"tools"}),
    input_keys=frozenset(),
    images=("png", "jpeg", "jpg"),
    most_images=None,
    inline=True,
    alternate=True,
    only_calls=False,
)


class Fireworks(JsonLines):
    """``messages`` and ``tools`` for supervised fine-tuning, OpenAI's three columns for preferences."""

    name = "fireworks"
    kinds: tuple[Kind, ...] = ("sft", "preference")

    def row(self, record: Record) -> Json:
        """As OpenAI has it."""
        return pair_row(record, RULES) if record.kind == "preference" else chat_row(record, RULES)

    def check(self, row: Json) -> list[str]:
        """Check a row by Fireworks' rules."""
        return pair_problems(row, RULES) if "input" in row else chat_problems(row, RULES)

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Fireworks refuses."""
        return few_or_many(rows, "Fireworks", MIN_ROWS, MAX_ROWS)
