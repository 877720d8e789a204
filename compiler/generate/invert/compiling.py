"""The backward program as a task of its own, so that ``limbeck compile`` finds prompts that lead back more often.

Its rows are calls as ``invert`` makes them, with no gold answer: an input is good where ``invert`` would keep it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....records import Example, Json, Trace, Usage, Verdict, fingerprint
from ....signatures.examples import coerce_examples
from ....signatures.fingerprint import program_fingerprint
from ....signatures.metric import Judge
from ....signatures.program import base_candidate
from ....signatures.task import Task
from ...verify.base import ASKING, Answer, Place
from ..labels import members
from .leaks import Mode, leaks
from .quotas import by_label, label_field
from .survey import Shown, Survey, counted
from .writing import INSTRUCTIONS, NoInputError, Writing, writer

if TYPE_CHECKING:
    import dspy


def backward(
    task: Task, train: Sequence[Any], test: Sequence[Any], *, forward: dspy.Module | None = None, calls: int = 4,
    leak: Mode = "phrase", seed: int = 0,
) -> Task:  # fmt: skip
    """The program that writes inputs for a task, as a task: it passes where the input leads back.

    Args:
        task: The task to write inputs for, with a metric; its output has to be a label.
        train: Rows of it, whose inputs stand in the prompts to learn from and to choose by.
        test: Other rows, for the prompts to prove the gain on.
        forward: Program that predicts; default: the task's. It runs with the LM that is compiled for.
        calls: Prompts for each label: as many to learn from, half as many to choose by, as many to prove by.
        leak: See ``Invert.leak``.
        seed: Of the draw of rows for prompts.

    Raises:
        UsageError: The task has no label.
    """
    drawn = _calls(task, train, calls + calls // 2, f"{seed}/train")
    of_train = [row for row in drawn if row["number"] < calls]
    trip = RoundTrip(task, forward or task.program, leak, frozenset(_ids(task, [*train, *test])))
    return Task(
        writer(), verifiers=[trip], train=of_train, val=[row for row in drawn if row["number"] >= calls],
        test=_calls(task, test, calls, f"{seed}/test"), name=f"{task.name or 'task'}-backward",
    )  # fmt: skip


def _ids(task: Task, rows: Sequence[Any]) -> list[str]:
    return [example.input_id for example in _read(task, rows)]


def _read(task: Task, rows: Sequence[Any]) -> list[Example]:
    return coerce_examples(rows, inputs=task.input_names, types=task.example_types, optional=task.optional_inputs)


def _calls(task: Task, rows: Sequence[Any], each: int, seed: str) -> list[Json]:
    """What the backward program is called with, so many times for each label."""
    name, writing = label_field(task, None), Writing(task)
    known = members(task.output_fields[name])
    survey = Survey(name, known, 0)
    survey.read(_read(task, rows), task.output_fields, writing.shown)
    made = []
    for target in by_label(name, task.output_fields[name], dict.fromkeys(counted(survey, known), each)):
        for number in range(each):
            rng = random.Random(f"{seed}/{target.name}/{number}")
            same, others = survey.draw(target.name, rng, 3, 3)
            row = {"wanted": target.outputs, "number": number, "shown": [seed.text for seed in (*same, *others)]}
            made.append({**writing.inputs(target, same, others), **row})
    return made


@dataclass(frozen=True)
class RoundTrip:
    """Verifier of the backward program: the input can be used, gives nothing away, is new, and leads back.

    Attributes:
        task: The task that inputs are written for.
        forward: Program that predicts from them.
        leak: What counts as a leak.
        known: Ids of inputs that there are.
    """

    task: Task
    forward: dspy.Module
    leak: Mode
    known: frozenset[str] = frozenset()
    name: str = "round_trip"
    tier: int = ASKING
    grouped: bool = False

    @property
    def fingerprints(self) -> Sequence[str]:
        """Version by the forward program and all that decides."""
        forward = program_fingerprint(self.forward), base_candidate(self.forward).id
        return [fingerprint(self.name, 2, *forward, self.leak, sorted(self.known))]

    def calls(self, rollout: float) -> float:
        """One prediction."""
        return rollout

    def bind(self, place: Place) -> _Bound:
        """Make the one that works in a run."""
        return _Bound(self, place)


@dataclass
class _Bound:
    declared: RoundTrip
    place: Place
    tier: int = ASKING
    grouped: bool = False

    def __post_init__(self) -> None:
        task = self.declared.task
        self.name, self.fingerprints = self.declared.name, self.declared.fingerprints
        self._writing, self._judge = Writing(task, 4_000), Judge(task)

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Judge an input.

        Raises:
            Stop: The budget has no room for the prediction.
        """
        wanted = example.labels["wanted"]
        try:
            inputs = self._inputs(trace, example, wanted)
        except NoInputError as error:
            return [self._said(f"{error.rule}: {error}" if str(error) else error.rule, passed=False)]
        answer = await self.place.ask(self.declared.forward, inputs)
        if answer.prediction is None:
            return [self._said("no prediction", passed=False, usage=answer.usage)]
        verdict = await self._judge.judge(Example(inputs, wanted), answer.prediction)
        told = f"it leads to {answer.prediction}"
        return [self._said(told, passed=verdict.passed, error=verdict.error, usage=answer.usage)]

    async def aclose(self) -> None:
        """Nothing is open."""

    def _inputs(self, trace: Trace, example: Example, wanted: Json) -> Json:
        declared = self.declared
        shown = [Shown("an example", text, "") for text in example.labels["shown"]]
        answer = Answer(trace.prediction, None, None, Usage(), trace.lm)
        inputs = self._writing.read(answer, shown, INSTRUCTIONS)
        if leaks(self._writing.shown(inputs), wanted, declared.leak):
            raise NoInputError("gives the output away")
        if Example(inputs).input_id in declared.known:
            raise NoInputError("input known already")
        return inputs

    def _said(self, feedback: str, *, passed: bool, **known: Any) -> Verdict:
        return Verdict(self.name, passed, feedback=feedback, fingerprint=self.fingerprints[0], **known)
