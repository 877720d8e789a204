"""Preference pairs of two answers that a generator compared: better is the one that its label says.

Other scores say how good an answer is, whatever else there is; a label is a probability within its pair. So only the
two answers of a pair meet here, and labels count nowhere else. Labels of the same two texts are averaged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from ....records import PREFERRED, Verdict
from ..record import Answer, Record
from .base import Making, Shown, by_prompt, distinct

_SLACK = 1e-9
"""What a difference may lack of the margin: 0.55 - 0.45 is less than 0.1."""


@dataclass(frozen=True)
class Pair:
    """Two texts, the better one first.

    Attributes:
        chosen: Its text.
        rejected: The other one.
        share: Probability that the chosen one is better.
    """

    chosen: str
    rejected: str
    share: float


def labelled(answers: Sequence[Answer], making: Making) -> Iterator[Record]:
    """Records of the pairs of one input that have a label; answers that are in none go to the ledger."""
    known = [answer for answer in answers if _labels(answer)]
    for answer in answers:
        if not _labels(answer):
            making.ledger.dropped(answer.id, "no label", f"no verdict {PREFERRED}")
    for group in by_prompt(known, making):
        same = dict(distinct(group, making, lambda answer: answer.outcome == "passed"))
        pairs = [pair for pair in _pairs(same, making) if same[pair.chosen][0].answer.outcome == "passed"]
        used: set[str] = set()
        for pair in pairs[: making.max_pairs]:
            for text in (pair.chosen, pair.rejected):
                if text not in used:
                    used.add(text)
                    making.ledger.combined(same[text][0].answer.id)
            record = _record(pair, same, making)
            making.ledger.formed(record.id)
            yield record
        paired = {text for pair in pairs for text in (pair.chosen, pair.rejected)}
        for text, shown in same.items():
            if text not in used:
                making.ledger.dropped(shown[0].answer.id, "over max_pairs" if text in paired else "no pair")


def _labels(answer: Answer) -> list[Verdict]:
    return [
        verdict for verdict in answer.trace.verdicts
        if verdict.verifier == PREFERRED and verdict.score is not None and math.isfinite(verdict.score)
        and isinstance(verdict.evidence.get("pair"), str)
    ]  # fmt: skip


def _pairs(same: dict[str, list[Shown]], making: Making) -> list[Pair]:
    """Pairs whose answers are both there and lie apart by the margin, strongest first."""
    sides: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for text, shown in same.items():
        for one in shown:
            for verdict in _labels(one.answer):
                sides[verdict.evidence["pair"]][text] = verdict.score or 0.0
    shares: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for scores in sides.values():
        if len(scores) == 2:
            first, second = sorted(scores)
            shares[first, second].append((1 + scores[first] - scores[second]) / 2)
    found = []
    for (first, second), said in shares.items():
        share = fmean(said)
        pair = Pair(first, second, share) if share > 0.5 else Pair(second, first, 1 - share)
        if 2 * pair.share - 1 >= making.margin - min(_SLACK, making.margin / 2):
            found.append(pair)
    return sorted(found, key=lambda pair: (-pair.share, pair.chosen, pair.rejected))


def _record(pair: Pair, same: dict[str, list[Shown]], making: Making) -> Record:
    chosen, rejected = same[pair.chosen][0], same[pair.rejected][0]
    return Record(
        kind="preference",
        answers=(chosen.answer, rejected.answer),
        prompt=chosen.chat.prompt,
        completion=chosen.chat.completion,
        rejected=rejected.chat.completion,
        tools=chosen.chat.tools,
        columns={} if not making.failures else {
            "chosen_reward": pair.share, "rejected_reward": 1 - pair.share, "rejected_outcome": rejected.answer.outcome,
        },
        input_text=chosen.input_text,
        answer_text=f"{pair.chosen}\n{pair.rejected}",
    )  # fmt: skip
