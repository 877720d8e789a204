"""What ``steps`` does with the attempts at one problem: score, label, rank, and say so in a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from heapq import nsmallest
from itertools import groupby
from typing import TYPE_CHECKING

from ....aio import ordered
from ....records import Example, Json, Trace, Usage, Verdict, fingerprint
from ...keep.jsontext import dumps
from ...verify.sheet import sheet_row
from ...verify.steps.labels import Unlabelled
from ..base import Bench, Dropped, Made, Provenance, Written, born
from .options import OF_STEPS, Options, scorer_of, splitter
from .place import BenchPlace
from .rerank import Attempt, is_right, ranked
from .scores import Scored
from .select import Candidate

if TYPE_CHECKING:
    import dspy

    from .scorers import Scorer


@dataclass(frozen=True)
class Problem:
    """Attempts at one example.

    Attributes:
        example: What is attempted.
        stored: Attempts that the store has; empty where they are to be made.
        over: Ids of those that are too many.
        again: Whether this row was there before.
    """

    example: Example
    stored: Sequence[Trace] = ()
    over: Sequence[str] = ()
    again: bool = False


def problems(bench: Bench, most: int, n: int | None) -> Iterator[Problem]:
    """The seeds, or what the store has of each input, by number: the first attempts, so that no more are held."""
    if n is not None:
        seen: set[int] = set()
        for seed in bench.seeds:
            row = int(seed.id[:16], 16)
            yield Problem(seed, again=row in seen)
            seen.add(row)
        return
    for _, traces in groupby(bench.stored(), key=lambda trace: trace.example.input_id):
        ids: list[str] = []
        same = nsmallest(most, _noted(traces, ids), key=lambda trace: (trace.attempt, trace.id))
        kept = {trace.id for trace in same}
        yield Problem(same[0].example, same, [one for one in ids if one not in kept])


def _noted(traces: Iterable[Trace], ids: list[str]) -> Iterator[Trace]:
    for trace in traces:
        ids.append(trace.id)
        yield trace


@dataclass
class Done:
    """What came of a problem.

    Attributes:
        example: What was attempted.
        items: What is yielded.
        attempts: For the accuracies.
        candidates: Rows for the sheet.
    """

    example: Example
    items: list[Made | Dropped]
    attempts: list[Attempt] = field(default_factory=list)
    candidates: list[Candidate[Json]] = field(default_factory=list)


class Work:
    """Works on one problem at a time, any number of times at once.

    Args:
        options: What to do.
        program: See ``scorers.programs``.
        bench: Where to do it.

    Raises:
        UsageError: A scorer cannot work on this task.
    """

    def __init__(self, options: Options, program: dspy.Module, bench: Bench) -> None:
        self._is, self._bench = options, bench
        self._place, self._gate = BenchPlace(bench), asyncio.Semaphore(bench.concurrency)
        make = partial(scorer_of, options=options, program=program, place=self._place, limit=bench.concurrency)
        labels = options.labeller
        self._scorer: Scorer = make(options.scorer or labels or "rule")
        self._labeller = None if labels is None or labels == (options.scorer or labels) else make(labels)
        self._splitter = splitter(options, self._place)
        options.agree.bind(self._place)  # sees whether there is such an answer

    async def __call__(self, problem: Problem) -> Done:
        """Attempt, score and label.

        Raises:
            Stop: The budget has no room for it, or nobody can be asked.
        """
        done = Done(problem.example, [Dropped("over the most attempts", one) for one in problem.over])
        if problem.again:
            done.items.append(Dropped("same row twice", problem.example.id))
            return done
        stored, held_out = bool(problem.stored), self._bench.held_out(problem.example)
        if held_out and self._is.held_out == "drop":
            ids = [trace.id for trace in problem.stored] or [problem.example.id] * (self._is.n or 0)
            done.items += [Dropped("held out", one) for one in ids]
            return done
        traces: list[Trace] = []
        for trace in problem.stored or await self._attempted(problem.example):
            if trace.failure is not None or trace.prediction is None:
                said = "" if trace.failure is None else trace.failure.message
                done.items.append(Dropped("the attempt failed", trace.id, said))
            else:
                traces.append(trace)
        scores = await self._scorer.score(traces)
        labels = scores if self._labeller is None else await self._labeller.score(traces)
        done.attempts += [Attempt(score.score, is_right(trace), self._is.agree.answer(trace))
                          for trace, score in zip(traces, scores, strict=True)]  # fmt: skip
        if held_out:
            done.items += [Dropped("held out", trace.id) for trace in traces]
            return done
        done.items += self._items(traces, scores, labels, stored=stored)
        if self._is.sheet is not None:
            done.candidates += self._candidates(traces, scores, stored=stored)
        return done

    async def _attempted(self, example: Example) -> list[Trace]:
        """New attempts, which the task's program makes."""

        async def attempt(number: int) -> Trace:
            async with self._gate:
                asked = Made(example, Provenance("attempt", example.id), attempt=number, new=False)
                return await self._bench.verify(asked)

        numbers = range(self._is.n or 0)
        async with aclosing(ordered(attempt, numbers, limit=self._bench.concurrency)) as traces:
            return [trace async for trace in traces]

    def _items(
        self, traces: Sequence[Trace], scores: Sequence[Scored], labels: Sequence[Scored], *, stored: bool
    ) -> Iterator[Made | Dropped]:
        """What becomes of each attempt."""
        order = ranked([one.score for one in scores])
        best, of = _said(traces[order[0]]) if order else "", sum(one.score is not None for one in scores)
        ranks = {at: rank for rank, at in enumerate(order, 1)}
        for n, (trace, score, label) in enumerate(zip(traces, scores, labels, strict=True)):
            refused = self._refused(trace, score, label, best if ranks[n] > 1 else None)
            if refused is not None:
                yield refused
            elif self._is.scorer is None:
                yield self._made("label", trace, self._labelled(label), stored=stored)
            else:
                yield self._made("choose", trace, self._chosen(score, label, ranks[n], of), stored=stored)

    def _refused(self, trace: Trace, score: Scored, label: Scored, best: str | None) -> Dropped | None:
        """Why nothing is made of an attempt; ``best`` is what the chosen one says, where this is another.

        Not to be the best is no fault of a right answer: refused, it would stand as a bad one in pairs.
        """
        if self._is.scorer is None:
            return None if label.steps else Dropped("the steps were not labelled", trace.id, label.problem)
        if score.score is None:
            return Dropped("no score", trace.id, score.problem or "no step could be told right or wrong")
        if best is not None and _said(trace) == best:
            return Dropped("the same as the best", trace.id)
        return Dropped("right, but not the best", trace.id) if best is not None and is_right(trace) else None

    def _made(self, operation: str, trace: Trace, verdict: Verdict, *, stored: bool) -> Made:
        """A trace with its verdict. What this says is a part of where it comes from: said otherwise, it is another."""
        said, lm = [verdict.passed, verdict.score, dumps(verdict.evidence)], verdict.evidence.get("lm")
        about = Provenance(
            operation, trace.id if stored else trace.example.id, lm=lm if isinstance(lm, str) else None,
            facts={**self._policy, "attempt": trace.attempt, "verdict": fingerprint(*said)},
        )  # fmt: skip
        answer = Written(
            trace.prediction or {}, trace.lm, "written" if trace.origin == "written" else "synth", trace.steps,
            Usage() if stored else trace.usage,
        )  # fmt: skip
        return Made(trace.example, about, answer, attempt=trace.attempt, verdicts=[verdict], new=False)

    def _labelled(self, label: Scored) -> Verdict:
        """What the labels say of a trace."""
        wrong, least = label.first_negative, self._is.min_score
        passed = wrong is None if least is None else label.score is not None and label.score >= least
        said = "no wrong step was found" if wrong is None else f"step {wrong + 1} is wrong. {label.steps[wrong].why}"
        evidence = {**self._policy, **label.labels, **self._asked(label)}
        return born("steps", passed=passed, score=label.score, feedback=said.strip(), evidence=evidence,
                    by=self._scorer.by, usage=label.usage)  # fmt: skip

    def _chosen(self, score: Scored, label: Scored, rank: int, of: int) -> Verdict:
        """Whether it is the best of those with a score."""
        value, least = score.score or 0.0, self._is.min_score
        both = (score,) if label is score else (score, label)
        usages = [one.usage for one in both if one.usage is not None]
        evidence = {**self._policy, "rank": rank, "of": of, **label.labels, **self._asked(*both)}
        return born("best", passed=rank == 1 and (least is None or value >= least), score=value,
                    feedback=f"rank {rank} of {of}, score {value:.3g}", evidence=evidence, by=self._scorer.by,
                    usage=sum(usages[1:], usages[0]) if usages else None)  # fmt: skip

    @property
    def _policy(self) -> Json:
        """Who labels, who scores, and how steps become a score where they are scored."""
        options = self._is
        who = {"by": options.labeller, "scorer": options.scorer}
        if options.scorer is not None and options.scorer not in OF_STEPS:
            return who
        return {**who, "reduction": options.reduction, "neutral": options.neutral}

    def _asked(self, *scored: Scored) -> Json:
        """Who was asked, as verdicts of judges tell it."""
        lms = list(dict.fromkeys(one.lm for one in scored if one.lm is not None))
        return {"lm": lms[0] if len(lms) == 1 else lms, "is_student": self._place.student in lms} if lms else {}

    def _candidates(
        self, traces: Sequence[Trace], scores: Sequence[Scored], *, stored: bool
    ) -> Iterator[Candidate[Json]]:
        """What people could label: whatever has a score and no word of theirs yet, each text once."""
        seen: set[str] = set()
        for trace, score in zip(traces, scores, strict=True):
            said = _said(trace)
            if score.score is None or said in seen or self._is_known(trace):
                continue
            seen.add(said)
            row = sheet_row(trace, known=stored, step_texts=self._texts(trace), convincing=score.score, steps=None)
            yield Candidate(row, trace.id, score.score, is_right(trace) is False)

    def _texts(self, trace: Trace) -> list[str]:
        try:
            return self._splitter.texts(trace)[1]
        except Unlabelled:
            return []

    def _is_known(self, trace: Trace) -> bool:
        """Whether people have had their say of it."""
        said = self._is.judgments
        return any(v.by == "people" and not v.error for v in trace.verdicts) or bool(said and said.of(trace))


def _said(trace: Trace) -> str:
    """What an attempt says, as one text."""
    return dumps(trace.prediction)
