"""OpenAI's format for direct preference optimization: JSONL with an input and two answers to it.

Rules: https://developers.openai.com/api/docs/guides/direct-preference-optimization (text only; each answer is one
message of the assistant's, the last of the conversation) and ``FineTunePreferenceRequestInput`` of the API reference.
At least 10 lines, as for all fine-tuning there.
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._openai import pair_row
from ._openai_rules import pair_problems
from .base import JsonLines, few_or_many
from .openai import MIN_ROWS, RULES


class OpenAIDPO(JsonLines):
    """``{"input": {"messages", "tools"}, "preferred_output": [...], "non_preferred_output": [...]}``."""

    name = "openai-dpo"
    kinds: tuple[Kind, ...] = ("preference",)

    def row(self, record: Record) -> Json:
        """The prompt, and both answers."""
        return pair_row(record, RULES)

    def check(self, row: Json) -> list[str]:
        """Check a row by OpenAI's rules."""
        return pair_problems(row, RULES)

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that OpenAI refuses."""
        return few_or_many(rows, "OpenAI", MIN_ROWS)
