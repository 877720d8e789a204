"""What a method costs beside the LM: CPU of a run, less that of the same calls by bare DSPy, for each kept row."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import dspy

import limbeck
from limbeck.compiler.generate.base import Dropped, Made

CONCURRENCY = 64


class _Engine:
    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer

    def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        return dspy.lm15.Response(
            id="bench", model=request.model, message=dspy.lm15.Message.assistant(self._answer(_text(request))),
            finish_reason="stop", usage=dspy.lm15.Usage(input_tokens=100, output_tokens=10),
        )  # fmt: skip


class _AsyncEngine(_Engine):
    async def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        return super().complete(request)


def _text(request: dspy.lm15.Request) -> str:
    return f"{request.system or ''}\n{request.messages[-1].text}"


def _lm(answer: Callable[[str], str]) -> dspy.LM:
    return dspy.LM(
        "bench/engine", engine=_Engine(answer), async_engine=_AsyncEngine(answer), cache=False, num_retries=0
    )


@dataclass
class Watched:
    """A method of which it is written down what it asks, and of what the program is asked."""

    method: Any
    calls: list[tuple[dspy.Module, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name, self.judges, self.program = self.method.name, self.method.judges, self.method.program

    async def generate(self, bench: Any) -> AsyncIterator[Made | Dropped]:
        calls = self.calls

        class Watching:
            async def ask(self, program: dspy.Module, inputs: dict[str, Any], **more: Any) -> Any:
                calls.append((program, inputs))
                return await bench.ask(program, inputs, **more)

            async def verify(self, made: Made) -> Any:
                if made.answer is None:
                    calls.append((bench.task.program, made.example.inputs))
                return await bench.verify(made)

            def __getattr__(self, name: str) -> Any:
                return getattr(bench, name)

        async for item in self.method.generate(Watching()):
            yield item


def overhead(
    make: Callable[[], Any], task: limbeck.Task, row: Callable[[int], dict[str, str]], answer: Callable[[str], str],
    *, few: int, many: int, times: int = 3,
) -> dict[str, float]:  # fmt: skip
    """Milliseconds of CPU of one more kept row, beside what its calls take by bare DSPy.

    What a run costs however short it is (opening, the figures at its end) cancels, as two lengths are compared.
    """
    over, bare = [], []
    _run(make, task, row, answer, few)  # imports, and code that is compiled at its first use
    for _ in range(times):
        (first, kept, _), (second, more, calls) = (_run(make, task, row, answer, n) for n in (few, many))
        alone = _bare(calls, answer) / more * 1e3
        over.append((second - first) / (more - kept) * 1e3 - alone)
        bare.append(alone)
    return {"over_dspy_ms": median(over), "dspy_ms": median(bare), "lm_calls_a_row": len(calls) / more, "kept": more}


def _run(make: Any, task: limbeck.Task, row: Any, answer: Any, n: int) -> tuple[float, int, list[Any]]:
    method = Watched(make())
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(i) for i in range(n)]
        cpu = time.process_time()
        ran = limbeck.synthesize(task, method, data=rows, lm=_lm(answer), store=Path(folder) / "store.db",
                                 concurrency=CONCURRENCY)  # fmt: skip
        return time.process_time() - cpu, ran.kept, method.calls


def _bare(calls: list[Any], answer: Callable[[str], str]) -> float:
    async def run() -> float:
        rest = iter(calls)

        async def worker() -> None:
            for program, inputs in rest:
                await program.acall(**inputs)

        cpu = time.process_time()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return time.process_time() - cpu

    with dspy.context(lm=_lm(answer), adapter=dspy.ChatAdapter(), disable_history=True, track_usage=False):
        return asyncio.run(run())
