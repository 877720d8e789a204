"""MLX-LM's rules for rows and files."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.mlx import MLX

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def test_a_row_is_a_conversation(record):
    """Role and content, nothing else."""
    row = MLX().row(record([SYSTEM, {**USER, "cache_control": {}}, ANSWER]))
    assert row == {"messages": [SYSTEM, USER, ANSWER]}
    assert MLX().check(row) == []


def test_tools_are_given_to_the_template(record):
    """Calls have their arguments as an object, which templates write as JSON."""
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "log"}'}}
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]
    row = MLX().row(record(messages, tools=[TOOL]))
    assert row["tools"] == [TOOL]
    assert row["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"at": "log"}
    assert MLX().check(row) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "no column 'messages'"),
        ({"messages": [USER, ANSWER], "reward": 1}, "unknown column 'reward'"),
        ({"messages": [USER, ANSWER, USER]}, "the last message must be the assistant's"),
        ({"messages": [SYSTEM, ANSWER]}, "there is no user's message"),
        ({"messages": [USER, ANSWER], "tools": [{"name": "look"}]}, "tool 0 is no function with a name"),
    ],
)
def test_bad_rows_are_told_what_is_wrong(row, problem):
    """What templates stumble over is refused."""
    assert MLX().check(row) == [problem]


@pytest.mark.parametrize(
    ("split", "path"),
    [
        ("train", "train.jsonl"),
        ("val", "valid.jsonl"),
        ("validation", "valid.jsonl"),
        ("valid", "valid.jsonl"),
        ("test", "test.jsonl"),
    ],
)
def test_files_have_the_names_that_it_looks_for(split, path):
    """Validation data is in valid.jsonl."""
    assert MLX().path(split) == path


def test_a_file_without_rows_is_warned_of():
    """MLX-LM reads the first line of each file that is there."""
    assert MLX().check_all(0) == ["MLX-LM cannot read a file without rows; delete it"]
    assert MLX().check_all(1) == []
