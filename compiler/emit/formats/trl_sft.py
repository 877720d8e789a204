"""TRL's conversational format for SFTTrainer: JSONL with ``messages``.

Rules: https://huggingface.co/docs/trl/dataset_formats (conversational, language modeling). Chat templates
join contents, so each must be text.
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._chat import COLUMNS, chat_problems, plain_messages, template_problems
from .base import JsonLines


class TRLSFT(JsonLines):
    """``{"messages": [{"role", "content"}, ...]}``, text only."""

    name = "trl-sft"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Take role and content of each message."""
        return {"messages": plain_messages(record.messages), **record.columns}

    def check(self, row: Json) -> list[str]:
        """Check a row by what SFTTrainer and chat templates take."""
        return chat_problems(row, keys={"role", "content"}, parts=set(), columns=COLUMNS) or template_problems(row)
