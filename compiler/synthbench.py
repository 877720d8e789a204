"""The bench that generators are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ..errors import TargetError, UsageError
from ..records import Candidate, Evaluation, Example, Json, Outcome, Rollout, Step, Trace, Usage, Verdict, fingerprint
from ..signatures.fields import predictors
from .engine.place import answered
from .generate.base import Made, Written
from .lm.cast import Named, settings_of
from .seeds import Seeds, number

if TYPE_CHECKING:
    import dspy

    from ..signatures.task import Task
    from .session import Session
    from .verify.base import Answer

_TEACHER = 1  # made examples are answered by the first teacher, which is the student where the user named none
_REMEMBERED = 4_096  # judged traces that are held until their turn comes to be kept

T = TypeVar("T")


@dataclass
class SynthBench:
    """Implements ``generate.base.Bench`` over a session.

    Attributes:
        method: Name of the generator.
        seeds: See the protocol.
        candidate: Likewise.
        wanted: Likewise.
        needed: What all LM calls that were asked for cost when they were made, now or in an earlier run.
    """

    session: Session
    method: str
    seeds: Seeds
    candidate: Candidate
    wanted: int | None = None
    needed: Usage = field(default_factory=Usage)
    _judged: dict[str, Trace] = field(default_factory=dict)
    _counted: dict[str, None] = field(default_factory=dict)
    _renewed: set[str] = field(default_factory=set)
    _named: dict[str, int] = field(default_factory=dict)
    _candidates: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seed, self.concurrency = self.session.options.seed, self.session.options.concurrency
        self._setting, self._worker = self.session.bench.setting, self.session.bench.worker

    @property
    def task(self) -> Task:
        """What examples are made for."""
        return self.session.task

    @property
    def writer(self) -> str:
        """Name of the LM that is asked by default."""
        return self._setting.teachers[0].name

    @property
    def student(self) -> str:
        """Name of the LM that is being improved."""
        return self._setting.student.name

    async def ask(
        self, program: dspy.Module, inputs: Json, *, attempt: int = 0, lm: str | dspy.LM | None = None,
        lm_args: Json | None = None,
    ) -> Answer:  # fmt: skip
        """Run a program of the generator's own."""
        own = {} if lm_args is None else lm_args
        backend = self._setting.teachers[0] if lm is None else self.session.place.backend(lm, own)
        settings = None if isinstance(lm, str) else lm_args  # on top of those that an LM has already
        ran = await self._worker.ask(program, inputs, attempt, backend, settings)
        self.needed += ran.usage
        return answered(ran, backend.name)

    async def verify(self, made: Made) -> Trace:
        """The judged trace of something made, for the generator; what it cost counts, whether it is yielded or not."""
        trace = await self.judge(made)
        self._count(made, trace)
        return trace

    async def judge(self, made: Made) -> Trace:
        """The judged trace of something that was yielded; from memory or the store, where it was judged before."""
        rollout = self._rollout(made)
        trace_id = self._setting.rollout_id(rollout) if made.answer is None else self._written_id(made, made.answer)
        trace = self._judged.pop(trace_id, None)
        if trace is not None:
            meta = _meta(made, self.method)  # its facts may be known only since it was judged
            trace = trace if trace.meta == meta else replace(trace, meta=meta)
        else:
            trace = await self.session.bench.recall(trace_id, self._known(made))
            trace = trace or await self._make(made, rollout, trace_id)
        trace = await self._said_since(made, trace)
        _remember(self._judged, trace_id, trace)  # most recently used last
        return trace

    def keep(self, made: Made, trace: Trace) -> None:
        """Store a trace that ``judge`` gave. In the order in which things were yielded.

        Raises:
            Stop: The budget is used up, no LM call can succeed, or everything fails in the same way.
        """
        self._judged.pop(trace.id, None)
        candidate = self._rollout(made).candidate
        if candidate.id not in self._candidates:
            self._candidates.add(candidate.id)
            self.session.store.add_candidate(candidate, self.task.name or "")
        self._count(made, trace)
        self.session.bench.keep(trace)
        if trace.id in self._renewed:
            self._renewed.discard(trace.id)
            self.session.store.judged(trace)  # one that the store had already says something else now

    def _count(self, made: Made, trace: Trace) -> None:
        """Add what a trace cost, once: with other labels the program is asked the same."""
        costs = {trace.id: _judging(trace)}
        if made.answer is None:  # what it took to write an answer was counted when it was asked for
            costs[f"{trace.candidate} {made.example.input_id} {trace.lm} {trace.attempt}"] = trace.usage
        for key, cost in costs.items():
            if key not in self._counted:
                self.needed += cost
            _remember(self._counted, key, None)

    @property
    def val(self) -> Sequence[Example]:
        """Rows that the task has to choose by."""
        return self.seeds.val

    async def evaluate(self, candidate: Candidate, lm: str | None = None) -> Evaluation:
        """Score a setting of the program on the rows to choose by, and write that down in the store."""
        scores, outcomes = list[float](), list[Outcome]()
        rollouts = self.session.bench.rollouts(candidate, self.val, teacher=self._teacher(lm))
        async with aclosing(rollouts) as traces:
            async for trace in traces:
                scores.append(trace.score)
                outcomes.append(trace.outcome)
                self.needed += trace.usage + _judging(trace)
        found = Evaluation(candidate.id, scores, outcomes)
        self.session.store.add_evaluation(self.session.run, candidate.id, "val", mean=found.mean, n=len(scores))
        return found

    def held_out(self, example: Example) -> bool:
        """Whether a row that the task holds out has this input."""
        return number(example) in self._held_out

    @cached_property
    def _held_out(self) -> set[int]:
        return set(map(number, self.seeds.held_out))

    def taken(self, example: Example) -> bool:
        """Whether a seed or a held-out row has this input. They are read when this is asked first."""
        return number(example) in self.known

    @cached_property
    def known(self) -> set[int]:
        """Numbers of the inputs of seeds and held-out rows; what is made may have none of them."""
        return {*map(number, self.seeds), *self._held_out}

    def stored(self, *, passed: bool = False) -> Iterator[Trace]:
        """Traces of the task that earlier runs left in the store.

        Those of an earlier, interrupted run of this very method are left out: what is made must not depend on how
        often it was interrupted.
        """
        outcome = "passed" if passed else None
        for trace in self.session.store.traces(task=self.task.name or "", order="input", outcome=outcome):
            if trace.meta.get("synth", {}).get("method") != self.method:
                yield trace

    def phase(self, name: str, total: int | None = None) -> None:
        """Tell the progress."""
        self.session.progress.phase(name, total)

    def _rollout(self, made: Made) -> Rollout:
        return Rollout(made.candidate or self.candidate, made.example, made.attempt, self._teacher(made.lm))

    def _teacher(self, lm: str | None) -> int:
        """Number of an LM among the teachers; one that is named later is a further teacher."""
        if lm is None:
            return _TEACHER
        if lm not in self._named:
            backend = self.session.place.backend(lm, self._settings_of(lm))
            self._setting.teachers = [*self._setting.teachers, backend]
            self._named[lm] = len(self._setting.teachers)
        return self._named[lm]

    def _settings_of(self, lm: str) -> Json:
        options = self.session.options
        return settings_of(Named(lm), Named(options.lm, options.lm_args))

    async def _said_since(self, made: Made, trace: Trace) -> Trace:
        """A rollout with what the method says of it now, where that is something else than before."""
        if made.answer is not None or trace.failure is not None:
            return trace
        own, before = _said(made, trace.prediction), [verdict for verdict in trace.verdicts if verdict.born]
        if not own or before == own:
            return trace
        self._renewed.add(trace.id)
        others = (verdict for verdict in trace.verdicts if not verdict.born)
        renewed = trace.with_verdicts([*own, *others])
        if all(verdict.passed for verdict in own) == all(verdict.passed for verdict in before):
            return renewed
        return await self._worker.judge(renewed, self._known(made))

    def _known(self, made: Made) -> Rollout | None:
        return self._rollout(made) if made.answer is None else None

    async def _make(self, made: Made, rollout: Rollout, trace_id: str) -> Trace:
        if made.answer is None:
            trace, stop = await self._worker.run(rollout)
            if stop is not None:
                raise stop
        else:
            trace = self._as_trace(made, made.answer, rollout, trace_id)
        trace = replace(trace, meta=_meta(made, self.method), verdicts=_said(made, trace.prediction))
        return await self._worker.judge(trace, self._known(made))

    def _as_trace(self, made: Made, answer: Written, rollout: Rollout, trace_id: str) -> Trace:
        setting = self._setting
        steps = list(answer.steps) or [Step(self._only_predictor(), made.example.inputs, answer.prediction)]
        return Trace(
            id=trace_id, task=setting.task.name or "", example=made.example, candidate=rollout.candidate.id,
            lm=answer.lm, attempt=made.attempt, prediction=answer.prediction, steps=steps, usage=answer.usage,
            origin=answer.origin, adapter=setting.adapter_name, program=setting.program,
        )  # fmt: skip

    def _written_id(self, made: Made, answer: Written) -> str:
        return fingerprint("synth", self.task.name, self.method, made.example.id, made.attempt, answer.lm,
                           answer.origin, answer.prediction, made.provenance.as_json(self.method))  # fmt: skip

    def _only_predictor(self) -> str:
        names = list(predictors(self.task.program))
        if len(names) != 1:
            raise TargetError(
                f"{self.method} writes whole answers, and the program has {len(names)} predictors: {', '.join(names)}",
                hint="Give it a program of one predictor.",
            )
        return names[0]


def check_wanted(wanted: int | None) -> None:
    """See that a number of rows is one.

    Raises:
        UsageError: It is not above 0.
    """
    if wanted is not None and wanted < 1:
        raise UsageError(f"rows is {wanted}, and at least one row has to be wanted", hint="Give --rows 100, say.")


def _remember(held: dict[str, T], key: str, value: T) -> None:
    """Hold so many of the latest."""
    held[key] = value
    if len(held) > _REMEMBERED:
        del held[next(iter(held))]


def _judging(trace: Trace) -> Usage:
    """What the verifiers cost; a method's own judge was counted when it was asked."""
    return sum((v.usage for v in trace.verdicts if v.usage is not None and not v.born), Usage())


def _said(made: Made, prediction: Json | None) -> list[Verdict]:
    """What the method itself says, of the answer too, where there is one."""
    reviewed = made.review(prediction) if made.review is not None and prediction is not None else ()
    return [*made.verdicts, *reviewed]


def _meta(made: Made, method: str) -> Json:
    facts = made.provenance.facts
    about = {name: facts[name] for name in ("source", "licence") if isinstance(facts.get(name), str)}
    return {"source": f"synth/{method}", **about, "synth": made.provenance.as_json(method)}
