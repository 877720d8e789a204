"""An LM that is right with a chance of one half, the same way in every run."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from typing import Any

import dspy
from peers import response

ROWS = [{"question": f"q{i}x", "answer": f"Q{i}X"} for i in range(200)]


def metric(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.answer == prediction.answer)


class Flaky:
    """What it answers depends on the seed, the request, and how often it was asked the same."""

    def __init__(self, seed: int, chance: float = 0.5) -> None:
        self.seed, self.chance = seed, chance
        self.asked: Counter[str] = Counter()

    def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        text = request.messages[-1].text or ""
        key = f"{text}|{request.config.temperature}"
        self.asked[key] += 1
        draw = hashlib.sha256(f"{self.seed}|{key}|{self.asked[key]}".encode()).digest()
        question = text.split("[[ ## question ## ]]")[-1].split()[0]
        answer = question.upper() if draw[0] < 256 * self.chance else "wrong"
        said = f"[[ ## reasoning ## ]]\nbecause {draw[1]}\n\n[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]"
        return response(request, said)


class AsyncFlaky:
    """The same, out of order: each answer takes another while."""

    def __init__(self, sync: Flaky) -> None:
        self.sync = sync

    async def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        await asyncio.sleep(len(request.messages[-1].text or "") % 7 / 1000)
        return self.sync.complete(request)


def flaky_lm(seed: int) -> dspy.LM:
    """The LM for one seed."""
    engine = Flaky(seed)
    return dspy.LM("bench/flaky", engine=engine, async_engine=AsyncFlaky(engine), cache=False, num_retries=0)
