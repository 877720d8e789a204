"""Budgets: what the user may write, and that a limit is never exceeded."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from limbeck.compiler.lm.budget import Amount, Budget, Meter
from limbeck.errors import BudgetReached, Stop, UsageError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("5usd,2000calls,1Mtokens,1h", Budget(5.0, 2000, 1_000_000, 3600.0)),
        ("$5", Budget(usd=5.0)),
        ("5 USD", Budget(usd=5.0)),
        (".5usd", Budget(usd=0.5)),
        ("2.3kcalls", Budget(calls=2300)),
        ("1.5M tokens", Budget(tokens=1_500_000)),
        ("1call", Budget(calls=1)),
        ("90s", Budget(seconds=90.0)),
        ("1.5m", Budget(seconds=90.0)),
        ("10min", Budget(seconds=600.0)),
    ],
)
def test_parse(text, budget):
    """Any part may be given, in the units that people write."""
    assert Budget.parse(text) == budget


@pytest.mark.parametrize(
    "text",
    ["", ",", "5usd,", "5", "five usd", "-1usd", "0calls", "0.0usd", "1.5calls", "5usd,3usd", "1e3calls", "5eur", "1k",
     "nan usd", "inf usd", "9" * 400 + "calls", "5usd;3calls", "1h30m", "$5calls,", "²calls"],
)  # fmt: skip
def test_parse_refuses(text):
    """What cannot be a limit is one clear error, with the offending part and an example."""
    with pytest.raises(UsageError) as caught:
        Budget.parse(text)
    assert caught.value.hint


@given(st.text(max_size=20))
def test_parse_never_raises_anything_else(text):
    """Whatever is written, it is a budget or a UsageError."""
    try:
        Budget.parse(text)
    except UsageError:
        return


amounts = st.decimals("0.000001", "1000000", places=6, allow_nan=False).map(float)


@given(
    st.builds(
        Budget,
        usd=st.none() | amounts,
        calls=st.none() | st.integers(1, 10**14),
        tokens=st.none() | st.integers(1, 10**14),
        seconds=st.none() | amounts,
    ).filter(lambda b: b != Budget())
)
def test_text_reads_back(budget):
    """A budget's text is what ``parse`` takes, in full digits."""
    assert Budget.parse(str(budget)) == budget


PRICES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 1e-7])


@dataclass(eq=False)
class Caller:
    worst: Amount
    task: asyncio.Task[None] = field(init=False)
    holds: bool = False
    refused: bool = False


class Reservations(RuleBasedStateMachine):
    """Callers reserve, settle for less, or give up, in any order."""

    @initialize(
        usd=st.none() | st.sampled_from([0.3, 1.0, 2.1]),
        calls=st.none() | st.integers(1, 6),
        tokens=st.none() | st.integers(1, 60),
    )
    def start(self, usd, calls, tokens):
        self.loop = asyncio.new_event_loop()
        self.meter = Meter(Budget(usd, calls, tokens))
        self.callers: list[Caller] = []

    async def call(self, caller):
        try:
            await self.meter.reserve(caller.worst)
            caller.holds = True
        except Stop as stop:
            caller.refused = isinstance(stop.error, BudgetReached)

    def turn(self):
        async def breathe():
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(breathe())
        self.callers = [c for c in self.callers if c.holds or not c.task.done()]

    @rule(usd=PRICES, tokens=st.integers(0, 20), settle=st.booleans())
    def come(self, usd, tokens, settle):
        caller = Caller(Amount(usd, 1, tokens))
        caller.task = self.loop.create_task(self.call(caller))
        self.callers.append(caller)
        if settle:
            self.turn()

    @precondition(lambda self: any(not c.holds for c in self.callers))
    @rule(data=st.data())
    def give_up(self, data):
        data.draw(st.sampled_from([c for c in self.callers if not c.holds])).task.cancel()
        self.turn()

    @precondition(lambda self: any(c.holds for c in self.callers))
    @rule(data=st.data(), share=st.sampled_from([0.0, 0.3, 1.0]))
    def settled(self, data, share):
        caller = data.draw(st.sampled_from([c for c in self.callers if c.holds]))
        self.callers.remove(caller)
        worst = caller.worst
        self.meter.settle(worst, Amount(worst.usd * share, 1, int(worst.tokens * share)))

    @invariant()
    def never_over(self):
        if not hasattr(self, "meter"):
            return
        reserved = sum((c.worst for c in self.callers if c.holds), Amount())
        total, limits = self.meter.spent + reserved, self.meter.budget
        assert limits.usd is None or total.usd <= limits.usd + 1e-9
        assert limits.calls is None or total.calls <= limits.calls
        assert limits.tokens is None or total.tokens <= limits.tokens

    def teardown(self):
        if not hasattr(self, "meter"):
            return
        self.turn()
        while any(c.holds for c in self.callers):
            self.settled_now()
        assert not [c for c in self.callers if not c.refused], "somebody waits although nothing is in flight"
        assert self.meter._reserved == Amount()
        self.loop.close()

    def settled_now(self):
        caller = next(c for c in self.callers if c.holds)
        self.callers.remove(caller)
        self.meter.settle(caller.worst, caller.worst)
        self.turn()


