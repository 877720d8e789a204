"""TRL's conversational prompt-only format, for GRPOTrainer and RLOOTrainer.

Rules: https://huggingface.co/docs/trl/dataset_formats (prompt-only) and https://huggingface.co/docs/trl/grpo_trainer
(a reward function is given every column but ``prompt`` as a keyword argument, with what else the trainer passes). So
what is known of the right answer stands in columns; one whose name the trainer passes itself is renamed.
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._trl import column_problems, in_column, more, prompt_problems, turns
from .base import JsonLines

TAKEN = frozenset(
    {
        "prompt", "prompts", "completion", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric",
        "environments", "image", "images", "tools", "chat_template_kwargs",
    }
)  # fmt: skip
"""Arguments of a reward function, and columns, that have a meaning of their own."""


class TRLPrompts(JsonLines):
    """``{"prompt": [{"role", "content"}, ...], "answer": ..., "reward": 1.0}``: what is known, by column."""

    name = "trl-prompts"
    extra_columns = True
    kinds: tuple[Kind, ...] = ("prompts",)

    def row(self, record: Record) -> Json:
        """The prompt; what the example knows; reward and pass rate of what was tried."""
        columns = more(record)
        known = {_free(name, TAKEN | set(columns), record.known): value for name, value in record.known.items()}
        return {"prompt": turns(record.prompt), **known, **columns}

    def check(self, row: Json) -> list[str]:
        """Check a row by what GRPOTrainer and chat templates take."""
        return column_problems(row, ["prompt"]) or in_column("prompt", prompt_problems(row["prompt"]))


def _free(name: str, taken: frozenset[str], known: Json) -> str:
    """A name for what is known that stands for nothing else."""
    free = name
    while free in taken or (free != name and free in known):
        free = f"known_{free}"
    return free
