"""Examples: rows validated against the signature's types, and back as DSPy's own examples."""

import json
import tracemalloc
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import dspy
import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from limbeck.errors import DataError
from limbeck.records import Example
from limbeck.signatures.examples import coerce_examples, read_examples, to_dspy

Team = Literal["billing", "sales", "technical"]


class Item(BaseModel):
    name: str
    qty: int = 1


class Colour(Enum):
    RED = "red"


def read(tmp_path, rows, types, inputs=("q",), name="t.jsonl", **more):
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / name).write_text(text)
    return list(read_examples(tmp_path / name, inputs=inputs, types=types, name=name, **more))


def refused(*args, **more):
    with pytest.raises(DataError) as caught:
        read(*args, **more)
    return str(caught.value)


def test_columns_are_inputs_or_labels(tmp_path):
    """Inputs go in, all other columns are labels, and the source names the line."""
    (example,) = read(tmp_path, [{"q": "a", "team": "sales", "id": 7, "meta": {"x": [1]}}], {"q": str, "team": Team})
    assert example == Example({"q": "a"}, {"team": "sales", "id": 7, "meta": {"x": [1]}})
    assert example.source == "t.jsonl:1"


JSON_GOOD = [
    (int, 5, 5),
    (float, 5, 5.0),
    (float, 5.5, 5.5),
    (bool, True, True),
    (list[str], ["a"], ["a"]),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (int | None, None, None),
    (Team, "sales", "sales"),
    (Literal[1, 2], 2, 2),
    (Item, {"name": "x"}, {"name": "x"}),
    (list[Item], [{"name": "x", "qty": "2"}], [{"name": "x", "qty": "2"}]),
    (Colour, "red", "red"),
    (date, "2024-02-29", "2024-02-29"),
    (Annotated[int, Ge(1)], 1, 1),
    (Any, {"anything": None}, {"anything": None}),
    (dspy.Image, "https://example.org/a.png", "https://example.org/a.png"),
    (dspy.History, {"messages": []}, {"messages": []}),
]


@pytest.mark.parametrize(("kind", "value", "expected"), JSON_GOOD)
def test_json_values_that_fit(tmp_path, kind, value, expected):
    """Values of the declared type are taken, nested ones as the JSON that they are."""
    (example,) = read(tmp_path, [{"q": "a", "y": value}], {"y": kind})
    assert example.labels["y"] == expected
    assert type(example.labels["y"]) is type(expected)


JSON_BAD = [
    (int, "5", "the label 'y' is \"5\", not of type int"),
    (int, 5.5, "the label 'y' is 5.5, not of type int"),
    (int, True, "the label 'y' is true, not of type int"),
    (bool, 1, "the label 'y' is 1, not of type bool"),
    (bool, "yes", "the label 'y' is \"yes\", not of type bool"),
    (float, "1.5", "the label 'y' is \"1.5\", not of type float"),
    (int, None, "the label 'y' is null, not of type int"),
    (Team, "Sales", "the label 'y' is \"Sales\", not one of 'billing', 'sales', 'technical'"),
    (Literal[1, 2], "1", "the label 'y' is \"1\", not one of 1, 2"),
    (list[str], "a", "the label 'y' is \"a\", not of type list[str]"),
    (list[int], ["a"], "the label 'y' is [\"a\"], not of type list[int]"),
    (date, "tomorrow", "the label 'y' is \"tomorrow\", not of type date"),
    (Colour, "blue", "the label 'y' is \"blue\", not of type Colour"),
    (Item, {"qty": 1}, "the label 'y' is {\"qty\":1}, not of type Item (name: Field required)"),
    (Annotated[int, Ge(1)], 0, "the label 'y' is 0, not of type int"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), JSON_BAD)
def test_json_values_that_do_not_fit(tmp_path, kind, value, expected):
    """The error names file, line, column, value and type, and has a next step."""
    text = refused(tmp_path, [{"q": "a", "y": value}], {"y": kind})
    first, hint = text.split("\n")
    assert first.startswith(f"t.jsonl:1: {expected}")
    assert hint


def test_value_outside_a_literal_suggests_the_near_one(tmp_path):
    """A misspelt label is answered with the label that was meant."""
    text = refused(tmp_path, [{"q": "a", "team": "biling"}], {"team": Team})
    assert text.endswith("\nDid you mean 'billing'?")


def test_constraint_is_said_in_words(tmp_path):
    """Where the type fits and a constraint does not, the hint says which."""
    text = refused(tmp_path, [{"q": "a", "y": 0}], {"y": Annotated[int, Ge(1)]})
    assert "greater than or equal to 1" in text


def test_missing_column_suggests_the_near_one(tmp_path):
    """A missing input names what the program takes, what the row has, and what may have been meant."""
    assert refused(tmp_path, [{"question": "a", "x": 1}], {}, inputs=["questions"]) == (
        "t.jsonl:1: no column 'questions'\n"
        "Did you mean 'question'? The program's inputs are questions; the columns of the row are question, x."
    )


