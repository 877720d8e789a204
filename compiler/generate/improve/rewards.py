"""What the attempts at one input came to, and what that says of their steps, as verdicts that are kept with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ....records import METRIC, By, Json, Trace, Verdict
from ...keep.level import CHECK
from ...verify.actions import actions_of, outputs_of
from ...verify.asking import as_text
from ...verify.steps.labels import Label, Labels
from ...verify.steps.split import Split
from ..base import born
from .credit import Attempt, Credit, Tree

Way = Literal["off", "lines", "numbered", "sentences", "predictors"]
"""How traces are split into steps; ``off``: they are not."""

_MOST = 1000  # steps of a trace that get credit


def reward_of(trace: Trace) -> float:
    """What a trace came to: the metric's score, else an environment's reward, else 1 where it was kept.

    A failed trace came to 0, and so did one that a verifier beside these refused.
    """
    if trace.outcome == "failed":
        return 0.0
    if any(verdict.verifier == METRIC for verdict in trace.verdicts):
        return trace.score
    given = _environment(trace)
    others = all(verdict.passed for verdict in trace.verdicts if verdict is not given)
    return given.score if given is not None and given.score is not None and others else trace.score


@dataclass(frozen=True)
class Crediting:
    """How steps get their credit.

    Attributes:
        split: How traces are split into steps.
        field: Output with the steps; default: the reasoning, else the last output.
        sure: Attempts that took a step, with no success among them, from which on it counts as wrong.
        outputs: Outputs of the program, in its order.
    """

    split: Way
    field: str | None
    sure: int
    outputs: Sequence[str]

    def __call__(self, traces: Sequence[Trace]) -> list[list[Verdict]]:
        """Verdicts for each of the attempts at one input: one where it has several steps, else none."""
        if self.split == "off":
            return [[] for _ in traces]
        steps = [self._steps(trace, self.split) for trace in traces]
        known = [n for n, trace in enumerate(traces) if steps[n] and trace.outcome != "failed"]
        credit = Tree([_attempt(traces[n], steps[n]) for n in known]).credit()
        success = Tree([Attempt(steps[n], float(traces[n].outcome == "passed")) for n in known])
        found: list[list[Verdict]] = [[] for _ in traces]
        for n, each in zip(known, credit, strict=True):
            if len(each) > 1:
                reached = [value > 0 for value in success.values(steps[n])]
                found[n] = [self._verdict(traces[n], steps[n], each, reached)]
        return found

    def _steps(self, trace: Trace, split: Split) -> list[str]:
        names = [self.field] if self.field is not None else outputs_of(trace, self.outputs, reasoning=True)
        return [as_text(step) for step in actions_of(trace, names, split)[:_MOST]]

    def _verdict(self, trace: Trace, steps: Sequence[str], each: Sequence[Credit], reached: Sequence[bool]) -> Verdict:
        labels = Labels()
        for at, (step, credit) in enumerate(zip(steps, each, strict=True)):
            label = self._label(credit, reached=reached[at], last=at == len(steps) - 1)
            score = credit.value if label != "neutral" and 0 <= credit.value <= 1 else None
            if not labels.add(step, label, score, f"best that followed: {credit.value:g}, of {credit.visits}"):
                break
        by, judge = _rests_on(trace)
        # Labels that the task's own verifier has given are better, and an export takes the first that it finds.
        labelled = any("steps" in verdict.evidence for verdict in trace.verdicts if not verdict.born)
        told = [{"value": c.value, "target": c.target, "gained": c.gained, "visits": c.visits} for c in each]
        return born(
            "credit",
            passed=True,
            by=by,
            evidence={**({} if labelled else labels.evidence(len(steps))), "credit": told, **judge},
        )

    def _label(self, credit: Credit, *, reached: bool, last: bool) -> Label:
        """Right where an attempt got there by it; wrong where it is the end, or where enough did not; else unknown."""
        if reached:
            return "positive"
        return "negative" if last or credit.visits >= self.sure else "neutral"


def _attempt(trace: Trace, steps: Sequence[str]) -> Attempt:
    """With a reward for each step, where the environment gave one for each of just these and nobody else judged."""
    given = _environment(trace)
    each = [] if given is None else given.evidence.get("rewards")
    whole = reward_of(trace)
    if given is not None and isinstance(each, list) and len(each) == len(steps) and whole == given.score:
        return Attempt(steps, 0.0, each)
    return Attempt(steps, whole)


def _environment(trace: Trace) -> Verdict | None:
    return next((verdict for verdict in trace.verdicts if verdict.by == "environment" and not verdict.born), None)


def _rests_on(trace: Trace) -> tuple[By, Json]:
    """What credit rests on: what the reward rests on, so that it changes no level."""
    said = [v for v in trace.verdicts if not v.born and not v.verifier.startswith(CHECK) and v.by != "people"]
    if not said:
        return "rule", {}
    return said[-1].by, {key: said[-1].evidence[key] for key in ("lm", "is_student") if key in said[-1].evidence}
