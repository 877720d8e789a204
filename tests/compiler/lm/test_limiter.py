"""Slots for concurrent calls: never too many, never lost, fewer when the provider pushes back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from limbeck.compiler.lm.limiter import Limiter


@dataclass(eq=False)
class Visitor:
    task: asyncio.Task[None] = field(init=False)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    inside: bool = False


class Slots(RuleBasedStateMachine):
    """Visitors come, wait, stay, go and give up in any order, while the provider pushes back or answers."""

    InstantLoop: type

    @initialize(slots=st.integers(1, 5))
    def start(self, slots):
        self.loop = self.InstantLoop()
        self.limiter = Limiter(slots)
        self.visitors: list[Visitor] = []
        self.door = 0.0

    async def visit(self, visitor):
        await self.limiter.enter()
        visitor.inside = True
        try:
            await visitor.release.wait()
        finally:
            visitor.inside = False
            self.limiter.leave()

    def turn(self):
        async def breathe():
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(breathe())
        self.visitors = [v for v in self.visitors if not v.task.done()]

    @rule()
    def come(self):
        visitor = Visitor()
        visitor.task = self.loop.create_task(self.visit(visitor))
        self.visitors.append(visitor)

    @precondition(lambda self: self.visitors)
    @rule(data=st.data())
    def give_up(self, data):
        data.draw(st.sampled_from(self.visitors)).task.cancel()

    @precondition(lambda self: any(v.inside for v in self.visitors))
    @rule(data=st.data(), give_up=st.booleans())
    def go(self, data, give_up):
        visitor = data.draw(st.sampled_from([v for v in self.visitors if v.inside]))
        visitor.release.set()
        if give_up:
            visitor.task.cancel()

    @rule(wait=st.sampled_from([None, 0.0, 5.0]), stale=st.booleans())
    def push_back(self, wait, stale):
        async def push():
            self.limiter.pushed_back(-1 if stale else self.limiter._epoch, wait)

        self.loop.run_until_complete(push())
        self.door = max(self.door, self.loop.time() + (wait or 0.0))

    @rule(times=st.integers(1, 20))
    def answered(self, times):
        for _ in range(times):
            self.limiter.answered()

    @rule()
    def settle(self):
        self.turn()

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_passes(self, seconds):
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.turn()

    @invariant()
    def limits_hold(self):
        if not hasattr(self, "limiter"):
            return
        assert 1 <= self.limiter.limit <= self.limiter.maximum
        assert 0 <= self.limiter.active <= self.limiter.maximum
        assert sum(v.inside for v in self.visitors) <= self.limiter.active

    def teardown(self):
        if not hasattr(self, "limiter"):
            return
        self.turn()
        waiting = [v for v in self.visitors if not v.inside]
        if waiting and self.loop.time() >= self.door:
            assert self.limiter.active >= int(self.limiter.limit), "somebody waits while there is a free slot"
        for visitor in self.visitors:
            visitor.task.cancel()
        self.turn()
        assert (self.limiter.active, self.visitors) == (0, [])
        self.loop.close()


def test_no_slot_leaks_whatever_happens(lab):
    """Over any order of events every slot is given back, and nobody waits beside a free one."""
    machine = type("Slots", (Slots,), {"InstantLoop": lab.InstantLoop})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=settings(max_examples=150, stateful_step_count=30))


def test_halves_once_for_all_calls_of_a_storm():
    """Sixty-four calls that meet 429 together halve the limit once, not six times."""

    async def storm():
        limiter = Limiter(64)
        epochs = [await limiter.enter() for _ in range(64)]
        for epoch in epochs:
            limiter.pushed_back(epoch)
        return limiter.limit

    assert asyncio.run(storm()) == 32


def test_never_below_one():
    """However often the provider pushes back, one call may go."""

    async def storms():
        limiter = Limiter(8)
        for _ in range(50):
            limiter.pushed_back(await limiter.enter())
            limiter.leave()
        return limiter.limit

    assert asyncio.run(storms()) == 1


def test_grows_by_one_slot_a_round():
    """After a halving, a full round of answers brings one slot more, up to the maximum."""

    async def recover():
        limiter = Limiter(8)
        limiter.pushed_back(await limiter.enter())
        limits = [limiter.limit]
        for _ in range(100):
            for _ in range(int(limiter.limit)):
                limiter.answered()
            limits.append(limiter.limit)
        return limits

    limits = asyncio.run(recover())
    assert limits[0] == 4
    assert all(0 <= after - before <= 1.01 for before, after in pairwise(limits))
    assert limits[-1] == 8


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_retry_after_shuts_the_door_for_everybody(lab, seconds):
    """Nobody enters before the time that the provider asked for is over."""
    loop = lab.InstantLoop()

    async def enter(limiter):
        await limiter.enter()
        return loop.time()

    async def storm():
        limiter = Limiter(4)
        limiter.pushed_back(await limiter.enter(), seconds)
        limiter.leave()
        return await asyncio.gather(*(enter(limiter) for _ in range(2)))

    assert all(seconds <= at < seconds + 0.1 for at in loop.run_until_complete(storm()))
    loop.close()


def test_cancelled_at_the_door_gives_the_slot_back(lab):
    """A call that is cancelled while the door is shut holds nothing afterwards."""
    loop = lab.InstantLoop()

    async def storm():
        limiter = Limiter(1)
        limiter.pushed_back(await limiter.enter(), 60)
        limiter.leave()
        task = asyncio.ensure_future(limiter.enter())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return limiter.active

    assert loop.run_until_complete(storm()) == 0
    loop.close()


def test_first_come_first_served():
    """Waiting calls get slots in the order in which they asked."""

    async def queue():
        limiter, order = Limiter(1), []

        async def visit(number):
            await limiter.enter()
            order.append(number)
            await asyncio.sleep(0)
            limiter.leave()

        await asyncio.gather(*(visit(n) for n in range(10)))
        return order

    assert asyncio.run(queue()) == list(range(10))
