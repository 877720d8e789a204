"""Supervised fine-tuning: a prompt, and the answer to learn."""

from __future__ import annotations

from collections.abc import Iterator

from ....records import Outcome
from ..record import Answer, Record, text_of
from .base import Making, rendered


class SFT:
    """A row an answer; answers that did not pass only where failures are wanted."""

    outcomes: tuple[Outcome, ...] = ("passed",)
    unjudged = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each answer."""
        for shown in rendered(answers, making):
            chat = shown.chat
            yield Record(
                kind="sft",
                answers=(shown.answer,),
                prompt=chat.prompt,
                completion=chat.completion,
                tools=chat.tools,
                columns=shown.columns if making.failures else {},
                input_text=shown.input_text,
                answer_text=text_of(chat.completion),
            )
