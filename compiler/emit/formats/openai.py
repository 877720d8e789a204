"""OpenAI's chat format for supervised fine-tuning: JSONL with ``messages``.

Rules: https://platform.openai.com/docs/guides/supervised-fine-tuning (roles, content that is not empty, the
last message is the assistant's, ``weight`` 0 or 1 on assistants' messages, at least 10 lines).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._chat import chat_problems, plain_messages
from .base import JsonLines

MIN_ROWS = 10
"""A fine-tuning job with fewer examples is refused."""


class OpenAI(JsonLines):
    """``{"messages": [{"role", "content"}, ...]}``, images in users' turns allowed."""

    name = "openai"
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Take role and content of each message."""
        return {"messages": plain_messages(record.messages)}

    def check(self, row: Json) -> list[str]:
        """Check a row by OpenAI's rules."""
        return chat_problems(row, keys={"role", "content", "weight"}, parts={"text", "image_url"})

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that OpenAI refuses."""
        if 0 < rows < MIN_ROWS:
            return [f"OpenAI refuses files with fewer than {MIN_ROWS} lines"]
        return []
