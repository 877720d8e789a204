"""Prompts and completions as adapters write them."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Literal

import dspy
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.prompt import MissingOutput, PromptWriter, check_prompt_kind, completion, render
from limbeck.compiler.lm.adapters import ADAPTERS, WRITERS, make_adapter
from limbeck.errors import UsageError

MARKER = "<<CUSTOM-TYPE-START-IDENTIFIER>>"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PIECES = st.lists(
    st.one_of(TEXT, st.sampled_from(["[[ ## team ## ]]", "</ticket>", "&amp;", "{x}", "\r\n", "\u2028", MARKER]))
).map("".join)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(pydantic.BaseModel):
    name: str
    price: float = 1.5


class Rich(dspy.Signature):
    """Sort the items."""

    items: list[Item] = dspy.InputField()
    day: dt.date = dspy.InputField()
    note: str = dspy.InputField()
    limit: int = dspy.InputField(default=3)
    colour: Colour = dspy.OutputField()
    chosen: list[Item] = dspy.OutputField()
    ok: bool = dspy.OutputField()
    kind: Literal["a", "b"] = dspy.OutputField()


RICH_INPUTS = {"items": [{"name": "pen", "price": 2.0}], "day": "2024-05-17", "note": "<fast> & cheap"}
RICH_OUTPUTS = {"colour": "red", "chosen": [{"name": "<pen>", "price": 2.0}], "ok": True, "kind": "b"}


@pytest.mark.parametrize("adapter", WRITERS)
def test_a_prompt_is_what_the_adapter_sends(adapter, route):
    """Nothing is added to or taken from the adapter's own format."""
    demos = [{"ticket": "a", "team": "tech"}, {"ticket": "b", "team": "billing", "augmented": True}]
    expected = make_adapter(adapter, writing=True).format(route, demos, {"ticket": "c"})
    assert render(route, adapter, demos, {"ticket": "c"}) == expected
    assert [message["role"] for message in expected] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize("adapter", WRITERS)
@given(ticket=PIECES, demo=PIECES)
def test_rendering_many_gives_the_same_as_rendering_one(adapter, route, ticket, demo):
    """The cached path and the full path agree on any text, with and without demos."""
    for demos in ([], [{"ticket": demo, "team": "tech"}]):
        writer = PromptWriter(route, adapter, demos)
        assert writer.prompt({"ticket": ticket}) == render(route, adapter, demos, {"ticket": ticket})


@pytest.mark.parametrize("adapter", WRITERS)
@pytest.mark.parametrize("inputs", [{}, {"ticket": None}, {"ticket": 3}, {"ticket": ["a", "b"]}, {"ticket": {"a": 1}}])
def test_values_that_are_no_text_are_rendered_as_the_adapter_does(adapter, route, inputs):
    """Logs have numbers, lists and holes where a signature says text."""
    assert PromptWriter(route, adapter).prompt(inputs) == render(route, adapter, [], inputs)


@pytest.mark.parametrize("adapter", WRITERS)
def test_stored_json_is_rendered_as_the_typed_values_were(adapter):
    """Models, enums and dates look in a dataset as they looked to the teacher."""
    typed = {
        "items": [Item(name="pen", price=2.0)],
        "day": dt.date(2024, 5, 17),
        "note": "<fast> & cheap",
        "limit": 3,
    }
    expected = make_adapter(adapter, writing=True).format(Rich, [], typed)
    assert render(Rich, adapter, [], RICH_INPUTS) == expected
    assert PromptWriter(Rich, adapter).prompt(RICH_INPUTS) == expected


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_completion_is_parsed_back_to_its_outputs(adapter):
    """What the student learns to write, the same adapter can read."""
    text = completion(Rich, adapter, RICH_OUTPUTS)
    assert make_adapter(adapter).parse(Rich, text) == {
        "colour": Colour.RED,
        "chosen": [Item(name="<pen>", price=2.0)],
        "ok": True,
        "kind": "b",
    }
    assert PromptWriter(Rich, adapter).completion(RICH_OUTPUTS) == text


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [
        ("chat", "[[ ## team ## ]]\ntech\n\n[[ ## completed ## ]]\n"),
        ("json", '{\n  "team": "tech"\n}'),
        ("xml", "<team>\ntech\n</team>"),
        ("baml", '{\n  "team": "tech"\n}'),
        ("two_step", "team: tech"),
    ],
)
def test_completions_are_in_the_adapters_own_form(adapter, expected, route):
    """Each adapter has its own way to write an answer, the JSON one too."""
    assert completion(route, adapter, {"team": "tech"}) == expected


def test_a_missing_output_is_never_written_as_none(route):
    """A hole in the outputs costs the row, it does not become the word None."""
    with pytest.raises(MissingOutput, match="'team'"):
        completion(route, "chat", {})
    with pytest.raises(MissingOutput, match="'team'"):
        completion(route, "json", {"team": None})


def test_outputs_with_a_default_or_optional_may_be_missing():
    """DSPy fills them in when it parses, so they are filled in here."""
    signature = dspy.Signature("q -> a, b").with_updated_fields("b", type_=str | None)
    assert completion(signature, "chat", {"a": "x"}).startswith("[[ ## a ## ]]\nx\n\n[[ ## b ## ]]\nNone")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_conversation_becomes_turns(adapter):
    """A stored history is rendered as the messages that it was."""

    class Chat(dspy.Signature):
        history: dspy.History = dspy.InputField()
        question: str = dspy.InputField()
        answer: str = dspy.OutputField()

    inputs = {"history": {"messages": [{"question": "1+1?", "answer": "2"}]}, "question": "2+2?"}
    messages = PromptWriter(Chat, adapter).prompt(inputs)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages == render(Chat, adapter, [], inputs)


def test_an_image_becomes_a_content_part():
    """Images stay images."""

    class See(dspy.Signature):
        image: dspy.Image = dspy.InputField()
        answer: str = dspy.OutputField()

    url = "https://example.com/a.png"
    message = PromptWriter(See, "chat").prompt({"image": {"url": url}})[-1]
    assert {"type": "image_url", "image_url": {"url": url}} in message["content"]


def test_an_unknown_prompt_is_refused():
    """The three kinds are named."""
    with pytest.raises(UsageError, match=r"Unknown prompt 'full'\.\nPrompts: bare, compiled, sent\."):
        check_prompt_kind("full")