def test_input_of_the_wrong_type(tmp_path):
    """Inputs are validated, too."""
    assert "t.jsonl:1: the input 'q' is {}, not of type str" in refused(tmp_path, [{"q": {}}], {"q": str})


def test_several_bad_rows_are_reported_together(tmp_path):
    """One error shows the first bad row and says where the others are."""
    rows = [{"q": "a", "n": 1}, {"q": "b", "n": "2"}, {"q": "c", "n": 3}, {"q": "d", "n": "x"}, {"n": 1}]
    text = refused(tmp_path, rows, {"n": int})
    assert text.startswith("t.jsonl:2: the label 'n' is \"2\", not of type int; and 2 more bad rows (4, 5)\n")


def test_bad_json_counts_among_bad_rows(tmp_path):
    """A line that cannot be parsed is one of the bad rows and does not hide the others."""
    text = refused(tmp_path, '{"q": "a"\n{"q": 1}\n', {"q": str})
    assert text.startswith("t.jsonl:1: bad JSON")
    assert "and 1 more bad row (2)" in text


def test_ten_bad_rows_are_enough(tmp_path):
    """A file that is wrong from end to end is not read to its end."""
    text = refused(tmp_path, [{"q": 1}] * 500, {"q": str})
    assert "and at least 9 more bad rows (2, 3, 4, ...)" in text


def test_good_rows_before_a_bad_one_are_yielded(tmp_path):
    """Reading streams: what stands before the first bad row has been given by then."""
    (tmp_path / "t.jsonl").write_text('{"q": "a"}\n{"q": 1}\n')
    stream = read_examples(tmp_path / "t.jsonl", inputs=["q"], types={"q": str})
    assert next(stream).inputs == {"q": "a"}
    with pytest.raises(DataError):
        next(stream)


def test_limit(tmp_path):
    """No row after the limit is looked at."""
    assert len(read(tmp_path, [{"q": "a"}, {"q": "b"}, {"q": 3}], {"q": str}, limit=2)) == 2


@pytest.mark.parametrize("rows", [[{"q": "a", "y": 1}, {"q": "b"}], [{"q": "b"}, {"q": "a", "y": 1}]])
def test_label_missing_in_some_rows(tmp_path, rows):
    """A label that only some rows have is an error at the row that lacks it."""
    lacking = next(number for number, row in enumerate(rows, 1) if "y" not in row)
    text = refused(tmp_path, rows, {"y": int})
    assert text.startswith(f"t.jsonl:{lacking}: no label 'y', which t.jsonl:{3 - lacking} has\n")


def test_label_missing_in_all_rows(tmp_path):
    """Unlabelled data is data."""
    assert [example.labels for example in read(tmp_path, [{"q": "a"}, {"q": "b"}], {"y": int})] == [{}, {}]


def test_extra_columns_may_come_and_go(tmp_path):
    """Only the program's outputs must be there in every row or in none."""
    assert len(read(tmp_path, [{"q": "a", "note": 1}, {"q": "b"}], {"q": str})) == 2


def test_optional_inputs(tmp_path):
    """An optional input is an input where it is there."""
    first, second = read(tmp_path, [{"q": "a", "k": 3}, {"q": "b"}], {"q": str, "k": int}, optional=["k"])
    assert first.inputs == {"q": "a", "k": 3}
    assert second.inputs == {"q": "b"}


CSV_GOOD = [
    (str, "5", "5"),
    (str, "", ""),
    (Any, "5", "5"),
    (int, "5", 5),
    (float, "5", 5.0),
    (bool, "true", True),
    (bool, "0", False),
    (int | None, "", None),
    (int | None, "7", 7),
    (str | None, "", None),
    (str | None, "x", "x"),
    (Team, "sales", "sales"),
    (Literal[1, 2], "2", 2),
    (list[int], "[1, 2]", [1, 2]),
    (Item, '{"name": "x"}', {"name": "x"}),
    (date, "2024-02-29", "2024-02-29"),
    (Colour, "red", "red"),
    (Annotated[int, Ge(1)], "3", 3),
]


@pytest.mark.parametrize(("kind", "cell", "expected"), CSV_GOOD)
def test_csv_cells_are_converted(tmp_path, kind, cell, expected):
    """Cells are strings, and become what the signature declares."""
    quoted = '"' + cell.replace('"', '""') + '"'
    (example,) = read(tmp_path, f"q,y\na,{quoted}\n", {"q": str, "y": kind}, name="t.csv")
    assert example.labels["y"] == expected
    assert type(example.labels["y"]) is type(expected)


