"""Soft labels: a prompt, and how likely each label is by the answers of a weaker LM (arXiv 2312.09390)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ....records import Outcome
from ..record import REASONING, Answer, Record, text_of
from .base import Making, Shown, by_prompt, combine


class Soft:
    """A row a prompt: the share of each label among the answers, right or wrong, judged or not."""

    outcomes: tuple[Outcome, ...] = ("passed", "rejected", "failed")
    unjudged = True
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each prompt."""
        for group in by_prompt(answers, making):
            labels: dict[str, list[Shown]] = {}
            for shown in group:
                label = _label(shown.answer, making.fields)
                if label is None:
                    making.ledger.dropped(shown.answer.id, "no label", f"fields: {', '.join(making.fields) or 'all'}")
                else:
                    labels.setdefault(label, []).append(shown)
            if labels:
                yield _record(labels, making)


def _label(answer: Answer, fields: tuple[str, ...]) -> str | None:
    """The label of an answer as text, as rows are counted by it; None where a field has no value.

    Of several predictors each has fields of its own; it is those of this step that count. Their order is not that of
    the outputs, which some adapters leave to the LM.
    """
    outputs = answer.step.outputs or {}
    names = fields or sorted(outputs.keys() - {REASONING})
    values = [outputs[name] for name in names if name in outputs]
    return None if not values or None in values else " / ".join(str(value) for value in values)


def _record(labels: dict[str, list[Shown]], making: Making) -> Record:
    """The most frequent label first, then by name; the first answer is one that gave it."""
    counts = Counter({label: len(found) for label, found in labels.items()})
    order = sorted(counts, key=lambda label: (-counts[label], label))
    same = [shown for label in order for shown in sorted(labels[label], key=lambda shown: shown.answer.id)]
    combine(same, making)
    first, of = same[0], counts.total()
    return Record(
        kind="soft",
        answers=tuple(shown.answer for shown in same),
        prompt=first.chat.prompt,
        completion=first.chat.completion,
        soft={label: counts[label] / of for label in order},
        tools=first.chat.tools,
        input_text=first.input_text,
        answer_text=text_of(first.chat.completion),
    )
