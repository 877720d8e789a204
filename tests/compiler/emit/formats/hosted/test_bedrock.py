"""Amazon's rows and rules for Nova models."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.bedrock import Bedrock
from limbeck.compiler.emit.formats.nova_dpo import NovaDPO

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
OTHER = {"role": "assistant", "content": "billing"}


def said(role, *texts):
    return {"role": role, "content": [{"text": text} for text in texts]}


def row_of(*messages, **more):
    return {"schemaVersion": "bedrock-conversation-2024", "messages": list(messages), **more}


def test_a_row_is_a_conversation(record):
    """Contents are lists of blocks, the system prompt stands apart."""
    row = Bedrock().row(record([SYSTEM, USER, ANSWER]))
    assert row == row_of(said("user", "No sound"), said("assistant", "tech"), system=[{"text": "Route."}])
    assert Bedrock().check(row) == []
    assert "system" not in Bedrock().row(record([USER, ANSWER]))


@pytest.mark.parametrize(
    "text",
    ["User: hello", "an end-user: he", "SYSTEM:", "bot:", "Assistant:", "a <image> b", "<VIDEO>", "<unk>", "[eos]"],
)
def test_words_that_make_training_fail_are_refused(text, record):
    """They count anywhere, in any case, in prompts and in answers."""
    for messages in ([{**SYSTEM, "content": text}, USER, ANSWER], [{**USER, "content": text}, ANSWER],
                     [USER, {**ANSWER, "content": text}]):  # fmt: skip
        problems = Bedrock().check(Bedrock().row(record(messages)))
        assert len(problems) == 1
        assert problems[0].endswith("makes Amazon's training fail")
    assert Bedrock().check(Bedrock().row(record([USER, {**ANSWER, "content": "user, system or robot"}]))) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "the row must have schemaVersion 'bedrock-conversation-2024', 'messages',"),
        ({**row_of(said("user", "a")), "schemaVersion": "2"}, "the row must have schemaVersion"),
        (row_of(said("user", "a"), said("assistant", "b"), tools=[]), "there is no place for tools"),
        (row_of(said("user", "a"), said("assistant", "b"), more=1), "the row must have schemaVersion"),
        (row_of(), "'messages' must be a list that is not empty"),
        (row_of("x"), "message 0: it must have a role and content, and nothing else"),
        (row_of(said("system", "a")), "message 0: role 'system' is neither user nor assistant"),
        (row_of(said("user"), said("assistant", "b")), "message 0: content must be a list that is not empty"),
        (row_of(said("user", ""), said("assistant", "b")), "message 0: a block is empty or of a kind"),
        (row_of(said("assistant", "a")), "roles must alternate, the user's first"),
        (row_of(said("user", "a"), said("user", "a"), said("assistant", "b")), "roles must alternate,"),
        (
            row_of(said("user", "a"), said("assistant", "b"), said("user", "c")),
            "the last message must be the assistant's",
        ),
        (row_of(said("user", "a"), said("assistant", "b"), system=[]), "system: content must be a list"),
        (row_of(said("user", "a"), said("assistant", "b"), system="c"), "system: content must be a list"),
    ],
)
def test_bad_rows_are_told_what_is_wrong(row, problem):
    """Each rule has its own words."""
    problems = Bedrock().check(row)
    assert any(text.startswith(problem) for text in problems), problems


def test_pictures_must_lie_in_s3(record):
    """Amazon loads nothing from elsewhere; at most ten."""

    def sees(*urls):
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return Bedrock().row(record([{"role": "user", "content": parts}, ANSWER]))

    row = sees("s3://bucket/a.JPG")
    place = {"s3Location": {"uri": "s3://bucket/a.JPG"}}
    assert row["messages"][0]["content"] == [{"image": {"format": "jpeg", "source": place}}]
    assert Bedrock().check(row) == []
    assert Bedrock().check(sees(*["s3://b/a.png"] * 11)) == ["there are more than 10 pictures"]
    for url in ("https://x.org/a.png", "data:image/png;base64,AAAA", "s3://b/a.pdf", "s3://b/a b.png"):
        assert Bedrock().check(sees(url)) == ["message 0: a block is empty or of a kind that the target does not take"]


def test_tools_are_refused(record):
    """Tuning on Bedrock does not support them, so no row is taken without those that it had."""
    call = {"id": "1", "name": "find", "arguments": {}}
    calling = {"role": "assistant", "content": "Look.", "tool_calls": [call]}
    told = {"role": "tool", "content": "x", "tool_call_id": "1"}
    for target, kind in ((Bedrock(), "sft"), (NovaDPO(), "preference")):
        tools = record([USER, ANSWER], kind=kind, rejected=[OTHER], tools=[{"type": "function", "name": "find"}])
        assert target.check(target.row(tools)) != []
        assert target.check(target.row(record([USER, calling, told, ANSWER], kind=kind, rejected=[OTHER]))) != []
        assert target.check(target.row(record([USER, calling], kind=kind, rejected=[OTHER]))) != []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (0, []),
        (7, ["Amazon refuses files with fewer than 8 lines"]),
        (8, ["Nova 2 Lite wants 200 lines or more; Nova 1 takes 8"]),
        (200, []),
        (20_000, []),
        (20_001, ["Amazon refuses files with more than 20,000 lines"]),
    ],
)
def test_too_few_or_too_many_rows_are_warned_of(rows, said):
    """By the models' numbers."""
    assert Bedrock().check_all(rows) == said


def test_a_row_ends_with_candidates(record):
    """The better one is preferred."""
    row = NovaDPO().row(record([SYSTEM, USER, OTHER, USER, ANSWER], kind="preference", rejected=[OTHER]))
    assert row == {
        "system": [{"text": "Route."}],
        "messages": [
            said("user", "No sound"), said("assistant", "billing"), said("user", "No sound"),
            {"role": "assistant", "candidates": [
                {"content": [{"text": "tech"}], "preferenceLabel": "preferred"},
                {"content": [{"text": "billing"}], "preferenceLabel": "non-preferred"},
            ]},
        ],
    }  # fmt: skip
    assert NovaDPO().check(row) == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"rejected": [ANSWER]}, "both candidates are the same"),
        ({"rejected": [OTHER, OTHER]}, "candidate 1: a block is empty or of a kind that the target does not take"),
        (
            {"rejected": [{**OTHER, "content": "Bot: x"}]},
            "candidate 1: 'bot:' makes Amazon's training fail",
        ),
        ({"rejected": [USER]}, "candidate 1: a block is empty or of a kind that the target does not take"),
        ({"prompt": [USER, ANSWER]}, "the message before the candidates must be the user's"),
        ({"prompt": [SYSTEM]}, "'messages' must be a list that is not empty"),
    ],
)
def test_bad_pairs_are_told_what_is_wrong(fields, problem, record):
    """Each rule has its own words."""
    made = {"kind": "preference", "rejected": [OTHER], **fields}
    assert NovaDPO().check(NovaDPO().row(record([USER, ANSWER], **made))) == [problem]


def test_labels_are_in_order(record):
    """Which is which is checked."""
    row = NovaDPO().row(record([USER, ANSWER], kind="preference", rejected=[OTHER]))
    row["messages"][-1]["candidates"].reverse()
    assert NovaDPO().check(row) == [
        "candidate 0: its preferenceLabel must be 'preferred'",
        "candidate 1: its preferenceLabel must be 'non-preferred'",
    ]
