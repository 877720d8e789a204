"""Together's formats: OpenAI's conversations, in which user and assistant take turns, and its pairs.

Rules: https://docs.together.ai/docs/fine-tuning/data-preparation (a conversation starts with system or user and
alternates; no other columns), .../fine-tuning/function-calling (``tools``, calls and messages of tools),
.../fine-tuning/preference-tuning (one message each), and ``check_file`` of the ``together`` package 2.1 (pictures as
``data:`` URLs, at most 10; contents all texts or all lists; ``content`` in both answers of a pair). That ``tools`` of a
pair stand in ``input`` is OpenAI's form; ``check_file`` lets them pass there, and nowhere else.
"""

from __future__ import annotations

from ._openai import ChatsAndPairs
from ._openai_rules import Rules


class Together(ChatsAndPairs):
    """``messages`` and ``tools`` for supervised fine-tuning, OpenAI's three columns for preferences."""

    name = "together"
    rules = Rules(
        keys=frozenset({"tools"}),
        input_keys=frozenset({"tools"}),
        inline=True,
        lists=frozenset({"system", "user", "assistant", "tool"}),
        uniform=True,
        alternate=True,
        only_calls=False,
    )
