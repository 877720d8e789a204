"""Two compiles on one store at once: nothing is lost, on either side."""

from __future__ import annotations

import time

import pytest

from limbeck import api
from limbeck.testing.stub import Stub


def wait(process, children, seconds=60):
    end = time.monotonic() + seconds
    while any(process.alive(child) for child in children):
        assert time.monotonic() < end, "a compile does not end"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("latency", [0.0, 0.01, 0.03])
def test_two_compiles_on_one_store(place, nursery, process, latency):
    """Started together on a new store, both write the artifact that one alone writes, and every trace is there."""
    with Stub(latency=latency) as stub:
        alone = place(stub.url, "alone")
        wait(process, [nursery.start(alone)])
        expected = alone.artifact()
        assert expected

        work = place(stub.url, "both")
        wait(process, [nursery.start(work, "one"), nursery.start(work, "two")])
        assert work.artifact("one") == expected
        assert work.artifact("two") == expected
        assert work.outcomes() == alone.outcomes()
        assert work.completed() == alone.completed()
        with api.open_store(work.store) as both, api.open_store(alone.store) as single:
            assert {t.id: (t.steps, t.verdicts) for t in both.traces()} == {
                t.id: (t.steps, t.verdicts) for t in single.traces()
            }
            assert [run.status for run in both.runs()] == ["done", "done"]
        assert max(stub.stats().received.values()) <= 3  # once alone, and at most once in each of the two


@pytest.mark.slow
def test_one_is_killed_beside_another(place, nursery, process):
    """When one of two is killed, the other goes on undisturbed, and the killed one can be taken up again."""
    with Stub(latency=0.01) as stub:
        alone = place(stub.url, "alone")
        wait(process, [nursery.start(alone)])
        work = place(stub.url, "both")
        killed, other = nursery.start(work, "one"), nursery.start(work, "two")
        time.sleep(0.3)
        process.kill(killed)
        wait(process, [killed, other])
        assert work.artifact("two") == alone.artifact()
        before = sum(stub.stats().received.values())
        if not (work.folder / "one").exists():
            wait(process, [nursery.start(work, "one")])
        assert work.artifact("one") == alone.artifact()
        assert sum(stub.stats().received.values()) == before
        assert work.outcomes() == alone.outcomes()
