"""``invert``: the output first, then an input that leads to it (SynthIE: Josifoski et al. 2023, arXiv 2303.04132).

LMs that cannot do a task well can often do it backwards: it is easier to write what a customer says who wants a refund
than to tell what a customer wants. So outputs come first, as many of each as the user wants (quotas), which is how the
paper evens out a skewed distribution; an LM writes an input for each; and that is kept where

1. it does not give the output away (see ``leaks``),
2. an independent prediction, by the task's program, which sees the input alone, gives the output back: the task's
   metric says whether it does, or equality where there is none.

What was refused is asked for again, label by label, until every quota is met, the budget is used up, or nothing came of
``patience`` attempts in a row at one label. A label never gets more than its quota, and no more is asked for than is
missing; the rest depends on seeds, answers and the random seed alone.

Where this differs from the paper: outputs are the user's quotas, and not walks through a knowledge graph; leak check,
round trip and refill are not in it, as it filters by hand-made rules; the prompts are our own words. A prompt shows a
few seeds of the same output and of others, drawn anew for every attempt, so that what is written differs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import field as attribute
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass

from ....errors import UsageError
from ....records import Json
from ..base import Bench, Dropped, Made
from ..labels import members
from .leaks import Mode
from .quotas import Target, by_label, evenly, from_file, label_field, like, parse_quotas, read_quotas
from .refill import Refill
from .survey import Survey, counted
from .writing import Writing, writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dspy

_WAYS = "Give one of --set quotas=LABEL=40,LABEL=20, per_label=40, target=even with --rows, and outputs=FILE.jsonl."


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Invert:
    """Write inputs for outputs.

    Attributes:
        quotas: How many inputs for each label: numbers by label, ``billing=40,refunds=20``, or a JSON or YAML file.
        per_label: As many for every label of the output.
        target: ``--rows`` inputs so that the labels of seeds and new rows together are ``even``, or distributed as
            in the ``data``. Without any other, ``even``.
        outputs: File of outputs that are no labels, or not only: a row each, with a ``count``.
        field: Output that labels are of; default: the only one that has few values, or the only one.
        leak: How much of an output in the input is a leak: ``exact``, ``phrase``, ``words`` or ``off``.
        natural: Share of a label's seeds from which on a form of leak is how people write, and the next milder mode
            is taken for this label.
        same: Seeds of the same label in a prompt.
        others: Seeds of other labels in it.
        patience: Attempts in a row at a label of which nothing came, after which it is given up.
        longest: Characters of an input at most; default: four times the longest seed, or 400 where that is more.
        lm: LM that writes; default: the first teacher, which also predicts. With another one the prediction is more
            independent.
    """

    name: ClassVar[str] = "invert"
    judges: ClassVar[bool] = True

    quotas: dict[str, int] | Path | None = None
    per_label: int | None = Field(default=None, ge=1)
    target: Literal["even", "data"] | None = None
    outputs: Path | None = None
    field: str | None = None
    leak: Mode = "phrase"
    natural: float = Field(default=0.05, ge=0, le=1)
    same: int = Field(default=3, ge=0)
    others: int = Field(default=3, ge=0)
    patience: int = Field(default=20, ge=1)
    longest: int | None = Field(default=None, ge=1)
    lm: Any = None
    program: Any = attribute(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.program: dspy.Module = writer()
        self._work: Refill | None = None

    @field_validator("quotas", mode="before")
    @classmethod
    def _reads(cls, given: object) -> object:
        return None if given is None else parse_quotas(given)

    def at(self, folder: Path) -> Invert:
        """Itself, with its files looked for in a folder, and the quotas read.

        Raises:
            DataError: They cannot be.
        """
        if isinstance(self.quotas, Path):
            self.quotas = read_quotas(folder / self.quotas)
        if self.outputs is not None:
            self.outputs = folder / self.outputs
        return self

    @property
    def notes(self) -> Json:
        """Wanted and kept inputs of each label, and the share of what was asked for that was refused."""
        return self._work.notes() if self._work is not None else {}

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """Write inputs, round by round, until the quotas are met.

        Raises:
            UsageError: There are no quotas, or none that fit the task.
            DataError: The file of outputs cannot be read, or does not fit.
            Stop: The budget has no room for what is asked, or no LM call can succeed.
        """
        writing = Writing(bench.task)
        survey, targets = self._plan(bench, writing)
        writing.longest = survey.limit(self.longest)
        self._work = work = Refill(bench, self, writing, survey)
        async for item in work.run(targets):
            yield item

    def _plan(self, bench: Bench, writing: Writing) -> tuple[Survey, Iterator[Target]]:
        ways = {"quotas": self.quotas, "per_label": self.per_label, "target": self.target, "outputs": self.outputs}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"--set {' and '.join(given)} say each what is wanted", hint=_WAYS)
        task = bench.task
        if self.outputs is not None:
            for _ in from_file(self.outputs, task):
                pass  # what cannot be read is told before anything is asked
            survey = Survey(None, None, bench.seed)
            survey.read(bench.seeds, task.output_fields, writing.shown)
            return survey, from_file(self.outputs, task)
        name = label_field(task, self.field)
        known = members(task.output_fields[name])
        survey = Survey(name, known, bench.seed)
        survey.read(bench.seeds, task.output_fields, writing.shown)
        return survey, iter(by_label(name, task.output_fields[name], self._numbers(bench, known, survey)))

    def _numbers(self, bench: Bench, known: Json | None, survey: Survey) -> dict[str, int]:
        """How many of each label."""
        if isinstance(self.quotas, Path):
            return read_quotas(self.quotas)
        if self.quotas is not None:
            return self.quotas
        before = counted(survey, known)
        if not before:
            hint = "Name them: --set quotas=LABEL=40,LABEL=20, or give --data with labelled rows."
            raise UsageError(f"nothing tells which labels {survey.name} has", hint=hint)
        if self.per_label is not None:
            return dict.fromkeys(before, self.per_label)
        if bench.wanted is None:
            raise UsageError("nothing says how many inputs are wanted", hint=_WAYS)
        return like(before, bench.wanted) if self.target == "data" else evenly(before, bench.wanted)
