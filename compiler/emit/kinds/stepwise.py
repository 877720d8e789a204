"""Stepwise: a problem, steps of reasoning, and whether each is right (process reward models).

Steps and labels are those that the verifier ``steps`` found, up to the first wrong one: what follows a wrong step is
labelled neither right nor wrong (Let's Verify Step by Step, arXiv 2305.20050, section 2.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, cast, get_args

from ....records import Outcome, Trace
from ..record import WHOLE, Answer, LabelledStep, Record, StepLabel
from ..render import value_text
from .base import Making, rendered


class Stepwise:
    """A row a trace whose steps are labelled, with the prompt of the predictor that wrote them."""

    outcomes: tuple[Outcome, ...] = ("passed", "rejected")
    unjudged = False
    raw = False

    def __call__(self, answers: list[Answer], making: Making) -> Iterator[Record]:
        """A record of the answer of each trace that has the labelled steps in it."""
        for _, same in groupby(answers, key=lambda answer: answer.trace.id):
            group = list(same)
            steps = labelled(group[0].trace)
            author = _author(group, steps) if steps else None
            for answer in group:
                if answer is not author:
                    why = "they are another predictor's" if steps else "no verdict has any"
                    making.ledger.dropped(answer.id, "no labelled steps", why)
            for shown in rendered([author] if author else [], making):
                yield Record(
                    kind="stepwise",
                    answers=(shown.answer,),
                    prompt=shown.chat.prompt,
                    steps=steps,
                    neutral=making.neutral,
                    tools=shown.chat.tools,
                    known=shown.answer.trace.example.labels,
                    columns=shown.columns if making.failures else {},
                    input_text=shown.input_text,
                    answer_text="\n".join(step.text for step in steps),
                )


def labelled(trace: Trace) -> list[LabelledStep]:
    """Labelled steps of a trace up to the first wrong one, of the first verdict that has any; else none."""
    for verdict in trace.verdicts:
        steps = _steps(verdict.evidence.get("steps"))
        if steps:
            return steps
    return []


def _steps(found: Any) -> list[LabelledStep]:
    steps: list[LabelledStep] = []
    for item in found if isinstance(found, list) else ():
        text, label = (item.get("text"), item.get("label")) if isinstance(item, dict) else (None, None)
        if not isinstance(text, str) or label not in get_args(StepLabel):
            return []
        steps.append(LabelledStep(text, cast(StepLabel, label)))
        if label == "negative":
            break
    return steps


def _author(answers: list[Answer], steps: list[LabelledStep]) -> Answer | None:
    """The answer that the steps are in; the last one, as the verifier takes it."""
    if answers[0].index == WHOLE or len(answers[0].trace.steps) == 1:
        return answers[0]
    texts = ["".join(step.text.split()) for step in steps]
    for answer in reversed(answers):
        said = "".join(value_text(answer.step.outputs).split())
        if all(text in said for text in texts):
            return answer
    return None
