"""Bootstrapping keeps what DSPy's own algorithm keeps, whatever the concurrency."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.lm15 import Message, Request, Response, Usage

import limbeck
from limbeck.compiler.session import Options, open_session
from limbeck.optimizers.bootstrap import Bootstrap
from limbeck.records import Candidate, Example
from limbeck.signatures.task import Task


class Flaky:
    """Answers right with a chance that depends on the request, the seed and how often it was asked the same."""

    def __init__(self, seed: int, chance: float) -> None:
        self.seed, self.chance = seed, chance
        self.asked: Counter[str] = Counter()
        self.calls = 0

    def complete(self, request: Request) -> Response:
        """Answer by a hash."""
        text = request.messages[-1].text or ""
        key = f"{text}|{request.config.temperature}"
        self.asked[key] += 1
        self.calls += 1
        draw = hashlib.sha256(f"{self.seed}|{key}|{self.asked[key]}".encode()).digest()
        question = text.split("[[ ## question ## ]]")[-1].split()[0]
        answer = question.upper() if draw[0] < 256 * self.chance else "wrong"
        said = f"[[ ## reasoning ## ]]\nbecause {draw[1]}\n\n[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]"
        return Response(id=None, model=request.model, message=Message.assistant(said), finish_reason="stop",
                        usage=Usage(input_tokens=1, output_tokens=1))  # fmt: skip


class AsyncFlaky:
    """The same, after a pause that differs from request to request."""

    def __init__(self, sync: Flaky) -> None:
        self.sync = sync

    async def complete(self, request: Request) -> Response:
        """Answer out of order."""
        await asyncio.sleep(len(request.messages[-1].text or "") % 7 / 1000)
        return self.sync.complete(request)


def metric(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Right or wrong."""
    return bool(example.answer == prediction.answer)


ROWS = [{"question": f"q{i}x", "answer": f"Q{i}X"} for i in range(40)]


def dspy_demos(seed: int, chance: float, **settings: int) -> dict[str, list[dict[str, Any]]]:
    """Demos that DSPy's own BootstrapFewShot picks."""
    engine = Flaky(seed, chance)
    with dspy.context(
        lm=dspy.LM("x/y", engine=engine, cache=False), adapter=dspy.ChatAdapter(), disable_history=True, max_errors=999
    ):
        trainset = [dspy.Example(**row).with_inputs("question") for row in ROWS]
        program = dspy.BootstrapFewShot(metric=metric, **settings).compile(
            dspy.ChainOfThought("question -> answer"), trainset=trainset
        )
    return {name: [dict(d) for d in p.demos] for name, p in program.named_predictors()}


async def limbeck_candidate(
    tmp_path: Path, seed: int, chance: float, concurrency: int, **settings: int
) -> tuple[Candidate, Flaky]:
    """Demos that limbeck picks, and the LM that was asked."""
    engine = Flaky(seed, chance)
    lm = dspy.LM("x/y", engine=engine, async_engine=AsyncFlaky(engine), cache=False)
    task = Task(program=dspy.ChainOfThought("question -> answer"), metric=metric, name="t")
    train = [Example({"question": r["question"]}, {"answer": r["answer"]}) for r in ROWS]
    options = Options(lm=lm, store=tmp_path / f"{seed}-{concurrency}.db" / "s.db", concurrency=concurrency)
    async with open_session(task, options, "test", train=train) as session:
        return await Bootstrap(**settings).optimize(session.bench), engine


@pytest.mark.parametrize("seed", range(20))
def test_the_same_demos_as_dspy(seed: int, tmp_path: Path) -> None:
    """Demo by demo what BootstrapFewShot picks at a pass rate of 50% in three rounds."""
    settings = {"max_bootstrapped_demos": 8, "max_labeled_demos": 12, "max_rounds": 3}
    theirs = dspy_demos(seed, 0.5, **settings)
    ours, _ = asyncio.run(limbeck_candidate(tmp_path, seed, 0.5, 16, **settings))
    assert {name: [dict(d) for d in demos] for name, demos in ours.demos.items()} == theirs


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_concurrency_does_not_change_the_result(concurrency: int, tmp_path: Path) -> None:
    """One at a time or all at once: the same candidate."""
    reference, _ = asyncio.run(limbeck_candidate(tmp_path / "a", 1, 0.3, 7, max_rounds=2))
    other, _ = asyncio.run(limbeck_candidate(tmp_path / "b", 1, 0.3, concurrency, max_rounds=2))
    assert other == reference


def test_speculation_is_bounded_by_the_concurrency(tmp_path: Path) -> None:
    """Where every example passes, no more than the demos wanted plus the concurrency are asked for."""
    candidate, engine = asyncio.run(limbeck_candidate(tmp_path, 1, 1.0, 6, max_bootstrapped_demos=4))
    assert sum(d.get("augmented", False) for d in candidate.demos["predict"]) == 4
    assert engine.calls <= 4 + 6


def test_the_store_holds_what_was_needed_and_no_speculation(tmp_path: Path) -> None:
    """What was begun early and not needed depends on timing, so it is not part of the run."""
    counts = []
    for concurrency in (1, 8):
        folder = tmp_path / str(concurrency)
        asyncio.run(limbeck_candidate(folder, 5, 0.4, concurrency))
        with limbeck.open_store(folder / f"5-{concurrency}.db" / "s.db") as store:
            counts.append(sorted(t.id for t in store.traces()))
    assert counts[0] == counts[1] != []


def test_no_bootstrapped_demos_wanted_means_no_call(tmp_path: Path) -> None:
    """With zero bootstrapped demos it is labelled few-shot."""
    candidate, engine = asyncio.run(
        limbeck_candidate(tmp_path, 1, 1.0, 4, max_bootstrapped_demos=0, max_labeled_demos=3)
    )
    assert len(candidate.demos["predict"]) == 3
    assert engine.calls == 0
