"""Lots, and the order of rows."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.order import lots, ordered, scatter

tickets = st.lists(st.text(max_size=3), max_size=20)


def rows(names):
    return [{"ticket": name} for name in names]


@given(st.lists(st.integers(0, 2**64 - 1), unique=True), st.integers(), st.text(max_size=5))
def test_numbers_are_scattered_one_to_one(values, seed, purpose):
    """No two of them fall together, and another seed or purpose gives others."""
    found = scatter(np.array(values, np.uint64), seed, purpose).tolist()
    assert len(set(found)) == len(values)
    for other in ((seed + 1, purpose), (seed, purpose + "x")):
        assert not values or scatter(np.array(values, np.uint64), *other).tolist() != found


def test_scattered_numbers_fill_the_range_evenly():
    """A hundred thousand numbers in a row, in each of 64 parts to within four standard deviations."""
    found = scatter(np.arange(100_000), 3, "side")
    parts = np.bincount((found >> np.uint64(58)).astype(int), minlength=64)
    assert abs(parts - 100_000 / 64).max() < 4 * (100_000 / 64) ** 0.5


def test_lots_are_those_of_splitmix64():
    """As its authors' code has them, here in plain integers: a dataset is made again by later versions."""

    def mixed(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    salt = int.from_bytes(hashlib.blake2b(b"order:7", digest_size=8).digest())
    expected = [mixed(((value ^ salt) + 0x9E3779B97F4A7C15) % 2**64) for value in (0, 1, 2**64 - 1)]
    assert mixed(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # the first number of seed 0
    assert scatter(np.array([0, 1, 2**64 - 1], np.uint64), 7, "order").tolist() == expected


@given(tickets, tickets, st.integers())
def test_the_lot_of_a_row_does_not_depend_on_others(spooled, some, more, seed):
    """Rows that come before or after change nothing, if they say something else."""
    more = [name for name in more if name not in some]
    with spooled(rows(some)) as spool:
        alone = lots(spool, seed, "mix").tolist()
    with spooled(rows(more + some + more)) as spool:
        assert lots(spool, seed, "mix").tolist()[len(more) : len(more) + len(some)] == alone


def test_equal_rows_have_lots_of_their_own(spooled):
    """So chance does not put them side by side."""
    with spooled(rows(["same"] * 10)) as spool:
        assert len(set(lots(spool, 0, "mix").tolist())) == 10


def test_rows_stay_in_their_order_unless_it_is_to_be_shuffled(spooled):
    """What was dropped is not among them."""
    with spooled(rows(f"t{n}" for n in range(50))) as spool:
        spool.drop([7], "duplicate")
        straight = [n for n in range(50) if n != 7]
        assert ordered(spool, 0, shuffle=False).tolist() == straight
        shuffled = ordered(spool, 0, shuffle=True).tolist()
        assert sorted(shuffled) == straight != shuffled
        assert ordered(spool, 1, shuffle=True).tolist() != shuffled == ordered(spool, 0, shuffle=True).tolist()


def test_rows_that_are_added_come_between_the_others(spooled):
    """Their order among themselves is as it was."""
    names = [f"t{n}" for n in range(60)]
    with spooled(rows(names[:30])) as spool:
        before = [names[n] for n in ordered(spool, 5, shuffle=True)]
    with spooled(rows(names)) as spool:
        after = [names[n] for n in ordered(spool, 5, shuffle=True)]
    assert [name for name in after if name in names[:30]] == before


def test_no_rows_have_an_order(spooled):
    """An empty one."""
    with spooled([]) as spool:
        assert ordered(spool, 0, shuffle=True).tolist() == []
