"""The rounds: an instruction for every candidate, and scores of all pairs, again with better examples."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any

import orjson

from ....aio import ordered
from ....records import Example, Json
from ....signatures.values import clip
from ...verify.asking import Asked, ask
from ...verify.base import Answer
from ..base import Bench, Dropped, Made, Provenance, Written, born
from .candidates import Candidate, Cut
from .curator import Curator, Judged
from .examples import Draw, Pair, chosen, seed_pairs, shown, with_demos
from .labelled import Labelled, measure
from .reading import NoInstructionError, instruction_in

if TYPE_CHECKING:
    from .method import Backtranslate


_CLIP = 300  # characters of the judge's reasons that the feedback of a verdict has


@dataclass(frozen=True)
class Fields:
    """Where things go in the task.

    Attributes:
        source: Input that takes the instruction.
        target: Output that the text is.
        tag: Input that says where the answer comes from; None for none.
    """

    source: str
    target: str
    tag: str | None = None


@dataclass
class Proposed:
    """A candidate with the instruction that was proposed for it.

    Attributes:
        number: Of the candidate.
        text: The answer.
        item: Where it stands.
        facts: Likewise, for the provenance.
        instruction: What may have been asked.
        lm: LM that wrote the instruction.
        scores: Of each round; None where there was none.
    """

    number: int
    text: str
    item: str
    facts: Json
    instruction: str
    lm: str
    scores: list[float | None] = field(default_factory=list)


class Spool:
    """Pairs on disk between two rounds."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self.count = 0

    def add(self, pair: Proposed) -> None:
        """Write one."""
        self._file.write(orjson.dumps(asdict(pair), option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1

    def __iter__(self) -> Iterator[Proposed]:
        self._file.seek(0)
        for line in self._file:
            yield Proposed(**orjson.loads(line))

    def close(self) -> None:
        """Remove it."""
        self._file.close()


@dataclass
class Rounds:
    """One run of the method.

    Attributes:
        method: Its options.
        bench: Where it works.
        fields: Where things go.
        cut: Gives the candidates.
        labelled: Gives the labelled pairs; None where there are none.
    """

    method: Backtranslate
    bench: Bench
    fields: Fields
    cut: Cut
    labelled: Callable[[], Iterator[Labelled]] | None = None

    def __post_init__(self) -> None:
        seeds = Draw(self.bench.seed, self.method.examples + 1)  # one more, for no pair is its own example
        known = (seed for seed in self.bench.seeds if not self.bench.held_out(seed))
        seed_pairs(known, self.fields.source, self.fields.target, seeds)
        self._seeds, self._kept = seeds.pairs, list[Pair]()
        self._backward = with_demos(self.method.program.backward, self._seeds[: self.method.examples])
        self._curator = Curator(
            self.bench, self.method.program.curate, self.method.judge, self.method.samples, self.method.retries
        )

    async def items(self) -> AsyncGenerator[Made | Dropped]:
        """Everything that comes of the documents: what is none at once, pairs in the last round."""
        spool = None
        try:
            async with aclosing(self.cut.candidates()) as candidates:
                source: Iterable[Any] | AsyncIterable[Any] = candidates
                for number in range(1, self.method.rounds + 1):
                    before, spool = spool, None if number == self.method.rounds else Spool()
                    self.bench.phase(f"backtranslate, round {number}", before.count if before is not None else None)
                    try:
                        async with aclosing(self._round(number, source, spool)) as items:
                            async for item in items:
                                yield item
                    finally:
                        if before is not None:
                            before.close()
                    source = spool or ()
        finally:
            if spool is not None:
                spool.close()

    async def _round(
        self, number: int, source: Iterable[Any] | AsyncIterable[Any], spool: Spool | None
    ) -> AsyncGenerator[Made | Dropped]:
        """Score all pairs with the examples of the round; draw those of the next."""
        await self._measure(number)
        next_kept = Draw(self.bench.seed, self.method.examples + 1)
        told = _Told()
        async with aclosing(ordered(self._work(number), source, limit=self.bench.concurrency)) as done:
            async for found, judged in done:
                if isinstance(found, Dropped):
                    yield found
                    continue
                told.count(judged.score, self.method.threshold)
                if spool is None:
                    yield self._made(found, judged, number)
                    continue
                spool.add(found)
                if judged.score is not None and judged.score >= self.method.threshold:
                    next_kept.offer(found.number, found.instruction, found.text)
        self._kept = next_kept.pairs
        if spool is not None or self.bench.wanted is None:  # else it depends on timing how far the last round comes
            self.method.notes.setdefault("curation", {})[f"round {number}"] = told.figures()

    def _work(self, number: int) -> Callable[[Any], Awaitable[tuple[Proposed | Dropped, Judged]]]:
        shown_to = self._shown()

        async def work(item: Candidate | Proposed | Dropped) -> tuple[Proposed | Dropped, Judged]:
            pair = await self._propose(item) if isinstance(item, Candidate) else item
            if isinstance(pair, Dropped):
                return pair, Judged()
            judged = await self._curator.judge(pair.instruction, pair.text, shown_to(pair.text))
            pair.scores.append(judged.score)
            return pair, judged

        return work

    def _shown(self) -> Callable[[str], str]:
        """Examples for the judge of an answer; they are the same for all that are none of them."""
        answers = {pair.answer.strip() for pair in (*self._seeds, *self._kept)}
        same = shown(chosen(self._seeds, self._kept, self.method.examples))

        def shown_to(answer: str) -> str:
            if answer.strip() not in answers:
                return same
            return shown(chosen(self._seeds, self._kept, self.method.examples, answer))

        return shown_to

    async def _propose(self, candidate: Candidate) -> Proposed | Dropped:
        """Ask for the instruction of a candidate."""
        rules: list[NoInstructionError] = []

        def read(answer: Answer) -> str:
            try:
                return instruction_in(answer, candidate.text)
            except NoInstructionError as error:
                rules.append(error)
                raise

        asked: Asked[str] = await ask(
            self.bench, self._backward, {"text": candidate.text}, read, lm=None, lm_args={},
            retries=self.method.retries,
        )  # fmt: skip
        if asked.value is not None:
            facts = {**candidate.facts, **self.method.facts}
            return Proposed(candidate.number, candidate.text, candidate.item, facts, asked.value, asked.lm)
        why = asked.failed[-1]["why"]
        if rules and why == rules[-1].rule:
            return Dropped(why, candidate.item, rules[-1].detail)
        refused = why.startswith("it refused")
        return Dropped("refused" if refused else "no instruction", candidate.item, clip(why, 200))

    def _made(self, pair: Proposed, judged: Judged, number: int) -> Made | Dropped:
        """A pair with the verdict of the last round."""
        if judged.score is None:
            return Dropped("no score", pair.item, judged.why)
        inputs = {self.fields.source: pair.instruction}
        if self.fields.tag is not None:
            inputs[self.fields.tag] = self.method.says
        verdict = born(
            "curate", passed=judged.score >= self.method.threshold, score=judged.score, by="model", usage=judged.usage,
            feedback=f"{judged.score:g}: {clip(judged.reasons[0], _CLIP)}",
            evidence={"lm": judged.lm, "is_student": judged.lm == self.bench.student, "scores": judged.scores,
                      "reasons": judged.reasons, "rounds": pair.scores, "threshold": self.method.threshold,
                      "failed": judged.failed},
        )  # fmt: skip
        return Made(
            Example(inputs, source=pair.item),
            Provenance("backtranslate", round=number, lm=pair.lm, facts=pair.facts),
            # Not "written": a text by people is level 2 at most, but nobody ever wrote it as an answer to this.
            answer=Written({self.fields.target: pair.text}, lm=pair.lm, origin="synth"),
            verdicts=[verdict],
        )

    async def _measure(self, number: int) -> None:
        """What the judge of this round is worth on pairs that people labelled."""
        if self.labelled is None:
            return
        found = await measure(self._curator, self.labelled(), self._shown(), self.method.threshold)
        self.method.notes.setdefault("judge", {})[f"round {number}"] = found


@dataclass
class _Told:
    """Figures of a round."""

    judged: int = 0
    kept: int = 0
    without: int = 0
    total: float = 0.0

    def count(self, score: float | None, threshold: float) -> None:
        self.judged += 1
        if score is None:
            self.without += 1
        else:
            self.kept += score >= threshold
            self.total += score

    def figures(self) -> Json:
        scored = self.judged - self.without
        mean = round(self.total / scored, 4) if scored else None
        return {"judged": self.judged, "kept": self.kept, "no score": self.without, "mean score": mean}
