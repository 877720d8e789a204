"""TRL's conversational format for SFTTrainer: JSONL with ``messages``.

Rules: https://huggingface.co/docs/trl/dataset_formats (conversational, language modeling). Chat templates
join contents, so each must be text.
"""

from __future__ import annotations

from ....records import Json
from ..rows import Record
from ._chat import chat_problems, plain_messages, template_problems


class TRLSFT:
    """``{"messages": [{"role", "content"}, ...]}``, text only."""

    name = "trl-sft"
    extension = "jsonl"

    def row(self, record: Record) -> Json:
        """Take role and content of each message."""
        return {"messages": plain_messages(record.messages)}

    def check(self, row: Json) -> list[str]:
        """Check a row by what SFTTrainer and chat templates take."""
        return chat_problems(row, keys={"role", "content"}, parts=set()) or template_problems(row)

    def check_all(self, rows: int) -> list[str]:
        """Any number of rows will do."""
        return []
