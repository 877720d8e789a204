"""TRL's conversational preference format with an explicit prompt: DPOTrainer, RewardTrainer, CPO, ORPO.

Rules: https://huggingface.co/docs/trl/dataset_formats (preference, explicit prompt recommended).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._trl import answer_problems, column_problems, in_column, more, prompt_problems, turns
from .base import JsonLines


class TRLPreference(JsonLines):
    """``{"prompt": [...], "chosen": [...], "rejected": [...]}``, each a list of messages."""

    name = "trl-preference"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("preference",)

    def row(self, record: Record) -> Json:
        """Prompt, the better answer and the worse one."""
        return {
            "prompt": turns(record.prompt),
            "chosen": turns(record.completion),
            "rejected": turns(record.rejected),
            **more(record),
        }

    def check(self, row: Json) -> list[str]:
        """Check a row by what DPOTrainer and chat templates take."""
        problems = column_problems(row, ["prompt", "chosen", "rejected"]) or [
            *in_column("prompt", prompt_problems(row["prompt"])),
            *in_column("chosen", answer_problems(row["chosen"])),
            *in_column("rejected", answer_problems(row["rejected"])),
        ]
        if not problems and row["chosen"] == row["rejected"]:
            problems.append("chosen and rejected are equal")
        return problems
