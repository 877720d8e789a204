"""The LM program of ``improve``: new instructions, out of what was kept and what was refused."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....records import Candidate, Json, Trace
from ....signatures.values import clip, short
from ...verify.asking import heads, refuses, unmarked
from ...verify.judge import predictor
from .rewards import reward_of

if TYPE_CHECKING:
    import dspy

    from ..base import Bench

_SHOWN = 4  # attempts of either kind that are shown
_CLIPPED = 600  # characters of a value
_LONGEST = 6_000  # characters of instructions

_INSTRUCTIONS = """\
Improve the instructions of a language model's task.

You see the instructions as they are, attempts at the task that were rewarded and attempts that were not, each with \
what was said of it. Find out what the good ones do and the others do not. Then write the instructions anew: keep what \
is right in them, say what an attempt has to do to be rewarded, and say it so that it holds for any input and not only \
for those shown. Name the same input and output fields. Write nothing but the instructions."""


def program() -> dspy.Module:
    """Makes new instructions of one predictor."""
    given = {
        "task": "the instructions as they are",
        "rewarded": "attempts that were rewarded",
        "refused": "attempts that were not, with the reasons",
    }
    return predictor(_INSTRUCTIONS, given, {"better": "the new instructions"})


async def reworded(
    bench: Bench, program: dspy.Module, candidate: Candidate, kept: Sequence[Trace], refused: Sequence[Trace], seed: str
) -> Candidate:  # fmt: skip
    """The candidate with new instructions; where the LM gives none that can be used, they stay as they are.

    Raises:
        Stop: The budget has no room for it.
    """
    new = dict(candidate.instructions)
    for name, words in candidate.instructions.items():
        rng = random.Random(f"{seed}/{name}")
        inputs = {"task": words, "rewarded": _shown(kept, name, rng), "refused": _shown(refused, name, rng)}
        said = await bench.ask(program, inputs)
        better = (said.prediction or {}).get("better")
        if isinstance(better, str) and heads(said.completion or "", "better") < 2 and _usable(better.strip()):
            new[name] = better.strip()
    return Candidate(new, candidate.demos)


def _usable(words: str) -> bool:
    return 0 < len(words) <= _LONGEST and not refuses(words) and "[[ ##" not in words


def _shown(traces: Sequence[Trace], name: str, rng: random.Random) -> str:
    """Some attempts as text."""
    own = [trace for trace in traces if any(step.predictor == name for step in trace.steps)]
    chosen = rng.sample(own, min(_SHOWN, len(own)))
    return unmarked("\n\n".join(_one(trace, name) for trace in chosen)) or "(none)"


def _one(trace: Trace, name: str) -> str:
    step = next(step for step in reversed(trace.steps) if step.predictor == name)
    said = "; ".join(filter(None, (verdict.error or verdict.feedback for verdict in trace.verdicts)))
    reward = f"reward: {reward_of(trace):g}{f' ({clip(said, _CLIPPED)})' if said else ''}"
    return "\n".join([*_values(step.inputs), *_values(step.outputs or {}), reward])


def _values(values: Json) -> list[str]:
    return [f"{name}: {clip(value, _CLIPPED) if isinstance(value, str) else short(value, _CLIPPED)}"
            for name, value in values.items()]  # fmt: skip
