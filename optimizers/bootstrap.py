"""Bootstrapped few-shot: demos are traces of the teacher that passed the metric."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ..aio import ordered
from ..records import Candidate, Example, Json, Trace, fingerprint
from .base import Bench
from .labeled import as_demo, sample_demos


@dataclass(config=ConfigDict(extra="forbid"))
class Bootstrap:
    """Keep the first training examples that the teacher gets right, and fill up with labelled rows.

    The algorithm is that of ``dspy.BootstrapFewShot`` (DSPy 3.4; arXiv 2310.03714, section 4): examples in order,
    up to ``max_rounds`` attempts at each (after the first at temperature 1), with a teacher that sees labelled demos
    but never the example itself. It keeps the same demos, but works on several examples at once and commits them in
    order: at most ``bench.concurrency`` examples are begun beyond the last one that was needed.

    One deviation: where a predictor ran several times in a trace, DSPy draws one of its steps by a hash that depends
    on Python's pickle; here it is drawn by the content of the trace.
    """

    needs_val: ClassVar[bool] = False
    max_bootstrapped_demos: int = Field(default=4, ge=0)
    max_labeled_demos: int = Field(default=16, ge=0)
    max_rounds: int = Field(default=1, ge=1)

    async def optimize(self, bench: Bench) -> Candidate:
        """Return the program with bootstrapped demos first and labelled ones after them."""
        teacher = self._teacher(bench)
        kept: dict[int, Trace] = {}
        tried = Counter[str]()
        if self.max_bootstrapped_demos:
            attempts = ordered(
                lambda example: self._attempt(bench, teacher, example), bench.train,
                limit=bench.concurrency, window=min(bench.concurrency, 2 * self.max_bootstrapped_demos),
            )  # fmt: skip
            async with aclosing(attempts):
                position = 0
                async for traces in attempts:
                    self._commit(bench, traces, tried)
                    if traces[-1].outcome == "passed":
                        kept[position] = traces[-1]
                    if len(kept) == self.max_bootstrapped_demos:
                        break
                    position += 1
        bench.note("bootstrap", "summary", ", ".join(f"{n} {what}" for what, n in sorted(tried.items())))
        return bench.base.with_demos(self._demos(bench, kept))

    def _commit(self, bench: Bench, traces: Sequence[Trace], tried: Counter[str]) -> None:
        """Make the attempts at one example part of the run, in order."""
        for trace in traces:
            bench.keep(trace)
            tried[trace.reason or trace.outcome] += 1
        if traces[-1].outcome != "passed":
            example = traces[-1].example
            bench.note(example.source or example.id, traces[-1].reason or traces[-1].outcome, why(traces[-1]))

    def _teacher(self, bench: Bench) -> Candidate:
        if not self.max_labeled_demos or not bench.train:
            return bench.base
        demos = sample_demos(bench.base.predictors, bench.train, self.max_labeled_demos, seed=bench.seed)
        return bench.base.with_demos(demos)

    async def _attempt(self, bench: Bench, teacher: Candidate, example: Example) -> list[Trace]:
        """Attempts at one example up to the first that passes, by the teacher without that example's own demo."""
        candidate = leave_out(teacher, example)
        traces: list[Trace] = []
        for attempt in range(self.max_rounds):
            trace = await bench.rollout(candidate, example, attempt, teacher=True, speculative=True)
            traces.append(trace)
            if trace.outcome == "passed":
                break
        return traces

    def _demos(self, bench: Bench, kept: Mapping[int, Trace]) -> dict[str, list[Json]]:
        rest = [example for i, example in enumerate(bench.train) if i not in kept]
        random.Random(bench.seed).shuffle(rest)
        rng = random.Random(bench.seed)
        chosen: dict[str, list[Json]] = {}
        for name in bench.base.predictors:
            augmented = [demo for trace in kept.values() for demo in step_demos(trace, name)]
            augmented = augmented[: self.max_bootstrapped_demos]
            room = max(0, min(self.max_labeled_demos - len(augmented), len(rest)))
            chosen[name] = augmented + [as_demo(e) for e in rng.sample(rest, room)]
        return chosen


def leave_out(candidate: Candidate, example: Example) -> Candidate:
    """The candidate without demos that are this very example."""
    own = as_demo(example)
    demos = {name: [d for d in rows if d != own] for name, rows in candidate.demos.items()}
    return candidate.with_demos(demos)


def step_demos(trace: Trace, predictor: str) -> Sequence[Json]:
    """Demo of a predictor from a kept trace: none where it did not run, else one of its steps.

    Of several steps it takes the last one half of the time, else one of the others, as DSPy does.
    """
    steps = [s for s in trace.steps if s.predictor == predictor and s.outputs is not None]
    demos = [{"augmented": True, **s.inputs, **(s.outputs or {})} for s in steps]
    if len(demos) < 2:
        return demos
    rng = random.Random(fingerprint(demos))
    return [rng.choice(demos[:-1]) if rng.random() < 0.5 else demos[-1]]


def why(trace: Trace) -> str:
    """One line on why a trace was not kept."""
    if trace.failure is not None:
        return trace.failure.message
    words = [v.error or v.feedback or f"score {v.score}" for v in trace.verdicts if not v.passed]
    return "; ".join(words)
