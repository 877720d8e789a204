"""Existing logs become traces, verified, kept and exported like the compiler's own. No LM is asked but by verifiers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..records import Json, Trace
from ..signatures.program import base_candidate
from . import results
from .judging import Waiting, each, judge_stored
from .keep.runs import Status
from .keep.store import Store
from .lm.adapters import make_adapter
from .mapping import Mapper, RowFunction
from .progress import Silent
from .results import Result, Shown
from .session import Options, open_session
from .verify.base import Declared, Verifier, judge
from .verify.registry import verifiers_of

if TYPE_CHECKING:
    from ..signatures.task import Task
    from .progress import Progress

_HOPELESS = 5  # rows in a row that the row function cannot map before the import is ended


@dataclass(frozen=True, repr=False)
class Ingested(Result):
    """What an import came to: ``read = passed + rejected + failed + dropped``.

    Attributes:
        task: Name of the task.
        read: Rows read.
        outcomes: Traces by outcome.
        reasons: Failed traces by reason.
        dropped: Rows that gave no trace, by reason.
        by_lm: Passed and all traces by LM.
        run: Id of the run in the store.
    """

    task: str
    read: int
    outcomes: dict[str, int]
    reasons: dict[str, int]
    dropped: dict[str, int]
    by_lm: dict[str, tuple[int, int]]
    run: str

    def as_json(self) -> Json:
        """One JSON object with everything."""
        return asdict(self)

    def shown(self) -> Shown:
        """What became of the rows; pass rates by LM in notebooks."""
        rates = [(lm, f"{passed:,} of {n:,} passed, {passed / n:.1%}") for lm, (passed, n) in self.by_lm.items()]
        return Shown(
            f"{self.read:,} rows imported into {self.task}",
            results.facts(
                ("traces", results.outcomes(self.outcomes)),
                ("failed", results.counts(self.reasons)),
                ("not kept", results.counts(self.dropped)),
            ),
            {"By LM": rates} if rates else {},
        )


async def ingest_rows(
    task: Task, rows: Iterable[tuple[Json, str]], row: RowFunction | None, *, options: Options | None = None,
    progress: Progress | None = None, source: str | None = None, licence: str | None = None,
) -> Ingested:  # fmt: skip
    """Import the rows of a log; memory holds an id a row.

    Args:
        task: Program with one predictor, and what judges its answers.
        rows: Rows with their source, ``file:line``.
        row: Maps a row; None where rows have the keys already.
        options: Store, and the adapter, which reads outputs from completions where the row function gives only those;
            LM, budget and concurrency for verifiers that ask an LM or run code.
        progress: Told what goes on.
        source: Name of where all rows come from, kept with each trace unless its row says another one.
        licence: Likewise the licence that they stand under.

    Raises:
        DataError: The row function does not return what it should, or raises on every row.
        TargetError: The program has several predictors.
        UsageError: Source or licence is a blank.
        BudgetReached: The budget ended what verifiers ask; the same import goes on from there.
    """
    options = options or Options()
    make_adapter(options.adapter)  # refused here, not as a parse failure of each row
    about = _about(source=source, licence=licence)
    importer = _Importer(Mapper(task, row, options.adapter), progress or Silent(), _Counts(), about)
    every = verifiers_of(task)
    verifiers = [verifier for verifier in every if not isinstance(verifier, Declared)]
    if len(verifiers) < len(every):
        return await _in_session(task, rows, importer, options)
    with Store.open(options.store) as kept:
        run = kept.start_run(task.name or "", "import", {"adapter": options.adapter})
        kept.add_candidate(base_candidate(task.program), task.name or "")
        status: Status = "interrupted"
        try:
            await importer.run(rows, partial(judge, verifiers=verifiers), verifiers, kept, run)
            status = "done"
        except Exception:
            status = "failed"
            raise
        finally:
            result = importer.counts.result(task.name or "", run)
            kept.finish_run(run, status, result.as_json())
    return result


async def _in_session(
    task: Task, rows: Iterable[tuple[Json, str]], importer: _Importer, options: Options
) -> Ingested:  # fmt: skip
    """Import where verifiers need a place to work in; those that look at all attempts work after the last row."""
    async with open_session(task, options, "import", progress=importer.progress) as session:
        session.store.add_candidate(base_candidate(task.program), task.name or "")
        setting, counts = session.bench.setting, importer.counts
        verifiers = setting.verifiers
        later = any(verifier.grouped for verifier in verifiers)
        with ExitStack() as stack:
            stack.callback(setattr, setting, "verifiers", verifiers)
            setting.verifiers = [Waiting(verifier) if verifier.grouped else verifier for verifier in verifiers]
            judging = session.bench.worker.judge
            await importer.run(rows, judging, verifiers, session.store, session.run, options.concurrency, later=later)
        if later:
            async with aclosing(judge_stored(session)) as stored:
                async for _, trace in stored:
                    if importer.mapper.has(trace):
                        counts.add(trace)
        result = counts.result(task.name or "", session.run)
        session.summary = result.as_json()
    return result


@dataclass
class _Importer:
    mapper: Mapper
    progress: Progress
    counts: _Counts
    about: Json

    async def run(
        self, rows: Iterable[tuple[Json, str]], judging: Callable[[Trace], Awaitable[Trace]],
        verifiers: Sequence[Verifier], kept: Store, run: str, concurrency: int = 1, *, later: bool = False,
    ) -> None:  # fmt: skip
        """Judge and keep the traces of rows, and count them unless that is done later; note the rows that give none."""
        self.progress.phase("import", None)
        async with aclosing(each(judging, self._traces(rows, kept, run), verifiers, concurrency)) as judged:
            async for trace in judged:
                kept.add(trace, run=run)
                self.progress.trace(trace, stored=False)
                if not later:
                    self.counts.add(trace)

    def _traces(self, rows: Iterable[tuple[Json, str]], kept: Store, run: str) -> Iterator[Trace]:
        for raw, source in rows:
            self.counts.read += 1
            try:
                made = self.mapper.trace(raw, source)
            except DataError:
                raise
            except Exception as error:  # noqa: BLE001 - the user's function; it costs this one row
                made = ("row function failed", f"{type(error).__name__}: {error}")
                self.counts.check_hope(source, made[1])
            if isinstance(made, Trace):
                yield _with(made, self.about)
                continue
            self.counts.dropped[made[0]] += 1
            kept.note(run, "import", source, *made)


def _about(**given: str | None) -> Json:
    """What is said of all rows.

    Raises:
        UsageError: It is a blank.
    """
    for name, text in given.items():
        if text is not None and not text.strip():
            raise UsageError(f"The {name} of the rows is {text!r}.", hint=f"Give its name, or leave out --{name}.")
    return {name: text.strip() for name, text in given.items() if text is not None}


def _with(trace: Trace, about: Json) -> Trace:
    """The trace with what is said of all rows, where its own does not say it."""
    own = {"licence" if name == "license" else name for name in trace.meta}
    new = {name: text for name, text in about.items() if name not in own}
    return replace(trace, meta={**trace.meta, **new}) if new else trace


class _Counts:
    def __init__(self) -> None:
        self.read = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self._passed: Counter[str] = Counter()
        self._all: Counter[str] = Counter()

    def add(self, trace: Trace) -> None:
        self.outcomes[trace.outcome] += 1
        self._all[trace.lm] += 1
        self._passed[trace.lm] += trace.outcome == "passed"
        if trace.reason:
            self.reasons[trace.reason] += 1

    def check_hope(self, source: str, said: str) -> None:
        """End an import where the row function fails on every row."""
        if self.read >= _HOPELESS and not self._all and not self.dropped.keys() - {"row function failed"}:
            raise DataError(
                f"{source}: the row function failed on every one of the first {self.read} rows: {said}",
                hint="Try it alone on one line of the file.",
            )

    def result(self, task: str, run: str) -> Ingested:
        by_lm = {lm: (self._passed[lm], n) for lm, n in sorted(self._all.items())}
        return Ingested(task, self.read, dict(sorted(self.outcomes.items())), dict(sorted(self.reasons.items())),
                        dict(sorted(self.dropped.items())), by_lm, run)  # fmt: skip
