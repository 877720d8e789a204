"""LLaMA-Factory's rules for rows, and the file that describes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.base import Written
from limbeck.compiler.emit.formats.llama_factory import TAGS, LlamaFactory

FORMAT = LlamaFactory()
SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
WORSE = {"role": "assistant", "content": "billing"}
HUMAN, GPT = {"from": "human", "value": "No sound"}, {"from": "gpt", "value": "tech"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "log"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
UNREADABLE = "a call of tools must be readable and have no text beside it"
RESULT = {"role": "tool", "content": "{}", "tool_call_id": "c1"}


def row(**changes):
    return {"conversations": [HUMAN, GPT], "system": "", "tools": "", **changes}


def test_an_answer_ends_the_conversation(record):
    """The system text has a column of its own."""
    made = FORMAT.row(record([SYSTEM, USER, ANSWER]))
    assert made == row(system="Route.")
    assert FORMAT.check(made) == []


def test_columns_are_the_same_in_every_row(record):
    """Readers of JSON lines fix the columns by the first rows."""
    assert list(FORMAT.row(record([USER, ANSWER]))) == list(FORMAT.row(record([SYSTEM, USER, ANSWER])))


def test_a_pair_has_both_answers_beside_the_prompt(record):
    """The conversation ends with the question."""
    made = FORMAT.row(record([USER, ANSWER], kind="preference", rejected=[WORSE]))
    assert made == row(conversations=[HUMAN], chosen=GPT, rejected={"from": "gpt", "value": "billing"})
    assert FORMAT.check(made) == []


def test_a_judged_answer_has_its_label(record):
    """The label stands beside the whole conversation."""
    made = FORMAT.row(record([USER, ANSWER], kind="unpaired", label=False))
    assert made == row(label=False)
    assert FORMAT.check(made) == []


def test_calls_of_tools_are_json(record):
    """One call is an object, several are a list; arguments are objects; what came back is an observation."""
    tool = {"name": "look", "description": "Looks."}
    made = FORMAT.row(record([USER, CALLED, RESULT, ANSWER], tools=[tool]))
    assert [turn["from"] for turn in made["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(made["conversations"][1]["value"]) == {"name": "look", "arguments": {"at": "log"}}
    assert json.loads(made["tools"]) == [{**tool, "parameters": {"type": "object", "properties": {}}}]
    assert FORMAT.check(made) == []
    several = FORMAT.row(record([USER, {**CALLED, "tool_calls": [CALL, {**CALL, "id": "c2"}]}]))
    assert len(json.loads(several["conversations"][1]["value"])) == 2


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([USER, {**CALLED, "content": "Let me look."}], UNREADABLE),
        (
            [USER, {**CALLED, "tool_calls": [{"name": 1}]}],
            UNREADABLE,
        ),
        ([USER, {**CALLED, "tool_calls": "look"}], UNREADABLE),
        ([USER, USER], "'human' where gpt or function_call must be"),
        ([USER, {**ANSWER, "content": " "}], "value is empty or no text"),
        ([USER, {"role": "developer", "content": "x"}], "'developer' where gpt or function_call must be"),
        ([USER, {"role": ["assistant"], "content": "x"}], "\"['assistant']\" where gpt or function_call must be"),
    ],
)
def test_what_the_converter_skips_or_cannot_read_is_a_problem(record, messages, problem):
    """It would vanish with a line in the log, or end the training."""
    assert f"message 1: {problem}" in FORMAT.check(FORMAT.row(record(messages)))


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (row(conversations=[]), "there must be 'conversations', a list that is not empty"),
        (row(conversations=[HUMAN]), "the last message must be gpt's"),
        (row(conversations=[GPT, HUMAN]), "message 0: 'gpt' where human or observation must be"),
        (row(conversations=[HUMAN, "tech"]), "message 1: it must have 'from' and 'value', and nothing else"),
        (row(tools=None), "tools is no text"),
        (row(system=None), "system is no text"),
        (row(label=None), "label None is neither true nor false"),
        (row(chosen=GPT, rejected=WORSE), "rejected: it must have 'from' and 'value', and nothing else"),
        (row(conversations=[HUMAN], chosen=GPT, rejected=GPT), "chosen and rejected are equal"),
        (row(conversations=[HUMAN], chosen=HUMAN, rejected=GPT), "chosen: 'human' where gpt or function_call must be"),
        (row(chosen=GPT, rejected={**GPT, "value": "x"}), "what comes before the answers must end with human"),
    ],
)
def test_bad_rows_are_told_what_is_wrong(bad, problem):
    """Each rule has its own words."""
    assert problem in FORMAT.check(bad)


@pytest.mark.parametrize("tool", [{"name": 1}, {"name": "f", "parameters": "x"}, {"name": "f", "description": {1}}])
def test_tools_that_cannot_be_told_are_a_problem(record, tool):
    """A row that came without its tools would teach something else."""
    assert "tools is no text" in FORMAT.check(FORMAT.row(record([USER, ANSWER], tools=[tool])))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("sft", {}),
        ("preference", {"chosen": "chosen", "rejected": "rejected"}),
        ("unpaired", {"kto_tag": "label"}),
    ],
)
def test_the_description_names_every_column(kind, more):
    """Each split with rows is a dataset under its own name; an empty file cannot be loaded."""
    written = Written("t", kind, {"train": 3, "val": 0}, {"train": "train.jsonl", "val": "val.jsonl"})
    info = json.loads(FORMAT.beside(written)["dataset_info.json"])
    assert list(info) == ["train"]
    assert info["train"]["file_name"] == "train.jsonl"
    assert info["train"]["columns"] == {"messages": "conversations", "system": "system", "tools": "tools", **more}
    assert info["train"].get("ranking", False) == (kind == "preference")
    assert info["train"]["tags"] == TAGS


KEYS = st.sampled_from(["role", "content", "tool_calls", "name", "arguments", "from", "value"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["conversations", "system", "tools", "chosen", "rejected", "label"]), JSON))
def test_any_row_can_be_checked(bad):
    """Whatever stands in it, the check answers."""
    assert all(isinstance(problem, str) for problem in FORMAT.check(bad))


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "x"]), "content": JSON},
                                      optional={"tool_calls": JSON}), min_size=2, max_size=4), JSON)  # fmt: skip
def test_any_messages_give_a_row_that_can_be_checked(record, messages, tool):
    """Values of imported logs can be anything; they cost one row, never the export."""
    assert isinstance(FORMAT.check(FORMAT.row(record(messages, tools=[tool]))), list)
