"""OpenAI's rows and rules, and what Azure, Together and Fireworks make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limbeck.compiler.emit.formats.azure import Azure
from limbeck.compiler.emit.formats.fireworks import Fireworks
from limbeck.compiler.emit.formats.openai import OpenAI
from limbeck.compiler.emit.formats.openai_dpo import OpenAIDPO
from limbeck.compiler.emit.formats.together import Together
from limbeck.compiler.emit.record import Answer
from limbeck.records import Call, Step

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
OTHER = {"role": "assistant", "content": "billing"}
PARAMETERS = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
TOOL = {"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": PARAMETERS}}
CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"word": "sound"}'}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
FOUND = {"role": "tool", "content": "a driver", "tool_call_id": "1"}
WEB = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}
INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

NO_ROW = "the row must have 'messages', a list that is not empty, and beside it no more than parallel_tool_calls, tools"
CONTENT = "content is empty or of a kind that the target does not take"
WEIGHT = "weight must be 0 or 1, on an assistant's message"
BAD_CALL = "a tool call must have an id, type 'function', and a function with name and arguments, JSON as text"
BAD_TOOL = "a tool must be a function with a name of letters, digits, _ and -, and JSON schema parameters"


def image(*parts):
    return {"role": "user", "content": list(parts)}


def test_a_row_has_role_and_content_only(record):
    """What else was sent with a message stays out of the file."""
    made = record([SYSTEM, {**USER, "cache_control": {"type": "ephemeral"}}, ANSWER])
    assert OpenAI().row(made) == {"messages": [SYSTEM, USER, ANSWER]}


def test_answers_in_the_prompt_weigh_nothing(record):
    """Demos and earlier turns are not learned again with each row."""
    row = OpenAI().row(record([USER, OTHER, USER, ANSWER]))
    assert row["messages"] == [USER, {**OTHER, "weight": 0}, USER, ANSWER]
    assert OpenAI().check(row) == []


@pytest.mark.parametrize(
    "messages",
    [
        [USER, ANSWER],
        [SYSTEM, USER, ANSWER, USER, ANSWER],
        [SYSTEM, USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}],
        [USER, image(WEB), ANSWER],
        [image({"type": "text", "text": "What is it?"}, INLINE), ANSWER],
        [USER, CALLING],
        [USER, {**CALLING, "content": "Let me look."}, FOUND, ANSWER],
        [USER, {**CALLING, "weight": 0}, {**FOUND, "content": ""}, ANSWER],
    ],
)
def test_good_rows_have_no_problems(messages):
    """What OpenAI documents is taken."""
    assert OpenAI().check({"messages": messages, "tools": [TOOL], "parallel_tool_calls": False}) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, NO_ROW),
        ({"messages": []}, NO_ROW),
        ({"messages": [USER, ANSWER], "id": 1}, NO_ROW),
        ({"messages": [USER, "tech"]}, "message 1: it is no object"),
        (
            {"messages": [{**USER, "role": "developer"}, ANSWER]},
            "message 0: role 'developer' is none of system, user, assistant, tool",
        ),
        ({"messages": [USER, {**ANSWER, "name": "a"}]}, "message 1: unknown key 'name'"),
        ({"messages": [USER, {**ANSWER, "weight": 2}]}, f"message 1: {WEIGHT}"),
        ({"messages": [USER, {**ANSWER, "weight": True}]}, f"message 1: {WEIGHT}"),
        ({"messages": [{**USER, "weight": 1}, ANSWER]}, f"message 0: {WEIGHT}"),
        ({"messages": [USER, ANSWER, USER]}, "the last message must be the assistant's"),
        ({"messages": [USER, {**ANSWER, "content": " \n"}]}, f"message 1: {CONTENT}"),
        ({"messages": [USER, {**ANSWER, "content": None}]}, f"message 1: {CONTENT}"),
        ({"messages": [USER, {**ANSWER, "content": [{"type": "text", "text": "x"}]}]}, f"message 1: {CONTENT}"),
        ({"messages": [USER, {**ANSWER, "content": [INLINE]}]}, f"message 1: {CONTENT}"),
        ({"messages": [image({"type": "text", "text": " "}), ANSWER]}, f"message 0: {CONTENT}"),
        ({"messages": [image({"type": "audio", "audio": "x"}), ANSWER]}, f"message 0: {CONTENT}"),
        (
            {"messages": [image({"type": "image_url", "image_url": {"url": "data:image/gif;base64,AAAA"}}), ANSWER]},
            f"message 0: {CONTENT}",
        ),
        ({"messages": [image({"type": "image_url", "image_url": "https://x"}), ANSWER]}, f"message 0: {CONTENT}"),
        ({"messages": [image(*[WEB] * 11), ANSWER]}, "there are more than 10 pictures"),
        ({"messages": [USER, {**CALLING, "tool_calls": [{**CALL, "id": ""}]}]}, f"message 1: {BAD_CALL}"),
        (
            {"messages": [USER, {**CALLING, "tool_calls": [CALL, CALL]}]},
            "message 1: two tool calls have the same id",
        ),
        (
            {"messages": [USER, {**CALLING, "tool_calls": []}, ANSWER]},
            "message 1: content is empty or of a kind that the target does not take",
        ),
        ({"messages": [USER, CALLING, ANSWER]}, "message 2: calls before it have no answer"),
        ({"messages": [USER, FOUND, ANSWER]}, "message 1: it answers no call before it"),
        (
            {"messages": [USER, CALLING, {**FOUND, "tool_call_id": None}, ANSWER]},
            "message 2: tool_call_id must name the call that it answers",
        ),
        ({"messages": [USER, ANSWER], "tools": {}}, "tools must be a list"),
        ({"messages": [USER, ANSWER], "tools": [{"type": "builtin", "name": "search"}]}, BAD_TOOL),
        (
            {"messages": [USER, ANSWER], "parallel_tool_calls": True},
            "parallel_tool_calls must be true or false, beside tools",
        ),
    ],
)
def test_bad_rows_are_told_what_is_wrong(row, problem):
    """Each rule of OpenAI's has its own words."""
    assert problem in OpenAI().check(row)


