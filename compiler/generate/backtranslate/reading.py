"""What the two programs answered: an instruction, or none; a score, or none. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ....signatures.values import clip
from ...keep.jsontext import clean
from ...verify.asking import NoJudgmentError, check_reason, heads, refuses
from ...verify.base import Answer
from ...verify.rating import number
from .filters import words_of

LOW, HIGH = 1.0, 5.0
"""The scale."""

_LONGEST = 2_000  # characters of an instruction; in the paper's data they have 352 on average (table 2)
_RUN = 12  # words of the text in a row that an instruction must not hold
_POINTS = re.compile(
    r"\b(?:the|this|that|above|below|following|given|provided|attached)\s+(?:(?:above|below|following|given|provided)\s+)?"
    r"(?:text|passage|excerpt|paragraph|answer|document)s?\b|\baccording to the (?:author|article)\b",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\[\[\s*#|<\|\w+\|>|^\s*(?:instruction|question|prompt)\s*:", re.IGNORECASE)
_SCORED = re.compile(r"\b(?:score|rating)\b[\s*_`]*:[\s*_`]*([-+]?\d+(?:\.\d+)?)", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:(?:final|overall)\s+)?(?:score|rating)\b", re.IGNORECASE)


class NoInstructionError(ValueError):
    """What was answered is no instruction.

    Args:
        rule: Why, in the words of a table.
        detail: What there is to say of this one.
    """

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.detail = detail


def instruction_in(answer: Answer, text: str) -> str:
    """The instruction that was proposed for a text.

    Raises:
        NoInstructionError: There is none, it gives the text away, or nobody can understand it without the text.
    """
    said = clean(str((answer.prediction or {}).get("instruction") or "")).strip()
    if refuses(said) or refuses(answer.completion):
        raise NoInstructionError("refused", clip(said, 100))
    if not any(character.isalnum() for character in said):
        raise NoInstructionError("no instruction", "it is empty")
    if len(said) > _LONGEST:
        raise NoInstructionError("instruction too long", f"{len(said):,} characters")
    if repeats(said, text):
        raise NoInstructionError("instruction repeats the text", clip(said, 100))
    if _FIELD.search(said) or heads(answer.completion or "", "instruction") > 1:
        raise NoInstructionError("prompt in the instruction", clip(said, 100))
    if found := _POINTS.search(said):
        raise NoInstructionError("instruction points at the text", clip(found[0], 100))
    return said


def repeats(said: str, text: str) -> bool:
    """Whether an instruction holds many words of a text in a row, or is its beginning."""
    words, given = words_of(said), f" {' '.join(words_of(text))} "
    if len(words) < _RUN:
        return len(words) > 3 and given.startswith(f" {' '.join(words)} ")
    return any(f" {' '.join(words[n : n + _RUN])} " in given for n in range(len(words) - _RUN + 1))


def score_in(answer: Answer, texts: Sequence[str], high: float = HIGH) -> tuple[float, str]:
    """The score at the end of a judgment, and the reasons before it.

    The prompt asks for a line of its own; half of the recorded judgments of GPT-4 (MT-Bench) end their last sentence
    with it instead, and that counts, too.

    Args:
        answer: The judge's.
        texts: What it was given to read.
        high: Best score of the scale.

    Raises:
        NoJudgmentError: It refused, gave no reasons or repeats what it was given; or the last line is no score.
        ValueError: The score is off the scale, or no number.
    """
    said = str((answer.prediction or {}).get("judgment") or "").strip()
    before, _, last = said.rpartition("\n")
    if refuses(said):
        raise NoJudgmentError(f"it refused: {clip(said, 100)}")
    named = list(_NAMED.finditer(last))
    if not named:
        raise NoJudgmentError(f"the last line is no score: {clip(last, 40)}" if last else "there is no judgment")
    score = number(f"Score{last[named[-1].end() :]}", LOW, high)
    reason = f"{before}\n{last[: named[-1].start()]}".strip().rstrip("*_`#>-[( ")
    if any(float(other) != score for other in _SCORED.findall(reason)):
        raise NoJudgmentError("two scores that differ")
    return score, check_reason(reason, answer, texts, "judgment")
