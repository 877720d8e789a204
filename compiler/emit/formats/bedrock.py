"""Amazon Bedrock's conversations for supervised fine-tuning: JSONL of ``bedrock-conversation-2024``.

This is the form for Amazon's Nova models, whose rules are checked; see ``_converse`` for where they stand. Bedrock has
other forms for other models, which are not written: ``prompt`` and ``completion`` for single turns of text models
(https://docs.aws.amazon.com/bedrock/latest/userguide/preparing-text-data.html), and texts as contents for Claude 3
Haiku (https://platform.claude.com/cookbook/finetuning-finetuning-on-bedrock).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._converse import MAX_ROWS, MIN_ROWS, chat, system_problems, turns_problems
from .base import JsonLines, few_or_many

VERSION = "bedrock-conversation-2024"
_NOVA_2 = 200  # rows


class Bedrock(JsonLines):
    """``{"schemaVersion", "system": [{"text"}], "messages": [{"role", "content": [{"text"}]}, ...]}``."""

    name = "bedrock"
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Messages, a system message that comes first apart. There is no place for tools; with them it is refused."""
        system, messages = chat(record.messages)
        row: Json = {"schemaVersion": VERSION, **({"system": system} if system else {}), "messages": messages}
        return {**row, "tools": list(record.tools)} if record.tools else row

    def check(self, row: Json) -> list[str]:
        """Check a row by Amazon's rules."""
        if "tools" in row:
            return ["there is no place for tools"]
        keys = {"schemaVersion", "messages"}
        if not keys <= set(row) <= {*keys, "system"} or row["schemaVersion"] != VERSION:
            return [f"the row must have schemaVersion {VERSION!r}, 'messages', and beside them no more than system"]
        problems = system_problems(row["system"]) if "system" in row else []
        problems += turns_problems(row["messages"])
        if not problems and row["messages"][-1]["role"] != "assistant":
            problems.append("the last message must be the assistant's")
        return problems

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Amazon refuses."""
        warnings = few_or_many(rows, "Amazon", MIN_ROWS, MAX_ROWS)
        if not warnings and 0 < rows < _NOVA_2:
            warnings = [f"Nova 2 Lite wants {_NOVA_2} lines or more; Nova 1 takes {MIN_ROWS}"]
        return warnings
