"""Support-ticket routing: which of eight teams should answer?

limbeck compile router.py:task --out compiled
"""

from typing import Literal

import dspy

from limbeck import InputField, OutputField, Signature, Task

Team = Literal[
    "billing",
    "refunds",
    "shipping",
    "returns",
    "account_access",
    "technical_issue",
    "product_question",
    "cancellation",
]


class Route(Signature):
    """Decide which team of an online shop for espresso machines answers this customer."""

    ticket: str = InputField(desc="what the customer wrote")
    team: Team = OutputField(desc="the team that can do what the customer asks for")


def same_team(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> bool:
    """A route is right or wrong; there is nothing in between."""
    return prediction.team == example.team


program = dspy.Predict(Route)
task = Task(program=program, metric=same_team, data="tickets.jsonl")
