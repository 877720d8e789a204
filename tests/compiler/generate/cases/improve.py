"""``improve`` with an LM that gets better by demos: without one it knows every third answer."""

from __future__ import annotations

import re

import dspy

from limbeck.compiler.generate.improve import Improve
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

_TEXT = re.compile(r"word (\d+) of many")


def rows(start: int, stop: int) -> list[dict[str, str]]:
    """Whether a number is even."""
    return [{"text": f"word {n} of many", "label": "even" if n % 2 == 0 else "odd"} for n in range(start, stop)]


def reply(text: str) -> str:
    """Right where the prompt has a demo, or the number can be divided by three; else the contrary."""
    found = [int(number) for number in _TEXT.findall(text)]
    if "Improve the instructions" in text:
        return fields(better="Say whether the number in the text is even.")
    number, shown = found[-1], len(set(found)) > 1
    even = (number % 2 == 0) == (shown or number % 3 == 0)
    return fields(label="even" if even else "odd")


def task() -> Task:
    """Says of a text whether its number is even; 12 rows to choose by."""
    program = dspy.Predict(dspy.Signature("text -> label", "Is it even?"))
    return Task(program, metric=lambda gold, said: gold.label == said.label, val=rows(100, 112), name="parity")


CASE = GeneratorCase(lambda: Improve(rounds=2, attempts=2, demos=4, instruct=True), task, reply, rows(0, 6))
