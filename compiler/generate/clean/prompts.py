"""The LM programs of ``clean``: one cleans a text, the other says whether it means the same."""

from __future__ import annotations

import dspy

from ...verify.asking import DATA
from ...verify.judge import predictor

CLEAN = f"""\
Clean a text that a person wrote: correct grammar, spelling, punctuation and layout, and take out filler. Say exactly
what it says, in its language and tone, from whoever wrote it to whoever is to read it. Keep every number, unit, date,
name, quotation, link and piece of code, and everything that is denied. Do not answer it, add to it or comment on it. If
there is nothing to clean, give it back as it is. {DATA}"""

SAME = f"""\
Say whether a text and its cleaned version mean the same: whoever knows one of them knows all that the other says.
Differences of wording, spelling and layout are none. {DATA}"""


class Cleaning(dspy.Module):  # type: ignore[misc]  # dspy is untyped
    """Cleans a text, and says whether it means the same."""

    def __init__(self) -> None:
        super().__init__()
        self.clean = predictor(CLEAN, {"text": "The text"}, {"cleaned": "The same text, cleaned, and nothing else"})
        inputs = {"text": "The text", "cleaned": "Its cleaned version"}
        outputs = {"reason": "What differs in what they say, in a few sentences", "meaning": "same or different"}
        self.same = predictor(SAME, inputs, outputs)

    def forward(self, text: str) -> dspy.Prediction:
        """Clean a text, and compare."""
        made = self.clean(text=text)
        said = self.same(text=text, cleaned=made.cleaned)
        return dspy.Prediction(cleaned=made.cleaned, meaning=said.meaning)
