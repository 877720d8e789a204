"""What a round came to, as it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....optimizers.gate import Gate
from ....records import Json, Trace
from .rewards import reward_of


@dataclass
class Round:
    """What a round came to, before anything is made of it.

    Attributes:
        number: From 1.
        rollouts: Attempts that were made.
        kept: Those that passed.
        inputs: Seeds of which at least one attempt passed.
        rewards: Sum of the rewards.
    """

    number: int
    rollouts: int = 0
    kept: int = 0
    inputs: int = 0
    rewards: float = 0.0

    def add(self, traces: Iterable[Trace]) -> None:
        """Count the attempts at a seed."""
        outcomes = [(trace.outcome == "passed", reward_of(trace)) for trace in traces]
        self.rollouts += len(outcomes)
        self.kept += sum(passed for passed, _ in outcomes)
        self.inputs += any(passed for passed, _ in outcomes)
        self.rewards += sum(reward for _, reward in outcomes)

    def as_json(self) -> Json:
        """With the mean reward; None where nothing was rolled out."""
        reward = short(self.rewards / self.rollouts) if self.rollouts else None
        return {"rollouts": self.rollouts, "kept": self.kept, "reward": reward}


def gained(found: Gate) -> Json:
    """What the held-out rows said: the score of the new program, and its gain with the interval."""
    return {"after": short(found.compiled), "gain": short(found.gain), "low": short(found.interval.low),
            "high": short(found.interval.high), "proven": found.proven}  # fmt: skip


def short(value: float) -> float:
    """Four decimals."""
    return round(value, 4)
