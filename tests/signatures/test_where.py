"""Whose code it is, and where in it an exception came from."""

import json

import dspy
import pytest
from pydantic import TypeAdapter

from limbeck.signatures.where import describe, is_library_file, is_library_module, user_frame


@pytest.mark.parametrize("name", ["json", "sys", "builtins", "dspy.predict", "pydantic", "limbeck.records"])
def test_libraries(name):
    """The standard library, installed packages and limbeck itself are not the user's."""
    assert is_library_module(name)


@pytest.mark.parametrize("name", ["__main__", __name__, "no_such_module"])
def test_users_own(name):
    """What runs as a script, stands in a file of the project, or has no file, is the user's."""
    assert not is_library_module(name)


def test_files():
    """Files of libraries are told by where they are installed."""
    assert is_library_file(json.__file__)
    assert is_library_file(dspy.__file__)
    assert is_library_file("<frozen importlib>")
    assert not is_library_file(__file__)
    assert not is_library_file("<string>")


def test_the_users_own_frame_is_named():
    """An exception deep in a library is placed where the user's code called it."""
    with pytest.raises(ValueError, match="validation error") as caught:
        TypeAdapter(int).validate_python("x")
    assert user_frame(caught.tb).startswith("test_where.py:")
    assert user_frame(None) is None


def test_describe_is_one_line():
    """Type, message and place, without line breaks; a message may be empty."""
    with pytest.raises(ValueError, match="a") as caught:
        raise ValueError("a\n  b" + "x" * 1000)
    assert describe(caught.value).startswith("ValueError: a b")
    assert "\n" not in describe(caught.value)
    assert len(describe(caught.value)) < 260
    assert describe(KeyError()) == "KeyError"
