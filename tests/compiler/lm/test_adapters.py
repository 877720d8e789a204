"""Adapters by name."""

from __future__ import annotations

import dspy
import pytest

from limbeck.compiler.lm.adapters import ADAPTERS, allows_none, custom_type_marker, is_history, make_adapter
from limbeck.errors import UsageError


def test_each_name_gives_its_own_adapter():
    """The three names stand for DSPy's three general adapters."""
    classes = [type(make_adapter(name)) for name in ADAPTERS]
    assert classes == [dspy.ChatAdapter, dspy.JSONAdapter, dspy.XMLAdapter]


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
