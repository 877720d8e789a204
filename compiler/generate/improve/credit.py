"""Credit for the steps of several attempts at one input: a Bellman backup over the tree of their steps.

After Q-Transformer (Chebotar et al. 2023, arXiv 2309.10150). There an action has several dimensions, each chosen after
the one before; here a trace has steps, and what was done so far is the state. So, as there:

- the value of a step is the maximum over what was seen to follow it, without a discount between the steps (there:
  between the dimensions of one action); the last one is worth the reward;
- what an attempt came to (its Monte-Carlo return) is the floor of the target of each of its steps;
- a step that was never seen is worth 0 (there a regularizer pushes it to 0).

What is different: the tree is small, so values stand in a table and are exact; one pass from the leaves is enough,
where a network is fitted to moving targets. There are no bins, for equal steps are equal texts. To end is one of the
ways on. Rewards may also come with steps before the last; each counts from its step on. In a maximum over what was seen
the unseen takes no part: where rewards are not negative that is the same, and where they are, 0 would be a hope.

Where an environment answers the same each time, the floor changes nothing: a maximum is never below one of what it is
taken of. Where the same steps are rewarded now so and now so, an attempt's target is the better of its own return and
of what is to be expected, and a step's value is the mean of these targets, as regression on them would make it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

UNSEEN = 0.0
"""What a step is worth that no attempt took."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt did, and what came of it.

    Attributes:
        steps: Its steps; equal texts, white space aside, are the same step.
        reward: What came in the end.
        rewards: What came with each step; default: nothing.
    """

    steps: Sequence[str]
    reward: float = 0.0
    rewards: Sequence[float] = ()

    @property
    def each(self) -> Sequence[float]:
        """What came with each step."""
        return self.rewards or [0.0] * len(self.steps)


@dataclass(frozen=True)
class Credit:
    """What is known of a step of an attempt.

    Attributes:
        value: What it leads to at best, from this step on, as far as was seen.
        target: The same for this one attempt: never below what that came to.
        gained: What the attempt itself came to from this step on.
        before: What the attempt had gained before this step.
        visits: Attempts that took this step after the same steps.
    """

    value: float
    target: float
    gained: float
    before: float
    visits: int

    @property
    def total(self) -> float:
        """What the attempt would have come to from here at best, as far as was seen."""
        return self.before + self.value


@dataclass
class _Node:
    """A step that attempts took after the same steps; the root is the beginning.

    Attributes:
        after: Steps that followed.
        through: Which attempts took it.
        ended: Rewards of those that ended here.
        value: See ``Credit``.
        ways: What the best way on is worth.
    """

    after: dict[str, _Node] = field(default_factory=dict)
    through: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    value: float = UNSEEN
    ways: float = UNSEEN


class Tree:
    """The tree of the steps of attempts at one input, with the value of each.

    Time and memory grow with the number of steps; attempts may be of any length.

    Args:
        attempts: The attempts.

    Raises:
        ValueError: Rewards are not one a step, or no finite numbers.
    """

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self._each = [_checked(attempt) for attempt in attempts]
        self._gained = [_to_go(each, attempt.reward) for each, attempt in zip(self._each, attempts, strict=True)]
        self._root = _Node()
        self._paths = [self._grow(attempt, number) for number, attempt in enumerate(attempts)]
        for node, depth in self._from_the_leaves():
            ways = [child.value for child in node.after.values()]
            ways += [_mean(node.ended)] if node.ended else []
            node.ways = max(ways, default=UNSEEN)
            if depth:
                node.value = _mean([self._target(node, number, depth - 1) for number in node.through])

    @property
    def best(self) -> float:
        """What the input is worth by the best way that was seen."""
        return self._root.ways

    def credit(self) -> list[list[Credit]]:
        """The credit of each step of each attempt, in their order."""
        return [[self._credit(node, number, at) for at, node in enumerate(path)]
                for number, path in enumerate(self._paths)]  # fmt: skip

    def values(self, steps: Sequence[str]) -> list[float]:
        """What steps of any attempt are worth here; ``UNSEEN`` where nobody took them after the same steps."""
        found: list[float] = []
        node: _Node | None = self._root
        for step in steps:
            node = node.after.get(_key(step)) if node is not None else None
            found.append(UNSEEN if node is None else node.value)
        return found

    def _credit(self, node: _Node, number: int, at: int) -> Credit:
        before = math.fsum(self._each[number][:at])
        return Credit(node.value, self._target(node, number, at), self._gained[number][at], before, len(node.through))

    def _target(self, node: _Node, number: int, at: int) -> float:
        """Reward and the best way on, but not less than what the attempt came to."""
        return max(self._gained[number][at], self._each[number][at] + node.ways)

    def _grow(self, attempt: Attempt, number: int) -> list[_Node]:
        node, path = self._root, []
        for step in attempt.steps:
            node = node.after.setdefault(_key(step), _Node())
            node.through.append(number)
            path.append(node)
        node.ended.append(float(attempt.reward))
        return path

    def _from_the_leaves(self) -> Iterator[tuple[_Node, int]]:
        """Every node after those that follow it, with its depth."""
        order: list[tuple[_Node, int]] = []
        waiting = [(self._root, 0)]
        while waiting:
            node, depth = waiting.pop()
            order.append((node, depth))
            waiting += [(child, depth + 1) for child in node.after.values()]
        return reversed(order)


def _key(step: str) -> str:
    return " ".join(step.split())


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(set(values)) == 1 else math.fsum(values) / len(values)


def _checked(attempt: Attempt) -> list[float]:
    each = [float(reward) for reward in attempt.each]
    if len(each) != len(attempt.steps):
        raise ValueError(f"{len(each)} rewards for {len(attempt.steps)} steps")
    if not all(math.isfinite(reward) for reward in [*each, attempt.reward]):
        raise ValueError(f"a reward is no finite number: {[*each, attempt.reward]}")
    return each


def _to_go(rewards: Sequence[float], last: float) -> list[float]:
    """What was gained from each step on."""
    togo = [float(last)]
    for reward in reversed(rewards):
        togo.append(reward + togo[-1])
    return togo[:0:-1]
