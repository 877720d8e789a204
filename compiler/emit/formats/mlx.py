"""MLX-LM's chat format (Apple silicon): a folder with train.jsonl, valid.jsonl and test.jsonl.

Rules: https://github.com/ml-explore/mlx-lm/blob/main/mlx_lm/LORA.md (Data) and ``mlx_lm.tuner.datasets``, which gives
``messages`` and ``tools`` of each line to the model's chat template. Other names of files it does not read. There is no
format for preferences.
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._calls import openai_tool
from ._trl import chat_problems, column_problems, turns
from .base import JsonLines

_NAMES = {"val": "valid", "validation": "valid"}


class MLX(JsonLines):
    """``{"messages": [{"role", "content"}, ...]}``, with ``tools`` where there are some; text only."""

    name = "mlx"
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """The conversation, and the tools at hand."""
        tools = {"tools": [openai_tool(tool) for tool in record.tools]} if record.tools else {}
        return {"messages": turns(record.messages), **tools}

    def check(self, row: Json) -> list[str]:
        """Check a row by what chat templates take."""
        if unknown := set(row) - {"messages", "tools"}:
            return [f"unknown column {name!r}" for name in sorted(unknown)]
        return column_problems(row, ["messages"]) or chat_problems(row["messages"])

    def check_all(self, rows: int) -> list[str]:
        """Warn of a file that ends MLX-LM with an IndexError: it looks at the first line of each that is there."""
        return [] if rows else ["MLX-LM cannot read a file without rows; delete it"]

    def path(self, split: str) -> str:
        """``valid.jsonl`` for ``val``, else as the split is called."""
        return f"{_NAMES.get(split, split)}.jsonl"
