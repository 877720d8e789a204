"""Preference: a prompt, a better answer and a worse one (DPO, reward models).

Pairs are made of distinct texts. A text that several traces gave counts as its worst where it would be chosen, and as
its best where it would be rejected; so what both passed and was rejected is neither, and no text meets itself.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ....records import METRIC, PREFERRED, Outcome
from ..record import Answer, Record
from .base import Making, Shown, by_prompt, distinct, is_good
from .labelled import labelled

_SLACK = 1e-9
"""What a difference of scores may lack of the margin: 0.3 - 0.2 is less than 0.1."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distinct text that may be one side of a pair.

    Attributes:
        text: The text, by which equals are ordered.
        shown: The answer that stands for it.
        low: What it is worth where it is chosen.
        high: What it is worth where it is rejected.
        score: Orders those of equal worth.
        broken: Whether it could not be parsed; such a text is never chosen.
    """

    text: str
    shown: Shown
    low: float
    high: float
    score: float
    broken: bool


class Preference:
    """Pairs of answers to one prompt, at most ``max_pairs`` of each."""

    outcomes: tuple[Outcome, ...] = ("passed", "rejected")
    unjudged = False
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """Records of the pairs; answers that are in none go to the ledger."""
        if making.pairs == "label":
            yield from labelled(answers, making)
            return
        for group in by_prompt(_promising(answers, making), making):
            candidates = list(_candidates(group, making))
            used: set[str] = set()
            for chosen, rejected in _pairs(candidates, making):
                for one in (chosen, rejected):
                    if one.text not in used:
                        used.add(one.text)
                        making.ledger.combined(one.shown.answer.id)
                record = _record(chosen, rejected, making)
                making.ledger.formed(record.id)
                yield record
            _drop_unused(candidates, used, making)


def _promising(answers: Sequence[Answer], making: Making) -> Sequence[Answer]:
    """Answers to one input that may pair; where none can, nothing has to be rendered."""
    outcomes = {answer.outcome for answer in answers}
    if len(answers) > 1 and (making.pairs == "score" or len(outcomes) > 1):
        return answers
    for answer in answers:
        making.ledger.dropped(answer.id, "no pair")
    return ()


def _candidates(group: list[Shown], making: Making) -> Iterator[Candidate]:
    """What may be in a pair, each text once."""
    for text, same in distinct(group, making, lambda answer: _worth(answer, making) is not None):
        first = same[0].answer
        worths = [worth for shown in same if (worth := _worth(shown.answer, making)) is not None]
        if not worths:
            making.ledger.dropped(first.id, *_unknown(first, making))
        elif making.pairs == "outcome" and min(worths) != max(worths):
            making.ledger.dropped(first.id, "passed and rejected", f"{len(same)} traces gave this answer")
        else:
            score = sum(shown.answer.reward for shown in same) / len(same)
            broken = any(shown.answer.step.outputs is None for shown in same)
            yield Candidate(text, same[0], min(worths), max(worths), score if math.isfinite(score) else 0.0, broken)


def _worth(answer: Answer, making: Making) -> float | None:
    """What an answer is worth; None where nothing says."""
    good = is_good(answer)
    if good is None or making.pairs == "outcome" or answer.outcome == "failed":
        return None if good is None else float(good)
    return number(answer)


def number(answer: Answer) -> float | None:
    """Score of an answer; None where the metric gave none, or one that is no number.

    Where no metric judged, it is the first score that a verifier gave. A label says nothing outside of its pair.
    """
    verdicts = [verdict for verdict in answer.trace.verdicts if verdict.verifier != PREFERRED]
    metric = next((verdict for verdict in verdicts if verdict.verifier == METRIC), None)
    if metric is not None:
        return answer.reward if metric.score is not None and math.isfinite(answer.reward) else None
    return next((v.score for v in verdicts if v.score is not None and math.isfinite(v.score)), None)


def _unknown(answer: Answer, making: Making) -> tuple[str, str]:
    if answer.outcome == "failed":
        return f"failed: {answer.trace.reason}", "the answer itself was not judged"
    return "no score", f"pairs={making.pairs!r} needs the number behind the verdict"


def _pairs(candidates: Sequence[Candidate], making: Making) -> Iterator[tuple[Candidate, Candidate]]:
    """Pair answers: strongest contrasts first, each answer about as often as the others.

    The best is paired with the worst, the second best with the second worst, and so on; then in turn with others. Takes
    time for sorting and for the pairs that it gives, whatever the number of those that there could be.
    """
    better = sorted((c for c in candidates if not c.broken), key=lambda c: (-c.low, -c.score, c.text))
    worse = sorted(candidates, key=lambda c: (c.high, not c.broken, c.score, c.text))
    highs = [candidate.high for candidate in worse]
    margin = 1.0 if making.pairs == "outcome" else making.margin
    margin -= min(_SLACK, margin / 2)
    matches = [bisect_left(highs, candidate.low - margin) for candidate in better]
    n = sum(count > 0 for count in matches)
    turns = ((turn, at) for turn in range(matches[0] if n else 0) for at in range(n) if turn < matches[at])
    for turn, at in islice(turns, making.max_pairs):
        step = turn * n + at
        yield better[at], worse[(step + step // math.lcm(n, matches[at])) % matches[at]]


def _record(better: Candidate, worse: Candidate, making: Making) -> Record:
    chosen, rejected = better.shown, worse.shown
    return Record(
        kind="preference",
        answers=(chosen.answer, rejected.answer),
        prompt=chosen.chat.prompt,
        completion=chosen.chat.completion,
        rejected=rejected.chat.completion,
        tools=chosen.chat.tools,
        columns={} if not making.failures else {
            "chosen_reward": chosen.answer.reward, "rejected_reward": rejected.answer.reward,
            "rejected_outcome": rejected.answer.outcome,
        },
        input_text=chosen.input_text,
        answer_text=f"{better.text}\n{worse.text}",
    )  # fmt: skip


def _drop_unused(candidates: Sequence[Candidate], used: set[str], making: Making) -> None:
    reason = ("over max_pairs", f"{making.max_pairs} pairs of the prompt are there") if used else ("no pair", "")
    for candidate in candidates:
        if candidate.text not in used:
            making.ledger.dropped(candidate.shown.answer.id, *reason)
