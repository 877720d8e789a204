"""The LM programs of ``revise``: critique, revision, and which of two answers is better by a principle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dspy

from ...verify.asking import DATA
from ...verify.judge import predictor

if TYPE_CHECKING:
    from ....records import Json

CRITIQUE = f"""\
Criticize an answer as you are asked to. Name what is wrong with it in particular, by its own words where that helps; do
not rewrite it. Where there is nothing wrong with it in this respect, say so in a sentence. {DATA}"""

REVISE = f"""\
Rewrite an answer in the light of a critique of it. Change what the critique speaks of and keep the rest, its form and
its language included. Write the whole new answer and nothing beside it: no word about the critique or about what you
changed. {DATA}"""

PREFER = f"""\
Two answers to the same request stand under (A) and (B). Choose the one that keeps better to the principle. Their order
means nothing, and a longer answer is not better for being long. {DATA}"""

_REQUEST, _ANSWER = "What was asked", "The answer"
_CHOICE = "A or B, and nothing else"


class Revising(dspy.Module):  # type: ignore[misc]  # dspy is untyped
    """A round of revision by one principle, and whether it made the answer better.

    Args:
        reasons: Whether the choice between two answers is given reasons for first (chain of thought).
    """

    def __init__(self, *, reasons: bool = False) -> None:
        super().__init__()
        wanted = {"critique_request": "What the critique is asked for"}
        self.critique = predictor(
            CRITIQUE, {"request": _REQUEST, "answer": _ANSWER, **wanted}, {"critique": "The critique"}
        )
        wanted = {"critique": "A critique of it", "revision_request": "What the revision is asked for"}
        self.revise = predictor(
            REVISE, {"request": _REQUEST, "answer": _ANSWER, **wanted}, {"revision": "The whole new answer"}
        )
        self.prefer = _prefer(reasons=reasons)

    def forward(self, request: str, answer: str, principle: str) -> dspy.Prediction:
        """Criticize and revise an answer, and ask whether the revision keeps better to the principle."""
        said = self.critique(
            request=request, answer=answer, critique_request=f"Say in what ways the answer goes against: {principle}"
        )
        made = self.revise(
            request=request, answer=answer, critique=said.critique,
            revision_request=f"Rewrite the answer so that it keeps to: {principle}",
        )  # fmt: skip
        chosen = self.prefer(principle=principle, request=request, answer_a=answer, answer_b=made.revision)
        return dspy.Prediction(critique=said.critique, revision=made.revision, choice=chosen.choice)


def _prefer(*, reasons: bool) -> dspy.Module:
    inputs = {"principle": "What a good answer is", "request": _REQUEST, "answer_a": "(A)", "answer_b": "(B)"}
    why: dict[str, Any] = {"reason": "How they differ in this respect, in a few sentences"} if reasons else {}
    outputs: Json = {**why, "choice": _CHOICE}
    return predictor(PREFER, inputs, outputs)
