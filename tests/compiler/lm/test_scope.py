"""What belongs to one rollout: salts, and steps in an order that does not depend on time."""

from __future__ import annotations

import asyncio
import contextvars
import random

import dspy
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from limbeck.compiler.lm.scope import SETTING, LMCall, Scope, advance, current, lm_call, salt
from limbeck.records import Call


def noted(call):
    """Run in a context in which an LM call is under way."""
    context = contextvars.copy_context()
    context.run(lm_call.set, call)
    return context


@pytest.mark.parametrize(
    ("attempt", "rollout_id", "salts"),
    [
        (0, None, [(), (None, None, 1), (None, None, 2)]),
        (2, None, [(2, None, None), (2, None, 1), (2, None, 2)]),
        (0, 7, [(None, "7", None), (None, "7", 1), (None, "7", 2)]),
        (0, 0, [(None, "0", None), (None, "0", 1), (None, "0", 2)]),
    ],
)
def test_salts(attempt, rollout_id, salts):
    """The first completion of the first attempt has no salt; every other one has its own."""
    context = noted(LMCall(rollout_id))
    assert [context.run(salt, attempt) for _ in range(3)] == salts


def test_no_salt_outside():
    """A request that no LM object made is salted by its attempt only."""
    assert salt(0) == ()
    assert salt(1) == (1, None, None)


def test_current():
    """There is a scope inside of a rollout only, whatever else the settings hold."""
    assert current() is None
    scope = Scope()
    with dspy.context(**{SETTING: scope}):
        assert current() is scope
    with dspy.context(**{SETTING: "something else"}):
        assert current() is None


def test_no_place_outside():
    """Calls outside of a rollout have no place."""
    assert advance(1) is None


# Trees of work: a node makes a call, or starts children at once, one after the other in its own task.
trees = st.recursive(st.just(()), lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple), max_leaves=12)


async def walk(tree, path, scope, draw):
    """Call, then run the children: those at even places one after the other, at odd places all at once."""
    await asyncio.sleep(draw.choice([0, 0, 0.0005]))
    place = advance(asyncio.current_task())
    await asyncio.sleep(draw.choice([0, 0, 0.0005]))
    context = noted(LMCall(place=place))
    context.run(scope.recorder.add_call, Call("lm", [{"role": "user", "content": path}], "said"))
    if len(path) % 2:
        await asyncio.gather(*(walk(t, f"{path}{9 - n}", scope, draw) for n, t in enumerate(tree)))
    else:
        for n, inner in enumerate(tree):
            await asyncio.create_task(walk(inner, f"{path}{9 - n}", scope, draw))


async def rollout(tree, seed):
    scope = Scope()
    with dspy.context(**{SETTING: scope}):
        scope.recorder.begin(asyncio.current_task())
        await walk(tree, "r", scope, random.Random(seed))
    return [step.calls[0].messages[0]["content"] for step in scope.recorder.steps(None)]


def in_program_order(tree, path="r"):
    inner = (name for n, t in enumerate(tree) for name in in_program_order(t, f"{path}{9 - n}"))
    return [path, *inner]


@settings(max_examples=60)
@given(tree=trees, seeds=st.tuples(st.integers(), st.integers()))
def test_order_is_the_programs(tree, seeds):
    """Tasks that start tasks: steps stand in the order in which the program started them, at any timing."""
    orders = [asyncio.run(rollout(tree, seed)) for seed in seeds]
    assert orders == [in_program_order(tree)] * 2


@given(st.permutations(["a", "b", "c", "d"]))
def test_threads_that_inherit_nothing(order):
    """Calls of threads without a context are ordered by what they sent, after the program's last step."""
    scope = Scope()
    with dspy.context(**{SETTING: scope}):
        context = contextvars.copy_context()

    def call(owner, text):
        scope.recorder.add_call(Call("lm", [{"content": text}], "said"))
        return owner

    def program():
        scope.recorder.begin(1)
        noted(LMCall(place=advance(1))).run(call, 1, "first")
        for number, text in enumerate(order):
            fresh = contextvars.Context()
            place = contextvars.copy_context().run(_loose, number)
            fresh.run(lm_call.set, LMCall(place=place))
            fresh.run(call, number, text)
        noted(LMCall(place=advance(1))).run(call, 1, "last")

    context.run(program)
    texts = [step.calls[0].messages[0]["content"] for step in scope.recorder.steps(None)]
    assert texts == ["first", "a", "b", "c", "d", "last"]


def _loose(number):
    from limbeck.compiler.lm.scope import _place

    _place.set(None)
    return advance(f"thread {number}")
