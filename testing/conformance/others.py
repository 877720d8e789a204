"""What every engine must do, and a trace to try other extensions with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ...compiler.engine.local import LocalEngine
from ...records import Call, Candidate, Example, Rollout, Step, Trace, Verdict

_APPLE = Example({"text": "apple number 0"}, {"label": "fruit"}, "rows[0]")


def check_engine(make: Callable[[Callable[[Rollout], Any], int], LocalEngine]) -> None:
    """An engine yields one trace a rollout, in the order of the rollouts, and stops when it is not read any more.

    Args:
        make: Makes an engine from what runs one rollout and the concurrency.

    Raises:
        AssertionError: It does not.
    """
    begun: list[int] = []

    async def work(rollout: Rollout) -> Trace:
        begun.append(rollout.attempt)
        await asyncio.sleep((rollout.attempt * 7 % 5) / 1000)
        return Trace(str(rollout.attempt), "t", rollout.example, "", "", rollout.attempt)

    def rollouts(n: int) -> list[Rollout]:
        return [Rollout(Candidate(), _APPLE, attempt) for attempt in range(n)]

    async def run() -> tuple[list[int], int]:
        whole = [trace.attempt async for trace in make(work, 4).run(rollouts(40))]
        begun.clear()
        async with aclosing(make(work, 4).run(rollouts(400))) as traces:
            async for _ in traces:
                break
        return whole, len(begun)

    whole, wasted = asyncio.run(run())
    assert whole == list(range(40)), f"traces came as {whole}"
    assert wasted < 100, f"{wasted} rollouts were begun for one that was read"


def example_trace(label: str) -> Trace:
    """A judged trace of the small task that answers so for an apple."""
    step = Step("self", {"text": "apple number 0"}, {"label": label}, [Call("lm", [], label)])
    trace = Trace("id", "conformance", _APPLE, "c", "lm", prediction={"label": label}, steps=[step])
    return replace(trace, verdicts=[Verdict("metric", label == "fruit")])
