"""One seed through all epochs: evolve, eliminate, go on from what is left."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ....aio import ordered
from ....errors import Stop
from ....records import Example, Json, Verdict
from ....signatures.values import clip
from ...keep.jsontext import clean
from ...verify.asking import Asked, NoJudgmentError, as_text, ask, heads, shown, unmarked
from ..base import Bench, Dropped, Made, Provenance, born
from . import rules
from .prompts import BREADTH, COMPLICATE, FORMATS, evolved_of, inputs_of

if TYPE_CHECKING:
    from ...verify.base import Answer
    from .method import Evolve

_JUDGE_RETRIES = 2
_AGAIN = frozenset({"too long", "not of similar length", "unreadable answer"})  # what is asked for again at once


@dataclass
class _Chain:
    """What a seed has come to.

    Attributes:
        example: The last that was not eliminated; without labels.
        parent: Its id; that of the seed at first.
        tried: How often it was tried to evolve it in each way, in all attempts.
        rate: Its pass rate, once that is measured.
    """

    example: Example
    parent: str
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    rate: float | None = None


class _Evolved(NamedTuple):
    text: str
    lm: str


class _Eliminated(NamedTuple):
    rule: str
    why: str


class Evolver:
    """Evolves one seed at a time, any number of them at once.

    Args:
        options: What the user wants.
        bench: Where to ask.
        field: Input that evolves.
        output: Output that rules 2 and 3 look at; None where they do not apply.
    """

    def __init__(self, options: Evolve, bench: Bench, field: str, output: str | None) -> None:
        self._is, self._bench, self._field, self._output = options, bench, field, output
        self._operations = options.operations.split(",")
        self._words = f"{min(10, options.words)} to {options.words}"

    async def chain(self, seed: Example | Dropped) -> tuple[list[Made | Dropped], Stop | None]:
        """All epochs of a seed; where something ends the run, what there was before that."""
        if isinstance(seed, Dropped):
            return [seed], None
        text = seed.inputs.get(self._field)
        if not isinstance(text, str) or not text.strip():
            return [Dropped("no text to evolve", seed.id, f"the input {self._field!r} is empty or no text")], None
        draw = random.Random(f"{self._bench.seed}/{seed.id}")
        chain = _Chain(Example(seed.inputs), seed.id)
        items: list[Made | Dropped] = []
        try:
            for epoch in range(1, self._is.epochs + 1):
                operation, data_format = draw.choice(self._operations), draw.choice(FORMATS)
                items.append(await self._epoch(chain, epoch, operation, data_format))
        except Stop as stop:
            return items, stop
        return items, None

    async def _epoch(self, chain: _Chain, epoch: int, operation: str, data_format: str) -> Made | Dropped:
        """What one epoch makes; the chain goes on from it, but where it is eliminated."""
        evolved = await self._evolve(chain, operation, data_format)
        if isinstance(evolved, _Eliminated):
            return Dropped(evolved.rule, chain.parent, f"{operation}: {clip(evolved.why, 200)}")
        made = self._made(chain, evolved, Provenance(operation, chain.parent, epoch, evolved.lm), data_format)
        if self._bench.taken(made.example):
            return made  # a seed, or a row held out: it will be dropped, and nothing is to come of it
        trace = await self._bench.verify(made)
        if trace.prediction is None or self._review(trace.prediction):
            return made
        rate = None
        if self._is.attempts:
            before = chain.rate if chain.rate is not None else await self._rate(replace(made, example=chain.example))
            rate = await self._rate(made)
            made = _with_facts(made, difficulty={"before": before, "after": rate, "attempts": self._is.attempts})
        chain.example, chain.parent, chain.tried, chain.rate = made.example, made.example.id, Counter(), rate
        return made

    def _made(self, chain: _Chain, evolved: _Evolved, where: Provenance, data_format: str) -> Made:
        inputs = chain.example.inputs
        made = Made(Example({**inputs, self._field: evolved.text}), where, review=self._review)
        made = _with_facts(made, added_words=rules.words(evolved.text) - rules.words(inputs[self._field]))
        return _with_facts(made, data_format=data_format) if where.operation == COMPLICATE else made

    async def _evolve(self, chain: _Chain, operation: str, data_format: str) -> _Evolved | _Eliminated:
        """Ask the evolver, and again where that may help; what no other rule eliminates is judged."""
        before = cast("str", chain.example.inputs[self._field])
        context = shown({name: value for name, value in chain.example.inputs.items() if name != self._field})
        asked = inputs_of(operation, before, context, self._words, data_format)
        inputs = {name: unmarked(text) for name, text in asked.items()}
        way = (operation, inputs.get("data_format", ""))
        for _ in range(self._is.retries + 1):
            attempt, chain.tried[way] = chain.tried[way], chain.tried[way] + 1
            answer = await self._bench.ask(getattr(self._is.program, operation), inputs, attempt=attempt)
            evolved = self._read(answer, operation, before, context)
            if isinstance(evolved, _Evolved):
                return await self._judged(operation, before, evolved.text, context) or evolved
            if evolved.rule not in _AGAIN:
                break
        return evolved

    def _read(self, answer: Answer, operation: str, before: str, context: str) -> _Evolved | _Eliminated:
        """The evolved prompt in an answer, if there is one and no rule that asks nobody eliminates it."""
        if answer.prediction is None:
            return self._broken(answer)
        text = clean(evolved_of(answer.prediction)).strip()
        return self._eliminates(operation, before, text, context) or _Evolved(text, answer.lm)

    def _broken(self, answer: Answer) -> _Eliminated:
        """Why there is no prompt in an answer."""
        if rules.refused(None, answer.completion or ""):
            return _Eliminated("refused", answer.completion or "")
        failure = answer.failure
        failed = failure is not None and failure.reason == "lm"
        return _Eliminated("LM failed" if failed else "unreadable answer", failure.message if failure else "")

    def _eliminates(self, operation: str, before: str, text: str, context: str) -> _Eliminated | None:
        """Rule 4 and those that ask nobody; the first that applies."""
        predictor = getattr(self._is.program, operation)
        if not any(sign.isalnum() for sign in text):
            return _Eliminated("empty", text)
        if rules.unchanged(before, text):
            return _Eliminated("unchanged", text)
        if rules.refused(before, text):
            return _Eliminated("refused", text)
        if (copied := rules.copied(before, text)) is not None:
            return _Eliminated("copies words of the prompt", copied)
        others = [context, *(evolved_of(demo) for demo in predictor.demos)]
        if rules.echoed(text, predictor.signature.instructions, others):
            return _Eliminated("echo of what it was told", text)
        if (wrong := rules.length(operation, before, text, self._is.words)) is not None:
            return _Eliminated("not of similar length" if operation == BREADTH else "too long", wrong)
        return None

    async def _judged(self, operation: str, before: str, text: str, context: str) -> _Eliminated | None:
        """Rule 1, and for breadth whether the domain is the same."""
        pair = {"first_prompt": before, "second_prompt": text}
        asked = await self._ask_judge("equal", pair, {"equal": True, "not equal": False, "unequal": False})
        if asked.value is None:
            return _Eliminated("unreadable judgment", asked.why)
        if asked.value:
            return _Eliminated("no information gain", text)
        if operation != BREADTH:
            return None
        asked = await self._ask_judge("domain", {**pair, "context": context}, {"same": True, "different": False})
        if asked.value is None:
            return _Eliminated("unreadable judgment", asked.why)
        return None if asked.value else _Eliminated("another domain", text)

    async def _ask_judge(self, name: str, inputs: dict[str, str], known: dict[str, bool]) -> Asked[bool]:
        return await ask(self._bench, getattr(self._is.program, name), inputs, partial(_judgment, known=known),
                         lm=self._is.judge, lm_args={}, retries=_JUDGE_RETRIES)  # fmt: skip

    def _review(self, prediction: Json) -> Sequence[Verdict]:
        """Rules 2 and 3, asked of the answer to an evolved prompt; nothing where it passes them."""
        if self._output is None or self._output not in prediction:
            return ()
        answer = as_text(prediction[self._output])
        if rules.gives_up(answer):
            return (born("sorry", passed=False, feedback=f'under {rules.SHORT} words with "sorry" in them'),)
        if rules.says_nothing(answer):
            return (born("empty answer", passed=False, feedback="only punctuation and stop words"),)
        return ()

    async def _rate(self, made: Made) -> float:
        """Share of the attempts at an example that are verified."""
        tries = (replace(made, attempt=n) for n in range(self._is.attempts))
        async with aclosing(ordered(self._bench.verify, tries, limit=self._is.attempts)) as traces:
            passed = [trace.outcome == "passed" async for trace in traces]
        return sum(passed) / len(passed)


def _with_facts(made: Made, **facts: Any) -> Made:
    return replace(made, provenance=replace(made.provenance, facts={**made.provenance.facts, **facts}))


def _judgment(answer: Answer, known: dict[str, bool]) -> bool:
    """What a judge said.

    Raises:
        NoJudgmentError: It is none of what it may say, or it said two things.
    """
    said = str((answer.prediction or {})["judgment"])
    if heads(answer.completion or "", "judgment") > 1:
        raise NoJudgmentError("'judgment' stands in its answer more than once")
    word = " ".join(said.casefold().replace("_", " ").replace("-", " ").strip(" \n\t.!*`'\"").split())
    if word not in known:
        raise NoJudgmentError(f"it is none of {', '.join(known)}: {clip(said, 60)}")
    return known[word]
