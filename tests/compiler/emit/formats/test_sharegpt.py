"""ShareGPT, read back by a reader of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.sharegpt import ShareGPT

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER, WORSE = {"role": "assistant", "content": "tech"}, {"role": "assistant", "content": "billing"}
CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "look", "arguments": {"at": "é"}}]}
FOUND = {"role": "tool", "content": "", "tool_call_id": "c1"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def read(row):
    """Messages of a row, by LLaMA-Factory's README: an optional system text, then two sides by turns."""
    messages = list(row["conversations"])
    chat = []
    if messages[0]["from"] == "system":
        chat.append({"role": "system", "content": messages.pop(0)["value"]})
    for number, message in enumerate(messages):
        odd, role = {"human": (True, "user"), "observation": (True, "tool"), "gpt": (False, "assistant"),
                     "function_call": (False, "assistant")}[message["from"]]  # fmt: skip
        assert odd is (number % 2 == 0)
        if message["from"] == "function_call":
            chat.append({"role": role, "calls": json.loads(message["value"])})
        else:
            chat.append({"role": role, "content": message["value"]})
    return chat


@given(data=st.data())
def test_a_conversation_is_read_back(data, record):
    """System, user and assistant are who they were, whatever they said."""
    system = [{"role": "system", "content": data.draw(words)}] if data.draw(st.booleans()) else []
    turns = data.draw(st.integers(1, 3)) * ["user", "assistant"]
    chat = system + [{"role": role, "content": data.draw(words)} for role in turns]
    row = ShareGPT().row(record(chat))
    assert ShareGPT().check(row) == []
    assert read(json.loads(json.dumps(row))) == chat


def test_calls_of_tools_and_their_schemas_are_json(record):
    """As LLaMA-Factory has them."""
    row = ShareGPT().row(record([SYSTEM, USER, CALLS, FOUND, ANSWER], tools=[TOOL]))
    assert ShareGPT().check(row) == []
    call = {"role": "assistant", "calls": {"name": "look", "arguments": {"at": "é"}}}
    assert read(row) == [SYSTEM, USER, call, {"role": "tool", "content": ""}, ANSWER]
    assert json.loads(row["tools"]) == [TOOL["function"]]


def test_a_preference_has_the_answers_beside_the_conversation(record):
    """The prompt ends with the human."""
    row = ShareGPT().row(record([SYSTEM, USER, ANSWER], kind="preference", rejected=[WORSE]))
    assert ShareGPT().check(row) == []
    assert read(row) == [SYSTEM, USER]
    assert (row["chosen"], row["rejected"]) == ({"from": "gpt", "value": "tech"}, {"from": "gpt", "value": "billing"})


@pytest.mark.parametrize(
    ("messages", "given"),
    [
        ([USER, USER, ANSWER], {}),
        ([USER, ANSWER, ANSWER], {}),
        ([ANSWER, USER, ANSWER], {}),
        ([USER, SYSTEM, ANSWER], {}),
        ([SYSTEM, ANSWER], {}),
        ([USER, {**ANSWER, "content": ""}], {}),
        ([USER, {**CALLS, "content": "Let me look."}, FOUND, ANSWER], {}),
        ([USER, CALLS, FOUND, FOUND, ANSWER], {}),
        ([USER, {**CALLS, "tool_calls": [{"name": "look", "arguments": "{"}]}, FOUND, ANSWER], {}),
        ([{"role": "user", "content": [{"type": "image_url"}]}, ANSWER], {}),
        ([USER, ANSWER], {"tools": [{"type": "web_search"}]}),
        ([USER, ANSWER], {"kind": "preference", "rejected": [ANSWER]}),
        ([USER, ANSWER], {"kind": "preference", "rejected": [CALLS, FOUND, WORSE]}),
    ],
)
def test_what_readers_would_skip_is_a_problem(messages, given, record):
    """They drop a conversation that does not go by turns, and what has no place in the format would be lost."""
    assert ShareGPT().check(ShareGPT().row(record(messages, **given)))


def test_a_column_that_no_reader_knows_is_a_problem():
    """The format has no other columns."""
    row = {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}
    assert ShareGPT().check(row) == []
    assert ShareGPT().check({**row, "id": 1}) == ["unknown column 'id'"]
