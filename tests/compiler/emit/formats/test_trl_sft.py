"""TRL's rules for conversational rows."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.trl_sft import TRLSFT

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": {"at": "cable"}}}
CALLS = {"role": "assistant", "content": "", "tool_calls": [CALL]}
FOUND = {"role": "tool", "content": "loose", "name": "look", "tool_call_id": "c1"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

BAD_CONTENT = "content is empty or of a kind that the target does not take"
BAD_CALLS = "tool_calls must be functions with a name, and an object as arguments"


def test_a_row_is_a_conversation(record):
    """One column, as SFTTrainer reads it."""
    row = TRLSFT().row(record([SYSTEM, USER, ANSWER]))
    assert row == {"messages": [SYSTEM, USER, ANSWER]}
    assert TRLSFT().check(row) == []


def test_what_else_was_sent_with_a_message_stays_out(record):
    """Marks for a provider's cache are none of the trainer's business; texts in parts are one text."""
    parts = [{"type": "text", "text": "No "}, {"type": "text", "text": "sound", "cache_control": {"type": "ephemeral"}}]
    made = record([{"role": "user", "content": parts, "cache_control": {}}, ANSWER])
    assert TRLSFT().row(made) == {"messages": [USER, ANSWER]}


@pytest.mark.parametrize(
    "call",
    [
        CALL,
        {"id": "c1", "name": "look", "arguments": {"at": "cable"}},
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "cable"}'}},
    ],
)
def test_calls_of_tools_are_as_trl_documents_them(call, record):
    """Whether DSPy or OpenAI wrote them down; and the tool's answer is told whose it is."""
    sent = {"role": "assistant", "content": None, "tool_calls": [call]}
    found = {"role": "tool", "content": "loose", "tool_call_id": "c1"}
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    row = TRLSFT().row(record([USER, sent, found, ANSWER], tools=[tool]))
    assert row == {"messages": [USER, CALLS, FOUND, ANSWER], "tools": [TOOL]}
    assert TRLSFT().check(row) == []


def test_an_answer_may_be_a_call(record):
    """A step of an agent ends with it."""
    assert TRLSFT().check(TRLSFT().row(record([USER, CALLS]))) == []


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (None, "there must be a list of messages that is not empty"),
        ([], "there must be a list of messages that is not empty"),
        ([USER, "tech"], "message 1: it is no object"),
        ([USER, SYSTEM, ANSWER], "a system message may only come first"),
        ([SYSTEM, ANSWER], "there is no user's message"),
        ([USER, ANSWER, USER], "the last message must be the assistant's"),
        ([{**USER, "role": "human"}, ANSWER], "message 0: role 'human' is none of system, user, assistant, tool"),
        ([USER, {**ANSWER, "weight": 1}], "message 1: unknown key 'weight'"),
        ([USER, {**ANSWER, "content": " "}], f"message 1: {BAD_CONTENT}"),
        ([{"role": "user", "content": [{"type": "image_url"}]}, ANSWER], f"message 0: {BAD_CONTENT}"),
        ([USER, {**CALLS, "tool_calls": []}, FOUND, ANSWER], f"message 1: {BAD_CONTENT}"),
        ([USER, {**CALLS, "tool_calls": [{"name": "look", "arguments": {}}]}], f"message 1: {BAD_CALLS}"),
        ([USER, {**CALLS, "tool_calls": "look"}], f"message 1: {BAD_CALLS}"),
    ],
)
def test_what_chat_templates_stumble_over_is_a_problem(messages, problem):
    """Templates want text, a user, and the system message first."""
    assert problem in TRLSFT().check({"messages": messages})


@pytest.mark.parametrize("tool", [{"type": "web_search"}, {"name": "look"}, "look", None])
def test_a_tool_that_is_no_function_is_a_problem(tool):
    """Templates write names and parameters of functions."""
    assert TRLSFT().check({"messages": [USER, ANSWER], "tools": [tool]}) == ["tool 0 is no function with a name"]


def test_any_number_of_rows_will_do():
    """TRL has no minimum."""
    assert TRLSFT().check_all(1) == []
