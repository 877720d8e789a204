"""Alpaca, read back by a reader of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.alpaca import Alpaca

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER, WORSE = {"role": "assistant", "content": "tech"}, {"role": "assistant", "content": "billing"}
CALLS = {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "name": "look", "arguments": {}}]}

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def read(row):
    """Messages before the answer, by LLaMA-Factory's README."""
    chat = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for asked, answered in row["history"]:
        chat += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*chat, {"role": "user", "content": "\n".join(filter(None, [row["instruction"], row["input"]]))}]


@given(data=st.data())
def test_a_conversation_is_read_back(data, record):
    """System, history, instruction and output are what was said."""
    system = [{"role": "system", "content": data.draw(words)}] if data.draw(st.booleans()) else []
    turns = data.draw(st.integers(1, 3)) * ["user", "assistant"]
    chat = system + [{"role": role, "content": data.draw(words)} for role in turns]
    row = Alpaca().row(record(chat))
    assert Alpaca().check(row) == []
    again = json.loads(json.dumps(row))
    assert [*read(again), {"role": "assistant", "content": again["output"]}] == chat
    assert set(row) == {"instruction", "input", "output", "system", "history"}


def test_a_preference_has_two_answers(record):
    """In place of the output."""
    row = Alpaca().row(record([SYSTEM, USER, ANSWER], kind="preference", rejected=[WORSE]))
    assert Alpaca().check(row) == []
    assert read(row) == [SYSTEM, USER]
    assert (row["chosen"], row["rejected"], "output" in row) == ("tech", "billing", False)


def test_an_unpaired_answer_has_a_tag(record):
    """As LLaMA-Factory's KTO reads it."""
    row = Alpaca().row(record([USER, ANSWER], kind="unpaired", label=False))
    assert Alpaca().check(row) == []
    assert (row["output"], row["kto_tag"]) == ("tech", False)


@pytest.mark.parametrize(
    ("messages", "given"),
    [
        ([USER, USER, ANSWER], {}),
        ([USER, ANSWER, ANSWER], {}),
        ([USER, SYSTEM, USER, ANSWER], {}),
        ([SYSTEM, ANSWER], {}),
        ([USER, {**ANSWER, "content": " "}], {}),
        ([USER, CALLS], {}),
        ([USER, CALLS, {"role": "tool", "content": "x"}, ANSWER], {}),
        ([USER, CALLS, USER, ANSWER], {}),
        ([{"role": "user", "content": [{"type": "image_url"}]}, ANSWER], {}),
        ([{**SYSTEM, "content": [{"type": "image_url"}]}, USER, ANSWER], {}),
        ([USER, ANSWER], {"tools": [{"name": "look"}]}),
        ([USER, ANSWER], {"completion": [ANSWER, ANSWER]}),
        ([USER, ANSWER], {"kind": "preference", "rejected": [ANSWER]}),
        ([USER, ANSWER], {"kind": "unpaired", "label": None}),
    ],
)
def test_what_has_no_place_in_the_format_is_a_problem(messages, given, record):
    """Nothing is left out silently."""
    assert Alpaca().check(Alpaca().row(record(messages, **given)))


def test_a_row_with_other_columns_is_a_problem():
    """The format has no other columns."""
    assert Alpaca().check({"instruction": "x", "output": "y"}) == [
        "the columns must be history, input, instruction, output, system"
    ]
