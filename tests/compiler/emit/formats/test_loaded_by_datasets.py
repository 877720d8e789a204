"""Files of formats as Hugging Face's ``datasets`` reads them: a second reading, by what trainers load them with."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.base import Written, get_format
from limbeck.compiler.emit.formats.hf import configs
from limbeck.compiler.emit.record import KINDS, LabelledStep
from limbeck.records import Call, Step

datasets = pytest.importorskip("datasets", reason="datasets, which reads what is written, is not installed")

LINES = {
    "trl-sft": "sft",
    "trl-prompt-completion": "sft",
    "trl-preference": "preference",
    "trl-unpaired": "unpaired",
    "trl-stepwise": "stepwise",
    "trl-prompts": "prompts",
}

ANSWER, WORSE = {"role": "assistant", "content": "tech"}, {"role": "assistant", "content": "billing"}

valid = st.characters(exclude_categories=["Cs"])
words = st.text(valid, min_size=1, max_size=40).filter(str.strip)
anything = st.recursive(
    st.one_of(words, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.just("2020-01-01")),
    lambda of: st.one_of(st.lists(of, max_size=3), st.dictionaries(words, of, max_size=3)),
    max_leaves=4,
)
labels = st.sampled_from(["positive", "neutral", "negative"])


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@st.composite
def chats(draw):
    """A system message or none, some turns, a question."""
    system = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    turns = [
        {"role": role, "content": draw(words)} for _ in range(draw(st.integers(0, 2))) for role in ("user", "assistant")
    ]
    return [*system, *turns, {"role": "user", "content": draw(words)}]


@st.composite
def facts(draw, kind, known=words):
    """Values of a record of one kind; the answers, which no row holds, are left to the test."""
    made = {"kind": kind, "prompt": draw(chats())}
    answer, worse = draw(st.lists(words, min_size=2, max_size=2, unique=True))
    if kind in ("sft", "preference", "unpaired"):
        made["completion"] = [{"role": "assistant", "content": answer}]
    if kind == "preference":
        made["rejected"] = [{"role": "assistant", "content": worse}]
    if kind == "unpaired":
        made["label"] = draw(st.booleans())
    if kind == "stepwise":
        made["steps"] = [
            LabelledStep(*step) for step in draw(st.lists(st.tuples(words, labels), min_size=1, max_size=4))
        ]
        made["neutral"] = draw(st.sampled_from(["positive", "negative"]))
    if kind == "prompts":
        made["known"] = {"answer": draw(known)}
        made["columns"] = {
            "reward": draw(st.sampled_from([0.0, 0.25, 1.0])),
            "pass_rate": None,
            "attempts": draw(st.integers(0, 9)),
        }
    if kind == "soft":
        made["soft"] = {answer: 0.75, worse: 0.25}
    return made


def plain(kind):
    """Values of a record of one kind, always the same."""
    more = {
        "sft": {"completion": [ANSWER]},
        "preference": {"completion": [ANSWER], "rejected": [WORSE]},
        "unpaired": {"completion": [ANSWER], "label": True},
        "stepwise": {
            "steps": [LabelledStep("One.", "positive"), LabelledStep("Two.", "neutral")],
            "neutral": "negative",
        },
        "prompts": {"known": {"team": "tech"}, "columns": {"reward": 0.5, "pass_rate": None, "attempts": 2}},
        "soft": {"soft": {"tech": 0.75, "billing": 0.25}},
    }
    return {"kind": kind, "prompt": [{"role": "user", "content": "No sound"}], **more[kind]}


def expected(made):
    """What any reader should find of a record, told from its values and TRL's documentation."""
    kind = made["kind"]
    if kind == "stepwise":
        as_good = {"positive", "neutral"} if made["neutral"] == "positive" else {"positive"}
        return {
            "prompt": "\n".join(message["content"] for message in made["prompt"]),
            "completions": [step.text for step in made["steps"]],
            "labels": [step.label in as_good for step in made["steps"]],
        }
    names = {"preference": ("chosen", "rejected")}.get(kind, ("completion",))
    answers = [made[part] for part in ("completion", "rejected") if part in made]
    row = {"prompt": made["prompt"], **dict(zip(names, answers, strict=False))}
    if kind == "unpaired":
        row["label"] = made["label"]
    if kind == "soft":
        row |= {"labels": list(made["soft"]), "probabilities": [0.75, 0.25]}
    return row | made.get("columns", {})


