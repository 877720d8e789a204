"""``revise`` on answers to questions, with an LM that criticizes, revises and chooses, and now and then does not."""

from __future__ import annotations

import hashlib
from typing import Any

import dspy

from limbeck.compiler.generate.revise import Revise
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields


def polite(example: Any, prediction: Any) -> bool:
    """Judges without labels."""
    return "damn" not in prediction.answer


def reply(text: str) -> str:
    """Answers rudely at first; of some critiques and revisions nothing can be made."""
    mark = hashlib.md5(text.encode(errors="replace")).hexdigest()
    if "Criticize an answer" in text:
        return "I'm sorry, but I can't assist with that." if mark[0] in "01" else fields(critique=f"Rude, {mark[:6]}.")
    if "Rewrite an answer" in text:
        return fields(revision="" if mark[0] in "01" else f"It may well be {mark[:6]}.")
    if "Two answers to the same request" in text:
        return fields(choice="(A)" if mark[0] < "8" else "B")
    return fields(answer=f"It is damn {mark[:6]}.")


CASE = GeneratorCase(
    make=lambda: Revise(rounds=2, pairs="revision", samples=2),
    task=lambda: Task(dspy.Predict("question -> answer"), metric=polite, name="questions"),
    reply=reply,
    seeds=[{"question": f"What is thing number {n}?"} for n in range(5)],
)