CSV_BAD = [
    (int, "5.5", "t.csv:2: the label 'y' is \"5.5\", not of type int"),
    (bool, "maybe", "t.csv:2: the label 'y' is \"maybe\", not of type bool"),
    (Team, "Sales", "t.csv:2: the label 'y' is \"Sales\", not one of 'billing', 'sales', 'technical'"),
    (list[int], "[1, ", "t.csv:2: the label 'y' is \"[1, \", not of type list[int]"),
]


@pytest.mark.parametrize(("kind", "cell", "expected"), CSV_BAD)
def test_csv_cells_that_do_not_fit(tmp_path, kind, cell, expected):
    """A cell that cannot be converted is named with its line."""
    assert refused(tmp_path, f'q,y\na,"{cell}"\n', {"y": kind}, name="t.csv").startswith(expected)


def test_empty_csv_cell_is_no_label(tmp_path):
    """An empty cell under a label that cannot be empty is a missing label."""
    text = refused(tmp_path, "q,y\na,1\nb,\n", {"y": int}, name="t.csv")
    assert text.startswith("t.csv:3: no label 'y', which t.csv:2 has")
    assert read(tmp_path, "q,y\na,\nb,\n", {"y": int}, name="t.csv")[0].labels == {}


def test_csv_and_json_give_the_same_examples(tmp_path):
    """The same data is the same examples, whatever file it is in."""
    types = {"q": str, "n": float, "team": Team}
    rows = [{"q": "a, b", "n": 5, "team": "sales"}]
    one = read(tmp_path, rows, types)
    other = read(tmp_path, 'q,n,team\n"a, b",5,sales\n', types, name="t.csv")
    assert [example.id for example in one] == [example.id for example in other]


def test_memory_is_flat(tmp_path):
    """Reading holds one row at a time."""
    path = tmp_path / "t.jsonl"
    with path.open("w") as file:
        for number in range(20_000):
            file.write(json.dumps({"q": f"{number} " + "x" * 500}) + "\n")
    tracemalloc.start()
    assert sum(1 for _ in read_examples(path, inputs=["q"], types={"q": str})) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_dicts_and_dspy_examples_are_taken():
    """Python sequences may hold dicts, dspy.Example with typed values, or limbeck's own examples."""
    rows = [
        {"q": "a", "y": Item(name="x"), "c": Colour.RED},
        dspy.Example(q="b", y=Item(name="z", qty=2), c=Colour.RED).with_inputs("q"),
        Example({"q": "c"}, {"y": {"name": "w"}, "c": "red"}),
    ]
    examples = coerce_examples(rows, inputs=["q"], types={"q": str, "y": Item, "c": Colour}, name="train")
    assert [example.labels["y"] for example in examples] == [
        {"name": "x", "qty": 1},
        {"name": "z", "qty": 2},
        {"name": "w"},
    ]
    assert [example.source for example in examples] == ["train[0]", "train[1]", "train[2]"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "train has no rows"),
        ("abc", "train is of type str, not a sequence of examples"),
        ({"q": 1}, "train is of type dict, not a sequence of examples"),
        (5, "train is of type int, not a sequence of examples"),
        (["a"], 'train[0]: neither a dict nor a dspy.Example but str: "a"'),
        ([{"x": 1}], "train[0]: no column 'q'"),
    ],
)
def test_sequences_that_are_none(rows, expected):
    """What is no sequence of examples is refused with its type."""
    with pytest.raises(DataError) as caught:
        coerce_examples(rows, inputs=["q"], types={}, name="train")
    assert caught.value.message == expected


def test_to_dspy_has_all_columns_and_marked_inputs():
    """A demo or a metric sees inputs and labels, and inputs() gives the inputs."""
    made = to_dspy(Example({"q": "a"}, {"y": 1, "base": 2}))
    assert made.toDict() == {"q": "a", "y": 1, "base": 2}
    assert made.inputs().toDict() == {"q": "a"}


def test_to_dspy_builds_declared_types():
    """Models, enums and dates are built from their JSON; plain values stay as they are."""
    example = Example({"q": "a"}, {"i": {"name": "x"}, "c": "red", "d": "2024-01-02", "n": 1})
    made = to_dspy(example, {"i": Item, "c": Colour, "d": date, "n": int, "absent": int})
    assert (made.i, made.c, made.d, made.n) == (Item(name="x"), Colour.RED, date(2024, 1, 2), 1)


def test_to_dspy_names_the_source_of_what_does_not_fit():
    """A value that cannot be built is named with its row."""
    with pytest.raises(DataError, match=r"a\.jsonl:3: 'c' is \"blue\""):
        to_dspy(Example({"q": "a"}, {"c": "blue"}, "a.jsonl:3"), {"c": Colour})


json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), json_value, min_size=3, max_size=3), min_size=1))
def test_no_column_is_lost(rows):
    """Inputs and labels together are the row."""
    examples = coerce_examples(rows, inputs=["a"], types={"a": Any, "b": Any})
    assert [{**example.inputs, **example.labels} for example in examples] == rows
