"""``prompt.md``."""

from __future__ import annotations

import dspy
import pytest

from limbeck.compiler.emit.prompt_page import prompt_page, prompt_parts
from limbeck.compiler.lm.adapters import ADAPTERS, make_adapter
from limbeck.records import Candidate
from limbeck.signatures.program import apply

DEMOS = [{"ticket": "No ``` sound ````", "team": "tech"}, {"ticket": "Paid twice", "team": "billing"}]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_page_has_the_whole_prompt(adapter, program):
    """System message, demos and the shape of the user's turn, each as it is sent."""
    compiled = apply(program, Candidate({"self": "Pick."}, {"self": DEMOS}))
    page = prompt_page({"self": compiled}, adapter)
    sent = make_adapter(adapter).format(compiled.signature, compiled.demos, {"ticket": "{ticket}"})
    assert all(message["content"] in page for message in sent)
    assert [title for title, _ in prompt_parts(compiled, adapter)] == [
        "System",
        "Demo 1: user",
        "Demo 1: assistant",
        "Demo 2: user",
        "Demo 2: assistant",
        "User",
    ]


def test_backticks_in_a_demo_do_not_end_its_block(program):
    """The fence is longer than any in the text."""
    page = prompt_page({"self": apply(program, Candidate({}, {"self": DEMOS}))}, "chat")
    assert page.count("`````") == 2


def test_a_section_for_each_predictor(two_steps):
    """Programs of several predictors show all of them."""
    page = prompt_page(dict(two_steps.named_predictors()), "chat")
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## `summarize`", "## `answer`"]


def test_conversations_and_images_have_a_place():
    """Inputs that are no text do not stop the page."""

    class Look(dspy.Signature):
        history: dspy.History = dspy.InputField()
        image: dspy.Image = dspy.InputField()
        question: str = dspy.InputField()
        answer: str = dspy.OutputField()

    demo = {"image": dspy.Image(url="https://example.com/a.png"), "question": "What?", "answer": "A cat"}
    predictor = dspy.Predict(Look)
    predictor.demos = [demo]
    texts = dict(prompt_parts(predictor, "chat"))
    assert "(image_url)" in texts["Demo 1: user"]
    assert "{question}" in texts["User"]
