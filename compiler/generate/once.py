"""The seeds of methods that make rows of known inputs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..seeds import number
from .base import Dropped

if TYPE_CHECKING:
    from ...records import Example
    from .base import Bench


async def once(bench: Bench, *, labels: bool = False) -> AsyncIterator[Example | Dropped]:
    """Seeds, each input once, and none that the task holds out; 8 bytes of each are held.

    Args:
        bench: Has the seeds.
        labels: Whether two seeds that differ in their labels alone are both wanted.
    """
    known: set[int] = set()
    for seed in bench.seeds:
        of = int(seed.id[:16], 16) if labels else number(seed)
        if of in known:
            yield Dropped("same row twice" if labels else "input of an earlier seed", seed.id)
        elif bench.held_out(seed):
            yield Dropped("held out", seed.id, "the task chooses or proves by it")
        else:
            yield seed
        known.add(of)
