"""``weak`` for the conformance suite: tickets, with an LM that is of two minds."""

from __future__ import annotations

import hashlib
from typing import Literal

import dspy

from limbeck.compiler.generate.weak import Weak
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

SIGNATURE = dspy.Signature(
    {"ticket": (str, dspy.InputField()), "team": (Literal["billing", "tech"], dspy.OutputField())},
    "Route the ticket.",
)


def reply(text: str) -> str:
    """A team by the hash of the request."""
    return fields(team="billing" if hashlib.md5(text.encode(errors="replace")).digest()[0] % 3 else "tech")


CASE = GeneratorCase(
    make=lambda: Weak(attempts=3),
    task=lambda: Task(dspy.Predict(SIGNATURE), name="tickets"),
    reply=reply,
    seeds=[{"ticket": f"Ticket number {n}", "team": "billing"} for n in range(6)],
)
