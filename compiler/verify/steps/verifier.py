"""The verifier ``steps``: splits, labels, reduces, decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass as plain_dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ....errors import UsageError
from ....records import Example, Json, Step, Trace, Verdict, fingerprint
from ....signatures.fields import output_fields
from ....signatures.values import clip
from ..asking import as_text, lm_version, shown
from ..base import ASKING, QUICK, ROLLING, Place
from .equations import Tolerance
from .labels import RESTS_ON, Case, Labels, Neutral, Reduction, Source, Unlabelled
from .people import FromColumn
from .rules import ByRule, Name
from .split import Split, split_text

VERSION = 1

REASONING = "reasoning"
_STEPS = 8  # that a solution has, to forecast with
_TIERS = {"rule": QUICK, "people": QUICK, "judge": ASKING, "rollouts": ROLLING}

Labeller = Callable[[Case], Awaitable[Labels]]
"""Labels the steps of a case up to the first negative one, or raises Unlabelled."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Steps:
    """Label the steps of the reasoning; a trace with a wrong step is refused, however right its answer is.

    Attributes:
        by: Who labels: ``rule``, ``judge`` (an LM), ``rollouts`` (completions from each prefix), ``people`` (a column).
        field: Output with the reasoning, a text or a list of steps. Default: ``reasoning`` where the prediction or a
            predictor has it, else the last output.
        split: How a text is split: ``lines``, ``numbered``, ``sentences``; ``predictors`` takes the program's own
            predictor calls as steps.
        reduction: How the steps' chances of being right become the score of the solution: ``product``, ``min`` or
            ``last``.
        neutral: What a neutral step counts as there: ``positive``, as in Let's Verify; ``negative``, as TRL reads
            PRM800K; ``skip`` leaves it out.
        min_score: Score from which on a trace passes. Default: it passes if no step is negative.
        rules: By rule: ``arithmetic`` (every equation of numbers is right), ``game24``, ``order``, ``brackets``,
            ``swaps``.
        rounded: By ``arithmetic``: whether the last decimal of a result may be rounded or cut.
        tolerance: By ``arithmetic``: what a result may be off besides, relative.
        lm: LM that judges or completes; default: the one that the program runs with.
        lm_args: Its settings.
        retries: By judge: how often to ask again where an answer is no judgment.
        rollouts: By rollouts: completions of each prefix.
        estimate: By rollouts: ``hard``, a step is right if any completion is; ``soft``, by their share.
        threshold: By ``soft`` rollouts: share from which on a step is right.
        labels: By people: column with the labels, or with the number of the first wrong step.
        base: By people: number of the first step, 0 or 1.
        max_steps: Solutions with more steps are not judged. Default: 100 where an LM is asked, else no limit.
        name: Name of the verdict.
    """

    grouped: ClassVar[bool] = False

    by: Source = "rule"
    field: str | None = None
    split: Split = "lines"
    reduction: Reduction = "product"
    neutral: Neutral = "positive"
    min_score: float | None = Field(default=None, ge=0, le=1)
    rules: Sequence[Name] = Field(default=("arithmetic",), min_length=1)
    rounded: bool = True
    tolerance: float = Field(default=1e-12, ge=0, lt=1)
    lm: Any = None
    lm_args: dict[str, Any] = Field(default_factory=dict)
    retries: int = Field(default=2, ge=0)
    rollouts: int = Field(default=8, ge=1, le=1000)
    estimate: Literal["hard", "soft"] = "hard"
    threshold: float = Field(default=0.5, gt=0, le=1)
    labels: str | None = None
    base: Literal[0, 1] = 0
    max_steps: int | None = Field(default=None, ge=1)
    name: str = Field(default="steps", min_length=1)

    @property
    def tier(self) -> int:
        """By who labels."""
        return _TIERS[self.by]

    @property
    def fingerprints(self) -> Sequence[str]:
        """Version by everything that decides the labels and what is made of them."""
        own: dict[Source, Json] = {
            "rule": {"rules": list(self.rules), "rounded": self.rounded, "tolerance": self.tolerance},
            "judge": {"lm": lm_version(self.lm, self.lm_args), "retries": self.retries},
            "rollouts": {
                "lm": lm_version(self.lm, self.lm_args), "rollouts": self.rollouts, "estimate": self.estimate,
                "threshold": self.threshold,
            },
            "people": {"labels": self.labels, "base": self.base},
        }  # fmt: skip
        decided = [self.field, self.split, self.reduction, self.neutral, self.min_score, self.most]
        return [fingerprint("steps", VERSION, self.name, self.by, own[self.by], *decided)]

    def calls(self, rollout: float) -> float:
        """LM calls for a solution of eight steps; how many a trace has is not known before there is one."""
        return {"judge": _STEPS, "rollouts": (_STEPS - 1) * self.rollouts}.get(self.by, 0)

    @property
    def most(self) -> int | None:
        """Most steps that are judged."""
        return 100 if self.max_steps is None and self.by in ("judge", "rollouts") else self.max_steps

    def bind(self, place: Place) -> BoundSteps:
        """Make the one that works.

        Raises:
            UsageError: What the labels come from is missing: a column, or a metric for rollouts.
        """
        if self.by == "people" and self.labels is None:
            hint = f'Name it: Steps(by="people", labels="labels"), or --verifier-arg {self.name}:labels=COLUMN.'
            raise UsageError("steps labelled by people need a column with the labels", hint=hint)
        if self.by == "rollouts" and place.task.metric is None:
            hint = "Give the task a metric, or label the steps by a judge."
            raise UsageError("steps labelled by rollouts need a metric that says which answers are right", hint=hint)
        return BoundSteps(self, place, self._labeller())

    def _labeller(self) -> Labeller:
        if self.by == "rule":
            return ByRule(self.rules, Tolerance(self.rounded, self.tolerance))
        if self.by == "people":
            return FromColumn(self.labels or "", self.base)
        if self.by == "judge":
            from .judge import ByJudge  # these two load dspy

            return ByJudge(self.lm, self.lm_args, self.retries)
        from .rollouts import ByRollouts

        return ByRollouts(self.rollouts, self.estimate, self.threshold, self.lm, self.lm_args)


