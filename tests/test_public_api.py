"""The public names: what ``import limbeck`` gives, and how sync and async functions go together."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dspy
import pytest

import limbeck

HEAVY = ("dspy", "litellm", "optuna", "sqlalchemy", "pydantic", "diskcache", "pyarrow", "numpy", "rich", "click")
TWINS = ("calibrate", "check", "compile", "evaluate", "export", "ingest", "run", "synthesize", "value", "verify", "why")
ROWS = [{"q": f"question {i}", "a": "yes" if i % 2 else "no"} for i in range(40)]


def metric(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.a == prediction.a)


@pytest.fixture
def task() -> limbeck.Task:
    """A task that ``embedded/analogy`` answers in no time."""
    program = dspy.Predict("q -> a")
    return limbeck.Task(program=program, metric=metric, data=ROWS, name="twins")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with the keys that ``ingest`` wants."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"inputs": {"q": "question 1"}, "labels": {"a": "yes"}, "outputs": {"a": "yes"}, "lm": "old/model"}\n'
    )
    return path


@pytest.mark.parametrize("name", limbeck.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each name resolves, says what it is for, and shows up where editors look for it."""
    value = getattr(limbeck, name)
    assert name in dir(limbeck)
    if callable(value) and value.__module__.startswith("limbeck"):
        assert inspect.getdoc(value)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typing mistake is told as Python does, with the name."""
    with pytest.raises(AttributeError, match="'compiled'"):
        limbeck.compiled  # noqa: B018 - reading it is the test


def test_importing_is_light() -> None:
    """``import limbeck`` loads none of the libraries that take their time; a name does when it is used."""
    code = f"""
import sys, limbeck
print(sorted(set(sys.modules) & set({HEAVY!r})))
limbeck.Signature
print("dspy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_parameters(name: str) -> None:
    """A sync function takes what its async twin takes, and returns what that one gives when awaited."""
    sync, twin = getattr(limbeck, name), getattr(limbeck, f"a{name}")
    assert inspect.signature(sync) == inspect.signature(twin)
    assert inspect.iscoroutinefunction(twin)
    assert not inspect.iscoroutinefunction(sync)
    assert (sync.__name__, sync.__doc__) == (name, twin.__doc__)


def test_no_twin_is_forgotten() -> None:
    """Every async function has a sync one in public, and the other way round."""
    public = [name for name in limbeck.__all__ if inspect.iscoroutinefunction(getattr(limbeck, name))]
    assert sorted(public) == sorted(f"a{name}" for name in TWINS)


async def every_call(folder: Path, task: limbeck.Task, log: Path, call: Callable[..., Awaitable[Any]]) -> list[Any]:
    """Everything that there is, one after another; ``call`` says how."""
    store = {"store": folder / "store.db"}
    checked = await call("check", task)
    compiled = await call("compile", task, folder / "artifact", seed=1, **store)
    evaluated = await call("evaluate", task, ROWS[:20], **store)
    one = await call("run", task, {"q": "question 7"}, **store)
    many = await call("run", task, [{"q": "question 7"}, {"q": "question 8"}], **store)
    ingested = await call("ingest", task, log, **store)
    verified = await call("verify", task, **store)
    calibrated = await call("calibrate", ROWS, human="a", judgment="a")
    exported = await call("export", task, folder / "dataset", **store)
    told = await call("why", folder / "dataset", "train:1", **store)
    made = [told.as_json()["row"], compiled.gate, compiled.candidate, exported.rows, exported.dropped]
    return [checked, evaluated.score, one, many, ingested.outcomes, verified.outcomes, calibrated, *made]


async def awaited(name: str, *args: Any, **settings: Any) -> Any:
    return await getattr(limbeck, f"a{name}")(*args, **settings)


async def called(name: str, *args: Any, **settings: Any) -> Any:
    return getattr(limbeck, name)(*args, **settings)


async def called_in_a_thread(name: str, *args: Any, **settings: Any) -> Any:
    return await asyncio.to_thread(getattr(limbeck, name), *args, **settings)


@pytest.mark.parametrize("call", [called, called_in_a_thread])
def test_sync_functions_give_what_their_twins_give(
    call: Callable[..., Awaitable[Any]], task: limbeck.Task, log: Path, tmp_path: Path
) -> None:
    """Called where a loop runs, as in a notebook, or where none does, they give what ``await`` gives."""
    expected = asyncio.run(every_call(tmp_path / "async", task, log, awaited))
    assert asyncio.run(every_call(tmp_path / "sync", task, log, call)) == expected


def test_a_running_loop_gets_the_error_itself(task: limbeck.Task, tmp_path: Path) -> None:
    """What goes wrong in the thread is raised where the function was called, as what it is."""

    async def main() -> None:
        with pytest.raises(limbeck.DataError):
            limbeck.evaluate(task, tmp_path / "missing.jsonl", store=tmp_path / "s.db")
        with pytest.raises(limbeck.BudgetReached):
            limbeck.evaluate(task, ROWS, store=tmp_path / "s.db", budget="3calls")

    asyncio.run(main())


def test_unknown_settings_are_wrong_use(task: limbeck.Task, tmp_path: Path) -> None:
    """A setting that there is not is named, and those that there are."""
    with pytest.raises(limbeck.UsageError, match="concurency") as caught:
        limbeck.compile(task, tmp_path / "out", concurency=2)
    assert "concurrency" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_async_functions_run_side_by_side(task: limbeck.Task, tmp_path: Path) -> None:
    """Two evaluations in one loop, on one store, both end with all their rows."""

    async def main() -> list[Any]:
        store = tmp_path / "s.db"
        return await asyncio.gather(*(limbeck.aevaluate(task, rows, store=store) for rows in (ROWS[:20], ROWS[20:])))

    assert [result.rows for result in asyncio.run(main())] == [20, 20]
    with limbeck.open_store(tmp_path / "s.db") as store:
        assert sum(store.count().values()) == 40


def test_modules_are_attributes() -> None:
    """``limbeck.metrics`` and ``limbeck.verifiers`` are there after ``import limbeck`` alone, in a fresh process."""
    code = "import limbeck; print(limbeck.metrics.exact, limbeck.verifiers.Execute)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
