"""Adapters by name."""

from __future__ import annotations

import dspy
import pytest
from dspy.adapters.baml_adapter import BAMLAdapter
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.lm.adapters import (
    ADAPTERS,
    WRITERS,
    allows_none,
    custom_type_marker,
    is_history,
    make_adapter,
    takes_tools,
    tools_of,
)
from limbeck.errors import UsageError

CLASSES = {
    "chat": dspy.ChatAdapter,
    "json": dspy.JSONAdapter,
    "xml": dspy.XMLAdapter,
    "baml": BAMLAdapter,
    "two_step": dspy.TwoStepAdapter,
}


def test_each_name_gives_its_own_adapter():
    """The names stand for DSPy's own classes, all of which can write."""
    for name in WRITERS:
        assert isinstance(make_adapter(name, writing=True), CLASSES[name])
        assert type(make_adapter(name, writing=True)).__name__ == CLASSES[name].__name__
    assert set(WRITERS) == set(CLASSES)


def test_an_unknown_adapter_is_refused_with_the_names_there_are():
    """A typo is answered with the nearest name and the whole list."""
    with pytest.raises(UsageError) as caught:
        make_adapter("jsn")
    assert str(caught.value) == "Unknown adapter 'jsn'.\nDid you mean 'json'? Adapters: chat, json, xml, baml."


def test_every_adapter_of_dspys_has_a_name():
    """A new one shows here."""

    def below(kind):
        return {kind}.union(*(below(other) for other in kind.__subclasses__()))

    of_dspy = {kind for kind in below(dspy.Adapter) if kind.__module__.startswith("dspy.")}
    assert of_dspy - {dspy.Adapter} == set(CLASSES.values())


def test_an_adapter_that_needs_a_second_lm_only_writes():
    """What can be done with it is said."""
    with pytest.raises(UsageError, match="has a second LM extract the answer"):
        make_adapter("two_step")
    assert set(WRITERS) - set(ADAPTERS) == {"two_step"}
    with pytest.raises(UsageError, match="Adapters: chat, json, xml, baml, two_step"):
        make_adapter("twostep", writing=True)


def test_tools_are_written_as_those_whose_json_they_were():
    """They cannot be called, only shown; what is no tool stays what it is."""

    def find(query: str, k: int = 3) -> str:
        """Find it."""
        return query * k

    tool = dspy.Tool(find)
    (made,) = tools_of([{"name": tool.name, "desc": tool.desc, "args": tool.args, "func": "<function find>"}])
    assert str(made) == str(tool)
    assert tools_of(["x", None, {"name": 3}]) == ["x", None, {"name": 3}]
    assert [takes_tools(kind) for kind in (dspy.Tool, list[dspy.Tool], list[str], str)] == [True, True, False, False]


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
    st.sampled_from(WRITERS),
)
def test_what_is_remembered_is_what_is_rendered(demo_sets, asked, said, name):
    """Whatever was rendered before, the messages are those of DSPy's own adapter."""
    plain = dspy.TwoStepAdapter(dspy.BaseLM("none")) if name == "two_step" else CLASSES[name]()
    ours = make_adapter(name, writing=True)
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
