"""The Bench that optimizers are given: every rollout from the store if it is there, else from the engine."""

from __future__ import annotations

import asyncio
import copy
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from ..errors import LimbeckError, MetricError, Stop, TargetError
from ..optimizers.bank import Bank
from ..optimizers.base import Hosted
from ..records import Candidate, Evaluation, Example, Json, Outcome, Rollout, Trace, fingerprint
from .hosting import Host
from .losses import told
from .progress import Progress, Silent
from .verify.base import is_current

if TYPE_CHECKING:
    import dspy

    from ..signatures.task import Task
    from .engine.local import LocalEngine
    from .engine.worker import Setting, Worker
    from .keep.store import Store

_HOPELESS = 5  # rollouts that fail for the same reason, with none that did not, before the run is ended
_CHUNK = 1024  # rollouts that are looked up in the store at once


@dataclass
class _Hope:
    """Whether anything but failures of the program or the metric was seen, and what was seen instead."""

    alive: bool = False
    failures: Counter[str] = field(default_factory=Counter)
    last: Trace | None = None


@dataclass
class DurableBench:
    """Implements ``optimizers.base.Bench`` over a store and an engine.

    Attributes:
        run: Id of the run that new traces belong to.
        bank: Demos of kept traces, which ``at`` hands on.
        allowance: See the protocol.
        val_scores: Scores of candidates on validation rows, by candidate id and place of the row.
        durable: Whether traces go into the store; predictions that nobody judges do not.
        reuse: Whether rollouts are taken from the store; where LM calls are recorded, they have to be made.
        outcomes: Different rollouts of this run by outcome, those that the store answered included.
        hosted: What optimizers of DSPy's made of rollouts that failed, one object for each.
        answered: LM calls, as ``calls``, that the rollouts which the store answered needed when they were made.
    """

    setting: Setting
    engine: LocalEngine
    worker: Worker
    store: Store
    run: str
    base: Candidate
    train: Sequence[Example] = ()
    val: Sequence[Example] = ()
    bank: Bank = field(default_factory=Bank)
    allowance: int | None = None
    seed: int = 0
    concurrency: int = 16
    options: Mapping[str, Any] = field(default_factory=dict)
    studies: str | None = field(default=None, repr=False)
    progress: Progress = field(default_factory=Silent)
    durable: bool = True
    reuse: bool = True
    outcomes: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    val_scores: dict[str, dict[int, float]] = field(default_factory=dict)
    hosted: list[Json] = field(default_factory=list)
    start: Candidate = field(init=False)
    _known: set[str] = field(default_factory=set)
    _counted: set[int] = field(default_factory=set)
    _hope: _Hope = field(default_factory=_Hope)
    _stored: set[str] = field(default_factory=set)
    _ids: array[int] | None = None
    _added: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.start = self.base
        self._val = {example.id: place for place, example in enumerate(self.val)}

    @property
    def identity(self) -> str:
        """Hash of what decides about a rollout beside its candidate and example."""
        anything = (Rollout(Candidate(), Example({}), teacher=teacher) for teacher in range(self.teachers + 1))
        judges = [list(verifier.fingerprints) for verifier in self.setting.verifiers]
        return fingerprint("bench", [self.setting.rollout_id(rollout) for rollout in anything], judges)

    @property
    def task(self) -> Task:
        """What is compiled."""
        return self.setting.task

    @property
    def teachers(self) -> int:
        """How many LMs make demos."""
        return len(self.setting.teachers)

    def at(self, start: Candidate) -> Self:
        """The same bench with another start; everything that is counted is counted together."""
        other = copy.copy(self)
        other.start = start
        return other

    def left(self) -> int | None:
        """Rollouts of the allowance that are left."""
        return None if self.allowance is None else max(0, self.allowance - self.outcomes.total())

    async def rollout(
        self, candidate: Candidate, example: Example, attempt: int = 0, *, teacher: int = 0, speculative: bool = False
    ) -> Trace:
        """Run one rollout, or take it from the store."""
        rollout = Rollout(candidate, example, attempt, teacher)
        async with aclosing(self._traces([rollout], speculative=speculative)) as traces:
            return await anext(traces)

    def keep(self, trace: Trace) -> None:
        """Store a trace, and end the run where it shows that going on is no use.

        Raises:
            Stop: The budget is used up, no LM call can succeed, or every rollout fails in the same way.
        """
        if trace.id in self._stored:
            self._count(trace, stored=True)
            return
        if self.durable:
            self.store.add(trace, run=self.run)
            if self._ids is not None:
                self._added.add(int(trace.id[:16], 16))
        self._count(trace, stored=False)
        if self.worker.stop is not None and not _is_settled(trace):
            raise self.worker.stop
        self._watch(trace)

    async def recall(self, trace_id: str, rollout: Rollout | None = None) -> Trace | None:
        """A trace that the store has and that need not be made again, judged anew where that is due.

        Like a speculative rollout it is part of the run once it is handed to ``keep``.
        """
        if not self._may_be_stored(trace_id):
            return None
        trace = self._known_traces([trace_id], light=False).get(trace_id)
        if trace is not None:
            self._stored.add(trace_id)
            trace = await self._judged_again(trace, rollout)
        return trace

    def _may_be_stored(self, trace_id: str) -> bool:
        """Whether to look for a trace: to find that one is not there takes half a millisecond."""
        if not self.reuse:
            return False
        if self._ids is None:
            self._ids = self.store.ids()
        number = int(trace_id[:16], 16)
        place = bisect_left(self._ids, number)
        return number in self._added or self._ids[place : place + 1] == array("Q", [number])

    async def rollouts(
        self, candidate: Candidate, examples: Iterable[Example], attempts: int = 1, *, teacher: int = 0
    ) -> AsyncGenerator[Trace]:
        """Run a candidate over examples; traces come in the order of examples and attempts."""
        plan = (Rollout(candidate, e, attempt, teacher) for e in examples for attempt in range(attempts))
        async with aclosing(self._traces(plan)) as traces:
            async for trace in traces:
                yield trace

    async def evaluate(self, candidate: Candidate, examples: Iterable[Example]) -> Evaluation:
        """Score a candidate; holds one number and one outcome an example."""
        scores: list[float] = []
        outcomes: list[Outcome] = []
        plan = (Rollout(candidate, example) for example in examples)
        async with aclosing(self._traces(plan, light=True)) as traces:
            async for trace in traces:
                scores.append(trace.score)
                outcomes.append(trace.outcome)
        return Evaluation(candidate.id, scores, outcomes)

    async def scores(self, plan: Iterable[tuple[Candidate, Example]]) -> list[float]:
        """Score any mix of candidates and examples; holds one number a rollout."""
        rollouts = (Rollout(candidate, example) for candidate, example in plan)
        async with aclosing(self._traces(rollouts, light=True)) as traces:
            return [trace.score async for trace in traces]

    async def ask(self, program: dspy.Module, inputs: Json, attempt: int = 0) -> Json | None:
        """Run a program of the optimizer's own."""
        ran = await self.worker.ask(program, inputs, attempt)
        if ran.failure is not None:
            self.note(type(program).__name__, ran.failure.reason, ran.failure.message)
        return ran.prediction

    async def host(self, name: str, work: Callable[[Hosted], dspy.Module]) -> Candidate:
        """Let an optimizer of DSPy's work."""
        host = Host(name, self.worker, self._keep_hosted, self.train, self.val, self.concurrency,
                    lambda trace: int(trace[:16], 16) in self._counted, self.left())  # fmt: skip
        candidate = await host.run(work, self.start)
        for trace in host.kept():
            self.bank.add(trace, self.base.predictors)
        self.hosted.append(host.summary(candidate))
        for _, detail in told(self.hosted[-1]):
            self.note(name, "summary", detail)  # not the reason why something was not kept
        return candidate

    def _keep_hosted(self, candidate: Candidate, trace: Trace) -> None:
        self._register(Rollout(candidate, trace.example))
        self.keep(trace)

    def conclude(self) -> None:
        """End the run where it was too short for ``keep`` to tell, and yet every rollout failed in the same way.

        Raises:
            Stop: The program, the metric or a check is what fails.
        """
        if not self._hope.alive and self._hope.last is not None:
            raise Stop(_hopeless(self._hope.last, self._hope.failures.total()))

    def note(self, item: str, reason: str, detail: str = "") -> None:
        """Write into the run's ledger."""
        self.store.note(self.run, "optimize", item, reason, detail)

    def phase(self, name: str, total: int | None = None) -> None:
        """Tell the progress."""
        self.progress.phase(name, total)

    async def _traces(
        self, plan: Iterable[Rollout], *, light: bool = False, speculative: bool = False
    ) -> AsyncGenerator[Trace]:
        """Traces in the order of the plan, read in chunks so that memory stays flat."""
        for chunk in _chunks(plan, _CHUNK):
            ids = [self._register(rollout) for rollout in chunk]
            known = self._known_traces(ids, light=light)
            missing = [rollout for rollout, i in zip(chunk, ids, strict=True) if i not in known]
            async with aclosing(self.engine.run(missing)) as fresh:
                for i, rollout in zip(ids, chunk, strict=True):
                    if i in known:
                        await asyncio.sleep(0)  # or nothing else gets a turn while many are answered by the store
                        trace = await self._judged_again(known[i], rollout)
                        if speculative:
                            self._stored.add(i)
                        else:
                            self._count(trace, stored=True)
                        yield trace
                        continue
                    trace = await anext(fresh)
                    if not speculative:
                        self.keep(trace)
                    yield trace

    def _known_traces(self, ids: list[str], *, light: bool) -> dict[str, Trace]:
        if not self.reuse:
            return {}
        return {i: t for i, t in self.store.get(ids, light=light).items() if _is_settled(t)}

    def _count(self, trace: Trace, *, stored: bool) -> None:
        if self.train:  # optimizers may come to the same rollout again, which costs nothing; evaluations never do
            if (known := int(trace.id[:16], 16)) in self._counted:
                return
            self._counted.add(known)
        self.progress.trace(trace, stored=stored)
        self.outcomes[trace.outcome] += 1
        if stored:
            self.answered["calls"] += trace.usage.calls
        place = self._val.get(trace.example.id)
        if place is not None and not trace.attempt:
            self.val_scores.setdefault(trace.candidate, {})[place] = trace.score

    def _register(self, rollout: Rollout) -> str:
        """Identity of a rollout; its candidate is stored the first time that it is seen."""
        if self.durable and rollout.candidate.id not in self._known:
            self._known.add(rollout.candidate.id)
            self.store.add_candidate(rollout.candidate, self.setting.task.name or "")
        return self.setting.rollout_id(rollout)

    async def _judged_again(self, trace: Trace, rollout: Rollout | None) -> Trace:
        """A trace of the store, judged anew where the metric or a check has changed since."""
        if not is_current(trace, self.setting.verifiers, every=self.setting.all_verdicts):
            whole = self.store.get([trace.id])[trace.id]
            trace = await self.worker.judge(whole, rollout)
            self.store.judged(trace)
        return trace

    def _watch(self, trace: Trace) -> None:
        """End the run where every rollout fails in the same way: it is the program or the metric, not the data."""
        hope = self._hope
        if hope.alive:
            return
        if trace.reason not in ("program", "metric", "check"):
            hope.alive = True
            return
        hope.failures[trace.reason] += 1
        hope.last = trace
        if hope.failures[trace.reason] >= _HOPELESS:
            raise Stop(_hopeless(trace, _HOPELESS))


def _hopeless(trace: Trace, count: int) -> LimbeckError:
    where = trace.example.source or "the first row"
    said = f"failed on every one of the first {count} rows" if count > 1 else "failed on the only row"
    if trace.failure is not None:
        return TargetError(f"the program {said}: {trace.failure.message}", hint=f"Try it alone on {where}.")
    broken = next(v for v in trace.verdicts if v.error)
    name = broken.verifier.replace("check:", "check ")
    return MetricError(f"the {name} {said}: {broken.error}", hint=f"Try it alone on {where}.")


def _is_settled(trace: Trace) -> bool:
    return trace.failure is None or trace.failure.final


def _chunks(items: Iterable[Rollout], size: int) -> Iterator[list[Rollout]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
