"""Invariants 1 and 4 under SIGKILL: resumed, the artifact is the same, and nothing is paid for twice."""

from __future__ import annotations

import random
import time

import pytest

from limbeck.testing.stub import Stub

MOMENTS = 50


def wait(process, child, seconds=60):
    end = time.monotonic() + seconds
    while process.alive(child):
        assert time.monotonic() < end, "the compile does not end"
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_at_random_moments(place, nursery, process):
    """At fifty moments a compile is killed; gone on with, it sends nothing again that was answered."""
    draw = random.Random(20260)
    with Stub(latency=0.015) as stub:
        whole = place(stub.url, "whole")
        child = nursery.start(whole)
        began = time.monotonic()
        wait(process, child)
        took = time.monotonic() - began
        expected = whole.artifact()
        assert {"program.json", "limbeck.json", "prompt.md"} <= expected.keys()
        once = sum(stub.stats().received.values())

        moments, stages = 0, []
        while moments < MOMENTS:
            work = place(stub.url, f"killed{moments}")
            done, before = set(), {}
            for _ in range(2):
                child = nursery.start(work)
                time.sleep(draw.uniform(0, 0.95 * took))
                process.kill(child)
                wait(process, child)
                moments += 1
                assert not twice(done, before, stub.stats().received)
                done, before = work.completed(), stub.stats().received
                stages.append(len(done))
                if (work.folder / "out").exists():
                    break
            else:
                wait(process, nursery.start(work))
            assert not twice(done, before, stub.stats().received)
            assert work.artifact() == expected, f"another artifact after moment {moments}"
            assert work.outcomes() == whole.outcomes()
            assert len(work.completed()) == once
    assert len(set(stages)) > 10, f"the kills did not come at different moments: {stages}"


def twice(done, before, after):
    """Completed requests that were sent again."""
    return {name for name in done if after.get(name, 0) > before.get(name, 0)}