@pytest.mark.parametrize("arguments", ["{", "[]", "7", '{"x": NaN}', None, {"word": "sound"}, "[" * 100_000])
def test_arguments_must_be_an_object_as_text(arguments):
    """What is no JSON of an object teaches calls that cannot be made."""
    call = {**CALL, "function": {"name": "find", "arguments": arguments}}
    assert OpenAI().check({"messages": [USER, {**CALLING, "tool_calls": [call]}]}) == [f"message 1: {BAD_CALL}"]


@pytest.mark.parametrize("name", ["", "a b", "über", "x" * 65, "a\n", 7, None])
def test_names_of_functions_have_a_form(name):
    """Letters, digits, underscores and dashes, at most 64."""
    assert OpenAI().check({"messages": [USER, ANSWER], "tools": [{**TOOL, "function": {"name": name}}]}) == [BAD_TOOL]


def test_a_picture_over_ten_megabytes_is_refused():
    """So large a picture would make OpenAI leave the row out."""
    large = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (14 << 20)}}
    assert OpenAI().check({"messages": [image(large), ANSWER]}) == [f"message 0: {CONTENT}"]


def test_what_limbeck_recorded_becomes_openais(record):
    """Calls, tools and pictures have DSPy's form in traces."""
    picture = {"type": "image", "media_type": "image/png", "data": "AAAA", "detail": "high"}
    call = {"id": "1", "name": "find", "arguments": {"word": "ä"}}
    tool = {"type": "function", "name": "find", "description": "Finds.", "parameters": PARAMETERS}
    row = OpenAI().row(record([image(picture), {"role": "assistant", "content": "", "tool_calls": [call]}],
                              tools=[tool]))  # fmt: skip
    assert row == {
        "messages": [
            image({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}}),
            {"role": "assistant", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"word": "ä"}'}},
            ]},
        ],
        "tools": [TOOL],
    }  # fmt: skip
    assert OpenAI().check(row) == []


def test_arguments_that_were_text_stay_verbatim(record):
    """White space and the order of keys are as the LM wrote them."""
    said = '{ "word" :"sound"}'
    call = {**CALL, "function": {"name": "find", "arguments": said}}
    row = OpenAI().row(record([USER, {**CALLING, "tool_calls": [call]}]))
    assert row["messages"][1]["tool_calls"] == [call]


