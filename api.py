"""Everything that the command line does, as functions: sync, and async with an ``a`` before the name.

A target is ``path/to/module.py:name``, an artifact directory, a ``Task``, or a DSPy program with ``metric=``. The sync
functions also work where an event loop is running, in a notebook say: they then run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .aio import twin
from .compiler.calibrate import asking_of, calibrate_asking, calibrate_recorded
from .compiler.calibrated import Calibrated
from .compiler.check import Checked, check_task
from .compiler.compile import Compiled, compile_task
from .compiler.emit.artifact import load_artifact
from .compiler.emit.card import command
from .compiler.emit.choices import make_choices
from .compiler.emit.outdir import check_out
from .compiler.emit.prompts import apply_prompts
from .compiler.emit.result import DatasetResult
from .compiler.emit.why import Why, tell
from .compiler.evaluate import Evaluated, evaluate_task
from .compiler.export import export_task
from .compiler.generate.registry import make_generator
from .compiler.ingest import Ingested, ingest_rows
from .compiler.inputs import begun, count, labelled, raw, row_function, unlabelled
from .compiler.keep.store import Store
from .compiler.labelled import Columns
from .compiler.lm.budget import Budget
from .compiler.mapping import RowFunction
from .compiler.predict import predict
from .compiler.reverify import Reverified, reverify_task
from .compiler.seeds import Seeds
from .compiler.session import DEFAULT_STORE, Options
from .compiler.synthesize import synthesize_task
from .compiler.targets import Target, adapter_of, as_compiled, refuse_compiled
from .compiler.targets import load as load  # noqa: PLC0414 - reached as limbeck.load
from .compiler.value import Valued, value_task
from .compiler.worth import is_sound
from .compiler.yields import Synthesized
from .errors import DataError, LimbeckError, UsageError
from .optimizers.auto import AUTO
from .records import Candidate, Json, Trace
from .signatures.examples import read_rows
from .signatures.task import Data

if TYPE_CHECKING:
    from .compiler.generate.base import Generator
    from .compiler.progress import Progress


def options(
    *, budget: str | Budget | None = None, set: Mapping[str, Any] | None = None, **settings: Any,  # noqa: A002
) -> Options:  # fmt: skip
    """Collect settings; ``budget`` may be text such as ``5usd,2000calls,1h``.

    Raises:
        UsageError: A setting is unknown, not positive where it counts something, or a budget is not understood.
    """
    limits = Budget.parse(budget) if isinstance(budget, str) else budget or Budget()
    try:
        made = Options(budget=limits, set=dict(set or {}), **settings)
    except TypeError as error:
        raise UsageError(f"unknown setting: {error}", hint=f"There are {', '.join(Options.__annotations__)}") from error
    if made.seed < 0:
        raise UsageError(f"seed is {made.seed}, and must be 0 or above")
    if made.concurrency < 1:
        raise UsageError(f"concurrency is {made.concurrency}, and at least one call has to be in flight")
    return made


async def acompile(
    target: Target, out: str | Path, *, metric: Any = None, verifiers: Sequence[Any] = (), optimizer: str = AUTO,
    train: Data | None = None,
    val: Data | None = None, test: Data | None = None, data: Data | None = None, values: bool = True,
    progress: Progress | None = None, **settings: Any,
) -> Compiled:  # fmt: skip
    """Compile a program: run it, keep what passes, choose demos, prove the gain, write the artifact.

    Args:
        target: What to compile.
        out: Directory to write.
        metric: Metric of a bare program: a function, or ``module.py:name``.
        verifiers: What else judges, beside what the task lists: names, or objects of ``limbeck.verifiers``.
        optimizer: Name of the optimizer, or of several after one another: ``bootstrap,search``. ``auto`` picks one.
        train: Data instead of what the task declares: a file, or rows.
        val: Likewise.
        test: Likewise.
        data: Data to draw all splits from.
        values: Whether to measure what each demo is worth, and to drop those that are proven to do harm.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``; ``budget`` may be text.

    Raises:
        UsageError: Something cannot be used as it is; see ``errors``.
        BudgetReached: The budget ended the run. What was reached is kept, and the same call goes on from there.
    """
    refuse_compiled(target)
    task, _ = load(target, metric=metric, verifiers=verifiers)
    named = str(target) if isinstance(target, (str, Path)) else None
    return await compile_task(task, Path(out), optimizer=optimizer, options=options(**settings), progress=progress,
                              target=named, data={"train": train, "val": val, "test": test, "data": data},
                              values=values)  # fmt: skip


async def aevaluate(
    target: Target, data: Any = None, *, metric: Any = None, verifiers: Sequence[Any] = (),
    out: str | Path | None = None,
    progress: Progress | None = None, **settings: Any,
) -> Evaluated:  # fmt: skip
    """Score a program on labelled data, with a 95% interval; failed rollouts count 0.

    Args:
        target: What to score; an artifact directory stands for the compiled program.
        data: A file or rows; default: the task's test rows.
        metric: Metric of a bare program.
        verifiers: What else judges, beside what the task lists: names, or objects of ``limbeck.verifiers``.
        out: JSONL file to write a prediction a row to.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``.

    Raises:
        UsageError: Something cannot be used as it is.
        BudgetReached: The budget ended the run.
    """
    chosen = options(**as_compiled(target, settings))
    task, candidate = load(target, metric=metric, verifiers=verifiers)
    rows, total = labelled(task, data, chosen.seed)
    return await evaluate_task(
        task, rows, candidate=candidate, out=Path(out) if out else None, options=chosen, progress=progress, total=total
    )


async def arun(
    target: Target, inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | Path, *,
    progress: Progress | None = None, **settings: Any,
) -> Json | list[Json | None]:  # fmt: skip
    """Predict: one input as a dict gives one prediction, a list or file of inputs gives a list.

    Where the program fails on an input of a list, its prediction is None.

    Raises:
        UsageError: Something cannot be used as it is.
        LimbeckError: The program failed on the one input.
    """
    if isinstance(inputs, Mapping):
        traces = [trace async for trace in arun_traces(target, [inputs], progress=progress, **settings)]
        if traces[0].failure is not None:
            raise LimbeckError(f"no prediction: {traces[0].failure.message}")
        return traces[0].prediction or {}
    return [t.prediction async for t in arun_traces(target, inputs, progress=progress, **settings)]


async def arun_traces(
    target: Target, inputs: Iterable[Mapping[str, Any]] | str | Path, *, progress: Progress | None = None,
    total: int | None = None, text: bool = False, **settings: Any,
) -> AsyncGenerator[Trace, None]:  # fmt: skip
    """Like ``arun`` for many inputs, but streams the traces, failed ones included.

    With ``text`` the values are strings to be read as the program's types, like the cells of a CSV file.
    """
    chosen = options(**as_compiled(target, settings))
    task, candidate = load(target, need_metric=False)
    rows = unlabelled(task, inputs, text=text)
    if total is None and isinstance(inputs, (str, Path)):
        total = count(Path(inputs))
    made = predict(task, rows, candidate=candidate, options=chosen, progress=progress, total=total)
    async with aclosing(made) as traces:
        async for trace in traces:
            yield trace


async def aingest(
    target: Target, data: str | Path, *, row: RowFunction | str | None = None, source: str | None = None,
    licence: str | None = None, metric: Any = None, verifiers: Sequence[Any] = (), progress: Progress | None = None,
    **settings: Any,
) -> Ingested:  # fmt: skip
    """Import the log of an existing model: each row becomes a trace, judged and kept.

    No LM is called, but by a verifier that asks one.

    Args:
        target: Task of the one predictor that gave the answers.
        data: The log: JSONL, JSON, CSV or Parquet, each ``.gz`` too.
        row: Maps a row to inputs, labels, outputs or completion, lm, attempt and meta: a function or
            ``module.py:name``. Without it rows must have these keys themselves.
        source: Name of where the log comes from, for the card of a dataset; a row's ``meta.source`` goes before.
        licence: Licence that it stands under, best as an id of SPDX; a row's ``meta.licence`` goes before.
        metric: Metric of a bare program.
        verifiers: What else judges.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``.

    Raises:
        UsageError: Something cannot be used as it is.
        BudgetReached: The budget ended what verifiers ask.
    """
    chosen = options(**settings)
    task, _ = load(target, metric=metric, verifiers=verifiers)
    mapper = row_function(row) if isinstance(row, str) else row
    rows = begun(read_rows(data))
    return await ingest_rows(task, rows, mapper, options=chosen, progress=progress, source=source, licence=licence)


async def averify(
    target: Target, *, metric: Any = None, verifiers: Sequence[Any] = (), progress: Progress | None = None,
    **settings: Any,
) -> Reverified:  # fmt: skip
    """Judge the stored traces of a task again, where its metric, checks or verifiers changed.

    Raises:
        UsageError: Something cannot be used as it is.
    """
    task, _ = load(target, metric=metric, verifiers=verifiers)
    return await reverify_task(task, options(**settings), progress)


async def asynthesize(
    target: Target, method: str | Generator, *, data: Data | None = None, rows: int | None = None,
    out: str | Path | None = None, prompts: str | Path | Sequence[str | Path] = (), metric: Any = None,
    verifiers: Sequence[Any] = (), progress: Progress | None = None, **settings: Any,
) -> Synthesized:  # fmt: skip
    """Make new examples by a method of the field, verify them, and keep their traces.

    Args:
        target: What they are for; the compiled program of an artifact directory answers with its compiled prompt.
        method: Name of a generator, ``module.py:Name`` of one's own, or the generator itself; ``set`` has its options.
        data: What to start from, a file or rows; default: the training rows of the task.
        rows: End after so many rows were kept.
        out: JSONL file to write the kept rows to.
        prompts: Artifact directory of the generator's own program, compiled before, or several, each of a part of it;
            see ``Generator.program``.
        metric: Metric of a bare program.
        verifiers: What else judges.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``.

    Raises:
        UsageError: Something cannot be used as it is.
        BudgetReached: The budget ended the run; the same call goes on from there.
    """
    chosen = options(**as_compiled(target, settings))
    generator = make_generator(method, chosen.set) if isinstance(method, str) else method
    task, candidate = load(target, metric=metric, verifiers=verifiers, need_metric=not generator.judges)
    compiled = [Path(prompts)] if isinstance(prompts, (str, Path)) else [Path(given) for given in prompts or ()]
    if compiled:
        generator.program = apply_prompts(generator.program, compiled)
    given = {"set": dict(chosen.set), "data": str(data) if isinstance(data, (str, Path)) else None, "rows": rows}
    seeds = Seeds(task, data, chosen.seed, need_val=getattr(generator, "needs_val", False))
    return await synthesize_task(
        task, generator, seeds, rows=rows, out=None if out is None else Path(out),
        candidate=candidate, options=chosen, progress=progress, given=given,
    )  # fmt: skip


async def acalibrate(
    data: str | Path | Sequence[Mapping[str, Any]], *, human: str, target: Target | None = None,
    judgment: str | None = None, answer: str | None = None, other: str | None = None, inputs: Sequence[str] = (),
    judge: Any = None, judge_args: Mapping[str, Any] | None = None, threshold: float | None = None,
    human_threshold: float | None = None, metric: Any = None, progress: Progress | None = None, **settings: Any,
) -> Calibrated:  # fmt: skip
    """Measure a judge against people: agreement, Cohen's kappa, biases, precision and recall at each threshold.

    Args:
        data: A file or rows that people labelled.
        human: Column with what they said: ``a``, ``b`` and ``tie``; true and false; a number; or a word.
        target: Task with the program's inputs and the judge; without one ``inputs`` are named.
        judgment: Column with recorded judgments, in whole answers of a judge (``Rating: [[7]]``), too. No LM is called.
        answer: Column with the answer, the first one of a pair. Default: the last output of the program.
        other: Column with the second answer of a pair.
        inputs: Columns with what was asked, where there is no target.
        judge: Judge to ask now: a verifier or its name, ``metric`` for the task's. Default: the task's, else ``judge``.
        judge_args: Options of a judge that is made by its name.
        threshold: Score from which on the judge passes.
        human_threshold: Score from which on people pass. Default: as the judge's.
        metric: Metric of a bare program.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``; ``lm`` judges where the judge has none of its own.

    Raises:
        UsageError: Something cannot be used as it is.
        BudgetReached: The budget ended the run. Answers that had arrived are kept.
    """
    chosen = options(**settings)
    columns = Columns(human, judgment, answer, other, threshold, human_threshold)
    if judgment is not None:
        if target is not None or judge is not None or judge_args:
            hint = "Leave out either the recorded judgments or the judge."
            raise UsageError(f"the judgments in {judgment!r} are recorded, and a judge is given, too", hint=hint)
        return await asyncio.to_thread(calibrate_recorded, raw(data), columns)
    task = load(target, metric=metric, need_metric=False)[0] if target is not None else None
    asking = asking_of(task, columns, inputs=inputs, judge=judge, judge_args=judge_args)
    total = count(Path(data)) if isinstance(data, (str, Path)) else len(data)
    return await calibrate_asking(raw(data), columns, asking, chosen, progress, total)


async def aexport(
    target: Target, out: str | Path, *, metric: Any = None, verifiers: Sequence[Any] = (),
    adapter: str | None = None, store: str | Path = DEFAULT_STORE, judging: Sequence[str] = (),
    progress: Progress | None = None, **choices: Any,
) -> DatasetResult:  # fmt: skip
    """Write the stored traces of a task as a dataset for a trainer.

    Rows with an input of the task's test data are left out, and so are rows that contain one.

    Args:
        target: The task, or the artifact directory whose compiled prompt is wanted.
        out: Directory to write.
        metric: Metric of a bare program.
        verifiers: What else judges, beside what the task lists: names, or objects of ``limbeck.verifiers``.
        adapter: Writes prompts and answers; default: the artifact's, else ``chat``.
        store: Path or URL of the store.
        judging: Flags that name metric and verifiers on the command line, for the card.
        progress: Told what goes on.
        **choices: See ``compiler.emit.choices.Choices``: ``format``, ``prompt``, ``split`` and many more.

    Raises:
        UsageError: Something cannot be used as it is.
    """
    check_out(Path(out))
    wanted = make_choices({**choices, "adapter": adapter or adapter_of(target)})
    wanted.check()
    task, candidate = load(target, metric=metric, verifiers=verifiers, need_metric=False)
    stop = threading.Event()
    named = isinstance(target, str | Path)
    line = command(str(target), wanted, judging=judging) if named and isinstance(wanted.format, str) else None
    work = asyncio.create_task(asyncio.to_thread(
        export_task, task, candidate, wanted, Path(out), store=store, stop=stop, command=line, progress=progress,
    ))  # fmt: skip
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        return await work  # ends at once; or the dataset is there already, and that must not be denied


async def awhy(dataset: str | Path, row: str, *, store: str | Path = DEFAULT_STORE) -> Why:
    """Tell where a row of a dataset comes from: its trace, verdicts, prompt, LM and run; or why it was left out.

    Args:
        dataset: A directory that ``export`` wrote.
        row: ``train:12`` (split and line), an id, or how the hash of the row's line starts.
        store: Where the traces are; without it there is what the dataset itself tells.

    Raises:
        UsageError: There is no such dataset or row, or something cannot be read.
    """
    return await asyncio.to_thread(tell, Path(dataset), row, store)


async def avalue(
    target: str | Path,
    data: Any = None,
    *,
    metric: Any = None,
    verifiers: Sequence[Any] = (),
    progress: Progress | None = None,
    **settings: Any,
) -> Valued:
    """Tell what each demo and instruction of a compiled prompt is worth: the score with it minus that without it.

    Args:
        target: An artifact directory.
        data: A file or labelled rows to measure anew on; default: what the compile measured.
        metric: Metric of a bare program.
        verifiers: What else judges, beside what the task lists: names, or objects of ``limbeck.verifiers``.
        progress: Told what goes on.
        **settings: See ``compiler.session.Options``; of no use without data.

    Raises:
        UsageError: The artifact has no values and no data is given, or something cannot be used as it is.
        BudgetReached: The budget ended the run.
    """
    artifact = load_artifact(Path(target))
    stored = artifact.manifest.get("values")
    if stored is not None and not is_sound(stored):
        path = artifact.path / "limbeck.json"
        raise DataError(f"{path}: its values are none that limbeck wrote", hint="Compile the program again.")
    if data is not None:
        chosen = options(**as_compiled(target, settings))
        task, candidate = load(target, metric=metric, verifiers=verifiers)
        rows, _ = labelled(task, data, chosen.seed)
        return await value_task(task, candidate or Candidate(), list(rows), origins=stored, options=chosen,
                                progress=progress)  # fmt: skip
    if stored is None:
        hint = f"Measure them on labelled rows: limbeck value {shlex.quote(str(target))} --data FILE, or data=."
        raise UsageError(f"{target} was compiled without values", hint=hint)
    return Valued(str(artifact.manifest.get("task") or ""), stored)


async def acheck(
    target: Target, *, metric: Any = None, verifiers: Sequence[Any] = (), optimizer: str = AUTO,
    train: Data | None = None,
    val: Data | None = None, test: Data | None = None, data: Data | None = None, values: bool = True, **settings: Any,
) -> Checked:  # fmt: skip
    """Look before paying: data, splits, the metric on a sample, a forecast of calls, cost and time. No LM call.

    Raises:
        UsageError: Something cannot be used as it is.
    """
    refuse_compiled(target)
    task, _ = load(target, metric=metric, verifiers=verifiers)
    return await check_task(task, optimizer=optimizer, options=options(**settings),
                            data={"train": train, "val": val, "test": test, "data": data}, values=values)  # fmt: skip


def open_store(store: str | Path = DEFAULT_STORE) -> Store:
    """Open an existing store to read its traces, runs and ledgers.

    Raises:
        StoreError: There is none, or it cannot be read.
    """
    return Store.open(store, create=False)


compile = twin(acompile)  # noqa: A001 - the word of the design; reached as limbeck.compile
evaluate = twin(aevaluate)
run = twin(arun)
ingest = twin(aingest)
verify = twin(averify)
export = twin(aexport)
why = twin(awhy)
check = twin(acheck)
value = twin(avalue)
calibrate = twin(acalibrate)
synthesize = twin(asynthesize)
