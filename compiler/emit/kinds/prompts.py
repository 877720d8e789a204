"""Prompts: a prompt and how the answers to it fared (reinforcement learning, choice by difficulty)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from ....records import Json, Outcome
from ..record import Answer, Record
from .base import Making, Shown, by_prompt, combine, is_good


class Prompts:
    """A row a prompt, with what the example knows of the right answer.

    Columns: ``reward``, the mean score of the judged attempts (null without any), ``pass_rate``, the share of them that
    passed, ``attempts``, their number. An answer that could not be parsed is an attempt with the score 0.
    """

    outcomes: tuple[Outcome, ...] = ("passed", "rejected", "failed")
    unjudged = True
    raw = True

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each prompt."""
        for group in by_prompt(answers, making):
            same = _of_one_example(group, making)
            combine(same, making)
            first = same[0]
            yield Record(
                kind="prompts",
                answers=tuple(shown.answer for shown in same),
                prompt=first.chat.prompt,
                tools=first.chat.tools,
                known=first.answer.trace.example.labels,
                columns=_fared(same),
                input_text=first.input_text,
            )


def _of_one_example(group: Sequence[Shown], making: Making) -> list[Shown]:
    """Those whose example has the labels that most have: two right answers to one prompt would contradict."""
    counts = Counter(_key(shown.answer) for shown in group)
    known = min(counts, key=lambda key: (-counts[key], key))
    kept = []
    # One that passed comes first: it is what the row's level and verdicts are told of.
    for shown in sorted(group, key=lambda shown: (shown.answer.outcome != "passed", shown.answer.id)):
        if _key(shown.answer) == known:
            kept.append(shown)
        else:
            making.ledger.dropped(shown.answer.id, "other labels", "more attempts at this prompt have others")
    return kept


def _key(answer: Answer) -> str:
    try:
        return answer.trace.example.id
    except TypeError:  # what no store holds: text that is no valid Unicode
        return repr(answer.trace.example.labels)


def _is_judged(answer: Answer) -> bool:
    """Whether the attempt says something of the prompt; one whose metric broke says nothing."""
    return is_good(answer) is not None and bool(answer.trace.verdicts or answer.trace.failure)


def _fared(same: Sequence[Shown]) -> Json:
    """How the attempts fared; each trace counts once."""
    judged = list({shown.answer.trace.id: shown.answer.trace for shown in same if _is_judged(shown.answer)}.values())
    scores = [trace.score if math.isfinite(trace.score) else 0.0 for trace in judged]
    passes = sum(trace.outcome == "passed" for trace in judged)
    return {
        "reward": math.fsum(scores) / len(scores) if scores else None,
        "pass_rate": passes / len(judged) if judged else None,
        "attempts": len(judged),
    }
