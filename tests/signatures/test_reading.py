"""Raw rows of data files: every format, and one clear line for everything that can be wrong with one."""

import csv
import gzip
import io
import json
import sys
from datetime import date

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.errors import DataError, MissingExtra
from limbeck.signatures.reading import read_rows

BOM = b"\xef\xbb\xbf"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
word = st.integers(-(2**63), 2**64 - 1)
scalar = st.none() | st.booleans() | word | st.floats(allow_nan=False, allow_infinity=False) | text
value = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
rows_of_json = st.lists(st.dictionaries(text, value, min_size=1, max_size=4), min_size=1, max_size=6)


def write(tmp_path_factory, name, data):
    path = tmp_path_factory.mktemp("data") / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def message(path, data, name="data.jsonl"):
    file = path / name
    file.write_bytes(data)
    with pytest.raises(DataError) as caught:
        list(read_rows(file, name=name))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


@given(rows_of_json, st.sampled_from(["a.jsonl", "a.ndjson", "a.jsonl.gz"]), st.booleans())
def test_jsonl_round_trip(tmp_path_factory, rows, name, bom):
    """Whatever rows are written as JSONL are read back, with their lines."""
    data = BOM * bom + b"\n".join(orjson.dumps(row) for row in rows)
    read = list(read_rows(write(tmp_path_factory, name, data), name=name))
    assert [row for row, _ in read] == rows
    assert [source for _, source in read] == [f"{name}:{line}" for line in range(1, len(rows) + 1)]


@given(
    rows_of_json,
    st.sampled_from(["a.json", "a.json.gz"]),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_json_round_trip(tmp_path_factory, rows, name, wrapped, indent, bom):
    """An array of objects, at the top or under "data", is read back however it is laid out."""
    whole = {"version": [1], "data": rows, "more": {"data": 1}} if wrapped else rows
    data = BOM * bom + json.dumps(whole, indent=indent, ensure_ascii=False).encode()
    read = list(read_rows(write(tmp_path_factory, name, data), name=name))
    assert [row for row, _ in read] == rows
    if indent is None:
        assert {source for _, source in read} == {f"{name}:1"}


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)