def test_an_answer_without_an_id_is_that_of_the_only_open_call(record):
    """Traces have lost the ids of what tools gave back; where two calls are open, nobody knows."""
    lost = {"role": "tool", "content": "a driver"}
    row = OpenAI().row(record([USER, CALLING, lost, ANSWER]))
    assert row["messages"][2] == FOUND
    assert OpenAI().check(row) == []
    two = {**CALLING, "tool_calls": [CALL, {**CALL, "id": "2"}]}
    row = OpenAI().row(record([USER, two, lost, lost, ANSWER]))
    assert OpenAI().check(row) == [
        "message 2: tool_call_id must name the call that it answers",
        "message 3: tool_call_id must name the call that it answers",
    ]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tool_choice": {"mode": "auto", "parallel": False}}, {"parallel_tool_calls": False}),
        ({"parallel_tool_calls": True}, {"parallel_tool_calls": True}),
        ({"tool_choice": "auto"}, {}),
        ({}, {}),
    ],
)
def test_whether_calls_were_parallel_is_taken_from_the_request(config, said, record, trace):
    """It stands in the row where it was asked for, as it changes what the model is told."""
    step = Step("self", {}, {}, [Call("lm", [], "x", config)])
    made = replace(record([USER, ANSWER], tools=[TOOL]), answers=(Answer(trace(steps=[step]), 0),))
    assert OpenAI().row(made) == {"messages": [USER, ANSWER], "tools": [TOOL], **said}
    assert Together().row(made) == {"messages": [USER, ANSWER], "tools": [TOOL]}


def test_a_row_is_the_same_whatever_tools_are_not_there(record):
    """Without tools there is no word of them."""
    assert set(OpenAI().row(record([USER, ANSWER]))) == {"messages"}


@pytest.mark.parametrize(
    ("target", "rows", "warnings"),
    [
        *[(target, rows, warnings) for target in (OpenAI, OpenAIDPO, Azure)
          for rows, warnings in ((0, 0), (1, 1), (9, 1), (10, 0), (10**9, 0))],
        *[(Fireworks, rows, warnings) for rows, warnings in ((0, 0), (2, 1), (3, 0), (3_000_000, 0), (3_000_001, 1))],
        (Together, 1, 0),
    ],
)  # fmt: skip
def test_too_few_or_too_many_lines_are_warned_of(target, rows, warnings):
    """The service refuses such files; an empty one is warned of elsewhere."""
    assert len(target().check_all(rows)) == warnings


PAIR = {"input": {"messages": [SYSTEM, USER]}, "preferred_output": [ANSWER], "non_preferred_output": [OTHER]}


def test_a_row_has_an_input_and_two_answers(record):
    """The answers stand apart from what they answer; nothing has a weight."""
    made = record([USER, OTHER, USER, ANSWER], kind="preference", rejected=[OTHER], tools=[TOOL])
    assert OpenAIDPO().row(made) == {
        "input": {"messages": [USER, OTHER, USER], "tools": [TOOL]},
        "preferred_output": [ANSWER], "non_preferred_output": [OTHER],
    }  # fmt: skip
    assert OpenAIDPO().check(OpenAIDPO().row(made)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"input": None}, "the row must have 'input', an object, 'preferred_output' and 'non_preferred_output',"),
        ({"id": 1}, "the row must have 'input', an object, 'preferred_output' and 'non_preferred_output',"),
        ({"input": {"messages": []}}, "'input' must have 'messages', a list that is not empty, and beside it"),
        ({"input": {"messages": [USER], "x": 1}}, "'input' must have 'messages', a list that is not empty,"),
        ({"input": {"messages": [USER, ANSWER]}}, "the last message of 'input' must be the user's or a tool's"),
        ({"input": {"messages": [USER, CALLING]}}, "the last calls have no answer"),
        ({"input": {"messages": [image(INLINE)]}}, f"message 0: {CONTENT}"),
        ({"input": {"messages": [{**USER, "weight": 1}]}}, "message 0: unknown key 'weight'"),
        ({"preferred_output": ANSWER}, "preferred_output: it must be a list of messages, not empty, at most 1"),
        ({"preferred_output": []}, "preferred_output: it must be a list of messages, not empty, at most 1"),
        ({"preferred_output": [USER]}, "preferred_output: it must be the assistant's, to the last message"),
        ({"preferred_output": [{**ANSWER, "weight": 1}]}, "preferred_output: message 0: unknown key 'weight'"),
        ({"non_preferred_output": [ANSWER, ANSWER]}, "non_preferred_output: it must be a list of messages,"),
        ({"non_preferred_output": [ANSWER]}, "both outputs are the same"),
    ],
)
def test_bad_pairs_are_told_what_is_wrong(change, problem):
    """Each rule has its own words."""
    problems = OpenAIDPO().check({**PAIR, **change})
    assert any(text.startswith(problem) for text in problems), problems


