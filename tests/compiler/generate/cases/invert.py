"""``invert`` on messages to two teams."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import dspy

from limbeck.compiler.generate.invert import Invert
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

_SAYS = {"billing": "the invoice is wrong", "shipping": "the parcel is late"}


def same(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.team == prediction.team)


def task() -> Task:
    """Messages of customers, and who answers them."""
    made = {"message": (str, dspy.InputField()), "team": (Literal["billing", "shipping"], dspy.OutputField())}
    return Task(dspy.Predict(dspy.Signature(made, "Say which team answers.")), same, name="teams")


def reply(text: str) -> str:
    """Writes messages, of which some leak, are of another team or are no message, and tells teams by what is said."""
    if "Write an input" not in text:
        asked = text.rsplit("[[ ## message ## ]]", 1)[1]
        return fields(team="billing" if "invoice" in asked else "shipping")
    wanted = text.rsplit("[[ ## output ## ]]", 1)[1].split(maxsplit=1)[0]
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    bad = {0: f"team: {wanted}", 1: "I'm sorry, but I can't help with that.", 2: f"order {number % 97} is fine"}
    return fields(input=bad.get(number % 7, f"{_SAYS[wanted]}, order {number % 9_973}"))


CASE = GeneratorCase(
    make=lambda: Invert(quotas={"billing": 4, "shipping": 3}, patience=8),
    task=task,
    reply=reply,
    seeds=[{"message": f"{_SAYS[team]} again, {i}", "team": team} for i in range(3) for team in _SAYS],
)
