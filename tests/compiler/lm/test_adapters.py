"""Adapters by name."""

from __future__ import annotations

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.lm.adapters import ADAPTERS, allows_none, custom_type_marker, is_history, make_adapter
from limbeck.errors import UsageError


def test_each_name_gives_its_own_adapter():
    """The three names stand for DSPy's three general adapters."""
    kinds = [dspy.ChatAdapter, dspy.JSONAdapter, dspy.XMLAdapter]
    for name, kind in zip(ADAPTERS, kinds, strict=True):
        assert isinstance(make_adapter(name), kind)
        assert type(make_adapter(name)).__name__ == kind.__name__


def test_an_unknown_adapter_is_refused_with_the_names_there_are():
    """A typo is answered with the nearest name and the whole list."""
    with pytest.raises(UsageError) as caught:
        make_adapter("jsn")
    assert str(caught.value) == "Unknown adapter 'jsn'.\nDid you mean 'json'? Adapters: chat, json, xml."


def test_the_marker_is_the_one_that_dspy_writes():
    """An image in a prompt is announced by the marker."""
    assert custom_type_marker() in dspy.Image(url="https://example.com/a.png").model_dump()


def test_a_history_is_told_from_its_json():
    """Only a conversation has to be an object of DSPy's."""
    assert is_history(dspy.History)
    assert not is_history(str)


@pytest.mark.parametrize(("annotation", "expected"), [(str, False), (str | None, True), (list[str], False)])
def test_none_is_a_value_of_optional_types_only(annotation, expected):
    """Whether an output may be missing follows from its type."""
    assert allows_none(annotation) is expected


_VALUES = st.one_of(st.text(max_size=20), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none())
_DEMOS = st.lists(st.dictionaries(st.sampled_from(["question", "answer", "other"]), _VALUES), max_size=4)


@given(
    st.lists(_DEMOS, min_size=2, max_size=4),
    st.lists(st.dictionaries(st.sampled_from(["question", "context", "other"]), _VALUES), min_size=1, max_size=4),
    st.lists(st.fixed_dictionaries({"answer": _VALUES, "why": _VALUES}), max_size=3),
    st.sampled_from(ADAPTERS),
)
def test_what_is_remembered_is_what_is_rendered(demo_sets, asked, said, name):
    """Whatever was rendered before, the messages are those of DSPy's own adapter."""
    plain = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}[name]()
    ours = make_adapter(name)
    signature = dspy.Signature("question, context -> answer, why")
    for inputs in [*asked, *asked]:
        expected = plain.format_user_message_content(signature, inputs, main_request=True)
        assert ours.format_user_message_content(signature, inputs, main_request=True) == expected
    for outputs in said:
        expected = plain.format_assistant_message_content(signature, outputs)
        assert ours.format_assistant_message_content(signature, outputs) == expected
    for demos in [*demo_sets, *demo_sets]:
        examples = [dspy.Example(**demo) for demo in demos]
        expected = plain.format(signature, examples, {"question": "q", "context": "c"})
        got = ours.format(signature, examples, {"question": "q", "context": "c"})
        assert got == expected
        got[0]["content"] = got[-1]["content"] = "changed by the caller"


def test_a_demo_changed_in_place_is_rendered_anew():
    """A program that edits its demos while it runs gets what it set."""
    ours = make_adapter("chat")
    signature = dspy.Signature("question -> answer")
    demo = dspy.Example(question="q", answer="before")
    ours.format(signature, [demo], {"question": "q"})
    demo.answer = "after"
    assert "after" in ours.format(signature, [demo], {"question": "q"})[2]["content"]


def test_equal_numbers_of_other_types_are_rendered_as_they_are():
    """1, 1.0 and True are equal keys and different texts."""
    ours = make_adapter("chat")
    signature = dspy.Signature("question -> answer")
    for value in (1, True, 1.0, "1"):
        demos = [dspy.Example(question="q", answer=value)]
        assert ours.format(signature, demos, {"question": "q"}) == dspy.ChatAdapter().format(
            signature, demos, {"question": "q"}
        )
