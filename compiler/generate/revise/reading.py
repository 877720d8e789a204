"""What of an LM's answers is a critique, and what a revision: everything else ends the round.

``refuses`` was made for judges, so its patterns meet any text that begins by declining. For a critique that is always a
refusal. A revision may decline in earnest: where the request is a harmful one, that is what the paper trains towards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....signatures.values import clip
from ...verify.asking import heads, refuses, unmarked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...verify.base import Answer

_COPIED = 40  # characters that nobody writes twice by chance
_FIELDS = re.compile(r"\[\[\s*#+")
_REVISING = re.compile(
    r"\W*(?:(?:i['’]?m\s+|i\s+am\s+)?(?:sorry|afraid)\b[^.!?\n]{0,40}?)?"
    r"\bi\s*(?:can(?:['’]?t|\s?not)|won['’]?t|will\s+not|am\s+(?:not\s+able|unable)(?:\s+to)?)\s+"
    r"(?:revise|rewrite|rephrase|critici[sz]e|critique|review|edit|improve)\b",
    re.IGNORECASE,
)


class RoundError(ValueError):
    """A round came to nothing.

    Attributes:
        rule: Why, in words that are the same for all such rounds.
        detail: What there is to say of this one.
    """

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule, self.detail = rule, clip(detail, 200)


def critique_of(answer: Answer, texts: Sequence[str]) -> str:
    """The critique in an answer.

    Args:
        answer: What the LM gave.
        texts: What it was given to read.

    Raises:
        RoundError: There is none.
    """
    said = _field(answer, "critique")
    if refuses(said):
        raise RoundError("critique refused", said)
    if any(_repeats(said, text) for text in texts):
        raise RoundError("critique is an echo", said)
    return said


def revision_of(answer: Answer, before: str, request: str, copied: Sequence[str], *, declines: bool) -> str:
    """The revised answer in an answer.

    Args:
        answer: What the LM gave.
        before: The answer that was to be revised.
        request: What was asked; an answer may quote it, and is none where it is the same.
        copied: What no answer has in it: the critique, and what the revision was asked for.
        declines: Whether a revision may decline what was asked.

    Raises:
        RoundError: There is none, or it says what the answer before it said.
    """
    said = _field(answer, "revision")
    if _REVISING.match(said) or (refuses(said) and not declines):
        raise RoundError("revision refused", said)
    if _flat(said) == _flat(before):
        raise RoundError("revision unchanged")
    flat = _flat(said)
    same = any(_flat(text) == flat for text in (request, *copied))
    if same or _FIELDS.search(said) or any(_holds(flat, text) for text in copied):
        raise RoundError("revision is an echo", said)
    return said


def _field(answer: Answer, name: str) -> str:
    """Text of a field.

    Raises:
        RoundError: There is none, or nobody knows which of several it is.
    """
    if answer.failure is not None:
        rule = f"{name} refused" if refuses(answer.completion) else f"no {name}"
        raise RoundError(rule, (answer.completion or "") if rule.endswith("refused") else answer.failure.message)
    said = str((answer.prediction or {}).get(name) or "").strip()
    if not any(character.isalnum() for character in said):
        raise RoundError(f"{name} is empty", said)
    if heads(answer.completion or "", name) > 1:
        raise RoundError(f"{name} is there twice", said)
    return said


def _repeats(said: str, text: str) -> bool:
    """Whether all of what was said stands in a text. A few words of it may be a quotation."""
    flat, given = _flat(said), _flat(unmarked(text))
    return flat == given or (len(flat) >= _COPIED and flat in given)


def _holds(flat: str, text: str) -> bool:
    """Whether a text stands in what was said, as where the critique or the request is copied before the answer."""
    given = _flat(unmarked(text))
    return len(given) >= _COPIED and given in flat


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()
