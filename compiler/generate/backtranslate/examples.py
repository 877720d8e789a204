"""Good pairs, shown to the programs: what stands for training in a tool that prompts.

The paper fine-tunes the backward model on the seed pairs turned round, and the forward model of each iteration on the
seeds and what was kept before. Here a fixed draw of these pairs is in the prompt instead. Of two sources the paper says
in one sentence each which is which (section 2.3), and so does the prompt.
"""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ....records import Example
from ...verify.asking import unmarked
from .program import NO_EXAMPLES

if TYPE_CHECKING:
    import dspy

SEED, WEB = "Answer in the style of an AI Assistant.", "Answer with knowledge from web search."
"""The sentences that tag pairs of seeds and of documents (arXiv 2308.06259, section 2.3)."""


@dataclass(frozen=True, order=True)
class Pair:
    """An instruction with its answer.

    Attributes:
        rank: Place in the draw: a hash of what it is and of the random seed.
        number: Of the segment that the answer was cut from; -1 for a seed.
    """

    rank: int
    number: int
    instruction: str
    answer: str


@dataclass
class Draw:
    """Those pairs of a stream that have the lowest ranks, however long it is.

    Attributes:
        seed: Decides.
        most: How many.
    """

    seed: int
    most: int
    pairs: list[Pair] = field(default_factory=list)

    def offer(self, number: int, instruction: str, answer: str) -> None:
        """Take a pair in, if it is drawn."""
        text = f"{self.seed}/{instruction}\0{answer}".encode(errors="surrogatepass")
        rank = int.from_bytes(hashlib.sha256(text).digest()[:8])
        pair = Pair(rank, number, instruction, answer)
        place = bisect.bisect_left(self.pairs, pair)
        if self.pairs[place : place + 1] != [pair]:
            self.pairs.insert(place, pair)
            del self.pairs[self.most :]


def seed_pairs(seeds: Iterable[Example], source: str, target: str, draw: Draw) -> None:
    """Draw from the seeds that have both an instruction and its answer."""
    for example in seeds:
        instruction, answer = example.inputs.get(source), example.labels.get(target)
        if isinstance(instruction, str) and isinstance(answer, str) and instruction.strip() and answer.strip():
            draw.offer(-1, instruction, answer)


def chosen(seeds: Sequence[Pair], kept: Sequence[Pair], most: int, without: str = "") -> list[Pair]:
    """Half of them seeds, rounded up, and half of what was kept before; the one fills up for the other.

    Args:
        seeds: Drawn of the seeds.
        kept: Drawn of what was kept in the round before.
        most: How many.
        without: The answer that is judged: it is no example of itself.
    """
    own, others = ([pair for pair in pairs if pair.answer.strip() != without.strip()] for pairs in (seeds, kept))
    share = max(math.ceil(most / 2), most - len(others))
    first = own[:share]
    return first + others[: most - len(first)]


def shown(pairs: Iterable[Pair]) -> str:
    """Pairs for the judge to compare with."""
    parts = [f"({SEED if pair.number < 0 else WEB})\nInstruction: {pair.instruction}\nAnswer: {pair.answer}"
             for pair in pairs]  # fmt: skip
    return "\n\n".join(parts) or NO_EXAMPLES


def with_demos(backward: dspy.Predict, pairs: Iterable[Pair]) -> dspy.Predict:
    """The backward program with the seed pairs turned round as demos; one that was compiled keeps those it has."""
    import dspy

    if backward.demos:
        return backward
    program = backward.deepcopy()
    program.demos = []
    for pair in pairs:
        demo = dspy.Example(text=unmarked(pair.answer), instruction=unmarked(pair.instruction))
        program.demos.append(demo.with_inputs("text"))
    return program
