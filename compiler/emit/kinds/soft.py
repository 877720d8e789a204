"""Soft labels: a prompt, and how likely each label is by the answers of a weaker LM (arXiv 2312.09390)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ....records import Outcome
from ..record import REASONING, WHOLE, Answer, Record, text_of
from .base import Making, Shown, by_prompt, combine


@dataclass(frozen=True, slots=True)
class _Vote:
    """What an answer says: one label, or how likely each is, where its trace carries that (``synth --method weak``)."""

    shown: Shown
    label: str
    soft: Mapping[str, float] | None


class Soft:
    """A row a prompt: the share of each label among the answers, right or wrong, judged or not.

    Where traces carry soft labels, their mean is taken and plain answers to the prompt are left out: the soft labels
    may have been made of those. What a method itself refused is left out, such as a label that it was not sure of.
    """

    outcomes: tuple[Outcome, ...] = ("passed", "rejected", "failed")
    unjudged = True
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of each prompt."""
        for group in by_prompt(answers, making):
            votes = [vote for shown in group if (vote := _vote(shown, making)) is not None]
            soft = [vote for vote in votes if vote.soft is not None]
            if soft:
                for vote in votes:
                    if vote.soft is None:
                        making.ledger.dropped(vote.shown.answer.id, "plain answer", "others carry soft labels")
            if votes:
                yield _record(soft or votes, making)


def _vote(shown: Shown, making: Making) -> _Vote | None:
    answer, fields = shown.answer, making.fields
    refusal = next((v for v in answer.trace.verdicts if v.born and not v.passed and not v.error), None)
    if refusal is not None:
        making.ledger.dropped(answer.id, f"refused: {refusal.verifier}", refusal.feedback)
        return None
    names = _names(answer, fields)
    label = _label(answer, names)
    if label is None:
        making.ledger.dropped(answer.id, "no label", f"fields: {', '.join(fields) or 'all'}")
        return None
    return _Vote(shown, label, _carried(answer, names))


def _names(answer: Answer, fields: tuple[str, ...]) -> list[str]:
    """Fields of this step that make its label.

    Of several predictors each has fields of its own. Their order is not that of the outputs, which some adapters leave
    to the LM.
    """
    outputs = answer.step.outputs or {}
    return [name for name in fields or sorted(outputs.keys() - {REASONING}) if name in outputs]


def _label(answer: Answer, names: Sequence[str]) -> str | None:
    """The label of an answer as text, as rows are counted by it; None where a field has no value."""
    outputs = answer.step.outputs or {}
    values = [outputs[name] for name in names]
    return None if not values or None in values else " / ".join(str(value) for value in values)


def _carried(answer: Answer, names: Sequence[str]) -> Mapping[str, float] | None:
    """Soft labels that a trace carries for the field, adding up to 1; None where there are none that make sense."""
    later = answer.trace.steps[answer.index + 1 :] if answer.index != WHOLE else []
    if any(step.outputs and not step.outputs.keys().isdisjoint(names) for step in later):
        return None  # they are of the program's answer, and this is what it thought before
    about = answer.trace.meta.get("synth")
    given = about.get("soft") if isinstance(about, dict) and [about.get("field")] == list(names) else None
    if not isinstance(given, dict) or not given:
        return None
    if not all(isinstance(p, (int, float)) and 0 <= p <= 1 for p in given.values()):
        return None
    total = math.fsum(given.values())
    return {str(label): p / total for label, p in given.items() if p} if total else None


def _record(votes: Sequence[_Vote], making: Making) -> Record:
    """The likeliest label first, then by name; the first answer is one that gave it, if any did."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for vote in votes:
        for label, p in (vote.soft or {vote.label: 1.0}).items():
            parts[label].append(p)
    likely = {label: math.fsum(found) / len(votes) for label, found in parts.items()}
    order = sorted(likely, key=lambda label: (-likely[label], label))
    rank = {label: place for place, label in enumerate(order)}
    same = [vote.shown for vote in sorted(votes, key=lambda v: (rank.get(v.label, len(rank)), v.shown.answer.id))]
    combine(same, making)
    first = same[0]
    return Record(
        kind="soft",
        answers=tuple(shown.answer for shown in same),
        prompt=first.chat.prompt,
        completion=first.chat.completion,
        soft={label: likely[label] for label in order},
        tools=first.chat.tools,
        input_text=first.input_text,
        answer_text=text_of(first.chat.completion),
    )
