"""Fireworks' formats: OpenAI's conversations, in which user and assistant take turns, and its pairs.

Rules: https://docs.fireworks.ai/fine-tuning/fine-tuning-models (3 to 3,000,000 examples; a system message comes first;
``weight`` 0 or 1; ``tools``), .../fine-tuning/fine-tuning-vlm (pictures as base64 with their type, PNG or JPEG) and
.../fine-tuning/dpo-fine-tuning (roles system, user and assistant, contents text).
"""

from __future__ import annotations

from ._openai import ChatsAndPairs
from ._openai_rules import Rules
from .base import few_or_many

MIN_ROWS, MAX_ROWS = 3, 3_000_000


class Fireworks(ChatsAndPairs):
    """``messages`` and ``tools`` for supervised fine-tuning, OpenAI's three columns for preferences."""

    name = "fireworks"
    rules = Rules(
        keys=frozenset({"tools"}),
        input_keys=frozenset(),
        images=("png", "jpeg", "jpg"),
        most_images=None,
        inline=True,
        alternate=True,
        only_calls=False,
    )

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Fireworks refuses."""
        return few_or_many(rows, "Fireworks", MIN_ROWS, MAX_ROWS)
