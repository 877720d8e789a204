"""``evolve`` for the conformance suite: questions that evolve, with an LM that does as it is told."""

from __future__ import annotations

import hashlib
from typing import Any

import dspy

from limbeck.compiler.generate.evolve import Evolve
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields


def said(text: str, name: str) -> str:
    """The last value of an input in a request."""
    request = text.rpartition("Respond with")[0]
    return request.rpartition(f"[[ ## {name} ## ]]\n")[2].partition("\n\n[[ ##")[0].strip()


def reply(text: str) -> str:
    """Adds a sentence, or asks for something else of about the length; every judgment is a good one."""
    mark = hashlib.md5(text.encode(errors="replace")).hexdigest()[:6]
    if "You rewrite prompts" in text:
        return fields(rewritten_prompt=f"{said(text, 'given_prompt')} Mind {mark}.")
    if "You create prompts" in text:
        words = len(said(text, "given_prompt").split())
        return fields(created_prompt=" ".join([f"What rare thing is {mark}", *["indeed"] * (words - 5)]))
    if "are equal to each other" in text:
        return fields(judgment="Not Equal")
    if "belong to the same domain" in text:
        return fields(judgment="same")
    return fields(answer=f"It is {mark}.")


def answered(example: Any, prediction: Any) -> bool:
    """Judges without labels: made examples have none."""
    return bool(prediction.answer.startswith("It is"))


CASE = GeneratorCase(
    make=lambda: Evolve(epochs=2),
    task=lambda: Task(dspy.Predict("question -> answer"), metric=answered, name="questions"),
    reply=reply,
    seeds=[{"question": f"What is thing number {n}?", "answer": f"It is {n}."} for n in range(6)],
)
