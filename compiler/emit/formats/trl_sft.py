"""TRL's conversational format for SFTTrainer: JSONL with ``messages``, and ``tools`` where there are some.

Rules: https://huggingface.co/docs/trl/dataset_formats (conversational, language modeling; tool calling).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._trl import chat_problems, column_problems, more, turns
from .base import JsonLines


class TRLSFT(JsonLines):
    """``{"messages": [{"role", "content"}, ...]}``, text only."""

    name = "trl-sft"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Prompt and answer as one conversation."""
        return {"messages": turns(record.messages), **more(record)}

    def check(self, row: Json) -> list[str]:
        """Check a row by what SFTTrainer and chat templates take."""
        return column_problems(row, ["messages"]) or chat_problems(row["messages"])
