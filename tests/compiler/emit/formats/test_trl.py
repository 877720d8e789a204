"""TRL's rules for rows of the other kinds."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.base import get_format
from limbeck.compiler.emit.formats.trl_prompts import TRLPrompts
from limbeck.compiler.emit.formats.trl_stepwise import TRLStepwise
from limbeck.compiler.emit.record import LabelledStep

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER, WORSE = {"role": "assistant", "content": "tech"}, {"role": "assistant", "content": "billing"}
STEPS = [LabelledStep("One.", "positive"), LabelledStep("Two.", "neutral"), LabelledStep("Three.", "negative")]


def test_each_kind_has_the_columns_that_its_trainers_read(record):
    """Prompts and answers are lists of messages; a pair has one prompt."""
    prompt = [SYSTEM, USER]
    for name, given, learned in [
        ("trl-prompt-completion", {}, {"completion": [ANSWER]}),
        ("trl-preference", {"rejected": [WORSE]}, {"chosen": [ANSWER], "rejected": [WORSE]}),
        ("trl-unpaired", {"label": False}, {"completion": [ANSWER], "label": False}),
    ]:
        target = get_format(name)
        row = target.row(record(kind=target.kinds[0], prompt=prompt, completion=[ANSWER], **given))
        assert row == {"prompt": prompt, **learned}
        assert target.check(row) == []


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("trl-prompt-completion", {"prompt": [USER]}, "no column 'completion'"),
        ("trl-prompt-completion", {"prompt": [USER], "completion": []},
         "completion: there must be a list of messages that is not empty"),
        ("trl-prompt-completion", {"prompt": [USER, ANSWER], "completion": [ANSWER]},
         "prompt: the last message must be the user or tool's"),
        ("trl-prompt-completion", {"prompt": [USER], "completion": [USER, ANSWER]},
         "completion: an answer is made of the assistant's messages and those of tools"),
        ("trl-prompt-completion", {"prompt": [USER], "completion": [{"role": "tool", "content": "x"}, ANSWER]},
         "completion: an answer starts with the assistant's message"),
        ("trl-preference", {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER]},
         "chosen and rejected are equal"),
        ("trl-preference", {"prompt": [USER], "chosen": [ANSWER], "rejected": [{**WORSE, "content": ""}]},
         "rejected: message 0: content is empty or of a kind that the target does not take"),
        ("trl-unpaired", {"prompt": [USER], "completion": [ANSWER], "label": 1}, "label 1 is neither true nor false"),
        ("trl-unpaired", {"prompt": [USER], "completion": [ANSWER]}, "no column 'label'"),
        ("trl-prompts", {"prompt": [SYSTEM]}, "prompt: there is no user's message"),
        ("trl-prompts", {"answer": "tech"}, "no column 'prompt'"),
        ("trl-stepwise", {"prompt": "", "completions": ["One."], "labels": [True]},
         "prompt is empty or no text (pictures and tools have no place in it)"),
        ("trl-stepwise", {"prompt": "x", "completions": [], "labels": []}, "there is no step"),
        ("trl-stepwise", {"prompt": "x", "completions": ["One."], "labels": []},
         "there must be as many labels as steps"),
        ("trl-stepwise", {"prompt": "x", "completions": ["\n"], "labels": [True]}, "step 0 is empty or no text"),
        ("trl-stepwise", {"prompt": "x", "completions": ["a"], "labels": [1]}, "label 0 is neither true nor false"),
    ],
)  # fmt: skip
def test_what_a_trainer_stumbles_over_is_a_problem(name, row, problem):
    """Each rule has its own words, and names the column."""
    assert get_format(name).check(row) == [problem]


@pytest.mark.parametrize(("neutral", "labels"), [("positive", [True, True, False]), ("negative", [True, False, False])])
def test_a_neutral_step_counts_as_it_was_asked(neutral, labels, record):
    """TRL knows true and false only; its own script for PRM800K makes neutral false."""
    made = record(kind="stepwise", prompt=[SYSTEM, USER], completion=(), steps=STEPS, neutral=neutral)
    row = TRLStepwise().row(made)
    assert row == {"prompt": "Route.\nNo sound", "completions": ["One.", "Two.", "Three."], "labels": labels}
    assert TRLStepwise().check(row) == []


def test_what_is_known_stands_in_columns_for_reward_functions(record):
    """A reward function gets each column under its name."""
    columns = {"reward": 0.5, "pass_rate": 0.5, "attempts": 2}
    made = record(
        kind="prompts", prompt=[USER], completion=(), known={"team": "tech", "hours": [1, 2]}, columns=columns
    )
    assert TRLPrompts().row(made) == {"prompt": [USER], "team": "tech", "hours": [1, 2], **columns}


def test_no_column_takes_the_name_of_another_or_of_an_argument(record):
    """A trainer calls ``reward(prompts=..., completions=..., **columns)``: a column of such a name would break it."""
    known = {"prompt": 1, "completions": 2, "reward": 3, "known_reward": 4, "trainer_state": 5, "team": 6}
    made = record(kind="prompts", prompt=[USER], completion=(), known=known, columns={"reward": 0.5})
    assert TRLPrompts().row(made) == {
        "prompt": [USER], "known_prompt": 1, "known_completions": 2, "known_known_reward": 3, "known_reward": 4,
        "known_trainer_state": 5, "team": 6, "reward": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "has"),
    [
        ({}, False),
        ({"tools": [{"name": "f"}]}, True),
        ({"prompt": [USER, {"role": "tool", "content": ""}]}, True),
        ({"rejected": [{"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {}}]}]}, True),
    ],
)
def test_a_record_tells_whether_tools_come_up_in_it(given, has, record):
    """A log may have calls without the schemas of what was called."""
    assert record([USER, ANSWER], **given).has_tools is has


CALLING = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "find", "arguments": {}}]}
TOOLED = [USER, CALLING, {"role": "tool", "tool_call_id": "c", "content": "found"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]


@pytest.mark.parametrize("name", ["trl-stepwise", "axolotl", "math-shepherd", "prm800k", "parquet", "hf"])
@pytest.mark.parametrize("prompt", [PICTURE, TOOLED])
def test_what_no_text_has_is_not_written_into_steps_as_python(record, name, prompt):
    """Pictures and calls have no place in a prompt that is a text: the row is refused, not stripped."""
    made = record(kind="stepwise", prompt=prompt, completion=(), steps=STEPS, input_text="Why?")
    target = get_format(name)
    assert "no place in" in "; ".join(target.check(target.row(made)))
