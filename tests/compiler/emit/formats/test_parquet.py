"""Parquet: schema, row groups, what fits into no column."""

from __future__ import annotations

import dataclasses
import math
import sys

import orjson
import pytest

from limbeck.compiler.emit.formats import _parquet
from limbeck.compiler.emit.formats.base import Written
from limbeck.compiler.emit.formats.hf import HuggingFace, configs
from limbeck.compiler.emit.formats.parquet import ROLES, Parquet
from limbeck.compiler.emit.record import KINDS, LabelledStep
from limbeck.errors import MissingExtra, OutputError

pa = pytest.importorskip("pyarrow", reason="pyarrow, which writes Parquet, is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow, which writes Parquet, is not installed")

USER = {"role": "user", "content": "No sound"}
ANSWER, WORSE = {"role": "assistant", "content": "tech"}, {"role": "assistant", "content": "billing"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "f", "arguments": {"a": 1}}]}
CHAT = "list<element: struct<role: string, content: string>>"
CALLS = "list<element: struct<id: string, type: string, function: struct<name: string, arguments: string>>>"
TOOL_CHAT = (
    f"list<element: struct<role: string, content: string, name: string, tool_calls: {CALLS}, tool_call_id: string>>"
)

GIVEN = {
    "sft": {"completion": [ANSWER]},
    "preference": {"completion": [ANSWER], "rejected": [WORSE]},
    "unpaired": {"completion": [ANSWER], "label": True},
    "stepwise": {"steps": [LabelledStep("One.", "neutral")]},
    "prompts": {"known": {"team": "tech"}, "columns": {"reward": None, "pass_rate": 0.5, "attempts": 2}},
    "soft": {"soft": {"tech": 1}},
}

NO_CALL = "tool_calls must be functions with a name, and an object as arguments"

TYPES = {
    "sft": {"prompt": CHAT, "completion": CHAT},
    "preference": {"prompt": CHAT, "chosen": CHAT, "rejected": CHAT},
    "unpaired": {"prompt": CHAT, "completion": CHAT, "label": "bool"},
    "stepwise": {
        "prompt": "string", "completions": "list<element: string>", "labels": "list<element: bool>",
        "ratings": "list<element: int8>",
    },
    "prompts": {"prompt": CHAT, "known": "string", "reward": "double", "pass_rate": "double", "attempts": "int64"},
    "soft": {"prompt": CHAT, "labels": "list<element: string>", "probabilities": "list<element: double>"},
}  # fmt: skip


def told(kind="sft", columns=(), *, tools=False, **rows):
    return Written("tickets", kind, rows, {split: f"{split}.parquet" for split in rows}, tools=tools, columns=columns)


def write(path, rows, written=None, target=None):
    with (target or Parquet()).open(path, written) as file:
        for row in rows:
            file.write(orjson.dumps(row))


def types(path):
    return {field.name: str(field.type) for field in pq.read_schema(path)}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_have_the_types_of_their_kind(kind, record, tmp_path):
    """The schema says what each kind holds, and its metadata which kind it is."""
    made = record(kind=kind, prompt=[USER], **{"completion": [], **GIVEN[kind]})
    row = Parquet().row(made)
    assert Parquet().check(row) == []
    write(tmp_path / "a", [row], told(kind, tuple(made.columns)))
    assert types(tmp_path / "a") == TYPES[kind]
    assert pq.read_schema(tmp_path / "a").metadata[b"limbeck.kind"] == kind.encode()


def test_no_value_changes_the_schema(record, tmp_path):
    """Nulls, whole numbers and empty lists are no other types."""
    steps = [LabelledStep("One.", "negative")]
    few = record(kind="stepwise", steps=steps, columns={"outcome": "failed", "reward": 1})
    many = record(kind="stepwise", steps=[*steps, *steps], columns={"outcome": "failed", "reward": math.nan})
    written = told("stepwise", ("outcome", "reward"))
    for name, made in (("few", few), ("many", many)):
        write(tmp_path / name, [Parquet().row(made)], written)
    assert types(tmp_path / "few") == types(tmp_path / "many")
    assert pq.read_table(tmp_path / "many")["reward"].to_pylist() == [None]


