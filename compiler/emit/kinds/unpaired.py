"""Unpaired: a prompt, an answer, and whether it is good (KTO)."""

from __future__ import annotations

from collections.abc import Iterator

from ....records import Outcome
from ..record import Answer, Record, text_of
from .base import Making, by_prompt, distinct, is_good

HIGHEST = 4 / 3
"""Most that weighted good answers may outweigh weighted bad ones; the least is 1."""

_AIM = 7 / 6  # amid the two, so that a few rows more or less change nothing


class Unpaired:
    """A row a distinct answer; what was judged both good and bad is left out."""

    outcomes: tuple[Outcome, ...] = ("passed", "rejected")
    unjudged = False
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each answer that is either good or bad."""
        for group in by_prompt(answers, making):
            for _, same in distinct(group, making, lambda answer: is_good(answer) is not None):
                first = same[0]
                labels = {label for shown in same if (label := is_good(shown.answer)) is not None}
                if not labels:
                    making.ledger.dropped(first.answer.id, f"failed: {first.answer.trace.reason}", "it was not judged")
                elif len(labels) > 1:
                    detail = f"{len(same)} traces gave this answer"
                    making.ledger.dropped(first.answer.id, "passed and rejected", detail)
                else:
                    yield Record(
                        kind="unpaired",
                        answers=(first.answer,),
                        prompt=first.chat.prompt,
                        completion=first.chat.completion,
                        label=labels.pop(),
                        tools=first.chat.tools,
                        columns=first.columns if making.failures else {},
                        input_text=first.input_text,
                        answer_text=text_of(first.chat.completion),
                    )


def weights(positives: int, negatives: int) -> tuple[float, float]:
    """Weights that balance good and bad answers for KTO.

    Source: https://huggingface.co/docs/trl/kto_trainer ("Imbalanced data"): desirable weight x positives to undesirable
    weight x negatives should lie within 1:1 and 4:3, one of the weights being 1.

    Args:
        positives: Rows whose answer is good.
        negatives: Rows whose answer is bad.

    Returns:
        ``desirable_weight`` and ``undesirable_weight``. Both are 1 where there is nothing to balance.
    """
    if not positives or not negatives or 1 <= positives / negatives <= HIGHEST:
        return 1.0, 1.0
    if positives < negatives:
        return _round(_AIM * negatives / positives), 1.0
    return 1.0, _round(positives / negatives / _AIM)


def _round(weight: float) -> float:
    return float(f"{weight:.4g}")
