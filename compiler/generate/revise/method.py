"""Constitutional AI (Bai et al. 2022, arXiv 2212.08073): answers revised by principles, and preferences by them.

Supervised stage (section 3.1): the program's first answer, then ``rounds`` times a principle is drawn at random, the
answer is criticized by it, and revised in the light of the critique. Every revision is kept, as the paper trains on
all of them, and beside them the first answers. Preference stage (section 4.1): of two answers to one prompt, how likely
each is the better one by a principle drawn at random; see ``labels``.

Where this differs from the paper:

- Each answer is judged by what judges the task, and each of them by itself; the paper trains on all, unseen.
- The principles are ours, sixteen as there, and can be given as a file. In the paper there are two lists, requests for
  critique and revision, and questions for the choice; here a principle is one text with its requests, used for both.
- The paper shows a few worked critiques before each request. Here there are none until ``limbeck compile`` puts some
  there.
- A round that comes to nothing (a refusal, an echo, an empty or unchanged answer) is dropped, and the next one goes on
  from the last good revision.
- The pair may be two attempts of the program, as in the paper, or the first answer and the last revision.
- Both orders of a pair are asked and averaged; an LM without probabilities of tokens votes.
- Pairs are not drawn from a model that was trained on the revisions: give that model as ``--teacher`` and run again.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass as plain
from dataclasses import field as attribute
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import Stop
from ....records import PREFERRED, Example, Json, Trace, Usage, Verdict, fingerprint
from ...verify.asking import shown, unmarked
from ..base import Bench, Dropped, Made, Provenance, Written
from ..once import once
from .answers import revised, text_field, text_of
from .constitution import DEFAULT, Principle, read_constitution
from .labels import Labeller
from .reading import RoundError, critique_of, revision_of

if TYPE_CHECKING:
    import dspy

    from ...verify.base import Answer

Pairs = Literal["none", "attempts", "revision"]
"""Which answers are compared: none, attempts 0 and 1 of the program, or its first answer and the last revision."""


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_assignment=False))
class Revise:
    """Revise answers by principles.

    Attributes:
        rounds: How often an answer is criticized and revised; 0 for preferences alone.
        constitution: File with the principles; see ``constitution``. Default: sixteen of our own.
        field: Output that is revised; default: the last that is a text.
        pairs: Which answers get a preference label: ``none``, ``attempts`` or ``revision``.
        reasons: Whether the choice is reasoned first, which makes its labels 40 to 60 percent.
        probabilities: Where the probabilities of the choice come from: ``tokens``, ``votes``, or ``auto``, votes where
            the LM gives no log probabilities.
        samples: Votes an order.
        declines: Whether a revision may decline what was asked; for harmlessness that is a right answer.
        retries: How often to ask again, at temperature 1, where an answer cannot be used.
        lm: LM that chooses between answers; default: the one that revises.
        lm_args: Its settings.
    """

    name: ClassVar[str] = "revise"
    judges: ClassVar[bool] = False

    rounds: int = Field(default=4, ge=0)
    constitution: Path | None = None
    field: str | None = None
    pairs: Pairs = Field(default="none", validate_default=True)
    reasons: bool = False
    probabilities: Literal["auto", "tokens", "votes"] = "auto"
    samples: int = Field(default=5, ge=1)
    declines: bool = False
    retries: int = Field(default=1, ge=0)
    lm: Any = None
    lm_args: dict[str, Any] | None = None
    program: Any = attribute(init=False, repr=False)

    @field_validator("pairs")
    @classmethod
    def _does_something(cls, pairs: Pairs, info: ValidationInfo) -> Pairs:
        if not info.data.get("rounds", 1) and pairs != "attempts":
            raise ValueError("with rounds=0 there is nothing to do but to compare attempts: pairs=attempts")
        return pairs

    def __post_init__(self) -> None:
        from .prompts import Revising

        self.program: dspy.Module = Revising(reasons=self.reasons)

    def at(self, folder: Path) -> Revise:
        """The same with its file looked for in a folder, and read.

        Raises:
            DataError: It cannot be read.
        """
        made = self
        if self.constitution is not None:
            made = replace(self, constitution=folder / self.constitution.expanduser())
            made.program = self.program
        read_constitution(made.constitution or DEFAULT)
        return made

    @cached_property
    def principles(self) -> Sequence[Principle]:
        """What the constitution says."""
        return read_constitution(self.constitution or DEFAULT)

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """For each seed: its first answer, an item a round, and the two answers of a pair with their label.

        Raises:
            UsageError: The task has no output that is a text, or not the one that is named.
            Stop: See ``Generator``.
        """
        work = _Work(self, bench, text_field(bench.task, self.field))
        async with aclosing(ordered(work.chain, once(bench), limit=bench.concurrency)) as chains:
            async for items, stop in chains:
                for item in items:
                    yield item
                if stop is not None:
                    raise stop


@plain(frozen=True)
class _Good:
    """An answer to go on from: how it was made, and what became of it."""

    made: Made
    trace: Trace
    text: str


class _Work:
    """The method at one task."""

    def __init__(self, method: Revise, bench: Bench, field: str) -> None:
        self._is, self._bench, self._field = method, bench, field
        self._labeller = Labeller(
            bench, method.program.prefer, method.lm, method.lm_args or {}, method.samples, method.retries,
            method.reasons, method.probabilities,
        )  # fmt: skip

    async def chain(self, seed: Example | Dropped) -> tuple[list[Made | Dropped], Stop | None]:
        """All that becomes of a seed, and what ended it, if something did."""
        if isinstance(seed, Dropped):
            return [seed], None
        items: list[Made | Dropped] = []
        try:
            first = await self._rollout(seed, 0, items)
            last = first
            for number in range(1, self._is.rounds + 1 if first else 1):
                assert last is not None
                last = await self._round(seed, number, last, items)
            if first is not None and self._is.pairs != "none":
                assert last is not None
                await self._pair(seed, first, last, items)
        except Stop as stop:
            return items, stop
        return items, None

    async def _rollout(self, seed: Example, attempt: int, items: list[Made | Dropped]) -> _Good | None:
        """An answer of the program itself; None where there is no text in it."""
        made = Made(seed, Provenance("answer", seed.id, lm=self._bench.writer), attempt=attempt, new=False)
        trace = await self._bench.verify(made)
        items.append(made)
        text = text_of(trace, self._field)
        return None if text is None else _Good(made, trace, text)

    async def _round(self, seed: Example, number: int, last: _Good, items: list[Made | Dropped]) -> _Good:
        """One round: the revision, or the answer that it began with, where it came to nothing."""
        principle = self._draw(seed, number)
        try:
            made = await self._revision(seed, number, principle, last)
        except RoundError as error:
            item = f"{seed.id} round {number}"
            items.append(Dropped(error.rule, item, f"principle {principle.number}: {error.detail}"))
            return last
        trace = await self._bench.verify(made)
        items.append(made)
        text = text_of(trace, self._field)
        assert text is not None
        return _Good(made, trace, text)

    async def _revision(self, seed: Example, number: int, principle: Principle, last: _Good) -> Made:
        texts = {"request": unmarked(shown(seed.inputs)), "answer": unmarked(last.text)}
        first = (number - 1) * (self._is.retries + 1)  # a round draws anew also where the one before asked the same
        asked = {**texts, "critique_request": principle.critique}
        critiqued, critique = await self._until(
            self._is.program.critique, asked, first, lambda answer: critique_of(answer, list(asked.values()))
        )
        wanted = {**texts, "critique": unmarked(critique), "revision_request": principle.revision}
        answered, text = await self._until(
            self._is.program.revise, wanted, first,
            lambda answer: revision_of(
                answer, last.text, texts["request"], [critique, principle.revision], declines=self._is.declines
            ),
        )  # fmt: skip
        facts = {"principle": principle.text, "principle_number": principle.number, "critique": critique}
        about = Provenance("revise", last.trace.id, number, answered.lm, facts)
        written = revised(last.trace, self._field, text, critiqued, answered)
        return Made(seed, about, written, attempt=number, new=False)

    async def _until(self, program: dspy.Module, inputs: Json, first: int, read: Any) -> tuple[Answer, str]:
        """Ask until the answer can be used.

        Raises:
            RoundError: None could.
        """
        for attempt in range(first, first + self._is.retries + 1):
            answer = await self._bench.ask(program, inputs, attempt=attempt)
            try:
                return answer, read(answer)
            except RoundError as error:
                failed = error
        raise failed

    async def _pair(self, seed: Example, first: _Good, last: _Good, items: list[Made | Dropped]) -> None:
        """The two answers of a pair with their label, or why there is none."""
        other: _Good | None = last
        if self._is.pairs == "attempts":
            other = await self._rollout(seed, 1, items)
        item = f"{seed.id} pair"
        if other is None:
            items.append(Dropped("no second answer", item))
            return
        if other.text.split() == first.text.split():
            items.append(Dropped("equal answers", item))
            return
        principle = self._draw(seed, 0)
        label = await self._labeller.label(shown(seed.inputs), (first.text, other.text), principle)
        if label.first is None:
            failed = [said for order in label.orders for said in order.failed]
            items.append(Dropped("no preference", item, failed[-1] if failed else ""))
            return
        pair = fingerprint("pair", first.trace.id, other.trace.id, principle.text)
        about = {"principle": principle.text, **label.facts(), "is_student": label.lm == self._bench.student}
        sides = (("first", first, label.first, label.usage), ("second", other, 1 - label.first, Usage()))
        for side, good, share, usage in sides:
            evidence = {"pair": pair, "side": side, **about}
            verdict = Verdict(PREFERRED, passed=True, score=share, evidence=evidence, by="model", usage=usage)
            items.append(self._compared(seed, good, verdict, pair))

    def _compared(self, seed: Example, good: _Good, verdict: Verdict, pair: str) -> Made:
        """A copy of an answer, with its label: the answer itself is kept without, and stands in other pairs."""
        answer = good.made.answer or Written(good.trace.prediction or {}, good.trace.lm, steps=good.trace.steps)
        about = Provenance("prefer", good.trace.id, good.made.provenance.round, verdict.evidence["lm"], {"pair": pair})
        return Made(seed, about, answer, attempt=good.made.attempt, verdicts=[verdict], new=False)

    def _draw(self, seed: Example, number: int) -> Principle:
        draw = random.Random(f"{self._bench.seed}/revise/{seed.id}/{number}")
        return draw.choice(self._is.principles)
