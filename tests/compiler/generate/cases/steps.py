"""``steps``: an LM labels the steps of new attempts, and the best of two is chosen by them."""

import dspy

from limbeck.compiler.generate.steps import Stepwise
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

SEEDS = [{"question": f"What is {n} + {n}?", "gold": str(2 * n)} for n in range(1, 7)]


def reply(text: str) -> str:
    """Every second sum is right; the judge says so."""
    if "Judge the next step" in text:
        step = text.rpartition("[[ ## step ## ]]\n")[2].partition("\n")[0]
        left, _, right = step.partition(" = ")
        a, _, b = left.partition(" + ")
        good = right.isdecimal() and int(a) + int(b) == int(right)
        return fields(reason="I added the two numbers myself.", label="positive" if good else "negative")
    n = int(text.rpartition("What is ")[2].partition(" ")[0])
    said = 2 * n if n % 2 else 2 * n + 1
    return fields(reasoning=f"{n} + {n} = {said}", answer=said)


CASE = GeneratorCase(
    make=lambda: Stepwise(n=2, scorer="judge", retries=0),
    task=lambda: Task(
        dspy.Predict("question -> reasoning, answer"), metric=lambda gold, said: gold.gold == said.answer, name="sums"
    ),
    reply=reply,
    seeds=SEEDS,
)
