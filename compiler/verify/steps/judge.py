"""Labels by an LM that reads one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import dspy

from ....records import Json, Usage
from ..asking import DATA, NoJudgmentError, ask, check_reason, shown
from ..base import Answer
from .labels import Case, Label, Labels, Unlabelled

_RULES = f"""Judge the next step of a solution, given the task and the steps before it, which are right.

A step is positive if it is right and gets closer to the solution; neutral if nothing in it is wrong, but it makes no
progress; negative if anything in it is wrong: a calculation, a conclusion, a misread fact. Judge this step alone, not
how the solution will end. First give the reason, in words of your own, then the label.

{DATA}"""


class JudgeStep(dspy.Signature):  # type: ignore[misc]  # DSPy ships no types
    """A step of a solution, and a reason and a label for it."""

    question: str = dspy.InputField(desc="the task that is solved")
    steps_before: str = dspy.InputField(desc="the steps so far")
    step: str = dspy.InputField(desc="the next step, which is judged")
    reason: str = dspy.OutputField(desc="why the step is right, makes no progress, or is wrong")
    label: Literal["positive", "neutral", "negative"] = dspy.OutputField()


@dataclass(frozen=True)
class ByJudge:
    """Asks an LM for a reason and a label of each step, up to the first negative one.

    Attributes:
        program: What is asked, such as a compiled one; None for that of ``judging``.
    """

    lm: Any
    lm_args: Json
    retries: int
    program: dspy.Module | None = None

    async def __call__(self, case: Case) -> Labels:
        """Label the steps.

        Raises:
            Unlabelled: The judge refused, repeated what it was given, or gave no label.
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        program, labels, usage = self.program or judging(), Labels(), Usage()
        for n, step in enumerate(case.steps):
            inputs = {"question": shown(case.example.inputs), "steps_before": _before(case.steps[:n]), "step": step}
            read = partial(_read, given=tuple(inputs.values()))
            asked = await ask(case.place, program, inputs, read, lm=self.lm, lm_args=self.lm_args, retries=self.retries)
            usage += asked.usage
            if asked.value is None:
                raise Unlabelled(f"step {n + 1}: {asked.why}", final=asked.final, usage=usage)
            labels.lm = asked.lm
            label, reason = asked.value
            if not labels.add(step, label, why=reason):
                break
        labels.usage = usage
        return labels


def judging() -> dspy.Module:
    """The predictor that is asked of each step."""
    return dspy.Predict(JudgeStep.with_instructions(_RULES))


def _before(steps: Sequence[str]) -> str:
    return "\n".join(steps) or "(none: this is the first step)"


def _read(answer: Answer, given: tuple[str, ...]) -> tuple[Label, str]:
    values = answer.prediction or {}
    label: Label | None = values.get("label")
    if label is None or label not in get_args(Label):
        raise NoJudgmentError(f"the label {label!r} is none of {', '.join(get_args(Label))}")
    reason = check_reason(str(values.get("reason") or ""), answer, given, "label")
    return label, reason
