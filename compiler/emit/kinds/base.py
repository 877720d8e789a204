"""What makes records of answers: one function a kind, by the name of the kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson

from ....records import Json, Outcome
from ...keep.ledger import Ledger
from ..record import Answer, Record, Rendered
from ..render import NotRenderable, Render, value_text

NOT_JSON = "cannot be written as JSON"
"""Reason of what holds no valid Unicode, or an object that came in from Python."""


@dataclass(frozen=True)
class Making:
    """What a maker of records is given.

    Attributes:
        renders: Renders a step, by predictor.
        ledger: Counts answers that give no record.
        failures: Whether answers that did not pass are wanted, with their outcome and reward.
        pairs: What makes one answer better than another: ``outcome`` (one passed and the other was rejected),
            ``score`` (scores that lie apart by the margin) or ``label`` (a generator compared the two).
        margin: Least difference of scores, for ``score`` and ``label``.
        max_pairs: Most pairs of one prompt.
        neutral: What a neutral step counts as, where a target knows good and bad only.
        fields: Output fields that hold labels, for ``soft``; empty to take all.
        turns: Whether turns of one conversation are one row; targets whose answer is one message want a row each.
    """

    renders: Mapping[str, Render]
    ledger: Ledger
    failures: bool = False
    pairs: Literal["outcome", "score", "label"] = "outcome"
    margin: float = 0.1
    max_pairs: int = 4
    neutral: Literal["positive", "negative"] = "positive"
    fields: tuple[str, ...] = field(default=())
    turns: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer, rendered."""

    answer: Answer
    chat: Rendered

    @property
    def input_text(self) -> str:
        """What went into the step, as text."""
        return value_text(self.answer.step.inputs)

    @property
    def columns(self) -> Json:
        """Outcome and reward."""
        return {"outcome": self.answer.outcome, "reward": self.answer.reward}


def rendered(answers: Iterable[Answer], making: Making) -> Iterator[Shown]:
    """Render each answer; those that cannot be go to the ledger."""
    for answer in answers:
        step = answer.step
        try:
            chat = making.renders[step.predictor or ""](step)
        except NotRenderable as problem:
            making.ledger.dropped(answer.id, problem.reason, problem.detail)
        except Exception as error:  # noqa: BLE001  # values of a log can be anything; they cost one row
            making.ledger.dropped(answer.id, "cannot be rendered", f"{type(error).__name__}: {error}")
        else:
            yield Shown(answer, chat)


def by_prompt(answers: Iterable[Answer], making: Making) -> Iterator[list[Shown]]:
    """Render the answers to one input, and put those with the same predictor and prompt together."""
    groups: dict[Any, list[Shown]] = {}
    for shown in rendered(answers, making):
        try:
            key = _prompt_key(shown)
        except orjson.JSONEncodeError as error:
            making.ledger.dropped(shown.answer.id, NOT_JSON, str(error))
        else:
            groups.setdefault(key, []).append(shown)
    yield from groups.values()


def _prompt_key(shown: Shown) -> Any:
    """Predictor, prompt and tools as one value. That of plain text is had without writing JSON."""
    predictor, chat = shown.answer.step.predictor, shown.chat
    if not chat.tools and all(len(message) == 2 and type(message.get("content")) is str for message in chat.prompt):
        return predictor, *(text for message in chat.prompt for text in message.values())
    return orjson.dumps([predictor, chat.prompt, chat.tools])


def distinct(
    group: Iterable[Shown], making: Making, is_known: Callable[[Answer], bool]
) -> Iterator[tuple[str, list[Shown]]]:
    """Put answers to one prompt together that say the same, white space at the ends aside, in the order of their texts.

    The first of each stands for the others, which go to the ledger. It is the same whatever the order of the traces,
    and one of those of which something is known, if there is one.
    """
    found: dict[str, list[Shown]] = {}
    for shown in group:
        found.setdefault(_text(shown.chat), []).append(shown)
    for text in sorted(found):
        same = found[text]
        if len(same) > 1:
            same.sort(key=lambda shown: (not is_known(shown.answer), shown.answer.id))
            for other in same[1:]:
                making.ledger.dropped(other.answer.id, "same answer", f"as {same[0].answer.id}")
        yield text, same


def _text(chat: Rendered) -> str:
    """What an answer says. Two calls of a tool are the same whatever their ids."""
    calls = [_called(call) for message in chat.completion for call in message.get("tool_calls") or ()]
    said = chat.trimmed or "\n".join(str(message.get("content") or "") for message in chat.completion)
    said = said.strip()
    return f"{said}\0{calls}" if calls else said


def _called(call: Any) -> Any:
    return call.get("function", call) if isinstance(call, dict) else call


def combine(same: Iterable[Shown], making: Making) -> None:
    """Tell the ledger of answers that become one row."""
    for at, shown in enumerate(same):
        making.ledger.combined(shown.answer.id)
        if not at:
            making.ledger.formed(shown.answer.id)


def is_good(answer: Answer) -> bool | None:
    """Whether an answer passed; None where that says nothing of the answer: something else failed.

    An answer that could not be parsed is bad.
    """
    if answer.outcome == "failed":
        return False if answer.step.outputs is None and answer.trace.reason == "parse" else None
    return answer.outcome == "passed"


class Maker(Protocol):
    """Makes records of the answers of one kind.

    Answers that give no record of their own are told to the ledger: ``dropped`` where they are of no use, ``combined``
    where several became one record, and ``formed`` for each such record.

    Attributes:
        outcomes: Outcomes of traces that it can use.
        unjudged: Whether it can use traces that nothing has judged.
        raw: Whether it can use answers that could not be parsed, also where failures are not asked for.
    """

    outcomes: tuple[Outcome, ...]
    unjudged: bool
    raw: bool

    def __call__(self, answers: list[Answer], making: Making, /) -> Iterator[Record]:
        """Make the records of the answers to one input."""
        ...
