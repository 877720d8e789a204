"""Values as JSON and back."""

import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID

import dspy
import numpy as np
import orjson
import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from limbeck.signatures.values import (
    is_plain,
    jsonable,
    mentions_model,
    problems,
    short,
    type_name,
    typed,
    typed_values,
)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Item(BaseModel):
    name: str
    tags: set[str] = set()


class Opaque(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    thing: Any = None


@dataclass
class Point:
    x: int


class Thing:
    pass


CASES = [
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    ({Colour.RED: 1}, {"red": 1}),
    ({1: "a", False: "b", None: "c"}, {"1": "a", "false": "b", "null": "c"}),
    ({"b", "a"}, ["a", "b"]),
    (frozenset({3, 1}), [1, 3]),
    ((1, (2,)), [1, [2]]),
    (2**64, str(2**64)),
    (-(2**63), -(2**63)),
    (math.nan, "NaN"),
    (-math.inf, "-Infinity"),
    ("\ud83d", "\ufffd"),
    ("ä\U0001f600", "ä\U0001f600"),
    (date(2024, 1, 2), "2024-01-02"),
    (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00Z"),
    (Decimal("1.10"), "1.10"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("a/b"), "a/b"),
    (b"abc", "abc"),
    (np.float64(1.5), 1.5),
    (np.int32(4), 4),
    (np.array([[1, 2]]), [[1, 2]]),
    (np.bool_(True), True),
    (Item(name="x", tags={"b", "a", "c"}), {"name": "x", "tags": ["a", "b", "c"]}),
    (Point(1), {"x": 1}),
    (dspy.Example(a=Colour.RED, b=1).with_inputs("a"), {"a": "red", "b": 1}),
    (dspy.Prediction(a=[Item(name="x")]), {"a": [{"name": "x", "tags": []}]}),
    (dspy.Image("https://example.org/a.png"), {"url": "https://example.org/a.png"}),
    (dspy.History(messages=[{"q": "a"}]), {"messages": [{"q": "a"}]}),
    (dspy.Code(code="x = 1"), "x = 1"),
    (Opaque(thing=Colour.RED), {"thing": "red"}),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_jsonable(value, expected):
    """Each kind of value has one JSON form, which orjson takes."""
    result = jsonable(value)
    assert result == expected
    assert type(result) is type(expected)
    orjson.dumps(result)


@pytest.mark.parametrize("value", [Thing(), Thing().__str__, lambda: 1, Opaque(thing=Thing()), iter([1])])
def test_values_without_json_have_no_addresses(value):
    """What JSON cannot hold becomes a string that is the same in every process."""
    assert "0x" not in orjson.dumps(jsonable(value)).decode()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(anything)
def test_whatever_comes_orjson_takes_it(value):
    """No value breaks storing, and a second pass changes nothing."""
    result = jsonable(value)
    assert orjson.loads(orjson.dumps(result)) == result
    assert jsonable(result) == result


def test_sets_have_the_same_order_in_every_process():
    """Hash randomisation has no say in what is stored."""
    code = (
        "from pydantic import BaseModel\n"
        "from limbeck.signatures.values import jsonable\n"
        "class M(BaseModel):\n    s: set[str]\n    d: dict[str, list[frozenset[str]]]\n"
        "words = [str(n) for n in range(30)]\n"
        "print(jsonable([set(words), M(s=words, d={'a': [words]})]))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


PLAIN = [
    str,
    int,
    Any,
    None,
    Literal["a", 1],
    list[str],
    dict[str, int],
    Optional[int],  # noqa: UP045  # the older spelling is another object
    Union[str, list[int]],  # noqa: UP007  # likewise
    list,
    dict,
]


@pytest.mark.parametrize("annotation", [*PLAIN, int | None, Annotated[int, Ge(1)]])
def test_plain_types(annotation):
    """Values of plain types are their own JSON and are never rebuilt."""
    assert is_plain(annotation)
    marker = object()
    assert typed(marker, annotation) is marker


@pytest.mark.parametrize("annotation", [Item, Colour, date, set[str], tuple[int, int], list[Item], Item | None])
def test_types_that_are_not_plain(annotation):
    """Models, enums, dates, sets and tuples are rebuilt from JSON."""
    assert not is_plain(annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Item(name="x", tags={"a"}), Item),
        ([Item(name="x")], list[Item]),
        (Colour.RED, Colour),
        (date(2024, 1, 2), date),
        ({1, 2}, set[int]),
        ((1, "a"), tuple[int, str]),
        (Decimal("1.10"), Decimal),
        (None, Item | None),
        (dspy.Image("https://example.org/a.png"), dspy.Image),
        (dspy.History(messages=[{"q": "a"}]), dspy.History),
        (dspy.Code(code="x = 1"), dspy.Code),
        (Point(2), Point),
    ],
)
def test_values_come_back(value, annotation):
    """What was stored as JSON is rebuilt equal."""
    assert typed(orjson.loads(orjson.dumps(jsonable(value))), annotation) == value


class Named(BaseModel):
    name: str = Field(alias="Name")


class Populated(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    name: str = Field(alias="Name")


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")
    first_name: str


class Nested(BaseModel):
    rows: list[Named] = []
    table: dict[str, Named] = {}
    either: Named | None = None
    words: set[str] = set()


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = Field(alias="Name")


class Group(BaseModel):
    all: set[Frozen]


class Validated(BaseModel):
    name: str = Field(validation_alias="Name")


class Differing(BaseModel):
    name: str = Field(validation_alias="in", serialization_alias="out")


class Choices(BaseModel):
    name: str = Field(validation_alias=AliasChoices("Name", "n"), serialization_alias="n")


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
    name: str = Field(alias="Name")


class Rows(RootModel[list[Named]]):
    pass


class OpaqueNamed(Opaque):
    name: str = Field(alias="Name")


ALIASED = [
    (Named(Name="x"), {"Name": "x"}),
    (Populated(name="x"), {"Name": "x"}),
    (Camel(firstName="x"), {"firstName": "x"}),
    (
        Nested(rows=[{"Name": "x"}], table={"name": {"Name": "y"}}, either={"Name": "z"}, words={"b", "a"}),
        {"rows": [{"Name": "x"}], "table": {"name": {"Name": "y"}}, "either": {"Name": "z"}, "words": ["a", "b"]},
    ),
    (Group(all=[{"Name": "b"}, {"Name": "a"}]), {"all": [{"Name": "a"}, {"Name": "b"}]}),
    (Validated(Name="x"), {"Name": "x"}),
    (Differing(**{"in": "x"}), {"in": "x"}),
    (Choices(Name="x"), {"n": "x"}),
    (ByName(name="x"), {"name": "x"}),
    (Rows([{"Name": "x"}]), [{"Name": "x"}]),
]


@pytest.mark.parametrize(("value", "expected"), ALIASED, ids=[type(value).__name__ for value, _ in ALIASED])
def test_models_are_written_by_the_names_under_which_they_are_read(value, expected):
    """An alias is what the JSON schema shows to an LM, what it answers, and what is stored."""
    assert jsonable(value) == expected
    assert typed(expected, type(value)) == value


def test_fields_of_a_model_that_json_cannot_hold_have_their_aliases():
    """The way round pydantic's serializer writes the same names."""
    assert jsonable(OpaqueNamed(Name="x", thing=Thing()))["Name"] == "x"


def test_typed_raises_where_the_value_does_not_fit():
    """A wrong value is an error, but typed_values keeps it as it is."""
    with pytest.raises(ValidationError):
        typed("blue", Colour)
    assert typed_values({"c": "blue", "d": "2024-01-02"}, {"c": Colour, "d": date}) == {
        "c": "blue",
        "d": date(2024, 1, 2),
    }


def test_prompt_text_of_dspys_types_is_left_alone():
    """A demo that DSPy has saved holds the marked text of an image, from which no image can be made."""
    text = dspy.Image("https://example.org/a.png").model_dump()
    assert typed(text, dspy.Image) == text


def test_mentions_model():
    """Models are found at any depth."""
    assert mentions_model(dict[str, list[Item]])
    assert not mentions_model(list[Colour])


def test_short_is_one_line_of_limited_length():
    """Values in messages never break lines or fill the screen."""
    assert short({"a": "x\ny"}) == '{"a":"x\\ny"}'
    assert len(short("x" * 1000)) == 80
    assert "\n" not in short(dspy.Prediction(a="x"))


def test_type_names():
    """Types are named as they are written."""
    assert type_name(Literal["a", "b"]) == "one of 'a', 'b'"
    assert type_name(int | None) == "int or None"
    assert type_name(Annotated[int, Ge(1)]) == "int"
    assert type_name(list[str]) == "list[str]"


def test_problems_name_three_and_count_the_rest():
    """A long list of problems is cut."""
    with pytest.raises(ValidationError) as caught:
        typed([{}] * 5, list[Item])
    assert (
        problems(caught.value) == "0.name: Field required; 1.name: Field required; 2.name: Field required; and 2 more"
    )
