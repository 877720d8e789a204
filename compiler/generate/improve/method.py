"""The loop of ``improve``."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass as plain_dataclass
from dataclasses import field as plain_field
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import OutputError, UsageError
from ....optimizers.gate import gate, score_interval
from ....records import Candidate, Example, Json, Trace
from ....signatures.program import apply
from ...emit.artifact import save_state
from ..base import Bench, Dropped, Made, Provenance
from ..once import once
from . import words
from .pool import Pool, Setting
from .report import Round, gained, short
from .rewards import Crediting, Way
from .train import Spool, Trainer

if TYPE_CHECKING:
    import dspy

_FEWEST = 5  # rows to choose by, with fewer of which nothing can be proven


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Improve:
    """Roll out, reward, keep, make the program better of what was kept; again while that is proven on held-out rows.

    A round makes ``attempts`` attempts at each seed with the program as it is now, and the task's verifiers reward
    them: its metric, tests that run, an ``environment``. All are stored, those that failed with their rewards. Then the
    program is compiled anew: its demos are kept traces (of all rounds; one an input, each label in turn), its
    instructions are written anew if ``instruct`` is set, and it is trained if there is a ``trainer``. The new program
    is adopted if its gain over the one before is proven on the task's validation rows, by the gate of ``compile``. If
    it is not, the loop ends. Test rows are not touched.

    Where this is not STaR or ReST: demos take the place of training where there is no trainer. With one there are none;
    it gets what was kept in all rounds (as ReST grows its data). Rounds end where a proof is wanting, too. A
    seed never sees a demo that was made of it, as in DSPy's bootstrapping; STaR's hints from the right answer are not
    given. The chance of a false proof is shared out among the rounds, for each looks at the same rows again.

    Attributes:
        rounds: Rounds at most.
        attempts: Attempts at each seed; those after the first sample at temperature 1.
        demos: Demos of a predictor at most.
        instruct: Whether the LM writes the instructions anew each round, out of kept and refused attempts.
        confidence: Of a proof, over all rounds together.
        steps: How traces are split into the steps that get credit (see ``credit``): ``lines``, ``numbered``,
            ``sentences``, ``predictors`` (the program's own calls), or ``off``.
        field: Output with the steps. Default: the reasoning, else the last output.
        sure: Attempts that took a step, none of which was kept, from which on the step counts as wrong.
        save: File for the state of the program that was reached, which DSPy loads; what it holds is replaced.
        trainer: Command that trains: ``python train.py {dataset} {out}``.
        lm_after: Name of the trained LM, as ``hosted_vllm/{out}``. Default: the last line that the command prints.
        models: Folder of what is trained.
        format: Format of the dataset, with rows of kind sft.
        trainer_seconds: Time for one training.
    """

    name: ClassVar[str] = "improve"
    judges: ClassVar[bool] = False
    needs_val: ClassVar[bool] = True

    rounds: int = Field(default=3, ge=1, le=100)
    attempts: int = Field(default=4, ge=1, le=10_000)
    demos: int = Field(default=16, ge=0, le=10_000)
    instruct: bool = False
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    steps: Way = "lines"
    field: str | None = None
    sure: int = Field(default=4, ge=1)
    save: Path | None = None
    trainer: str | None = None
    lm_after: str | None = None
    models: Path = Path(".limbeck/models")
    format: str = "trl-sft"
    trainer_seconds: float = Field(default=86_400.0, gt=0, allow_inf_nan=False)

    def __post_init__(self) -> None:
        self.program: dspy.Module = words.program()
        self.notes: Json = {}
        if self.trainer is not None:
            self._trainer(self.trainer).check()
        elif self.lm_after is not None:
            hint = 'Give the command, too: --set trainer="python train.py {dataset} {out}".'
            raise UsageError(f"lm_after={self.lm_after!r} without a trainer", hint=hint)

    def at(self, folder: Path) -> Improve:
        """The same with its files in a folder."""
        save = None if self.save is None else folder / self.save.expanduser()
        return replace(self, save=save, models=folder / self.models.expanduser())

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """Yield every rollout of every round, kept or not.

        Raises:
            UsageError: The task has too few rows to choose by.
            OutputError: The program cannot be saved.
            LimbeckError: The trainer fails.
            Stop: The budget has no room for a rollout, or no LM call can succeed.
        """
        if len(bench.val) < _FEWEST:
            hint = "Give the task some, Task(val=...), or data to draw them from."
            raise UsageError(f"improve needs rows to prove a gain by, and the task has {len(bench.val)}", hint=hint)
        with tempfile.TemporaryDirectory(prefix="limbeck-improve-") as folder:
            loop = _Loop(self, bench, Spool(Path(folder)))
            async with aclosing(loop.run()) as items:
                async for item in items:
                    yield item

    def _trainer(self, command: str) -> Trainer:
        return Trainer(command, self.lm_after, self.models.resolve(), self.format, self.trainer_seconds)


@plain_dataclass
class _Loop:
    """One run of it."""

    method: Improve
    bench: Bench
    spool: Spool
    told: dict[str, Json] = plain_field(default_factory=dict)
    programs: dict[str, Json] = plain_field(default_factory=dict)

    async def run(self) -> AsyncGenerator[Made | Dropped]:
        """Round after round."""
        method, bench = self.method, self.bench
        now = Setting(bench.candidate)
        self.pool = Pool(bench.task, bench.candidate)
        bench.phase("held-out rows")
        scores = (await bench.evaluate(now.candidate)).scores
        self._tell(now, scores, "")
        for at in range(1, method.rounds + 1):
            this = Round(at)
            bench.phase(f"round {at}")
            async with aclosing(self._rolled(now, this)) as items:
                async for item in items:
                    yield item
            self.told[str(at)] = this.as_json()
            new, why = await self._made_better(now, at)
            if new is None:
                self._tell(now, scores, why)
                break
            bench.phase(f"held-out rows, round {at}")
            after = (await bench.evaluate(new.candidate, new.lm)).scores
            found = gate(scores, after, confidence=1 - (1 - method.confidence) / method.rounds)
            self.told[str(at)] |= gained(found)
            about = {"candidate": new.candidate.id, "lm": new.lm or bench.writer}
            self.programs[str(at)] = {**about, "inputs": this.inputs, "before": short(found.baseline)}
            if not found.proven:
                self._tell(now, scores, f"round {at} proved no gain")
                break
            now, scores = new, after
            self._tell(now, scores, f"round {at} was the last" if at == method.rounds else "")
        await asyncio.to_thread(self._save, now.candidate)

    async def _rolled(self, now: Setting, this: Round) -> AsyncGenerator[Made | Dropped]:
        """The attempts at each seed, with their verdicts and credit."""
        method, bench = self.method, self.bench
        crediting = Crediting(method.steps, method.field, method.sure, list(bench.task.output_fields))

        async def attempts(seed: Example | Dropped) -> tuple[list[Made], list[Trace]] | Dropped:
            if isinstance(seed, Dropped):
                return seed
            tried = [self._made(now, seed, this.number, n) for n in range(method.attempts)]
            traces = await _each(self.bench, tried)
            credit = await asyncio.to_thread(crediting, traces) if len(traces) > _MANY else crediting(traces)
            return [replace(made, verdicts=said) for made, said in zip(tried, credit, strict=True)], traces

        limit = max(1, bench.concurrency // method.attempts)
        async with aclosing(ordered(attempts, once(bench), limit=limit, window=2 * limit)) as done:
            async for item in done:
                if isinstance(item, Dropped):
                    yield item
                    continue
                tried, traces = item
                this.add(traces)
                self._keep(traces)
                for made in tried:
                    yield made

    def _made(self, now: Setting, seed: Example, at: int, attempt: int) -> Made:
        lm = now.lm or self.bench.writer
        about = Provenance("rollout", seed.id, at, lm)
        return Made(seed, about, candidate=now.without(seed), attempt=attempt, new=False, lm=now.lm)

    def _keep(self, traces: list[Trace]) -> None:
        for trace in traces:
            self.pool.add(trace)
        if self.method.trainer is not None:
            self.spool.add([trace for trace in traces if trace.outcome == "passed"])

    async def _made_better(self, now: Setting, at: int) -> tuple[Setting | None, str]:
        """A new setting of all that was kept, or why there is none."""
        method, seed = self.method, f"{self.bench.seed}/improve/{at}"
        if not len(self.pool):
            return None, "nothing was kept"
        # A trained LM has no demos: of the rows that it was trained on, one with its own demo would teach it to copy.
        most = method.demos if method.trainer is None else None
        demos, origins = self.pool.demos(most, seed)
        candidate = now.candidate.with_demos(demos)
        if method.instruct:
            shown = self.pool.kept, self.pool.refused
            candidate = await words.reworded(self.bench, method.program, candidate, *shown, seed)
        new = Setting(candidate, now.lm, origins)
        if method.trainer is not None:
            self.bench.phase(f"training, round {at}")
            trainer = method._trainer(method.trainer)  # noqa: SLF001  # its own
            lm = await trainer(self.bench.task, candidate, self.spool, at)
            if lm is None:
                return None, "what was kept gave no row to train on"
            new = Setting(candidate, lm, origins)
        if new.candidate.id == now.candidate.id and new.lm == now.lm:
            return None, "what was kept made the same program"
        return new, ""

    def _tell(self, now: Setting, scores: Iterable[float], why: str) -> None:
        each = list(scores)
        interval = score_interval(each)
        mean = sum(each) / len(each)
        self.method.notes.update({
            "rounds": self.told, "programs": self.programs,
            "candidate": now.candidate.id, "lm": now.lm or self.bench.writer,
            "held-out score": f"{mean:.4g} [{interval.low:.4g}, {interval.high:.4g}] on {len(each)} rows",
            "ended": why or "before its end",
        })  # fmt: skip

    def _save(self, candidate: Candidate) -> None:
        path = self.method.save
        if path is None:
            return
        partial = path.with_name(f".{path.stem}.partial.json")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_state(apply(self.bench.task.program, candidate), partial)
            partial.replace(path)
        except OSError as error:
            raise OutputError(
                f"Cannot write {path}: {error.strerror}", hint="Give --set save= another file."
            ) from error
        self.method.notes["saved"] = str(path)


_MANY = 64  # attempts whose credit is worth a thread


async def _each(bench: Bench, tried: list[Made]) -> list[Trace]:
    """The traces of the attempts at a seed, at the same time."""

    async def one(made: Made) -> Trace:
        return await bench.verify(made)

    async with aclosing(ordered(one, tried, limit=bench.concurrency)) as traces:
        return [trace async for trace in traces]
