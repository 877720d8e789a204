"""The writer commits everything, in order and in groups, and says when it cannot."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from limbeck.compiler.keep.writer import BATCH, LIMIT, Writer
from limbeck.errors import StoreError


def test_everything_in_order() -> None:
    """A flush returns when all that was put before is committed, in its order."""
    batches: list[list[int]] = []
    writer: Writer[int] = Writer(batches.append)
    for number in range(3 * BATCH + 7):
        writer.put(number)
    writer.flush()
    assert [number for batch in batches for number in batch] == list(range(3 * BATCH + 7))
    assert max(map(len, batches)) <= BATCH
    writer.close()


def test_closing_writes_what_waits() -> None:
    """Nothing that was put is lost when the writer ends."""
    done: list[int] = []
    writer: Writer[int] = Writer(done.extend)
    writer.put(1)
    writer.close()
    assert done == [1]


def test_no_thread_without_work() -> None:
    """Flushing and closing a writer that has nothing to do starts no thread."""
    before = threading.active_count()
    writer: Writer[int] = Writer(lambda _: None)
    writer.flush()
    assert threading.active_count() == before
    writer.close()


def test_what_waits_is_bounded() -> None:
    """While nothing can be committed, ``put`` waits at the limit, and goes on afterwards."""
    gate, done = threading.Event(), list[int]()

    def commit(batch: list[int]) -> None:
        gate.wait()
        done.extend(batch)

    writer: Writer[int] = Writer(commit)
    count = 2 * LIMIT
    reached: list[int] = []

    def fill() -> None:
        for number in range(count):
            writer.put(number)
            reached.append(number)

    filler = threading.Thread(target=fill)
    filler.start()
    filler.join(timeout=0.5)
    assert len(reached) <= LIMIT + BATCH
    gate.set()
    filler.join()
    writer.flush()
    assert done == list(range(count))
    writer.close()


def test_threads_share_it() -> None:
    """Items of one thread stay in its order, whatever other threads put."""
    done: list[tuple[int, int]] = []
    writer: Writer[tuple[int, int]] = Writer(done.extend)

    def fill(thread: int) -> None:
        for number in range(300):
            writer.put((thread, number))

    threads = [threading.Thread(target=fill, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len(done) == 8 * 300
    for n in range(8):
        assert all(a < b for a, b in pairwise(number for thread, number in done if thread == n))


@pytest.mark.parametrize("error", [StoreError("the store x is locked", hint="wait"), ZeroDivisionError("odd")])
def test_an_error_reaches_everybody(error: Exception) -> None:
    """After an error, flushing and putting raise it, and nobody waits for ever."""

    def commit(_: list[int]) -> None:
        raise error

    writer: Writer[int] = Writer(commit)
    writer.put(1)
    for use in (writer.flush, writer.flush, lambda: writer.put(2)):
        with pytest.raises(StoreError, match=r"locked|odd"):
            use()
    writer.close()


def test_closed() -> None:
    """A closed writer takes nothing."""
    writer: Writer[int] = Writer(lambda _: None)
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.put(1)