def written_rows(target, folder, split, records, written):
    """Write records as an export does; the path that the format gave."""
    path = folder / target.path(split)
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = target.open(path, written) if target.name in ("parquet", "hf") else target.open(path)
    with opened as file:
        for made in records:
            row = target.row(made)
            assert target.check(row) == []
            file.write(orjson.dumps(row))
    return path


def loaded(*args, **kwargs):
    """Load with a cache that is gone afterwards, into plain values."""
    with tempfile.TemporaryDirectory() as cache:
        found = datasets.load_dataset(*args, cache_dir=cache, **kwargs)
        return {split: list(rows) for split, rows in found.items()}


def told(kind, columns=(), tools=False, **rows):
    target = get_format("hf")
    return Written("tickets", kind, rows, {split: target.path(split) for split in rows}, tools=tools, columns=columns)


@pytest.mark.parametrize("name", LINES)
@given(data=st.data())
@settings(max_examples=15)
def test_json_lines_are_read_with_the_same_values(name, data, record):
    """What the conversation, the answers and the labels were is what ``datasets`` finds."""
    known = data.draw(st.sampled_from([words, st.integers(-9, 9), st.lists(words), st.dictionaries(words, words)]))
    made = data.draw(st.lists(facts(LINES[name], known), min_size=1, max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = written_rows(get_format(name), Path(folder), "train", [record(**values) for values in made], None)
        rows = loaded("json", data_files=str(path))["train"]
    if name == "trl-sft":
        assert [row["messages"] for row in rows] == [values["prompt"] + values["completion"] for values in made]
        return
    assert [{key: row[key] for key in want} for row, want in zip(rows, map(expected, made), strict=True)] == [
        expected(values) for values in made
    ]
    if name == "trl-prompts":
        assert [row["answer"] for row in rows] == [values["known"]["answer"] for values in made]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=15)
def test_parquet_is_read_with_the_same_values(kind, data, record):
    """Every kind of rows comes back as it was, in columns whose types do not depend on the values."""
    made = data.draw(st.lists(facts(kind, anything), min_size=1, max_size=4))
    columns = tuple(made[0].get("columns", {}))
    with tempfile.TemporaryDirectory() as folder:
        records = [record(**values) for values in made]
        path = written_rows(get_format("parquet"), Path(folder), "train", records, told(kind, columns, train=len(made)))
        rows = loaded("parquet", data_files=str(path))["train"]
    for row, values in zip(rows, made, strict=True):
        want = expected(values)
        assert {key: row[key] for key in want} == want
        if kind == "prompts":
            assert json.loads(row["known"]) == values["known"]
        if kind == "stepwise":
            ratings = {"positive": 1, "neutral": 0, "negative": -1}
            assert row["ratings"] == [ratings[step.label] for step in values["steps"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_is_loaded_by_its_name(kind, record, tmp_path):
    """Files of several splits are found by the header of README.md; the side files are left alone."""
    target, made = get_format("hf"), plain(kind)
    counts = {"train": 3, "val-x": 1, "test": 0}
    columns = tuple(made.get("columns", {}))
    written = told(kind, columns, **counts)
    for split, count in counts.items():
        written_rows(target, tmp_path, split, [record(**made)] * count, written)
    (tmp_path / "provenance.jsonl").write_text('{"row": 1}\n')
    header = yaml.safe_dump({"configs": configs(written.paths, counts)})
    (tmp_path / "README.md").write_text(f"---\n{header}---\n# Tickets\n")
    found = loaded(str(tmp_path))
    assert {split: len(rows) for split, rows in found.items()} == {"train": 3, "val_x": 1}
    want = expected(made)
    assert [{key: row[key] for key in want} for row in found["train"]] == [want] * 3


TOOL = {"type": "function", "function": {"name": "light", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "name": "door", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}


def called(name, arguments):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": name, "arguments": arguments}]}


WITH_TOOLS = [
    {"role": "user", "content": "Lights on"},
    called("light", {"room": "living room", "level": 3}),
    {"role": "tool", "content": "on"},
    {"role": "assistant", "content": "Done!"},
]


def test_calls_of_tools_are_read_as_trl_documents_them(record, tmp_path):
    """Arguments are objects, whatever those of other rows are; the tool's answer has its name; no nulls are added."""
    other = [WITH_TOOLS[0], called("door", '{"n": [1, {"x": null}]}'), {"role": "tool", "content": ""}, WITH_TOOLS[3]]
    records = [record(WITH_TOOLS, tools=[TOOL]), record(other, tools=[OTHER])]
    path = written_rows(get_format("trl-sft"), tmp_path, "train", records, None)
    first, second = loaded("json", data_files=str(path))["train"]
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "light", "arguments": {"room": "living room", "level": 3}},
    }
    assert first["messages"] == [
        {"role": "user", "content": "Lights on"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "on", "name": "light", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Done!"},
    ]
    assert first["tools"] == [TOOL]
    assert second["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"n": [1, {"x": None}]}
    assert second["tools"][0]["function"]["name"] == "door"


def test_calls_of_tools_in_parquet_are_json_in_typed_columns(record, tmp_path):
    """Arguments and schemas, which have any form, are texts; a trainer reads the schemas with ``json.loads``."""
    records = [record(WITH_TOOLS, tools=[TOOL]), record()]
    written = told("sft", tools=True, train=2)
    path = written_rows(get_format("parquet"), tmp_path, "train", records, written)
    first, second = loaded("parquet", data_files=str(path))["train"]
    function = first["prompt"][1]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("light", {"room": "living room", "level": 3})
    assert first["prompt"][2]["tool_call_id"] == "c1"
    assert json.loads(first["tools"]) == [TOOL]
    assert second["tools"] is None


def test_without_tools_no_message_has_null_keys(record, tmp_path):
    """Chat templates that look for tool calls by ``in`` stumble over a null."""
    path = written_rows(get_format("parquet"), tmp_path, "train", [record()], told("sft", train=1))
    (row,) = loaded("parquet", data_files=str(path))["train"]
    assert row["prompt"] == [{"role": "user", "content": "No sound"}]
    assert set(row) == {"prompt", "completion"}


def test_outcome_and_reward_are_columns_beside_the_others(record, tmp_path):
    """Failures come with what became of them."""
    records = [record(columns={"outcome": "rejected", "reward": 0}), record(columns={"outcome": "passed", "reward": 1})]
    for name, kind in (("trl-sft", "json"), ("trl-prompt-completion", "json"), ("parquet", "parquet")):
        written = told("sft", ("outcome", "reward"), train=2)
        path = written_rows(get_format(name), tmp_path / name, "train", records, written)
        rows = loaded(kind, data_files=str(path))["train"]
        assert [(row["outcome"], row["reward"]) for row in rows] == [("rejected", 0), ("passed", 1)]


def test_calls_in_a_log_without_their_schemas_are_exported(export, program, trace, tmp_path):
    """A log may say what was called and not what could be."""
    calls = [{"id": "c1", "name": "light", "arguments": {"room": "hall"}}]
    asked = [{"role": "user", "content": "Lights on"}]
    steps = [Step("self", {"ticket": "x"}, {"team": "tech"}, [Call("teacher/big", asked, None, tool_calls=calls)])]
    out = tmp_path / "out"
    result = export([trace(steps=steps)], out=out, program=program, format="hf", prompt="sent")
    assert result.rows == {"train": 1}
    ((message,),) = [row["completion"] for row in loaded(str(out))["train"]]
    assert message["tool_calls"][0]["function"] == {"name": "light", "arguments": '{"room":"hall"}'}
