"""The labels that a type has."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest

from limbeck.compiler.generate.labels import members, open_value
from limbeck.errors import UsageError


class Colour(Enum):
    """Two of them, of two types."""

    RED = "red"
    BLUE = 2


@pytest.mark.parametrize(("kind", "labels"), [
    (Literal["a", 3] | None, {"a": "a", "3": 3}),
    (Annotated[bool, "x"], {"true": True, "false": False}),
    (Colour, {"red": "red", "2": 2}),
    (str, None),
    (list[Literal["a"]], None),
    (int | str, None),
    (None, None),
])  # fmt: skip
def test_types_with_few_values_have_labels(kind: Any, labels: dict[str, Any] | None) -> None:
    """By their text, with their values; None is no label."""
    assert members(kind) == labels


def test_a_value_of_an_open_type_is_the_text_or_json() -> None:
    """What the type cannot be is told."""
    assert open_value("n", "3", str) == "3"
    assert open_value("n", "3", int) == 3
    with pytest.raises(UsageError, match="n cannot be"):
        open_value("n", "three", int)
