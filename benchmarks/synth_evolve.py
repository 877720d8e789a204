"""``evolve`` at work for benchmarks: an LM that answers at once, runs of it, and the same calls by bare DSPy."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy
import orjson
from synth_evolve_lm import answer

import limbeck
from limbeck.compiler.generate.base import Dropped, Made
from limbeck.compiler.generate.evolve import Evolve
from limbeck.compiler.session import cache_directory
from limbeck.testing.stub import Stub

CONCURRENCY = 64


class Engine:
    """The LM behind ``dspy.LM``, in this process."""

    def __init__(self) -> None:
        self.calls = 0

    def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        self.calls += 1
        return dspy.lm15.Response(
            id="bench", model=request.model, message=dspy.lm15.Message.assistant(answer(request.messages[-1].text)),
            finish_reason="stop", usage=dspy.lm15.Usage(input_tokens=100, output_tokens=10),
        )  # fmt: skip


class AsyncEngine(Engine):
    """The same, awaited."""

    async def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        return super().complete(request)


def lm() -> dspy.LM:
    """The LM; nothing is cached but by limbeck."""
    return dspy.LM("bench/engine", engine=Engine(), async_engine=AsyncEngine(), cache=False, num_retries=0)


def answered(example: Any, prediction: Any, trace: Any = None) -> bool:
    """A metric that needs no labels."""
    return bool(prediction.answer.startswith("It is"))


def task() -> limbeck.Task:
    """Question answering with one predictor."""
    return limbeck.Task(dspy.Predict("question -> answer"), metric=answered, name="questions")


def questions(n: int) -> Iterator[dict[str, str]]:
    """Distinct seeds."""
    return ({"question": f"Of all the things there are, which one is number {i}?"} for i in range(n))


class Watched(Evolve):
    """``evolve`` that writes down what it asks, and of what the program is asked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.calls: list[tuple[dspy.Module, dict[str, Any]]] = []

    async def generate(self, bench: Any) -> AsyncIterator[Made | Dropped]:
        calls = self.calls

        class Watching:
            async def ask(self, program: dspy.Module, inputs: dict[str, Any], **more: Any) -> Any:
                calls.append((program, inputs))
                return await bench.ask(program, inputs, **more)

            async def verify(self, made: Made) -> Any:
                calls.append((bench.task.program, made.example.inputs))
                return await bench.verify(made)

            def __getattr__(self, name: str) -> Any:
                return getattr(bench, name)

        async for item in super().generate(Watching()):
            yield item


@dataclass(frozen=True)
class Cost:
    """What a run took."""

    cpu: float
    kept: int
    calls: list[tuple[dspy.Module, dict[str, Any]]]


def cost(n: int) -> Cost:
    """CPU seconds of the whole process to evolve so many seeds."""
    method = Watched()
    with tempfile.TemporaryDirectory() as folder:
        given = {"data": list(questions(n)), "lm": lm(), "store": Path(folder) / "store.db", "concurrency": CONCURRENCY}
        cpu = time.process_time()
        ran = limbeck.synthesize(task(), method, **given)
        cpu = time.process_time() - cpu
    return Cost(cpu, ran.kept, method.calls)


def bare_cost(calls: list[tuple[dspy.Module, dict[str, Any]]]) -> float:
    """CPU seconds of the same calls by ``Predict.acall`` alone, as many at once."""

    async def run() -> float:
        rest = iter(calls)

        async def worker() -> None:
            for program, inputs in rest:
                await program.acall(**inputs)

        cpu = time.process_time()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return time.process_time() - cpu

    with dspy.context(lm=lm(), adapter=dspy.ChatAdapter(), disable_history=True, track_usage=False):
        return asyncio.run(run())


def engine_cost(calls: list[tuple[dspy.Module, dict[str, Any]]]) -> float:
    """CPU seconds that the LM itself takes for these."""
    adapter, texts = dspy.ChatAdapter(), []
    for program, inputs in calls[:1_000]:
        messages = adapter.format(program.signature, program.demos, inputs)
        texts.append(messages[-1]["content"])
    cpu = time.process_time()
    for text in texts:
        answer(text)
    return (time.process_time() - cpu) / len(texts) * len(calls)


class Killed:
    """Runs of ``limbeck synth`` in a folder, with a store of their own, over the local provider."""

    def __init__(self, folder: Path, name: str, stub: Stub) -> None:
        self._folder, self._stub = folder, stub
        self._store, self._out = folder / name / "store.db", folder / f"{name}.jsonl"
        self._data = folder / "seeds.jsonl"
        self._data.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in questions(8)))

    def run(self, kill_after: int | None = None) -> bool:
        """Run it, and kill it once so many requests were answered; says whether it was killed."""
        served = sum(self._stub.stats().served.values())
        command = [
            sys.executable, "-m", "limbeck", "synth", "task.py:task", "--method", "evolve", "--data", str(self._data),
            "--lm", "openai/stub", "--lm-arg", f"api_base={self._stub.url}/v1", "--lm-arg", "api_key=sk-test",
            "--store", str(self._store), "--out", str(self._out), "--concurrency", "4", "--quiet",
        ]  # fmt: skip
        child = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        while child.poll() is None:
            if kill_after is not None and sum(self._stub.stats().served.values()) - served >= kill_after:
                child.kill()
                child.wait()
                return True
            time.sleep(0.005)
        if child.returncode:
            raise RuntimeError(f"limbeck synth ended with {child.returncode}")
        return False

    def rows(self) -> list[bytes]:
        """Rows that were kept."""
        return self._out.read_bytes().splitlines()

    def paid(self) -> Counter[str]:
        """Answers that are on disk, by the provider's names of the requests; attempts at the same have the same."""
        path = cache_directory(self._store) / "cache.db"
        if not path.exists():
            return Counter()
        with closing(sqlite3.connect(path)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'Cache'").fetchall():
                return Counter()
            found = database.execute("SELECT value FROM Cache").fetchall()
        return Counter(orjson.loads(value)["id"].removeprefix("chatcmpl-") for (value,) in found)


def main(seeds: int) -> None:
    """Evolve so many seeds in this process and print what it took."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "seeds.jsonl"
        with data.open("wb") as file:
            file.writelines(orjson.dumps(row) + b"\n" for row in questions(seeds))
        start = time.perf_counter()
        ran = limbeck.synthesize(task(), "evolve", data=data, lm=lm(), store=Path(folder) / "store.db",
                                 concurrency=CONCURRENCY, out=Path(folder) / "rows.jsonl")  # fmt: skip
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"kept": ran.kept, "asked": ran.asked, "seconds": seconds, "peak_mib": peak}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
