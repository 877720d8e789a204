"""Axolotl's rules for rows, and the configuration that trains on them."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.axolotl import Axolotl
from limbeck.compiler.emit.formats.base import Written
from limbeck.compiler.emit.record import LabelledStep

FORMAT = Axolotl()
SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
WORSE = {"role": "assistant", "content": "billing"}
PAIR = {"messages": [USER], "chosen": ANSWER, "rejected": WORSE}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": {"at": "log"}}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def test_an_answer_ends_the_conversation(record):
    """As Axolotl's chat_template has it."""
    row = FORMAT.row(record([SYSTEM, USER, ANSWER]))
    assert row == {"messages": [SYSTEM, USER, ANSWER]}
    assert FORMAT.check(row) == []


def test_arguments_and_tools_are_text(record):
    """As objects those of different tools would get each other's keys, with nulls."""
    row = FORMAT.row(record([USER, CALLED], tools=[TOOL]))
    assert json.loads(row["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"at": "log"}
    assert json.loads(row["tools"]) == [TOOL]
    assert FORMAT.check(row) == []


def test_only_the_answer_is_learned(record):
    """Demos in the prompt are the assistant's messages too."""
    row = FORMAT.row(record([USER, WORSE, USER, ANSWER]))
    assert row == {"messages": [USER, {**WORSE, "training": False}, USER, ANSWER]}
    assert FORMAT.check(row) == []
    assert read_config("sft", {"train": 1})["datasets"][0]["message_field_training"] == "training"


def test_a_pair_has_three_columns_and_trimmed_answers(record):
    """Axolotl looks for the answer in what the template makes of it, and templates trim."""
    record = record([USER, {**ANSWER, "content": "tech\n"}], kind="preference", rejected=[WORSE])
    assert FORMAT.row(record) == PAIR
    assert FORMAT.check(PAIR) == []


def test_a_judged_answer_is_as_trl_has_it(record):
    """Two conversations and a label."""
    row = FORMAT.row(record([USER, ANSWER], kind="unpaired", label=True))
    assert row == {"prompt": [USER], "completion": [ANSWER], "label": True}
    assert FORMAT.check(row) == []


def test_steps_are_as_trl_has_them(record):
    """Texts and labels."""
    steps = [LabelledStep("1 + 1 = 2", "positive"), LabelledStep("2 + 2 = 5", "negative")]
    row = FORMAT.row(record([USER, ANSWER], kind="stepwise", steps=steps))
    assert row == {"prompt": "No sound", "completions": ["1 + 1 = 2", "2 + 2 = 5"], "labels": [True, False]}
    assert FORMAT.check(row) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "no column 'messages'"),
        ({"messages": [USER, ANSWER], "reward": 1.0}, "unknown column 'reward'"),
        ({"messages": [{**USER, "training": False}, ANSWER]}, "message 0: unknown key 'training'"),
        ({**PAIR, "tools": "[]"}, "unknown column 'tools'"),
        ({**PAIR, "messages": [USER, ANSWER]}, "the last message must be the user or tool's"),
        ({**PAIR, "messages": [USER, CALLED, {"role": "tool", "content": "1"}]},
         "calls of tools are not shown to the model"),
        ({**PAIR, "chosen": [ANSWER]}, "chosen: it must be one message with role and content"),
        ({**PAIR, "chosen": WORSE}, "chosen and rejected are equal"),
        ({**PAIR, "chosen": {**ANSWER, "content": "tech\n"}},
         "chosen: white space at the ends: templates that trim it leave nothing to be learned"),
        ({**PAIR, "rejected": {**ANSWER, "content": "user"}},
         "rejected: 'user' is part of chat templates: Axolotl would take it for the answer there"),
        ({"messages": [USER, ANSWER], "tools": [TOOL]}, "tools must be JSON as text"),
        ({"prompt": [USER], "completion": [ANSWER], "label": None}, "label None is neither true nor false"),
        ({"prompt": "x", "completions": ["a"], "labels": []}, "there must be as many labels as steps"),
    ],
)  # fmt: skip
def test_bad_rows_are_told_what_is_wrong(row, problem):
    """Each rule has its own words."""
    assert FORMAT.check(row) == [problem]


def test_a_pair_with_tools_is_refused(record):
    """Axolotl's DPO shows the model no tools; without them the row would teach something else."""
    row = FORMAT.row(record([USER, ANSWER], kind="preference", rejected=[WORSE], tools=[TOOL]))
    assert FORMAT.check(row) == ["unknown column 'tools'"]


def read_config(kind, rows, **more):
    written = Written("t", kind, rows, {name: f"{name}.jsonl" for name in rows}, **more)
    return yaml.safe_load(FORMAT.beside(written)["axolotl.yml"])


def test_the_configuration_evaluates_on_val_and_leaves_test_alone():
    """A test set stays one."""
    config = read_config("sft", {"train": 8, "val": 1, "test": 1})
    assert [item["path"] for item in config["datasets"]] == ["train.jsonl"]
    assert [item["path"] for item in config["test_datasets"]] == ["val.jsonl"]


def test_a_split_without_rows_is_not_named():
    """An empty file cannot be loaded."""
    assert "test_datasets" not in read_config("sft", {"train": 8, "val": 0})


def test_a_single_split_of_any_name_is_learned():
    """Not every dataset calls it train."""
    assert read_config("sft", {"all": 8})["datasets"][0]["path"] == "all.jsonl"


def test_weights_balance_good_and_bad_rows():
    """KTO wants the weighted ones within 1:1 and 4:3."""
    config = read_config("unpaired", {"train": 90, "val": 10}, positives=20)
    good, bad = config["kto_desirable_weight"], config["kto_undesirable_weight"]
    assert 1 <= 20 * good / (80 * bad) <= 4 / 3


@pytest.mark.parametrize(
    ("kind", "type_", "settings"),
    [
        ("sft", "chat_template", {"chat_template": "tokenizer_default"}),
        ("preference", "chat_template.default", {"rl": "dpo"}),
        ("unpaired", None, {"rl": "kto", "remove_unused_columns": False}),
        ("stepwise", "stepwise_supervised", {"process_reward_model": True, "num_labels": 2}),
    ],
)
def test_each_kind_has_its_type(kind, type_, settings):
    """What Axolotl documents for it."""
    config = read_config(kind, {"train": 1})
    assert config["datasets"][0].get("type") == type_
    assert settings.items() <= config.items()


KEYS = st.sampled_from(["role", "content", "tool_calls", "function", "name", "arguments"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
COLUMNS = ["messages", "chosen", "rejected", "prompt", "completion", "label", "completions", "labels", "tools"]


@given(st.dictionaries(st.sampled_from(COLUMNS), JSON))
def test_any_row_can_be_checked(bad):
    """Whatever stands in it, the check answers."""
    assert all(isinstance(problem, str) for problem in FORMAT.check(bad))


@given(
    st.sampled_from(FORMAT.kinds),
    st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "x"]), "content": JSON},
                                   optional={"tool_calls": JSON}), min_size=2, max_size=4),
    JSON,
)  # fmt: skip
def test_any_messages_give_a_row_that_can_be_checked(record, kind, messages, tool):
    """Values of imported logs can be anything; they cost one row, never the export."""
    made = record(messages, kind=kind, tools=[tool], rejected=messages[:1], label=True)
    assert isinstance(FORMAT.check(FORMAT.row(made)), list)
