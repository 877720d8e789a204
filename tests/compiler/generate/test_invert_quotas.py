"""How many of which output are wanted."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Literal

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from limbeck.compiler.generate.invert.quotas import (
    by_label,
    evenly,
    label_field,
    like,
    members,
    parse_quotas,
    read_quotas,
)
from limbeck.errors import DataError, UsageError
from limbeck.signatures.task import Task

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(0, 50), min_size=1, max_size=12)


class Mood(enum.Enum):
    """Labels of an enum."""

    GOOD = "good"
    BAD = "bad"


@given(COUNTS, st.integers(0, 200))
def test_even_raises_the_lowest_and_gives_out_every_row(before: dict[str, int], rows: int) -> None:
    """No label that got something stands more than one above another."""
    made = evenly(before, rows)
    after = {label: before[label] + made[label] for label in before}
    assert sum(made.values()) == rows
    assert min(made.values()) >= 0
    raised = [after[label] for label in before if made[label]]
    assert not raised or max(raised) - min(after.values()) <= 1


@given(COUNTS.filter(lambda found: sum(found.values()) > 0), st.integers(0, 200))
def test_like_gives_each_its_share_to_within_a_row(before: dict[str, int], rows: int) -> None:
    """Hamilton's quota: the share, rounded up or down."""
    made = like(before, rows)
    assert sum(made.values()) == rows
    assert all(abs(made[label] - rows * n / sum(before.values())) < 1 for label, n in before.items())


@given(
    st.dictionaries(st.from_regex(r"[a-z?_ ]{1,8}[a-z]", fullmatch=True).map(str.strip), st.integers(1, 9), min_size=1)
)
def test_quotas_as_a_text_are_read_back(quotas: dict[str, int]) -> None:
    """As ``--set quotas=...`` has them."""
    assert parse_quotas(", ".join(f"{label}={count}" for label, count in quotas.items())) == quotas


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("a=1,b", "is not LABEL=NUMBER"),
        ("a=1,a=2", "stands twice"),
        ("a=x", '"x" of a'),
        ("a=-1", '"-1" of a'),
        ("=3", "is not LABEL"),
        ({"a": 1.5}, "1.5 of a"),
        ({"a": True}, "true of a"),
        ({"a": 0}, "no label is wanted"),
        ({}, "no label is wanted"),
        ("billing", "is no quota"),
        (7, "is no quota"),
    ],
)
def test_what_is_no_quota_is_told(given_: object, told: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(ValueError, match=told):
        parse_quotas(given_)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("q.json", "{", "q.json: "),
        ("q.json", "[1]", "is no quota"),
        ("q.json", '"q.json"', "holds a text"),
        ("q.yaml", "a: [", "bad YAML"),
        ("q.yaml", "a: many", '"many" of a'),
        ("q.yaml", "", "is empty"),
    ],
)
def test_a_bad_file_of_quotas_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    """Whatever is wrong with it."""
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=told):
        read_quotas(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        read_quotas(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (Literal["a", 1], {"a": "a", "1": 1}),
        (Literal["a"] | None, {"a": "a"}),
        (Literal["a", None], {"a": "a"}),  # noqa: PYI061
        (Literal["a"] | int, None),
        (Annotated[Mood, Field()], {"good": "good", "bad": "bad"}),
        (bool, {"true": True, "false": False}),
        (str, None),
        (list[Literal["a"]], None),
        (Any, None),
    ],
)
def test_labels_are_told_by_the_type(kind: Any, labels: dict[str, Any] | None) -> None:
    """Where it has few values."""
    assert members(kind) == labels


def test_a_label_of_another_type_than_text_is_that_type() -> None:
    """Quotas name it by its text."""
    (one,) = by_label("n", Literal[1, 2], {"2": 3, "1": 0})
    assert (one.name, one.outputs, one.count) == ("2", {"n": 2}, 3)
    (yes,) = by_label("ok", bool, {"True": 3})
    assert yes.outputs == {"ok": True}
    with pytest.raises(UsageError, match="twice"):
        by_label("ok", bool, {"True": 3, "true": 1})


def test_a_type_with_many_values_takes_them_as_json() -> None:
    """And a text as it is."""
    assert [by_label("n", kind, {"3": 1})[0].outputs for kind in (int, str, Any)] == [{"n": 3}, {"n": "3"}, {"n": "3"}]
    assert by_label("n", list[str], {'["a"]': 1})[0].outputs == {"n": ["a"]}
    for wrong in ("x", '"x"', "[1"):
        with pytest.raises(UsageError, match="n cannot be"):
            by_label("n", int, {wrong: 1})


def test_many_unknown_labels_do_not_flood_the_error() -> None:
    """Ten are named, and where none is near, ten of those that there are."""
    known = Literal[tuple(f"label_{n}" for n in range(50))]
    with pytest.raises(UsageError) as error:
        by_label("x", known, {f"%{n}": 1 for n in range(50)})
    assert error.value.message.count("%") == 10
    assert error.value.hint == "It has label_0, label_1, label_2, label_3, label_4, label_5, label_6, label_7, label_8, label_9 and 40 more."  # fmt: skip  # noqa: E501


def test_the_label_is_the_output_with_few_values() -> None:
    """Else it has to be named."""
    assert label_field(Task(dspy.ChainOfThought("a -> b: bool")), None) == "b"
    assert label_field(Task(dspy.ChainOfThought("a -> b: str")), None) == "b"
    assert label_field(Task(dspy.Predict("a -> b: bool, c: bool")), "c") == "c"
    with pytest.raises(UsageError, match="2 outputs"):
        label_field(Task(dspy.Predict("a -> b: bool, c: bool")), None)
