"""Use a program: one prediction an input, unverified."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

from ..records import Candidate, Example, Trace
from .session import Options, open_session

if TYPE_CHECKING:
    from ..signatures.task import Task
    from .progress import Progress


async def predict(
    task: Task, examples: Iterable[Example], *, candidate: Candidate | None = None, options: Options | None = None,
    progress: Progress | None = None, total: int | None = None,
) -> AsyncGenerator[Trace, None]:  # fmt: skip
    """Yield a trace an input, in order. Its prediction is None where the program failed, with the reason.

    The traces are not stored: nothing has judged them. Their LM answers are in the cache, as always.

    Raises:
        BudgetReached: The budget ended the run.
        LMUnavailable: No LM call can succeed.
    """
    async with open_session(task, options or Options(), "run", progress=progress, judged=False) as session:
        session.progress.phase("run", total)
        chosen = candidate or session.bench.base
        async with aclosing(session.bench.rollouts(chosen, examples)) as traces:
            async for trace in traces:
                yield trace
