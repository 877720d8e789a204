"""OpenAI's rules for rows."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.openai import OpenAI

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}


def test_a_row_has_role_and_content_only(record):
    """What else was sent with a message stays out of the file."""
    made = record([SYSTEM, {**USER, "cache_control": {"type": "ephemeral"}}, ANSWER])
    assert OpenAI().row(made) == {"messages": [SYSTEM, USER, ANSWER]}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, ANSWER],
        [SYSTEM, USER, ANSWER, USER, ANSWER],
        [SYSTEM, USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}],
        [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            ANSWER,
        ],
    ],
)
def test_good_rows_have_no_problems(messages):
    """What OpenAI documents is taken."""
    assert OpenAI().check({"messages": messages}) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "the row must have 'messages', a list that is not empty, and nothing else"),
        ({"messages": []}, "the row must have 'messages', a list that is not empty, and nothing else"),
        (
            {"messages": [USER, ANSWER], "id": 1},
            "the row must have 'messages', a list that is not empty, and nothing else",
        ),
        ({"messages": [USER, "tech"]}, "message 1: it is no object"),
        (
            {"messages": [{**USER, "role": "human"}, ANSWER]},
            "message 0: role 'human' is none of system, user, assistant",
        ),
        ({"messages": [USER, {**ANSWER, "name": "a"}]}, "message 1: unknown key 'name'"),
        (
            {"messages": [USER, {**ANSWER, "weight": 2}]},
            "message 1: weight must be 0 or 1, on an assistant's message",
        ),
        (
            {"messages": [{**USER, "weight": 1}, ANSWER]},
            "message 0: weight must be 0 or 1, on an assistant's message",
        ),
        ({"messages": [USER, ANSWER, USER]}, "the last message must be the assistant's"),
        (
            {"messages": [USER, {**ANSWER, "content": " \n"}]},
            "message 1: content is empty or of a kind that the target does not take",
        ),
        (
            {"messages": [USER, {**ANSWER, "content": None}]},
            "message 1: content is empty or of a kind that the target does not take",
        ),
        (
            {"messages": [USER, {**ANSWER, "content": [{"type": "text", "text": "x"}]}]},
            "message 1: content is empty or of a kind that the target does not take",
        ),
    ],
)
def test_bad_rows_are_told_what_is_wrong(row, problem):
    """Each rule of OpenAI's has its own words."""
    assert OpenAI().check(row) == [problem]


def test_tool_calls_are_seen_not_lost(record):
    """A chat that makes no sense without its tool calls is no good row without them."""
    call = {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "1"}]}
    tool = {"role": "tool", "content": "42"}
    row = OpenAI().row(record([USER, call, tool, ANSWER]))
    assert OpenAI().check(row) == [
        "message 1: unknown key 'tool_calls'",
        "message 2: role 'tool' is none of system, user, assistant",
    ]


@pytest.mark.parametrize(("rows", "warnings"), [(0, 0), (1, 1), (9, 1), (10, 0)])
def test_fewer_than_ten_lines_are_warned_of(rows, warnings):
    """OpenAI refuses such files; an empty one is warned of elsewhere."""
    assert len(OpenAI().check_all(rows)) == warnings