def test_an_answer_may_be_calls():
    """The better answer may be to look first."""
    assert OpenAIDPO().check({**PAIR, "preferred_output": [CALLING]}) == []


def test_together_and_fireworks_want_content_in_answers():
    """Their documentation has no other answers."""
    row = {**PAIR, "preferred_output": [CALLING]}
    for target in (Together(), Fireworks()):
        assert target.check(PAIR) == []
        assert target.check(row) == ["preferred_output: an answer must have content"]


def test_azure_takes_several_messages():
    """There an answer may call tools and go on."""
    long = {**PAIR, "preferred_output": [CALLING, FOUND, ANSWER]}
    assert Azure().check(long) == []
    assert OpenAIDPO().check(long) != []
    assert Azure().check({**PAIR, "preferred_output": [FOUND, ANSWER]}) != []


def test_fireworks_has_no_tools_in_pairs(record):
    """A pair with tools is refused there, rather than taken without them."""
    row = Fireworks().row(record([USER, ANSWER], kind="preference", rejected=[OTHER], tools=[TOOL]))
    assert Fireworks().check(row) == ["'input' must have 'messages', a list that is not empty, and beside it nothing"]


@pytest.mark.parametrize("target", [Together(), Fireworks()])
@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([USER, USER, ANSWER], "message 1: user may not come after user"),
        ([ANSWER, USER, ANSWER], "message 0: assistant may not come first"),
        ([USER, ANSWER, ANSWER], "message 2: assistant may not come after assistant"),
        ([USER, SYSTEM, ANSWER], "message 1: system may not come after user"),
        ([SYSTEM, SYSTEM, USER, ANSWER], "message 1: system may not come after system"),
        ([USER, CALLING, FOUND, USER, ANSWER], "message 3: user may not come after tool"),
    ],
)
def test_together_and_fireworks_want_turns(target, messages, problem):
    """OpenAI takes roles in any order; chat templates of open models do not."""
    row = {"messages": messages}
    assert target.check(row) == [problem]
    assert OpenAI().check(row) == []


def test_together_and_fireworks_want_pictures_in_the_row(record):
    """They load nothing from the web."""
    for target in (Together(), Fireworks()):
        assert target.check(target.row(record([image(INLINE), ANSWER]))) == []
        assert target.check(target.row(record([image(WEB), ANSWER]))) == [f"message 0: {CONTENT}"]


def test_together_wants_all_contents_as_lists_beside_a_picture(record):
    """Its check refuses rows of both kinds of contents."""
    row = Together().row(record([SYSTEM, image(INLINE), ANSWER]))
    assert [type(message["content"]) for message in row["messages"]] == [list, list, list]
    assert Together().check({"messages": [image(INLINE), ANSWER]}) == [
        "contents must be all texts or all lists of parts"
    ]


def test_azure_files_begin_with_a_mark(tmp_path):
    """One byte-order mark, whatever follows."""
    for lines in ([], [b"{}", b"{}"]):
        with Azure().open(tmp_path / "train.jsonl") as file:
            for line in lines:
                file.write(line)
        assert (tmp_path / "train.jsonl").read_bytes() == b"\xef\xbb\xbf" + b"".join(line + b"\n" for line in lines)


def test_azure_takes_more_pictures():
    """64 in a row."""
    assert Azure().check({"messages": [image(*[WEB] * 64), ANSWER]}) == []
    assert Azure().check({"messages": [image(*[WEB] * 65), ANSWER]}) == ["there are more than 64 pictures"]