@plain_dataclass(frozen=True)
class BoundSteps:
    """``Steps`` at work in a place."""

    steps: Steps
    place: Place
    labeller: Labeller
    grouped: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name of the verdict."""
        return self.steps.name

    @property
    def tier(self) -> int:
        """By who labels."""
        return self.steps.tier

    @property
    def fingerprints(self) -> Sequence[str]:
        """One version: there is one verdict."""
        return self.steps.fingerprints

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Label the steps of a trace and decide."""
        try:
            field, texts = self.texts(trace)
            labels = await self.labeller(Case(texts, field, trace, example, self.place))
        except Unlabelled as problem:
            return [self._verdict(False, error=str(problem), final=problem.final, usage=problem.usage)]
        return [self._judged(labels, len(texts))]

    async def aclose(self) -> None:
        """Nothing is open."""

    def texts(self, trace: Trace) -> tuple[str, list[str]]:
        """The field that is judged and its steps.

        Raises:
            Unlabelled: There are none, or too many.
        """
        if self.steps.split == "predictors":
            field, texts = self.steps.field or "", [_call(step) for step in trace.steps]
        else:
            field, value = self._value(trace)
            texts = _listed(value) if isinstance(value, list) else split_text(as_text(value), self.steps.split)
        if not texts:
            raise Unlabelled(f"there are no steps in {field!r}" if field else "the trace has no predictor calls")
        if self.steps.most is not None and len(texts) > self.steps.most:
            raise Unlabelled(f"there are {len(texts)} steps, more than max_steps={self.steps.most}")
        return field, texts

    def _value(self, trace: Trace) -> tuple[str, Any]:
        prediction = trace.prediction or {}
        name = self.steps.field
        for wanted in [name] if name is not None else [REASONING, *self._outputs(prediction)]:
            if wanted in prediction:
                return wanted, prediction[wanted]
            for step in reversed(trace.steps):
                if step.outputs and wanted in step.outputs:
                    return wanted, step.outputs[wanted]
        known = ", ".join(prediction) or "none"
        raise Unlabelled(f"neither the prediction nor a predictor has an output {name or REASONING!r}; it has {known}")

    def _outputs(self, prediction: Json) -> list[str]:
        """Outputs of the prediction, the last one first; in the order of the program, as stored ones are sorted."""
        order = list(output_fields(self.place.task.program))
        return sorted(prediction, key=lambda name: (order.index(name) if name in order else -1, name), reverse=True)

    def _judged(self, labels: Labels, of: int) -> Verdict:
        steps = self.steps
        score = labels.score(steps.reduction, steps.neutral)
        wrong = labels.first_negative
        passed = wrong is None if steps.min_score is None else score is not None and score >= steps.min_score
        evidence = {
            **labels.evidence(of), "reduction": steps.reduction, "neutral": steps.neutral, "by": steps.by,
        }  # fmt: skip
        if labels.lm is not None:
            evidence |= {"lm": labels.lm, "is_student": labels.lm == self.place.student}
        said = self._feedback(labels, score, passed=passed)
        return self._verdict(passed, score=score, feedback=said, evidence=evidence, usage=labels.usage)

    def _feedback(self, labels: Labels, score: float | None, *, passed: bool) -> str:
        wrong = labels.first_negative
        if wrong is not None:
            step = labels.steps[wrong]
            return f'Step {wrong + 1} is wrong: "{clip(step.text, 200)}". {step.why}'.strip()
        if not passed:
            if score is None:
                return "No step could be told right or wrong."
            return f"The steps score {score:.3g} ({self.steps.reduction}), below {self.steps.min_score:g}."
        right = sum(step.label == "positive" for step in labels.steps)
        return f"No wrong step was found: of {len(labels.steps)}, {right} are right, the others neutral."

    def _verdict(self, passed: bool, **more: Any) -> Verdict:
        return Verdict(self.name, passed=passed, fingerprint=self.fingerprints[0], by=RESTS_ON[self.steps.by], **more)


def _listed(value: list[Any]) -> list[str]:
    return [text for item in value if (text := as_text(item).strip())]


def _call(step: Step) -> str:
    """A predictor call as a step: what it gave, or why it gave nothing."""
    outputs = shown(step.outputs) if step.outputs else f"(failed: {step.error})"
    return f"{step.predictor}: {outputs}" if step.predictor else outputs