@given(
    st.lists(cell, min_size=2, max_size=4, unique=True),
    st.data(),
    st.sampled_from(["a.csv", "a.csv.gz"]),
    st.booleans(),
)
def test_csv_round_trip(tmp_path_factory, header, data, name, bom):
    """Cells with commas, quotes and newlines are read back."""
    rows = data.draw(st.lists(st.lists(cell, min_size=len(header), max_size=len(header)), min_size=1, max_size=5))
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    read = list(read_rows(write(tmp_path_factory, name, BOM * bom + out.getvalue().encode())))
    assert [row for row, _ in read] == [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz"])
def test_parquet_values_become_json(tmp_path, name):
    """Parquet rows are JSON values, nested ones too."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    rows = [{"q": "ä", "day": date(2024, 1, 2), "tags": ["x", "y"]}, {"q": "b", "day": None, "tags": []}]
    pq.write_table(pa.Table.from_pylist(rows), out)
    data = out.getvalue()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(read_rows(tmp_path / name, name=name)) == [
        ({"q": "ä", "day": "2024-01-02", "tags": ["x", "y"]}, f"{name}:1"),
        ({"q": "b", "day": None, "tags": []}, f"{name}:2"),
    ]


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    """Without pyarrow the error says how to install it."""
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'limbeck\[export\]'"):
        list(read_rows(tmp_path / "a.parquet"))


def test_lines_of_multiline_json_elements(tmp_path):
    """A row of a pretty-printed array is named by the line on which it begins."""
    (tmp_path / "a.json").write_text('[\n  {\n    "q": 1\n  },\n  {"q": 2},\n\n  {"q": 3}\n]\n')
    assert [source for _, source in read_rows(tmp_path / "a.json", name="a.json")] == [
        "a.json:2",
        "a.json:5",
        "a.json:7",
    ]


def test_csv_lines_count_newlines_in_cells(tmp_path):
    """A row after a cell of several lines is named by the line on which it begins."""
    (tmp_path / "a.csv").write_text('q,a\n"x\ny",1\nz,2\n')
    assert [source for _, source in read_rows(tmp_path / "a.csv", name="a.csv")] == ["a.csv:2", "a.csv:4"]


def test_json_that_is_really_jsonl(tmp_path):
    """A .json file of one object a line is read as such."""
    (tmp_path / "a.json").write_text('{"q": 1}\n{"q": 2}\n')
    assert [row for row, _ in read_rows(tmp_path / "a.json")] == [{"q": 1}, {"q": 2}]


def test_blank_lines_are_skipped_but_counted(tmp_path):
    """Blank lines are no rows, and the lines after them keep their numbers."""
    (tmp_path / "a.jsonl").write_text('\n{"q": 1}\n\n  \n{"q": 2}\n')
    assert [source for _, source in read_rows(tmp_path / "a.jsonl", name="a")] == ["a:2", "a:5"]


def test_large_csv_cell(tmp_path):
    """A cell may be longer than Python's own limit of 128 KiB."""
    (tmp_path / "a.csv").write_text("q\n" + "x" * 200_000 + "\n")
    assert len(next(read_rows(tmp_path / "a.csv"))[0]["q"]) == 200_000


BAD_JSONL = [
    (b'{"q": 1}\n{"q": \n', 'data.jsonl:2: bad JSON (unexpected end of data, column 7): {"q":'),
    (
        b'{"q": NaN}',
        'data.jsonl:1: bad JSON (unexpected character, expected a JSON value, column 7): {"q": NaN}',
    ),
    (b"[1, 2]", "data.jsonl:1: not an object but an array: [1,2]"),
    (b"null", "data.jsonl:1: not an object but null: null"),
    (b'{"q": "\xe9"}', "data.jsonl:1: not UTF-8 (byte 0xe9 at position 8 of the line)"),
    (b"\xff\xfe{\x00", "data.jsonl:1: not UTF-8 (byte 0xff at position 1 of the line)"),
    (
        b'{"id": 123456789012345678901234567890}',
        (
            "data.jsonl:1: bad JSON (the number 123456789012345678901234567890 has more than 64 bits; "
            'write it as a string): {"id": 123456789012345678901234567890}'
        ),
    ),
    (b"", "data.jsonl has no rows"),
    (b"\n\n", "data.jsonl has no rows"),
    (b"\x1f\x8b\x08\x00rest", "data.jsonl:1: not UTF-8 (byte 0x8b at position 2 of the line)"),
]


@pytest.mark.parametrize(("data", "expected"), BAD_JSONL)
def test_bad_jsonl(tmp_path, data, expected):
    """Each fault of a JSONL file has one line that says where and what."""
    assert message(tmp_path, data) == expected


def test_bad_json_at_line_17(tmp_path):
    """The error of a broken line names its number and shows it."""
    lines = [b'{"q": "a"}'] * 20
    lines[16] = b'{"q": "a" "b"}'
    why = "unexpected character, expected ',' or '}', column 11"
    assert message(tmp_path, b"\n".join(lines)) == f'data.jsonl:17: bad JSON ({why}): {{"q": "a" "b"}}'


def test_shown_lines_are_short(tmp_path):
    """A long broken line is cut to one of 80 characters."""
    assert len(message(tmp_path, b'{"q": "' + b"x" * 5000)) < 200


def test_digits_in_strings_and_fractions_are_no_long_numbers(tmp_path):
    """Only a whole number of more than 64 bits is refused."""
    line = '{"a": "123456789012345678901234567890", "b": 0.12345678901234567890123, "c": 18446744073709551615}'
    (tmp_path / "a.jsonl").write_text(line)
    assert next(read_rows(tmp_path / "a.jsonl"))[0]["c"] == 2**64 - 1


BAD_JSON = [
    (b'[{"q": 1}, {"q": 2]', "data.json:1: bad JSON (Expecting ',' delimiter, column 19)"),
    (b'[\n{"q": 1},\n{"q" 2}]', "data.json:3: bad JSON (Expecting ':' delimiter, column 6)"),
    (b'[{"q": 1}] x', "data.json:1: bad JSON (Extra data, column 12)"),
    (b'{"q": 1}', 'data.json: neither an array of objects nor an object with an array "data": {"q":1}'),
    (b'"x"', 'data.json: neither an array of objects nor an object with an array "data": "x"'),
    (b'[{"q": 1}, 5]', "data.json:1: not an object but a number: 5"),
    (
        b'[{"q": NaN}]',
        'data.json:1: bad JSON (unexpected character, expected a JSON value, column 7): {"q": NaN}',
    ),
    (b'[\n"\xe9"]', "data.json:2: not UTF-8 (byte 0xe9 at position 2 of the line)"),
    (b"[]", "data.json has no rows"),
    (b" ", "data.json has no rows"),
    (b"[" * 100_000, "data.json: the JSON is nested too deeply"),
]


@pytest.mark.parametrize(("data", "expected"), BAD_JSON, ids=range(len(BAD_JSON)))
def test_bad_json(tmp_path, data, expected):
    """Each fault of a JSON file has one line that says where and what."""
    assert message(tmp_path, data, "data.json") == expected


BAD_CSV = [
    (b"q,q\n1,2\n", 'data.csv:1: the column "q" is there twice'),
    (b"q,a\n1,2\n3\n", 'data.csv:3: 1 cells under 2 columns: ["3"]'),
    (b"q,a\n1,2,3\n", 'data.csv:2: 3 cells under 2 columns: ["1","2","3"]'),
    (b'q,a\n"1,2\n', "data.csv:2: bad CSV (unexpected end of data)"),
    (b"q,a\n1,\xe9\n", "data.csv:2: not UTF-8 (byte 0xe9 at position 3 of the line)"),
    (b"q,a\n", "data.csv has no rows"),
    (b"", "data.csv has no rows"),
]


@pytest.mark.parametrize(("data", "expected"), BAD_CSV)
def test_bad_csv(tmp_path, data, expected):
    """Each fault of a CSV file has one line that says where and what."""
    assert message(tmp_path, data, "data.csv") == expected


def test_gzip_that_is_none(tmp_path):
    """A .gz file that is not gzip is named."""
    assert "data.jsonl.gz is no whole gzip file" in message(tmp_path, b'{"q": 1}', "data.jsonl.gz")


def test_gzip_cut_short(tmp_path):
    """A gzip file that was cut is an error, not a shorter data set."""
    whole = gzip.compress(b'{"q": 1}\n' * 1000)
    assert "data.jsonl.gz is no whole gzip file" in message(tmp_path, whole[:-10], "data.jsonl.gz")


def test_bad_parquet(tmp_path):
    """A file that only is called Parquet is named."""
    pytest.importorskip("pyarrow")
    assert message(tmp_path, b"hello", "data.parquet").startswith("data.parquet is no readable Parquet file:")


def test_unknown_kind(tmp_path):
    """A suffix that cannot be read is named, with those that can."""
    with pytest.raises(DataError, match=r"unknown kind of file '.xlsx'\nData is read from .jsonl"):
        list(read_rows(tmp_path / "data.xlsx"))


def test_missing_file_suggests_a_near_name(tmp_path):
    """A misspelt file name is answered with the file that is there."""
    (tmp_path / "train.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"no such file: .*trian\.jsonl\nDid you mean .*train\.jsonl"):
        list(read_rows(tmp_path / "trian.jsonl"))


def test_directory_is_no_file(tmp_path):
    """A directory is refused in words."""
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(DataError, match=r"cannot read d\.jsonl: it is a directory"):
        list(read_rows(tmp_path / "d.jsonl", name="d.jsonl"))
