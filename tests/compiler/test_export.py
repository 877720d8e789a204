"""An export that is cancelled: nothing is there, or it is said that it is."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import dspy
import pytest

import limbeck
from limbeck import api
from limbeck.compiler.keep.store import Store
from limbeck.compiler.progress import Silent
from limbeck.records import Example, Step, Trace, Verdict

TASK = limbeck.Task(program=dspy.Predict("ticket -> team"), name="tickets")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "store.db"
    path.parent.mkdir()
    with Store.open(path) as kept:
        for n in range(20):
            step = Step("self", {"ticket": f"t {n}"}, {"team": "tech"})
            kept.add(Trace(f"{n:032x}", "tickets", Example(step.inputs), "c", "lm", prediction={"team": "tech"},
                           steps=[step], verdicts=[Verdict("metric", True, 1.0)]), run="r")  # fmt: skip
    return path


class Cancelling(Silent):
    """Cancels the task that exports when a stage is told of, and lets the export go on once that has been seen."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._seen = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._task: Any = asyncio.current_task()

    def note(self, text: str) -> None:
        if self._stage in text:
            self._loop.call_soon_threadsafe(self._cancel)
            assert self._seen.wait(60)

    def _cancel(self) -> None:
        self._task.cancel()
        self._loop.call_later(0.05, self._seen.set)


@pytest.mark.parametrize("stage", ["dropping duplicates", "writing"])
def test_an_export_that_is_cancelled_after_reading_leaves_nothing(store: Path, tmp_path: Path, stage: str) -> None:
    """It does not write the dataset while it says that there is none."""

    async def run() -> object:
        return await api.aexport(TASK, tmp_path / "out" / "data", store=store, progress=Cancelling(stage))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_dataset_that_is_there_is_not_denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C came when the last file had been written."""
    started = threading.Event()

    def finished(*_: object, stop: threading.Event, **__: object) -> str:
        started.set()
        assert stop.wait(60)
        return "done"

    monkeypatch.setattr(api, "export_task", finished)

    async def run() -> object:
        task = asyncio.ensure_future(api.aexport(TASK, tmp_path / "out"))
        await asyncio.to_thread(started.wait)
        task.cancel()
        return await task

    assert asyncio.run(run()) == "done"
