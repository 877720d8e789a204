"""Every value becomes text, and what is JSON comes back as it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from limbeck.compiler.keep.jsontext import clean, dumps, loads

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
valid_text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    scalars | valid_text, lambda inner: st.lists(inner) | st.dictionaries(valid_text, inner), max_leaves=20
)
any_text = st.text(st.characters())  # lone surrogates included


@given(values)
def test_json_comes_back(value) -> None:
    """JSON values come back exactly, integers of any size included."""
    assert loads(dumps(value)) == value


@given(st.recursive(any_text | st.floats() | st.binary(), lambda x: st.dictionaries(any_text, x) | st.lists(x)))
def test_anything_is_written(value) -> None:
    """Whatever the value, the text is JSON that UTF-8 can write."""
    text = dumps(value)
    text.encode()
    loads(text)


@given(any_text)
def test_clean_text(text: str) -> None:
    """Cleaned text has no lone surrogates and no NUL, and valid text stays as it is."""
    cleaned = clean(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("ü\0", "ü\ufffd"), ("é", "é")],
)
def test_surrogates(text: str, cleaned: str) -> None:
    """A lone surrogate is replaced; two halves that belong together become the character."""
    assert clean(text) == cleaned


@dataclass
class Point:
    x: object


class Model(BaseModel):
    name: str


class Team(str, Enum):  # noqa: UP042  # the kind that str() writes as Team.SALES
    SALES = "sales"


class Rude:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (2**64, 2**64),
        (-(2**63) - 1, -(2**63) - 1),
        ([math.nan, math.inf], [None, None]),
        ([2**64, math.nan], [2**64, None]),
        ({1: "a", None: "b", False: "c"}, {"1": "a", "null": "b", "false": "c"}),
        ({"a": {1}}, {"a": [1]}),
        (Point("\ud800"), {"x": "\ufffd"}),
        ([Model(name="n"), date(2025, 1, 2)], [{"name": "n"}, "2025-01-02"]),
        ([Team.SALES, 2**70], ["sales", 2**70]),
        ([Rude()], ["(Rude)"]),
    ],
)
def test_odd_values(value: object, read: object) -> None:
    """What orjson refuses is written as the nearest JSON."""
    assert loads(dumps(value)) == read


def test_endless_nesting_is_cut() -> None:
    """A value that contains itself is cut off."""
    value: list[object] = []
    value.append(value)
    assert "nested too deeply" in dumps(value)


def test_enormous_integers_become_hexadecimal() -> None:
    """An integer that Python refuses to write in decimal is kept as a string."""
    assert loads(dumps([10**5000])) == [hex(10**5000)]