def test_with_tools_messages_have_keys_for_them(record, tmp_path):
    """Where any row has tools, all rows have the columns."""
    answer = {"role": "tool", "content": "4", "tool_call_id": "c1"}
    row = Parquet().row(record([USER, CALL, answer, ANSWER]))
    assert Parquet().check(row) == []
    write(tmp_path / "a", [row], told(tools=True))
    assert types(tmp_path / "a") == {"prompt": TOOL_CHAT, "completion": TOOL_CHAT, "tools": "string"}
    message = pq.read_table(tmp_path / "a")["prompt"].to_pylist()[0][1]
    function = {"name": "f", "arguments": '{"a":1}'}
    assert message["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]


def test_without_facts_the_first_row_tells_the_columns(record, tmp_path):
    """A format that is used by itself, outside an export, loses nothing either."""
    row = Parquet().row(record([USER, CALL, USER, ANSWER], columns={"outcome": "passed", "reward": 1.0}))
    write(tmp_path / "a", [row])
    assert list(types(tmp_path / "a")) == ["prompt", "completion", "tools", "outcome", "reward"]
    assert pq.read_table(tmp_path / "a").num_rows == 1


def test_a_column_of_unknown_type_is_json(record, tmp_path):
    """What another kind adds is kept, as text."""
    row = Parquet().row(record(columns={"votes": [1, {"a": None}]}))
    write(tmp_path / "a", [row], told(columns=("votes",)))
    assert pq.read_table(tmp_path / "a")["votes"].to_pylist() == ['[1,{"a":null}]']


@pytest.mark.parametrize(
    "text", ["", "a\x00b", "\u2028\r\n\t", "😀 e\u0301 \u202ex", '{"a": 1}', "2020-01-01T00:00:00", "x" * 300_000]
)
def test_any_text_comes_back_as_it_was(text, record, tmp_path):
    """Control characters, what looks like JSON or a date, and huge texts are texts."""
    row = Parquet().row(record([USER, {"role": "assistant", "content": text}]))
    write(tmp_path / "a", [row], told())
    assert pq.read_table(tmp_path / "a")["completion"].to_pylist() == [[{"role": "assistant", "content": text}]]


def test_rows_are_written_in_groups(record, tmp_path, monkeypatch):
    """No more than a group of rows waits in memory, counted in rows or in bytes."""
    row = Parquet().row(record())
    monkeypatch.setattr(_parquet, "GROUP_ROWS", 4)
    write(tmp_path / "a", [row] * 10, told())
    assert [pq.ParquetFile(tmp_path / "a").metadata.row_group(n).num_rows for n in range(3)] == [4, 4, 2]
    monkeypatch.setattr(_parquet, "GROUP_BYTES", len(orjson.dumps(row)) * 3)
    write(tmp_path / "b", [row] * 7, told())
    assert [pq.ParquetFile(tmp_path / "b").metadata.row_group(n).num_rows for n in range(3)] == [3, 3, 1]
    assert pq.ParquetFile(tmp_path / "a").metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_same_rows_give_the_same_bytes(record, tmp_path):
    """Nothing of the time or the machine is in a file."""
    rows = [Parquet().row(record([USER, {"role": "assistant", "content": f"team {n}"}])) for n in range(500)]
    for name in ("a", "b"):
        write(tmp_path / name, rows, told())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_split_without_rows_is_a_file_with_the_same_columns(record, tmp_path):
    """Tools that read all splits find the schema of the others."""
    written = told("unpaired", ("outcome", "reward"), train=1, val=0)
    write(tmp_path / "val.parquet", [], written)
    assert not (tmp_path / "val.parquet").exists()
    files = Parquet().beside(written)
    assert list(files) == ["val.parquet"]
    (tmp_path / "val.parquet").write_bytes(files["val.parquet"])
    assert pq.read_table(tmp_path / "val.parquet").num_rows == 0
    row = Parquet().row(record(kind="unpaired", label=True, columns={"outcome": "passed", "reward": 1}))
    write(tmp_path / "train.parquet", [row], written)
    assert pq.read_schema(tmp_path / "val.parquet").equals(pq.read_schema(tmp_path / "train.parquet"))


def test_many_rows_become_several_files_of_a_directory(record, tmp_path, monkeypatch):
    """A Hugging Face directory has files of a size that can be handled; together they have all rows in order."""
    target = HuggingFace()
    rows = [target.row(record([USER, {"role": "assistant", "content": str(n)}])) for n in range(25)]
    monkeypatch.setattr(_parquet, "GROUP_ROWS", 5)
    monkeypatch.setattr(_parquet, "FILE_BYTES", len(orjson.dumps(rows[0])) * 8)
    (tmp_path / "data").mkdir()
    write(tmp_path / target.path("train"), rows, told(), target)
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == [f"train-{n:05d}-of-00003.parquet" for n in range(3)]
    answers = [
        row[0]["content"] for name in names for row in pq.read_table(tmp_path / "data" / name)["completion"].to_pylist()
    ]
    assert answers == [str(n) for n in range(25)]


def test_names_of_files_do_not_run_into_those_of_other_splits(tmp_path):
    """The pattern of a split finds no file of one whose name starts alike."""
    target = HuggingFace()
    for split in ("train", "train-2", "train-00000"):
        path = tmp_path / target.path(split)
        path.parent.mkdir(exist_ok=True)
        path.with_name(path.name.replace(_parquet.SHARD, "00000-of-00001")).touch()
    for split in ("train", "train-2", "train-00000"):
        assert len(list(tmp_path.glob(target.path(split)))) == 1


def test_the_header_names_splits_that_have_rows():
    """``datasets`` takes no hyphen in a name, and fails on a split without rows."""
    paths = {"train": "train.jsonl", "val-x": "val-x.jsonl", "test": "test.jsonl"}
    files = [{"split": "train", "path": "train.jsonl"}, {"split": "val_x", "path": "val-x.jsonl"}]
    assert configs(paths, {"train": 2, "val-x": 1, "test": 0}) == [{"config_name": "default", "data_files": files}]


def test_splits_have_names_that_datasets_takes():
    """``all`` means all of them there, and two may become the same; each has its own."""
    paths = {name: f"{name}.jsonl" for name in ("a-b", "a_b", "all")}
    (config,) = configs(paths, dict.fromkeys(paths, 1))
    assert {file["split"]: file["path"] for file in config["data_files"]} == {
        "a_b": "a-b.jsonl", "a_b_": "a_b.jsonl", "all_": "all.jsonl"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"prompt": []}, "prompt: there must be a list of messages that is not empty"),
        ({"prompt": [{**USER, "role": "human"}]}, f"prompt: message 0: role 'human' is none of {', '.join(ROLES)}"),
        ({"prompt": [{**USER, "content": [{"type": "image"}]}]}, "prompt: message 0: content is no text"),
        ({"completion": [{**CALL, "tool_calls": [{"id": "1"}]}]},
         f"completion: message 0: {NO_CALL}"),
        ({"completion": [{**CALL, "tool_calls": 3}]}, f"completion: message 0: {NO_CALL}"),
        ({"prompt": [USER, {"role": "tool", "content": "", "tool_call_id": 3}]},
         "prompt: message 1: name and id of what a tool gave back must be texts"),
        ({"tools": [{"type": "function", "name": "f", "parameters": {"x": b"y"}}]}, "tools is no JSON"),
        ({"kind": "prompts", "known": {"x": {1, 2}}}, "known is no JSON"),
        ({"kind": "prompts", "known": {"x": "\ud800"}}, "known is no JSON"),
        ({"kind": "preference", "rejected": [ANSWER]}, "chosen and rejected are equal"),
        ({"kind": "unpaired", "label": None}, "label None is neither true nor false"),
        ({"kind": "stepwise", "steps": []}, "there is no step"),
        ({"kind": "stepwise", "steps": [LabelledStep(" ", "neutral")]}, "step 0 is empty or no text"),
        ({"kind": "soft", "soft": {}}, "there must be labels, which are texts, and probabilities, which are numbers"),
        ({"kind": "soft", "soft": {"a": 0.5, "b": 0.4}}, "the probabilities must add up to 1"),
        ({"kind": "soft", "soft": {"a": math.nan}}, "the probabilities must add up to 1"),
    ],
)  # fmt: skip
def test_what_fits_into_no_column_is_a_problem(given, problem, record):
    """Such a row is told of before it is written."""
    assert Parquet().check(Parquet().row(record([USER, ANSWER], **given))) == [problem]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "No sound", "completion": [ANSWER]},
        {"prompt": [None], "completion": [ANSWER]},
        {"prompt": [{**USER, "weight": 1}], "completion": [ANSWER]},
        {"prompt": [USER], "completion": [ANSWER], "tools": None},
        {"prompt": [USER], "completion": [ANSWER], "reward": "high"},
        {"prompt": [USER], "completion": [ANSWER], "reward": True},
        {"prompt": [USER], "completion": [ANSWER], "outcome": 1},
        {"prompt": [USER], "known": "{}", "attempts": 0.5},
        {"prompt": [USER], "known": {}},
        {"prompt": [USER], "completions": ["a"], "labels": [True], "ratings": [1]},
        {"prompt": "x", "completions": ["a"], "labels": [True], "ratings": [2]},
        {"prompt": "x", "completions": ["a"], "labels": [True], "ratings": []},
        {"prompt": "x", "completions": ["a"], "labels": [True], "ratings": None},
        {"prompt": "x", "completions": ["a"], "labels": 7, "ratings": [1]},
        {"prompt": [USER], "labels": ["a", "b"], "probabilities": [1.0]},
        {"prompt": [USER], "labels": ["a"], "probabilities": ["1"]},
        {"prompt": [USER], "labels": "a", "probabilities": [1]},
    ],
)
def test_a_value_of_another_type_is_a_problem(row):
    """It would end the export in the middle of a file."""
    assert len(Parquet().check(row)) == 1


def test_a_row_of_no_kind_is_a_problem():
    """Columns tell the kind."""
    assert Parquet().check({"text": "x"}) == ["columns text are of no kind of rows"]


def test_without_pyarrow_the_first_row_says_what_to_install(record, monkeypatch):
    """Not only when all rows are made."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"writing Parquet needs pyarrow, which is not installed\npip install"):
        Parquet().row(record())


def test_a_disk_that_takes_nothing_is_one_clear_line(record, tmp_path):
    """What the file system says stands in the message."""
    rows = [Parquet().row(record())]
    with pytest.raises(OutputError, match="Cannot write to"):
        write(tmp_path / "nowhere" / "a", rows, told())
    full = dataclasses.replace(told(), tools=True)
    with pytest.raises(OutputError, match="No space left"):
        write(_full(), rows * 100, full)


def _full():
    """A file that takes nothing."""
    from pathlib import Path

    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no /dev/full")
    return device
