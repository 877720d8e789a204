"""What a user asks for: taken as it is meant, or refused in one line."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest

from limbeck.compiler.emit.choices import Choices, make_choices
from limbeck.errors import UsageError

ODD = [None, 5, -1, 1.5, math.nan, True, "x", "", b"x", [], [None], {}, {"x": None}, {1: 2}, {"label": 5}, {"x"},
       {"label": {"a": 1 << 70}}, object(), Path("x"), 10**400, {"train": "1"}]  # fmt: skip


def test_what_is_not_given_is_as_the_command_line_has_it():
    """Defaults are the same from Python and from the command line."""
    assert make_choices({}) == Choices()
    assert make_choices({"limit": 3}).prefer == ("score", "level", "shortest")


def test_one_name_or_path_stands_for_several():
    """In what may be given more than once."""
    made = make_choices({"against": Path("a.jsonl"), "apart_from": ["b", Path("c")], "prefer": "longest"})
    assert (made.against, made.apart_from, made.prefer) == (("a.jsonl",), ("b", "c"), ("longest",))


@pytest.mark.parametrize("name", [item.name for item in fields(Choices)])
def test_any_value_is_taken_or_refused_in_one_line(name):
    """Nothing raises but a wrong use; what is taken can stand in the manifest."""
    messages = []
    for value in ODD:
        try:
            choices = make_choices({name: value})
            choices.check()
        except UsageError as error:
            messages.append(str(error))
        else:
            assert name in choices.as_json()
    assert messages


@pytest.mark.parametrize("name", ["seed", "limit", "per_input", "max_pairs"])
def test_a_number_that_json_does_not_hold_is_refused(name):
    """It could not be written into the manifest."""
    with pytest.raises(UsageError, match=f"The number for {name} is too large"):
        make_choices({name: 1 << 63}).check()
    make_choices({name: (1 << 63) - 1}).check()


def test_a_set_has_no_order_and_is_refused():
    """Files in another order each time would make other bytes."""
    with pytest.raises(UsageError, match="against="):
        make_choices({"against": {"a", "b"}})
