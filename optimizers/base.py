"""The protocols that optimizers are written against.

An optimizer is plain deterministic ``async`` code over a ``Bench``. It imports nothing of the compiler. Resuming a run
executes it again from the top: what the store already has answers at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from ..records import Candidate, Evaluation, Example, Trace


@runtime_checkable
class Bench(Protocol):
    """What an optimizer works at. Everything it does is durable, budgeted and concurrent.

    Attributes:
        base: The program as the user declared it: its instructions and demos.
        train: Examples to learn from.
        val: Examples to choose by; disjoint from ``train`` by content.
        seed: Seed of every random choice.
        concurrency: How many rollouts run at once at most; also the bound on speculative work.
        options: What the user gave with ``--set KEY=VALUE``.
    """

    base: Candidate
    train: Sequence[Example]
    val: Sequence[Example]
    seed: int
    concurrency: int
    options: Mapping[str, Any]

    async def rollout(
        self, candidate: Candidate, example: Example, attempt: int = 0, *, teacher: bool = False,
        speculative: bool = False,
    ) -> Trace:  # fmt: skip
        """Run one rollout and judge it. Attempts after the first run at temperature 1.

        A speculative rollout is not part of the run until it is handed to ``keep``: what an optimizer begins early
        and then has no use for depends on how fast things go, and must not show in the store.
        """
        ...

    def keep(self, trace: Trace) -> None:
        """Make a speculative rollout part of the run. Call it in an order that does not depend on timing."""
        ...

    def rollouts(
        self, candidate: Candidate, examples: Iterable[Example], attempts: int = 1, *, teacher: bool = False
    ) -> AsyncIterator[Trace]:
        """Run a candidate over examples, yielding traces in the order of examples and attempts."""
        ...

    async def evaluate(self, candidate: Candidate, examples: Iterable[Example]) -> Evaluation:
        """Score a candidate on examples (attempt 0, student)."""
        ...

    def note(self, item: str, reason: str, detail: str = "") -> None:
        """Write into the run's ledger why something planned was not kept."""
        ...


class Optimizer(Protocol):
    """How to choose a candidate. Looked up by name through the entry points ``limbeck.optimizers``.

    Attributes:
        needs_val: Whether it chooses by validation rows; without, none are set aside from the data.
    """

    needs_val: ClassVar[bool]

    async def optimize(self, bench: Bench) -> Candidate:
        """Return the candidate to ship, built from what the bench shows on train and val data."""
        ...
