"""Evol-Instruct's prompts as one DSPy program, which can be compiled as any other."""

from __future__ import annotations

from typing import Any, cast

import dspy

from ...verify.judge import predictor
from .prompts import COMPLICATE, CREATE, DEPTH, DOMAIN, EQUAL, EXAMPLES, NO_ANSWER, REWRITE, evolved_of, inputs_of

_GIVEN = {"given_prompt": "The prompt", "context": "What comes with it and stays as it is; may be empty"}
_WORDS = {"words": "How many words may be added"}
_FORMAT = {"data_format": "Kind of the data to add"}
_NEITHER = "nothing else, and no explanation"


class Evolution(dspy.Module):  # type: ignore[misc]  # DSPy has no types
    """Evolves one prompt by one operation and judges whether that gained anything; each operation is a predictor.

    This is what ``limbeck compile`` compiles. ``evolve`` asks the predictors one by one, since rules that cost nothing
    come between them.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, how in DEPTH.items():
            setattr(self, name, _rewriter(name, how))
        self.breadth = predictor(CREATE + NO_ANSWER, _GIVEN, {"created_prompt": "The brand-new prompt"})
        pair = {"first_prompt": "One prompt", "second_prompt": "Another prompt"}
        self.equal = predictor(EQUAL, pair, {"judgment": f"equal or not equal, {_NEITHER}"})
        pair["context"] = "What comes with both of them; may be empty"
        self.domain = predictor(DOMAIN, pair, {"judgment": f"same or different, {_NEITHER}"})

    def forward(
        self, given_prompt: str, operation: str = "constrain", context: str = "", words: str = "10 to 20",
        data_format: str = "a table",
    ) -> dspy.Prediction:  # fmt: skip
        """Evolve a prompt and judge it.

        Args:
            given_prompt: What to evolve.
            operation: One of ``OPERATIONS``.
            context: What else comes with it.
            words: How many may be added.
            data_format: What ``complicate`` adds.

        Returns:
            ``evolved`` and ``judgment``: ``equal`` or ``not equal``.
        """
        asked = inputs_of(operation, given_prompt, context, words, data_format)
        evolved = evolved_of(getattr(self, operation)(**asked))
        judged = self.equal(first_prompt=given_prompt, second_prompt=evolved)
        return dspy.Prediction(evolved=evolved, judgment=judged.judgment)

    async def aforward(
        self, given_prompt: str, operation: str = "constrain", context: str = "", words: str = "10 to 20",
        data_format: str = "a table",
    ) -> dspy.Prediction:  # fmt: skip
        """The same, awaited."""
        asked = inputs_of(operation, given_prompt, context, words, data_format)
        evolved = evolved_of(await getattr(self, operation).acall(**asked))
        judged = await self.equal.acall(first_prompt=given_prompt, second_prompt=evolved)
        return dspy.Prediction(evolved=evolved, judgment=judged.judgment)


def _rewriter(name: str, how: str) -> dspy.Module:
    complicates = name == COMPLICATE
    inputs = {**_GIVEN, **_WORDS, **(_FORMAT if complicates else {})}
    made = predictor(REWRITE.format(how) + NO_ANSWER, inputs, {"rewritten_prompt": "The more complex prompt"})
    if complicates:
        cast("Any", made).demos = [
            dspy.Example(given_prompt=given, context="", words="10 to 20", data_format=form, rewritten_prompt=evolved)
            for (given, form), evolved in EXAMPLES.items()
        ]
    return made
