"""``backtranslate`` for the conformance suite: a few documents, with an LM that asks for their headings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import dspy

from limbeck.compiler.generate.backtranslate import Backtranslate
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

DOCUMENTS = Path(__file__).parents[1] / "documents"


def reply(text: str) -> str:
    """Asks for a number that the text has; finds every pair good, better in the second round."""
    mark = hashlib.md5(text.encode(errors="replace")).hexdigest()[:6]
    if "Judge whether the answer is a good example" in text:
        score = 5 if "web search" in text else 4
        return fields(judgment=f"It says all that was asked for in {mark}.\n\nScore: {score}")
    return fields(instruction=f"Explain number {mark} to somebody who has never heard of it.")


CASE = GeneratorCase(
    make=lambda: Backtranslate(documents=str(DOCUMENTS), longest=1_500),
    task=lambda: Task(dspy.Predict("question -> answer"), name="questions"),
    reply=reply,
    seeds=[{"question": f"What is thing number {n}?", "answer": f"It is {n}, and no more."} for n in range(6)],
)
