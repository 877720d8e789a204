"""TRL's conversational prompt-completion format: SFTTrainer learns the completion alone.

Rules: https://huggingface.co/docs/trl/dataset_formats (prompt-completion; tool calling).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._trl import answer_problems, column_problems, in_column, more, prompt_problems, turns
from .base import JsonLines


class TRLPromptCompletion(JsonLines):
    """``{"prompt": [{"role", "content"}, ...], "completion": [{"role", "content"}]}``, text only."""

    name = "trl-prompt-completion"
    turns = False
    extra_columns = True
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Prompt and answer, each a conversation."""
        return {"prompt": turns(record.prompt), "completion": turns(record.completion), **more(record)}

    def check(self, row: Json) -> list[str]:
        """Check a row by what SFTTrainer and chat templates take."""
        return column_problems(row, ["prompt", "completion"]) or [
            *in_column("prompt", prompt_problems(row["prompt"])),
            *in_column("completion", answer_problems(row["completion"])),
        ]
