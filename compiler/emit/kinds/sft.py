"""Supervised fine-tuning: a prompt, and the answer to learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ....records import Json, Outcome
from ..record import Answer, Record, Rendered, text_of
from .base import Making, Shown, combine, rendered


class SFT:
    """A row an answer; answers that did not pass only where failures are wanted.

    Steps of a trace that are turns of one conversation are one row, so that nothing is learned twice.
    """

    outcomes: tuple[Outcome, ...] = ("passed",)
    unjudged = False
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each answer, and of each conversation."""
        for _, same in groupby(answers, key=lambda answer: answer.trace.id):
            shown = list(rendered(same, making))
            for turns in conversations(shown) if making.turns else [[one] for one in shown]:
                if len(turns) > 1:
                    combine(reversed(turns), making)
                yield _record(turns, making)


def _record(turns: Sequence[Shown], making: Making) -> Record:
    """The first turn's prompt, then everything up to the last turn's answer. The last turn counts."""
    first, last = turns[0].chat, turns[-1]
    completion = [*last.chat.prompt[len(first.prompt) :], *last.chat.completion]
    return Record(
        kind="sft",
        answers=tuple(turn.answer for turn in reversed(turns)),
        prompt=first.prompt,
        completion=completion,
        tools=last.chat.tools,
        columns=last.columns if making.failures else {},
        input_text=last.input_text,
        answer_text=text_of(message for message in completion if message["role"] == "assistant"),
    )


def conversations(shown: Sequence[Shown]) -> list[list[Shown]]:
    """Put steps of a trace together that are turns of one conversation: one's prompt begins with the other's chat."""
    if len(shown) < 2:
        return [[one] for one in shown]
    found: list[list[Shown]] = []
    for one in sorted(shown, key=lambda one: len(one.chat.prompt)):
        talk = next((talk for talk in found if _begins(talk[-1].chat, one.chat)), None)
        if talk is None:
            found.append([one])
        else:
            talk.append(one)
    return sorted(found, key=lambda talk: talk[-1].answer.index)


def _begins(early: Rendered, late: Rendered) -> bool:
    said = [*early.prompt, *early.completion]
    pairs = zip(reversed(said), reversed(late.prompt[: len(said)]), strict=False)
    return len(said) <= len(late.prompt) and all(_same(one, other) for one, other in pairs)


def _same(one: Json, other: Json) -> bool:
    """Whether two messages say the same. A turn that is sent again may have lost white space at its ends."""
    return one is other or _said(one) == _said(other)


def _said(message: Json) -> tuple[object, ...]:
    content = message.get("content") or ""
    said = content.strip() if isinstance(content, str) else content
    return message.get("role"), said, message.get("tool_calls") or None
