"""Rounds: every label that lacks inputs is asked for what it lacks, until there is enough or no use in going on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from ....aio import ordered
from ....records import BORN, METRIC, Example, Json, Trace, Verdict, canonical_json
from ....signatures.program import base_candidate
from ....signatures.values import clip
from ..base import Bench, Dropped, Made, Provenance, born
from .leaks import Mode, leaks
from .quotas import Target
from .survey import Shown, Survey
from .writing import NoInputError, Writing

if TYPE_CHECKING:
    from .invert import Invert

BACK = "round trip"
"""Name of the method's own verdict, where the task has no metric: the prediction is the output."""

_AT_ONCE = 1_024  # targets that are refilled together; more of them come from files, and are never held all at once
_NAME = 80  # characters of an output in its name
_TOLD = 200  # targets that the notes tell one by one


@dataclass
class Label:
    """How it stands with a target.

    Attributes:
        target: What is wanted.
        mode: What counts as a leak.
        asked: Inputs that were asked for.
        kept: Those that were kept.
        dry: Attempts since the last one that was.
        why: Attempts that came to nothing, by why.
    """

    target: Target
    mode: Mode
    asked: int = 0
    kept: int = 0
    dry: int = 0
    why: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """What tables and the ledger call it: a label, or the beginning of an output with its row in the file."""
        target = self.target
        return f"{clip(target.name, _NAME)} (row {target.place})" if target.place else target.name

    def lacking(self, patience: int) -> int:
        """How many to ask for now: what is missing, and no more than may come to nothing in a row."""
        return max(0, min(self.target.count - self.kept, patience - self.dry))

    def take(self, why: str | None) -> None:
        """Count an attempt; None where it was kept."""
        self.asked += 1
        if why is None:
            self.kept, self.dry = self.kept + 1, 0
        else:
            self.dry += 1
            self.why[why] += 1


@dataclass(frozen=True)
class Slot:
    """One attempt at a target: the how-manieth, and in which round."""

    label: Label
    number: int
    round: int

    @property
    def item(self) -> str:
        """What the ledger calls it."""
        return f"{self.label.name} #{self.number + 1}"


Attempt = tuple[Slot, Made | Dropped, Trace | None]


