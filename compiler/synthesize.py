"""synthesize(): a generator's examples, verified, kept in the store and counted.

seeds -> generator -> new inputs only -> rollout, or the answer that it wrote -> verifiers -> store, and a file of rows
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import orjson

from ..aio import ordered
from ..errors import DataError, MetricError, Stop
from ..records import Candidate, Json, Trace
from ..signatures.program import base_candidate
from .emit.outdir import new_file
from .emit.record import REASONING
from .generate.base import Dropped, Generator, Made
from .seeds import Seeds, number
from .session import Options, Session, open_session, spent
from .synthbench import SynthBench, check_wanted
from .yields import Synthesized, Tally

if TYPE_CHECKING:
    from ..signatures.task import Task
    from .progress import Progress

_NO_LABELS = (
    "What is made has no labels, and a metric that compares with them cannot judge it. Give the program itself as "
    "TARGET, with what judges without labels: --verifier agree or --verifier judge."
)

_TOLD = 20  # rows of a table of notes that are told of a run that was ended

Item = tuple[Made, Trace] | tuple[Dropped, None]


async def synthesize_task(
    task: Task, generator: Generator, seeds: Seeds, *, rows: int | None = None, out: Path | None = None,
    candidate: Candidate | None = None, options: Options | None = None, progress: Progress | None = None,
    given: Json | None = None,
) -> Synthesized:  # fmt: skip
    """Make examples, verify them and keep their traces, those that were refused included.

    Memory holds a number for each input and a sample of the texts.

    Args:
        task: Program, and what judges.
        generator: The method.
        seeds: What it starts from. Gone through twice at least.
        rows: End after so many were kept.
        out: JSONL file to write the kept rows to: inputs, and labels or else the verified outputs.
        candidate: Setting of the program that answers; default: as declared.
        options: LMs, budget, store and so on.
        progress: Told what goes on.
        given: What the user asked for, as the run in the store tells it.

    Raises:
        UsageError: Task, seeds or options cannot be used.
        OutputError: ``out`` exists or cannot be written.
        BudgetReached: The budget ended the run; the store keeps what was reached, and the same call goes on from there.
    """
    check_wanted(rows)
    made_by = {"method": generator.name, **(given or {})}
    checks_only = generator.judges and task.metric is None and not task.verifiers
    tally = Tally(task, (options or Options()).seed)
    for seed in seeds:  # what cannot be read is told before anything is made
        tally.seed(seed)
    async with AsyncExitStack() as stack:
        opened = open_session(task, options or Options(), "synth", progress=progress, args=made_by,
                              need_judge=not checks_only)  # fmt: skip
        session = await stack.enter_async_context(opened)
        bench = SynthBench(session, generator.name, seeds, candidate or base_candidate(task.program), rows)
        bench.phase("synth")  # how many are to be made, so that `rows` are kept, nobody knows
        work = _Synthesis(session, bench, tally)

        def result(written: Path | None = None) -> Synthesized:
            found = tally.result(generator.name, spent(session.meter), bench.needed, session.run, written,
                                 getattr(generator, "notes", None))  # fmt: skip
            session.summary = found.as_json()
            return found

        try:
            with ExitStack() as files:
                file = files.enter_context(new_file(out)) if out is not None else None
                await work.run(generator, file)
        except Stop:
            _tell(result(), session)  # the file of rows is written whole or not at all
            raise
        return result(out)


def _tell(result: Synthesized, session: Session) -> None:
    """Say what there is so far, for a run that a budget ends has no other way to say it."""
    tables = [f"  {name}: {row}: {told}" for name, rows in result.noted().items() for row, told in rows[:_TOLD]]
    for line in [*repr(result).splitlines(), *tables]:
        session.progress.note(line)


@dataclass
class _Synthesis:
    session: Session
    bench: SynthBench
    tally: Tally
    _inputs: set[int] = field(default_factory=set)
    _labelled: bool = False
    _stop: Stop | None = None

    async def run(self, generator: Generator, file: IO[bytes] | None) -> None:
        """Keep what comes, in its order, until there is enough of it."""
        self._inputs = set(self.bench.known)
        made = cast("AsyncGenerator[Made | Dropped]", generator.generate(self.bench))
        fresh = self._fresh(made)
        judged = ordered(self._judged, fresh, limit=self.bench.concurrency)
        async with aclosing(made), aclosing(fresh), aclosing(judged) as items:
            async for item, trace in items:
                self._take(item, trace, file)
                if self.bench.wanted is not None and self.tally.kept >= self.bench.wanted:
                    return
        if self._stop is not None:
            raise self._stop
        if not self.tally.asked and not self._inputs and not getattr(generator, "notes", None):
            raise DataError("there is nothing to start from", hint="Give --data with at least one row.")
        with _explained(labelled=self._labelled):
            self.session.bench.conclude()

    async def _fresh(self, items: AsyncIterator[Made | Dropped]) -> AsyncGenerator[Made | Dropped]:
        """The items, those dropped whose input there is already; what ends the run waits for those before it."""
        try:
            async for item in items:
                yield self._checked(item)
        except Stop as stop:
            self._stop = stop

    def _checked(self, item: Made | Dropped) -> Made | Dropped:
        if isinstance(item, Dropped) or not item.new:
            return item
        known = number(item.example)
        if known in self._inputs:
            return Dropped("input known already", item.provenance.parent or item.provenance.operation)
        self._inputs.add(known)
        return item

    async def _judged(self, item: Made | Dropped) -> Item:
        return (item, None) if isinstance(item, Dropped) else (item, await self.bench.judge(item))

    def _take(self, item: Made | Dropped, trace: Trace | None, file: IO[bytes] | None) -> None:
        if isinstance(item, Dropped) or trace is None:
            dropped = cast("Dropped", item)
            self.tally.drop(dropped)
            self.session.store.note(self.session.run, "synth", dropped.item, dropped.rule, dropped.detail)
            return
        self._labelled = self._labelled or bool(item.example.labels)
        with _explained(labelled=self._labelled):
            self.bench.keep(item, trace)
        self.tally.add(item, trace)
        if file is not None and trace.outcome == "passed":
            file.write(orjson.dumps(_row(self.bench.task, trace), option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _explained(*, labelled: bool) -> Iterator[None]:
    """Say of a metric that fails on everything what may be the reason, where what was made has no labels."""
    try:
        yield
    except Stop as stop:
        if labelled or not isinstance(stop.error, MetricError):
            raise
        raise Stop(MetricError(stop.error.message, hint=_NO_LABELS)) from stop


def _row(task: Task, trace: Trace) -> Json:
    """What is written of a kept row: inputs, and labels; what has no label is labelled with the verified output."""
    outputs = {name: value for name, value in (trace.prediction or {}).items() if name in task.output_fields}
    if trace.example.labels:
        outputs.pop(REASONING, None)  # the reasoning of an attempt is no label
    return {**trace.example.inputs, **outputs, **trace.example.labels}
