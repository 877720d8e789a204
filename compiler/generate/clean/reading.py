"""What of an LM's answers is a cleaned text that says the same, and what is a judgment of that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....signatures.values import clip
from ...verify.asking import NoJudgmentError, check_reason, heads, refuses
from .meaning import changes

if TYPE_CHECKING:
    from ...verify.base import Answer

_LENGTHS = (0.5, 1.6)  # words after to words before
_SHORT = 6  # words that a text may gain or lose whatever its length: "thx" becomes "thank you"
_TALK = re.compile(
    r"\W*(?:(?:sure|certainly|of course|okay|ok)\b[^\n]{0,40}[!.,:]\s*)?"
    r"(?:here(?:['’]s|\s+is)|this\s+is|below\s+is|the\s+following\s+is)\b[^\n]{0,40}\b"
    r"(?:cleaned|corrected|revised|edited|improved|rewritten|polished)\b|\W*(?:cleaned|corrected)\s+(?:text|version)\s*:",
    re.IGNORECASE,
)
_VERDICTS = {"same": True, "yes": True, "different": False, "no": False}


class Refused(ValueError):  # no error: it is what became of a row
    """A row is not kept.

    Attributes:
        rule: Why, in words that are the same for all such rows.
        detail: What there is to say of this one.
    """

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(rule)
        self.rule, self.detail = rule, clip(detail, 200)


def read(answer: Answer, before: str) -> str:
    """The cleaned text.

    Raises:
        Refused: There is none, or it does not say the same.
    """
    if answer.failure is not None:
        is_refusal = refuses(answer.completion) and not refuses(before)
        raise Refused(
            "refused" if is_refusal else "no answer",
            (answer.completion or "") if is_refusal else answer.failure.message,
        )
    said = str((answer.prediction or {}).get("cleaned") or "").strip()
    if not any(character.isalnum() for character in said):
        raise Refused("empty", said)
    if refuses(said) and not refuses(before):
        raise Refused("refused", said)
    if (
        heads(answer.completion or "", "cleaned") > 1
        or "[[ ##" in said
        or (_TALK.match(said) and not _TALK.match(before))
    ):
        raise Refused("talks of its task", said)
    if lost := changes(before, said):
        raise Refused(f"{lost[0].partition(':')[0]} changed", "; ".join(lost))
    old, new = len(before.split()), len(said.split())
    if abs(new - old) > _SHORT and not _LENGTHS[0] * old <= new <= _LENGTHS[1] * old:
        raise Refused("much longer" if new > old else "much shorter", f"{old} words became {new}")
    return before if said == before.strip() else said


def same(answer: Answer, texts: Sequence[str]) -> tuple[bool, str]:
    """Whether a judge says that two texts mean the same, and why.

    Raises:
        NoJudgmentError: It says neither.
    """
    given = answer.prediction or {}
    said = _VERDICTS.get(str(given.get("meaning")).strip(" \n*_`\"'.").casefold())
    if said is None:
        raise NoJudgmentError(f"the answer is neither same nor different: {clip(str(given.get('meaning')), 40)}")
    return said, check_reason(str(given.get("reason") or ""), answer, texts, "meaning")
