"""TRL's conversational unpaired preference format: KTOTrainer, BCOTrainer.

Rules: https://huggingface.co/docs/trl/dataset_formats (unpaired preference). KTO wants the weighted numbers of good and
bad rows within 1:1 to 4:3 (https://huggingface.co/docs/trl/kto_trainer); the counts stand in the dataset's card.
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._trl import answer_problems, column_problems, in_column, more, prompt_problems, turns
from .base import JsonLines


class TRLUnpaired(JsonLines):
    """``{"prompt": [...], "completion": [...], "label": true}``."""

    name = "trl-unpaired"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("unpaired",)

    def row(self, record: Record) -> Json:
        """Prompt, answer, and whether it is good."""
        return {
            "prompt": turns(record.prompt),
            "completion": turns(record.completion),
            "label": record.label,
            **more(record),
        }

    def check(self, row: Json) -> list[str]:
        """Check a row by what KTOTrainer and chat templates take."""
        problems = column_problems(row, ["prompt", "completion", "label"]) or [
            *in_column("prompt", prompt_problems(row["prompt"])),
            *in_column("completion", answer_problems(row["completion"])),
        ]
        if not problems and not isinstance(row["label"], bool):
            problems.append(f"label {row['label']!r} is neither true nor false")
        return problems
