"""The stored traces of a task as a dataset."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ..records import Candidate, Example, Trace
from ..signatures.splits import make_splits
from ..signatures.task import Task
from .emit.against import example_texts
from .emit.choices import Choices
from .emit.dataset import Source, export
from .emit.result import DatasetResult
from .keep.store import Store
from .progress import Progress, Silent
from .session import cache_directory
from .verify.base import is_current
from .verify.registry import verifiers_of


def export_task(
    task: Task, candidate: Candidate | None, choices: Choices, out: Path, *, store: str | Path,
    stop: threading.Event, command: str | None = None, progress: Progress | None = None,
) -> DatasetResult:  # fmt: skip
    """Write the traces of a task that a store holds.

    Args:
        task: The task. Rows with an input of its test data are left out, and so are rows that contain one.
        candidate: The compiled prompt, for prompt ``compiled``.
        choices: What is asked for.
        out: Directory to make.
        store: Path or URL of the store.
        stop: Set by another thread to end this.
        command: The command line that makes the dataset again.
        progress: Told what goes on.

    Raises:
        CancelledError: ``stop`` was set.
        LimbeckError: See ``emit.dataset.export``.
    """
    with Store.open(store, create=False) as kept:
        verifiers = verifiers_of(task) if task.metric is not None or task.verifiers else None
        held_out, tests = _test_data(task, kept, choices.seed)
        source = Source(
            program=task.program,
            candidate=candidate,
            task=task.name or "",
            held_out=held_out,
            tests=list(example_texts(tests)),
            is_current=partial(is_current, verifiers=verifiers) if verifiers else None,
            command=command,
            vectors=cache_directory(store).with_name("vectors"),
        )
        watch, name = progress or Silent(), task.name or ""
        watch.phase("export", sum(kept.count(task=name).values()))
        go_on = partial(_go_on, stop)
        traces = _watched(kept.traces(task=name, order="input"), watch, go_on)
        return export(traces, source, choices, out=out, note=watch.note, go_on=go_on)


def _test_data(task: Task, kept: Store, seed: int) -> tuple[set[str], list[Example]]:
    """The task's test rows, and those of every compile in the store, whatever seed or files it had: ids and rows."""
    has_data = any(value is not None for value in (task.train, task.val, task.test, task.data))
    rows = list(make_splits(task, seed=seed).test) if has_data else []
    own = {row.input_id for row in rows}
    others: set[str] = set()
    for found in kept.runs(task=task.name or "", command="compile"):
        others |= set((found.summary or {}).get("test_inputs", ()))
    rows += kept.examples(task=task.name or "", inputs=sorted(others - own))
    return own | others, rows


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise asyncio.CancelledError


def _watched(traces: Iterable[Trace], progress: Progress, go_on: Callable[[], None]) -> Iterator[Trace]:
    for trace in traces:
        go_on()
        progress.trace(trace, stored=True)
        yield trace
