"""Options of ``steps``, and the scorers that they stand for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from pydantic import ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass

from ....errors import UsageError
from ....metrics.answers import Kind
from ....records import By
from ...verify.agree import Agree
from ...verify.judgments import Judgments
from ...verify.sheet import check_sheet
from ...verify.steps.labels import RESTS_ON, Neutral, Source
from ...verify.steps.rules import Name
from ...verify.steps.split import Split
from ...verify.steps.verifier import BoundSteps, Labeller, Steps
from .montecarlo import SHUFFLES
from .people import FromSheet
from .place import BenchPlace
from .prm import ByModel, Function, Model, Server, model_of
from .scorers import Majority, OfAnswer, OfSteps, Scorer
from .scores import Reduction
from .select import WRONG

if TYPE_CHECKING:
    import dspy

Labelling = Literal["rule", "judge", "rollouts", "people", "prm"]
"""Who labels steps."""

Scoring = Literal["rule", "judge", "rollouts", "people", "prm", "answer", "majority"]
"""Who scores attempts."""

OF_STEPS: Sequence[Labelling] = ("rule", "judge", "rollouts", "people", "prm")


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Options:
    """How attempts are labelled, scored and chosen.

    Attributes:
        n: Attempts to make at each seed. Default: those that the store has, whoever made them.
        by: Who labels the steps: ``rule``, ``judge`` (an LM), ``rollouts``, ``people`` or ``prm``. Default: the scorer
            where it looks at steps; without a scorer ``rule``.
        scorer: Who chooses the best attempt at each example: one of those, ``answer`` (an LM rates the whole answer) or
            ``majority`` (the votes for its answer). Default: nobody; then whatever has no wrong step passes.
        reduction: How the chances of the steps become a score: ``product``, ``min``, ``mean`` or ``last``.
        neutral: What a neutral step counts as: ``positive``, ``negative``, or left out (``skip``).
        min_score: What a score must reach besides.
        prm: A process reward model: the address of a server, ``module.py:name`` of a function, or the
            function itself; see ``prm``.
        threshold: Chance from which on a step is right, by a PRM or by soft rollouts.
        labels: By people: column of the data with labels of the steps.
        file: By people: sheet of traces with their labels; ``sheet`` writes one.
        base: By people: number of the first step in such a column.
        field: Output with the reasoning. Default: as the verifier ``steps`` finds it.
        split: How it is split into steps.
        rules: By rule: which.
        lm: LM that judges, completes or rates. Default: the first teacher, or the student.
        lm_args: Its settings.
        retries: How often it is asked again where it gave no judgment.
        rollouts: By rollouts: completions of each prefix.
        estimate: By rollouts: ``hard`` or ``soft``.
        max_steps: Solutions with more steps are not labelled.
        answer: Output with the answer, for votes and for ``scorer=answer``. Default: the last but ``reasoning``.
        normalize: What answers are the same, for votes.
        most: Attempts at one example that are looked at.
        held_out: Attempts at rows that the task holds out: ``drop`` leaves them alone, ``count`` scores them and counts
            them in the accuracies. None of them is kept.
        shuffles: Of the Monte-Carlo estimate of the best of N.
        sheet: .jsonl or .csv to write the attempts to that people should label next.
        ask: How many.
        wrong: Share of them that are to have a wrong answer.
        each: Most of one example.
    """

    n: int | None = Field(default=None, ge=1, le=10_000)
    by: Labelling | None = None
    scorer: Scoring | None = None
    reduction: Reduction = "product"
    neutral: Neutral = "positive"
    min_score: float | None = Field(default=None, ge=0, le=1)
    prm: Any = None
    threshold: float = Field(default=0.5, gt=0, le=1)
    labels: str | None = None
    file: Path | None = None
    base: Literal[0, 1] = 0
    field: str | None = None
    split: Split = "lines"
    rules: Sequence[Name] = Field(default=("arithmetic",), min_length=1)
    lm: Any = None
    lm_args: dict[str, Any] = Field(default_factory=dict)
    retries: int = Field(default=2, ge=0)
    rollouts: int = Field(default=8, ge=1, le=1000)
    estimate: Literal["hard", "soft"] = "hard"
    max_steps: int | None = Field(default=None, ge=1)
    answer: str | None = None
    normalize: Kind = "text"
    most: int = Field(default=1000, ge=1, le=10_000)
    held_out: Literal["drop", "count"] = "drop"
    shuffles: int = Field(default=SHUFFLES, ge=1, le=10_000)
    sheet: Path | None = None
    ask: int = Field(default=100, ge=1, le=100_000)
    wrong: float = Field(default=WRONG, ge=0, le=1)
    each: int | None = Field(default=None, ge=1)

    @field_validator("rules", mode="before")
    @classmethod
    def _several(cls, rules: Any) -> Any:
        return [rule.strip() for rule in rules.split(",")] if isinstance(rules, str) else rules

    @property
    def labeller(self) -> Labelling | None:
        """Who labels the steps; None where nobody does."""
        if self.by is not None:
            return self.by
        if self.scorer is None:
            return "rule"
        return next((kind for kind in OF_STEPS if kind == self.scorer), None)

    def at(self, folder: Path) -> Self:
        """The same with its files looked for in a folder, and what can be read or loaded read and loaded.

        Raises:
            UsageError: Something that was asked for is missing, or a file cannot be read or written.
        """
        paths = {name: folder / path for name in ("file", "sheet")
                 if (path := getattr(self, name)) is not None}  # fmt: skip
        made = replace(self, **paths)
        asked = {made.labeller, made.scorer}
        if "prm" in asked and made.prm is None:
            hint = "Give --set prm=http://localhost:8000/score, or --set prm=module.py:name."
            raise UsageError("there is no PRM to ask", hint=hint)
        if "people" in asked and (made.labels is None) == (made.file is None):
            hint = "Give --set labels=COLUMN of the data, or --set file=SHEET that people filled in."
            raise UsageError("labels of people come from a column or from a sheet, one of the two", hint=hint)
        if made.sheet is not None:
            check_sheet(made.sheet, "--set sheet=")
        made.judgments, made.model  # noqa: B018  # reads the file, loads the function
        return made

    @cached_property
    def judgments(self) -> Judgments | None:
        """What people wrote into the sheet, read once."""
        return None if self.file is None else Judgments(self.file, threshold=0.0)

    @cached_property
    def model(self) -> Model | None:
        """The PRM, loaded once."""
        if self.prm is None or isinstance(self.prm, Function | Server):
            return self.prm
        return model_of(self.prm) if isinstance(self.prm, str) else Function(_name(self.prm), self.prm)

    @cached_property
    def agree(self) -> Agree:
        """What makes two answers the same."""
        return Agree(field=self.answer, normalize=self.normalize)


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def scorer_of(kind: Scoring, options: Options, program: dspy.Module, place: BenchPlace, limit: int) -> Scorer:
    """Make a scorer.

    Args:
        kind: Which.
        options: Its options.
        program: See ``scorers.programs``.
        place: Where it works.
        limit: Attempts that it looks at at once.

    Raises:
        UsageError: It cannot work on this task.
    """
    gate = asyncio.Semaphore(limit)
    if kind == "majority":
        return Majority(options.agree)
    if kind == "answer":
        return OfAnswer(
            place, program.rate, options.answer, options.lm, options.lm_args, options.retries, gate
        )  # fmt: skip
    by: By = "model" if kind == "prm" else RESTS_ON[kind]
    return OfSteps(_bound(kind, options, program, place), by, options.reduction, options.neutral, gate)


def _bound(kind: Labelling, options: Options, program: dspy.Module, place: BenchPlace) -> BoundSteps:
    """The verifier ``steps`` as it splits and labels; who labels may be one that it does not know."""
    own: Labeller | None = None
    if kind == "prm" and options.model is not None:
        own = ByModel(options.model, options.neutral, options.threshold)
    elif kind == "people" and options.judgments is not None:
        own = FromSheet(options.judgments)
    elif kind == "judge":
        from ...verify.steps.judge import ByJudge  # loads dspy

        own = ByJudge(options.lm, options.lm_args, options.retries, program.judge)
    known = "rule" if own is not None and kind != "judge" else kind  # an LM is asked of so many steps at most
    steps = _steps(options, cast("Source", known))
    return steps.bind(place) if own is None else BoundSteps(steps, place, own)


def splitter(options: Options, place: BenchPlace) -> BoundSteps:
    """What splits a trace as those do who label its steps."""
    return _steps(options, "rule").bind(place)


def _steps(options: Options, by: Source) -> Steps:
    return Steps(
        by=by, field=options.field, split=options.split, rules=options.rules, lm=options.lm, lm_args=options.lm_args,
        retries=options.retries, rollouts=options.rollouts, estimate=options.estimate, threshold=options.threshold,
        labels=options.labels, base=options.base, max_steps=options.max_steps,
    )  # fmt: skip