@dataclass
class Refill:
    """The work of ``invert``.

    Attributes:
        bench: What it works at.
        options: How.
        writing: How inputs are asked for.
        survey: What the seeds say.
    """

    bench: Bench
    options: Invert
    writing: Writing
    survey: Survey
    _made: dict[int, int] = field(default_factory=dict)  # the round in which an input was made first
    _round: int = 0
    _table: dict[str, Label] = field(default_factory=dict)
    _sums: Counter[str] = field(default_factory=Counter)
    _open: Sequence[Label] = ()

    async def run(self, targets: Iterable[Target]) -> AsyncGenerator[Made | Dropped]:
        """All that is asked for, in the order in which it was."""
        self._instructions = "\n".join(base_candidate(self.options.program).instructions.values())
        targets = iter(targets)
        while chunk := list(islice(targets, _AT_ONCE)):
            self._open = [self._label(target) for target in chunk]
            async with aclosing(self._fill(self._open)) as items:
                async for item in items:
                    yield item
            self._sums["full"] += _full(self._open)
            self._open = ()

    def _label(self, target: Target) -> Label:
        options = self.options
        mode = self.survey.mode(target.name, options.leak, options.natural) if target.is_label else options.leak
        made = Label(target, mode)
        self._sums["outputs"] += 1
        self._sums["wanted"] += target.count
        if len(self._table) < _TOLD:
            self._table[made.name] = made
        return made

    async def _fill(self, labels: Sequence[Label]) -> AsyncGenerator[Made | Dropped]:
        patience = self.options.patience
        while any(label.lacking(patience) for label in labels):
            self._round += 1
            slots = list(islice(_in_turn(labels, patience, self._round), self._room()))
            if not slots:
                return
            async with aclosing(ordered(self._attempt, slots, limit=self.bench.concurrency)) as attempts:
                async for slot, item, trace in attempts:
                    yield self._taken(slot, item, trace)

    def _room(self) -> int | None:
        """Inputs that the run still wants; more than the quotas where nothing was said."""
        return None if self.bench.wanted is None else self.bench.wanted - self._sums["kept"]

    def _taken(self, slot: Slot, item: Made | Dropped, trace: Trace | None) -> Made | Dropped:
        """Count an attempt, in its order. Of two that are the same the second is dropped, as it will be kept once."""
        if isinstance(item, Made):
            number = _number(item.example)
            if number in self._made:
                item, trace = _known(slot), None
            else:
                self._made[number] = slot.round
        kept = trace is not None and trace.outcome == "passed"
        slot.label.take(None if kept else item.rule if isinstance(item, Dropped) else _refused(trace))
        self._sums["asked"] += 1
        self._sums["kept"] += kept
        return item

    async def _attempt(self, slot: Slot) -> Attempt:
        target, bench = slot.label.target, self.bench
        rng = random.Random(f"{bench.seed}/invert/{target.name}/{target.place}/{slot.number}")
        same, others = self.survey.draw(target.name, rng, self.options.same, self.options.others)
        asked = self.writing.inputs(target, same, others)
        answer = await bench.ask(self.options.program, asked, attempt=slot.number, lm=self.options.lm)
        try:
            inputs = self.writing.read(answer, [*same, *others], self._instructions)
        except NoInputError as error:
            return slot, Dropped(error.rule, slot.item, str(error)), None
        leaked = leaks(self.writing.shown(inputs), target.outputs, slot.label.mode)
        if leaked is not None:
            return slot, Dropped("gives the output away", slot.item, self.writing.shown(inputs)[:200]), None
        example = Example(inputs, target.labels)
        if bench.taken(example) or self._made.get(_number(example), slot.round) < slot.round:
            return slot, _known(slot), None
        facts = {"wanted": target.outputs, "attempt": slot.number, "leak": slot.label.mode, "shown": _ids(same, others)}
        review = None if bench.task.metric is not None else partial(_review, target.outputs)
        made = Made(example, Provenance("invert", None, slot.round, answer.lm, facts), review=review)
        return slot, made, await bench.verify(made)

    def notes(self) -> Json:
        """Wanted against kept: of each target, or in sum where there are many."""
        sums = self._sums
        found: Json = {"full quotas": f"{sums['full'] + _full(self._open):,} of {sums['outputs']:,}"}
        if sums["outputs"] > len(self._table):
            return {**found, "wanted": sums["wanted"], "reject rate": _share(sums["kept"], sums["asked"])}
        return {**found, self.survey.name or "output": {name: self._row(label) for name, label in self._table.items()}}

    def _row(self, label: Label) -> Json:
        target = label.target
        row: Json = {"target": target.count, "kept": label.kept, "asked": label.asked,
                     "reject rate": _share(label.kept, label.asked)}  # fmt: skip
        if label.mode != self.options.leak:
            row["leak"] = label.mode
        if label.kept < target.count and label.dry >= self.options.patience:
            row["given up"] = label.why.most_common(1)[0][0]
        return row


def _full(labels: Sequence[Label]) -> int:
    return sum(label.kept == label.target.count for label in labels)


def _in_turn(labels: Sequence[Label], patience: int, number: int) -> Iterator[Slot]:
    """What the labels lack, in turn, so that a budget that ends halfway leaves them alike."""
    lacking = [label.lacking(patience) for label in labels]
    for i in range(max(lacking, default=0)):
        yield from (Slot(label, label.asked + i, number) for label, n in zip(labels, lacking, strict=True) if i < n)


def _known(slot: Slot) -> Dropped:
    return Dropped("input known already", slot.item)


def _refused(trace: Trace | None) -> str:
    """Why an input is not kept: the prediction is another output, or what else failed or refused it."""
    if trace is None or trace.reason is not None:
        return str(trace and trace.reason)
    verifier = next((verdict.verifier for verdict in trace.verdicts if not verdict.passed), METRIC)
    return BACK if verifier in {METRIC, f"{BORN}{BACK}"} else verifier


def _review(wanted: Json, prediction: Json) -> list[Verdict]:
    """The verdict on a round trip, where no metric gives one: whether each output is the one that was wanted."""
    same = all(_same(value, prediction.get(name)) for name, value in wanted.items())
    return [born(BACK, passed=same, evidence={"wanted": wanted})]


def _same(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, str) and isinstance(given, str):
        return wanted.strip() == given.strip()
    return canonical_json(wanted) == canonical_json(given)


def _share(kept: int, asked: int) -> float | None:
    return round(1 - kept / asked, 4) if asked else None


def _ids(same: Sequence[Shown], others: Sequence[Shown]) -> list[str]:
    return [seed.id for seed in (*same, *others)]


def _number(example: Example) -> int:
    return int(example.input_id[:16], 16)
