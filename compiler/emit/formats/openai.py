"""OpenAI's chat format for supervised fine-tuning: JSONL with ``messages``.

Rules: https://developers.openai.com/api/docs/guides/supervised-fine-tuning (content that is not empty, the last
message is the assistant's, ``weight`` 0 or 1 on assistants' messages, at least 10 lines), .../vision-fine-tuning
(pictures in users' messages only, at most 10 of 10 MB, as JPEG, PNG or WEBP) and ``FineTuneChatRequestInput`` of the
API reference (``tools``, ``parallel_tool_calls``).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._openai import chat_row
from ._openai_rules import Rules, chat_problems
from .base import JsonLines, few_or_many

MIN_ROWS = 10
"""A fine-tuning job with fewer examples is refused."""

RULES = Rules()


class OpenAI(JsonLines):
    """``{"messages": [{"role", "content"}, ...], "tools": [...]}``; pictures in users' turns."""

    name = "openai"
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Messages and tools; the assistant's messages before the answer have weight 0."""
        return chat_row(record, RULES)

    def check(self, row: Json) -> list[str]:
        """Check a row by OpenAI's rules."""
        return chat_problems(row, RULES)

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that OpenAI refuses."""
        return few_or_many(rows, "OpenAI", MIN_ROWS)