def test_never_over_whatever_happens():
    """Over any order of events spent and reserved stay within the limits, and nobody waits for ever."""
    run_state_machine_as_test(Reservations, settings=settings(max_examples=200, stateful_step_count=30))


@pytest.mark.parametrize("seed", range(20))
def test_last_cents_are_usable(seed):
    """Sums of prices that are no round binary numbers leave no dust that would keep the last call out."""
    draw = random.Random(seed)
    prices = [draw.choice([0.1, 0.2, 0.3, 0.7]) for _ in range(50)]
    meter = Meter(Budget(usd=round(sum(prices), 1)))

    async def spend():
        for price in prices:
            await meter.reserve(Amount(price, 1))
            await asyncio.wait_for(meter.reserve(Amount(0.0, 1)), 1)
            meter.settle(Amount(0.0, 1), Amount(0.0, 1))
            meter.settle(Amount(price, 1), Amount(price, 1))

    asyncio.run(spend())
    assert meter.spent.usd == pytest.approx(meter.budget.usd)


def test_waits_for_reservations_only():
    """A call that fits but for another's reservation waits, and goes when that one used less."""

    async def two():
        meter = Meter(Budget(tokens=100))
        await meter.reserve(Amount(0, 1, 80))
        second = asyncio.ensure_future(meter.reserve(Amount(0, 1, 50)))
        await asyncio.sleep(0)
        waits = not second.done()
        meter.settle(Amount(0, 1, 80), Amount(0, 1, 10))
        await second
        return waits

    assert asyncio.run(two())


def test_stop_reaches_those_who_wait():
    """When the budget ends the run, whoever waits for room hears of it, with the same words."""

    async def three():
        meter = Meter(Budget(calls=1))
        await meter.reserve(Amount(0, 1))
        waiting = [asyncio.ensure_future(meter.reserve(Amount(0, 1))) for _ in range(2)]
        await asyncio.sleep(0)
        meter.settle(Amount(0, 1), Amount(0, 1))
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, second = asyncio.run(three())
    assert isinstance(first, Stop)
    assert isinstance(second, Stop)
    assert first.error is second.error
    assert "1 calls" in first.error.message


def test_time_limit():
    """When the time is over, nothing is reserved any more."""
    now = [0.0]
    meter = Meter(Budget(seconds=10), clock=lambda: now[0])
    asyncio.run(meter.reserve(Amount(0, 1)))
    assert meter.seconds_left == 10
    now[0] = 11
    assert meter.seconds_left == 0
    with pytest.raises(Stop, match="10 s"):
        asyncio.run(meter.reserve(Amount(0, 1)))


def test_message_in_full_digits():
    """A message writes large limits as the user did."""
    meter = Meter(Budget(tokens=1_234_567))
    with pytest.raises(Stop, match="1234567 tokens"):
        asyncio.run(meter.reserve(Amount(0, 1, 2_000_000)))
