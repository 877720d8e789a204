"""What any engine runs: one rollout, from the candidate to the judged trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dspy

from ...errors import Stop
from ...records import Candidate, Json, Rollout, Trace, fingerprint
from ...signatures.program import apply
from ...signatures.values import restorable, typed_values
from ..generate.rollout import Ran, run_program
from ..lm.model import GatewayLM, gateway_lm, own_lms, route_predictors
from ..lm.scope import SETTING, Scope
from ..verify.base import Verifier, judge

if TYPE_CHECKING:
    from ...signatures.task import Task
    from ..lm.backends import Backend
    from ..lm.gateway import Gateway

_KEPT_PROGRAMS = 64  # programs with a candidate applied that are kept, since making one costs a deep copy


@dataclass(frozen=True)
class Judged:
    """What is known of a trace while it is judged.

    Attributes:
        rollout: What it is the trace of; further attempts can then be made.
        siblings: The attempts that the store has, itself included, where it is a trace of the store.
    """

    rollout: Rollout | None = None
    siblings: Sequence[Trace] = ()


_judged: ContextVar[Judged] = ContextVar("limbeck_judged", default=Judged())  # noqa: B039  # it is immutable


@contextmanager
def _judging(judged: Judged) -> Iterator[None]:
    token = _judged.set(judged)
    try:
        yield
    finally:
        _judged.reset(token)


def judged_now() -> Judged:
    """What is known of the trace that is judged here."""
    return _judged.get()


@dataclass
class Setting:
    """What all rollouts of a run share.

    Attributes:
        task: The task; its program is never changed.
        program: Fingerprint of the program.
        gateway: The door to LMs.
        student: LM that programs run with.
        teachers: LMs of teacher rollouts, the first of which also runs what optimizers ask; the student's where
            the user named none.
        adapter_name: chat, json, xml or baml.
        adapter: The adapter itself.
        verifiers: Judges, cheap first.
        all_verdicts: Whether dear ones are asked, too, after a cheap one has refused.
        lms: LMs of single predictors in rollouts with the student's LM, by predictor name.
        own_lms: LMs that the program set on itself, as ``own_lms`` tells them.
    """

    task: Task
    program: str
    gateway: Gateway
    student: Backend
    teachers: Sequence[Backend]
    adapter_name: str
    adapter: dspy.Adapter
    verifiers: Sequence[Verifier]
    lms: Mapping[str, Backend] = field(default_factory=dict)
    all_verdicts: bool = False
    own_lms: Mapping[str, tuple[Json, Json]] = field(init=False)

    def __post_init__(self) -> None:
        self.own_lms = own_lms(self.task.program, self.gateway)

    def backend(self, rollout: Rollout) -> Backend:
        """Main LM of a rollout."""
        return self.teachers[rollout.teacher - 1] if rollout.teacher else self.student

    def lms_of(self, rollout: Rollout) -> Mapping[str, Backend]:
        """LMs of single predictors in a rollout: none with a teacher that is not the student itself."""
        return self.lms if self.backend(rollout) is self.student else {}

    def rollout_id(self, rollout: Rollout) -> str:
        """Identity of a rollout by everything that decides what it gives, every LM that it can use included."""
        main, others = self.backend(rollout), dict(self.own_lms)
        for name, lm in self.lms_of(rollout).items():
            others[f"{name}.lm"] = (lm.identity, lm.defaults)
        return fingerprint("rollout", self.task.name, self.program, rollout.candidate.id, self.adapter_name,
                           main.identity, main.defaults, rollout.example.id, rollout.attempt,
                           *([others] if others else []))  # fmt: skip


@dataclass
class Worker:
    """Runs one rollout at a time, any number of times at once.

    Attributes:
        stop: What ends the run, once something does; the rollouts that it met are failed traces.
    """

    setting: Setting
    threads: ThreadPoolExecutor
    stop: Stop | None = None
    _types: dict[str, object] = field(init=False)
    _programs: dict[tuple[str, bool, bool], dspy.Module] = field(default_factory=dict)
    _lms: dict[tuple[int, bool], GatewayLM] = field(default_factory=dict)
    _asking: dict[int, tuple[dspy.Module, dspy.Module]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._types = restorable(self.setting.task.input_fields)

    async def __call__(self, rollout: Rollout) -> Trace:
        """Run and judge a rollout. Whatever goes wrong, there is a trace."""
        trace, stop = await self.run(rollout)
        if stop is not None:
            self.stop = self.stop or stop
            return trace
        return await self.judge(trace, rollout)

    async def run(self, rollout: Rollout) -> tuple[Trace, Stop | None]:
        """Run a rollout without judging it; the second value is what ends the run, where something does."""
        setting = self.setting
        backend = setting.backend(rollout)
        ran = await run_program(
            self._program(rollout), typed_values(rollout.example.inputs, self._types),
            lm=self._lm(backend, rollout.attempt > 0), adapter=setting.adapter, attempt=rollout.attempt,
            threads=self.threads, scrub=setting.gateway.secrets.scrub,
        )  # fmt: skip
        trace = Trace(
            id=setting.rollout_id(rollout), task=setting.task.name or "", example=rollout.example,
            candidate=rollout.candidate.id, lm=backend.name, attempt=rollout.attempt, prediction=ran.prediction,
            steps=ran.steps, failure=ran.failure, usage=ran.usage, adapter=setting.adapter_name,
            program=setting.program,
        )  # fmt: skip
        return trace, ran.stop

    async def judge(self, trace: Trace, rollout: Rollout | None = None, *, siblings: Sequence[Trace] = ()) -> Trace:
        """Judge a trace. A metric that asks an LM asks the student, through the gateway, outside of the rollout.

        Args:
            trace: A trace with a prediction, or a failed one.
            rollout: See ``Judged``.
            siblings: Likewise.

        Raises:
            Stop: The budget has no room for what the metric asks, or it asks an LM of its own.
        """
        lm, scope = self._lm(self.setting.student, False), Scope()
        with dspy.context(
            lm=lm, adapter=self.setting.adapter, trace=scope.recorder, disable_history=True, track_usage=False,
            **{SETTING: scope},
        ), _judging(Judged(rollout, siblings)):  # fmt: skip
            return await judge(trace, self.setting.verifiers, every=self.setting.all_verdicts)

    async def ask(
        self, program: dspy.Module, inputs: Json, attempt: int, backend: Backend | None = None,
        settings: Json | None = None,
    ) -> Ran:  # fmt: skip
        """Run a program that is not the task's, with the first teacher by default; nobody judges what it gives.

        Args:
            program: A DSPy module; it is not changed.
            inputs: What it is called with.
            attempt: Salts the requests.
            backend: The LM.
            settings: Settings on top of those that the LM has.

        Raises:
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        lm = self._lm(backend or self.setting.teachers[0], attempt > 0)
        ran = await run_program(
            self._asked(program), inputs, lm=lm.copy(**settings) if settings else lm, adapter=self.setting.adapter,
            attempt=attempt, threads=self.threads, scrub=self.setting.gateway.secrets.scrub,
        )  # fmt: skip
        if ran.stop is not None:
            raise ran.stop
        return ran

    def _asked(self, program: dspy.Module) -> dspy.Module:
        """A copy of a program that is asked, behind the gateway; the same one while it is asked often."""
        _, own = self._asking.pop(id(program), (None, None))
        if own is None:
            own = apply(program, Candidate())
            route_predictors(own, self.setting.gateway)
        self._asking[id(program)] = (program, own)  # most recently used last; holding it keeps its id taken
        if len(self._asking) > _KEPT_PROGRAMS:
            del self._asking[next(iter(self._asking))]
        return own

    def _program(self, rollout: Rollout) -> dspy.Module:
        candidate, lms, again = rollout.candidate, self.setting.lms_of(rollout), rollout.attempt > 0
        key = (candidate.id, bool(lms), bool(lms) and again)
        program = self._programs.pop(key, None)
        if program is None:
            program = apply(self.setting.task.program, candidate)
            for name, predictor in program.named_predictors():
                if name in lms:
                    predictor.lm = self._lm(lms[name], again)
            route_predictors(program, self.setting.gateway)
        self._programs[key] = program  # most recently used last
        if len(self._programs) > _KEPT_PROGRAMS:
            del self._programs[next(iter(self._programs))]
        return program

    def _lm(self, backend: Backend, again: bool) -> GatewayLM:
        """The LM object of a backend; attempts after the first sample at temperature 1, as DSPy's do."""
        key = (id(backend), again)
        if key not in self._lms:
            lm = gateway_lm(self.setting.gateway, backend)
            self._lms[key] = lm.copy(temperature=1.0) if again else lm
        return self._lms[key]
