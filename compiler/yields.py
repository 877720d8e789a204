"""What a synthesis came to: how much of what was asked for was kept, what it cost, and how different it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..records import Example, Json, Trace, Usage
from . import results
from .emit.record import REASONING
from .generate.base import Dropped, Made
from .generate.diversity import Sample, diversity
from .results import Result, Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..signatures.task import Task

_FEW = 200  # different values up to which an output counts as a label
_SURELY = 20  # up to which it does even where most of them stand there once
_SHORT = 80  # characters of a label at most


@dataclass(frozen=True, repr=False)
class Synthesized(Result):
    """What a synthesis came to: ``asked = eliminated + generated`` and ``generated = kept + rejected + failed``.

    Attributes:
        task: Name of the task.
        method: Name of the generator.
        asked: Things that were asked for.
        eliminated: Those that came to nothing, by the rule that eliminated them.
        generated: Traces that were made and judged.
        rejected: Those that were refused, by who refused them first.
        failed: Those without a prediction or a judgment, by reason.
        kept: Those that passed.
        operations: Kept ones and all that were generated, by operation.
        spent: Calls, tokens and US dollars that this run really used.
        needed: The same of all calls that it came to, those included that had been paid for before.
        diversity: See ``generate.diversity``.
        labels: Rows by label before and after, for each output that has few: ``{"team": {"billing": [12, 30]}}``.
        run: Id of the run in the store.
        out: File that the kept rows were written to, if any.
        notes: What the method has to tell beside: figures, and tables of rows by name; see ``generate.base.Generator``.
    """

    task: str
    method: str
    asked: int
    eliminated: dict[str, int]
    generated: int
    rejected: dict[str, int]
    failed: dict[str, int]
    kept: int
    operations: dict[str, tuple[int, int]]
    spent: Json
    needed: Json
    diversity: Json
    labels: dict[str, dict[str, tuple[int, int]]]
    run: str
    out: Path | None = None
    notes: Json = field(default_factory=dict)

    @property
    def cost(self) -> Json:
        """Calls, tokens and US dollars a kept row, of what it came to; None where nothing was kept."""
        return {name: None if value is None or not self.kept else round(value / self.kept, 6)
                for name, value in self.needed.items()}  # fmt: skip

    def as_json(self) -> Json:
        """One JSON object with everything."""
        return {**asdict(self), "cost_per_kept_row": self.cost, "out": None if self.out is None else str(self.out)}

    def noted(self) -> dict[str, list[tuple[str, str]]]:
        """Tables of the method's own: names of rows, each with its figures in words."""
        return {name: [(row, _figures(figures)) for row, figures in table.items()]
                for name, table in self.notes.items() if isinstance(table, dict)}  # fmt: skip

    def shown(self) -> Shown:
        """The yield first; the labels in notebooks."""
        tables = {f"{name}, before and after": [(label, f"{old:,} {new:,}") for label, (old, new) in found.items()]
                  for name, found in self.labels.items()}  # fmt: skip
        tables |= self.noted()
        return Shown(
            f"{self.kept:,} rows kept of {self.asked:,} asked for by {self.method}",
            results.facts(
                ("eliminated", results.counts(self.eliminated)),
                ("rejected", results.counts(self.rejected)),
                ("failed", results.counts(self.failed)),
                *((name, str(value)) for name, value in self.notes.items() if not isinstance(value, dict)),
                ("rows", str(self.out or "")),
                ("spent", results.spent(self.spent)),
            ),
            tables,
        )


@dataclass
class Tally:
    """Counts while a synthesis runs; memory does not grow with it."""

    task: Task
    random_seed: int
    asked: int = 0
    kept: int = 0
    _eliminated: Counter[str] = field(default_factory=Counter)
    _rejected: Counter[str] = field(default_factory=Counter)
    _failed: Counter[str] = field(default_factory=Counter)
    _made: Counter[str] = field(default_factory=Counter)
    _operations: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        names = [name for name in self.task.output_fields if name != REASONING]
        self._before, self._after = {name: Labels() for name in names}, {name: Labels() for name in names}
        self._seeds, self._texts = Sample(self.random_seed), Sample(self.random_seed)

    def seed(self, example: Example) -> None:
        """Count what there was before."""
        self._seeds.add(_text(example.inputs))
        for name, labels in self._before.items():
            labels.add(example.labels.get(name))

    def drop(self, dropped: Dropped) -> None:
        """Count what came to nothing."""
        self.asked += 1
        self._eliminated[dropped.rule] += 1

    def add(self, made: Made, trace: Trace) -> None:
        """Count a trace."""
        self.asked += 1
        self._made[made.provenance.operation] += 1
        if trace.outcome == "failed":
            self._failed[trace.reason or "unknown"] += 1
            return
        if trace.outcome == "rejected":
            self._rejected[next((v.verifier for v in trace.verdicts if not v.passed), "nobody judged it")] += 1
            return
        self.kept += 1
        self._operations[made.provenance.operation] += 1
        self._texts.add(_text(trace.example.inputs))
        values: Mapping[str, Any] = trace.example.labels or trace.prediction or {}
        for name, labels in self._after.items():
            labels.add(values.get(name))

    def result(
        self, method: str, spent: Json, needed: Usage, run: str, out: Path | None, notes: Json | None = None
    ) -> Synthesized:
        """What it came to."""
        usage = {"calls": needed.calls + needed.hits, "input_tokens": needed.input_tokens,
                 "output_tokens": needed.output_tokens,
                 "usd": None if needed.usd is None else round(needed.usd, 6)}  # fmt: skip
        return Synthesized(
            self.task.name or "", method, self.asked, _sorted(self._eliminated), self._made.total(),
            _sorted(self._rejected), _sorted(self._failed), self.kept,
            {name: (self._operations[name], n) for name, n in sorted(self._made.items())},
            spent, usage, diversity(self._texts, self._seeds), self._labels(), run, out, notes or {},
        )  # fmt: skip

    def _labels(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Rows by label, before and after, of outputs that are labels."""
        found = {}
        for name, after in self._after.items():
            before = self._before[name]
            names = sorted(before.counts.keys() | after.counts.keys())
            rows = before.counts.total() + after.counts.total()
            if before.few and after.few and names and (len(names) <= _SURELY or rows >= 2 * len(names)):
                found[name] = {label: (before.counts[label], before.counts[label] + after.counts[label])
                               for label in names}  # fmt: skip
        return found


@dataclass
class Labels:
    """Counts of the values of one output, as long as they may be labels.

    Attributes:
        few: Whether they may: short values, and not many different ones.
    """

    counts: Counter[str] = field(default_factory=Counter)
    few: bool = True

    def add(self, value: Any) -> None:
        """Count a value, if there is one."""
        if value is None or not self.few:
            return
        label = value if isinstance(value, str) else str(value)
        self.few = len(label) <= _SHORT and (label in self.counts or len(self.counts) < _FEW)
        if self.few:
            self.counts[label] += 1
        else:
            self.counts.clear()


def _figures(figures: Any) -> str:
    if not isinstance(figures, dict):
        return str(figures)
    return ", ".join(f"{name} {value}" for name, value in figures.items() if value is not None)


def _text(inputs: Json) -> str:
    return " ".join(str(value) for value in inputs.values())


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
