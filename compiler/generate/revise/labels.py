"""AI preference labels: how likely the first of two answers is the better one, by a principle.

Bai et al. 2022, section 4.1: two answers to one prompt, a principle drawn at random, and the label is what the feedback
model's probabilities of "(A)" and "(B)" come to when they are normalized. With chain of thought these are nearly always
0 or 1, so they are clamped to 40 to 60 percent.

Beyond the paper: both orders are asked and averaged, since judges prefer a position, and each order is clamped before.
An LM that gives no probabilities of tokens votes, in several samples. One that calls it a tie has said 50 percent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from ....records import Json, Usage
from ....signatures.values import clip
from ...verify.asking import NoJudgmentError, check_reason, heads, refuses, unmarked
from ...verify.rating import choice
from ..probability import ASKED, option_probabilities
from .constitution import Principle

if TYPE_CHECKING:
    import dspy

    from ...verify.base import Answer
    from ..base import Bench

CLAMP = (0.4, 0.6)
"""Bounds of a label that came by chain of thought."""

Source = Literal["tokens", "votes"]
"""Where probabilities come from."""

_PARENTHESES = re.compile(r"\W*\(\s*([ab])\s*\)\W*", re.IGNORECASE)


@dataclass
class Order:
    """What was said of two answers in one order.

    Attributes:
        first: Probability that the first answer of the pair is better; None where nothing was said that counts.
        by: Whether it rests on tokens or votes.
        reason: Reason of the last answer that could be read, where reasons are asked for.
        failed: Answers that were none, and why.
    """

    first: float | None = None
    by: Source = "votes"
    reason: str = ""
    failed: list[str] = field(default_factory=list)


@dataclass
class Label:
    """A soft label of a pair.

    Attributes:
        first: Probability that the first answer is better; None where there is no label.
        orders: What was said in each order.
        lm: Name of the LM that was asked.
        usage: What it took.
    """

    first: float | None
    orders: Sequence[Order]
    lm: str
    usage: Usage

    @property
    def consistent(self) -> bool:
        """Whether no order said the contrary of the other."""
        sides = {o.first > 0.5 for o in self.orders if o.first is not None and o.first != 0.5}
        return len(sides) < 2

    def facts(self) -> Json:
        """What the verdict keeps of it."""
        orders = [{"first": o.first, "by": o.by, "reason": o.reason, "failed": o.failed} for o in self.orders]
        return {"lm": self.lm, "consistent": self.consistent, "orders": orders}


@dataclass
class Labeller:
    """Asks which of two answers is better.

    Attributes:
        bench: Where it asks.
        program: Takes ``principle``, ``request``, ``answer_a`` and ``answer_b``, gives ``choice``, maybe ``reason``.
        lm: LM to ask; None for the bench's.
        lm_args: Its settings.
        samples: Votes an order, where there are no probabilities of tokens.
        retries: How often to ask for a vote again that cannot be read.
        reasons: Whether reasons are asked for, so that labels are clamped.
        by: ``tokens`` or ``votes``; ``auto`` is votes where the LM gives no probabilities.
    """

    bench: Bench
    program: dspy.Module
    lm: Any = None
    lm_args: Json = field(default_factory=dict)
    samples: int = 1
    retries: int = 1
    reasons: bool = False
    by: Literal["auto", "tokens", "votes"] = "auto"
    _lms: dict[bool, Any] = field(default_factory=dict)

    async def label(self, request: str, answers: tuple[str, str], principle: Principle) -> Label:
        """Label a pair, in both orders.

        Raises:
            Stop: The budget has no room for it, or no LM call can succeed.
        """
        made = Label(None, [], "", Usage())
        orders: list[Order] = []
        for swapped in (False, True):
            a, b = reversed(answers) if swapped else answers
            texts = {"principle": principle.text, "request": request, "answer_a": a, "answer_b": b}
            order = await self._order({name: unmarked(text) for name, text in texts.items()}, made)
            if swapped and order.first is not None:
                order.first = 1 - order.first
            orders.append(order)
            if order.first is None:
                break
        made.orders = orders
        made.first = _average(orders)
        return made

    async def _order(self, texts: Json, label: Label) -> Order:
        """Probability of the one under (A)."""
        order = Order()
        asked: Answer | None = None
        if self.by != "votes":
            asked = await self._ask(texts, 0, label, tokens=True)
            order.first = self._by_tokens(asked, texts, order)
            order.by = "tokens"
        if order.first is None and self.by != "tokens":
            order.by = "votes"
            order.first = await self._by_votes(texts, label, order, asked)
        if order.first is not None and self.reasons:
            order.first = min(max(order.first, CLAMP[0]), CLAMP[1])
        return order

    def _by_tokens(self, answer: Answer, texts: Json, order: Order) -> float | None:
        found = option_probabilities(answer, ["A", "B"], "choice")
        if found is None:
            order.failed.append("no probabilities of the tokens")
            return None
        try:
            self._vote(answer, texts, order)
        except NoJudgmentError as error:
            order.failed.append(str(error))
            return None
        return found["A"]

    async def _by_votes(self, texts: Json, label: Label, order: Order, first: Answer | None) -> float | None:
        """Share of the votes for (A); an answer that is there already is the first vote."""
        votes: list[float] = []
        for attempt in range(self.samples + self.retries):
            reuse = first is not None and attempt == 0 and first.failure is None
            answer = first if reuse and first is not None else await self._ask(texts, attempt, label)
            try:
                votes.append(self._vote(answer, texts, order))
            except NoJudgmentError as error:
                order.failed.append(str(error))
            if len(votes) == self.samples or (answer.failure is not None and answer.failure.reason == "lm"):
                break
        return fmean(votes) if votes else None

    async def _ask(self, texts: Json, attempt: int, label: Label, *, tokens: bool = False) -> Answer:
        settings = {**self.lm_args, **ASKED} if tokens else self.lm_args
        lm = self.lm
        if hasattr(lm, "copy"):  # an object brings its own settings
            lm = self._lms.setdefault(tokens, lm.copy(**settings))
        answer = await self.bench.ask(self.program, texts, attempt=attempt, lm=lm, lm_args=settings or None)
        label.lm, label.usage = answer.lm, label.usage + answer.usage
        return answer

    def _vote(self, answer: Answer, texts: Json, order: Order) -> float:
        """1 for (A), 0 for (B), 0.5 for a tie.

        Raises:
            NoJudgmentError: It says neither.
        """
        said = _choice(answer)
        if self.reasons:
            order.reason = _reason(answer, texts)
        return said


def _choice(answer: Answer) -> float:
    if answer.failure is not None:
        refused = f"it refused: {clip(answer.completion or '', 100)}" if refuses(answer.completion) else ""
        raise NoJudgmentError(refused or clip(answer.failure.message, 200))
    given = str((answer.prediction or {}).get("choice"))
    inner = _PARENTHESES.fullmatch(given)
    said = choice(inner[1] if inner else given)
    if said is None:
        raise NoJudgmentError(f"the choice is neither A nor B: {clip(given, 40)}")
    if heads(answer.completion or "", "choice") > 1:
        raise NoJudgmentError("the choice stands in its answer more than once")
    return {"a": 1.0, "b": 0.0, "tie": 0.5}[said]


def _reason(answer: Answer, texts: Json) -> str:
    given = str((answer.prediction or {}).get("reason") or "")
    return check_reason(given, answer, [str(text) for text in texts.values()], "choice")


def _average(orders: Sequence[Order]) -> float | None:
    """The mean of both orders; nothing where one of them is missing, since it cannot be told from the position."""
    known = [order.first for order in orders if order.first is not None]
    return fmean(known) if len(known) == 2 else None
