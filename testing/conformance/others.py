"""What every engine and format must do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from ...compiler.emit.record import Answer, Record
from ...compiler.engine.local import LocalEngine
from ...records import Call, Candidate, Example, Rollout, Step, Trace, Verdict

if TYPE_CHECKING:
    from ...compiler.emit.formats.base import Format

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


def check_format(target: Format, records: Sequence[Record] | None = None) -> None:
    """A format makes rows that are JSON and that pass its own check, and its check refuses nonsense.

    Raises:
        AssertionError: It does not.
    """
    for record in records or [_record()]:
        row = target.row(record)
        assert orjson.loads(orjson.dumps(row)) == row, "a row must be plain JSON"
        assert target.check(row) == [], f"its own row was refused: {target.check(row)}"
        assert target.row(record) == row, "the same record gave another row"
    shapeless: tuple[dict[str, Any], ...] = (
        {},
        {"messages": []},
        {"messages": "text"},
        {"messages": [{"role": "user"}]},
    )
    for nonsense in shapeless:
        assert target.check(nonsense), f"{nonsense} was not refused"


def _record() -> Record:
    trace = example_trace("fruit")
    prompt, answer = [{"role": "user", "content": "apple"}], [{"role": "assistant", "content": "fruit"}]
    return Record(kind="sft", answers=(Answer(trace, 0),), prompt=prompt, completion=answer)


def example_trace(label: str) -> Trace:
    """A judged trace of the small task that answers so for an apple."""
    step = Step("self", {"text": "apple number 0"}, {"label": label}, [Call("lm", [], label)])
    trace = Trace("id", "conformance", _APPLE, "c", "lm", prediction={"label": label}, steps=[step])
    return replace(trace, verdicts=[Verdict("metric", label == "fruit")])
