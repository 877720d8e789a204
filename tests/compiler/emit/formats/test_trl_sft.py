"""TRL's rules for conversational rows."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.trl_sft import TRLSFT

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}


def test_a_row_is_a_conversation(record):
    """One column, as SFTTrainer reads it."""
    row = TRLSFT().row(record([SYSTEM, USER, ANSWER]))
    assert row == {"messages": [SYSTEM, USER, ANSWER]}
    assert TRLSFT().check(row) == []


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([USER, SYSTEM, ANSWER], "a system message may only come first"),
        ([SYSTEM, ANSWER], "there is no user's message"),
        ([USER, {**ANSWER, "weight": 1}], "message 1: unknown key 'weight'"),
        (
            [{"role": "user", "content": [{"type": "text", "text": "x"}]}, ANSWER],
            "message 0: content is empty or of a kind that the target does not take",
        ),
    ],
)
def test_what_chat_templates_stumble_over_is_a_problem(messages, problem):
    """Templates want text, a user, and the system message first."""
    assert TRLSFT().check({"messages": messages}) == [problem]


def test_any_number_of_rows_will_do():
    """TRL has no minimum."""
    assert TRLSFT().check_all(1) == []
