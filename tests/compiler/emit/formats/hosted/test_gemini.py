"""Vertex AI's rows and rules for Gemini."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.gemini import Gemini
from limbeck.compiler.emit.formats.gemini_preference import GeminiPreference

SYSTEM = {"role": "system", "content": "Route."}
USER = {"role": "user", "content": "No sound"}
ANSWER = {"role": "assistant", "content": "tech"}
OTHER = {"role": "assistant", "content": "billing"}
TOOL = {
    "type": "function", "name": "find", "description": "Finds.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
}  # fmt: skip


def said(role, *texts):
    return {"role": role, "parts": [{"text": text} for text in texts]}


def call(number, name="find", **arguments):
    return {"id": str(number), "name": name, "arguments": arguments}


def test_a_row_has_an_instruction_and_contents(record):
    """The system message stands apart, and the assistant is the model."""
    row = Gemini().row(record([SYSTEM, USER, ANSWER, USER, OTHER]))
    assert row == {
        "systemInstruction": {"parts": [{"text": "Route."}]},
        "contents": [
            said("user", "No sound"), said("model", "tech"), said("user", "No sound"), said("model", "billing"),
        ],
    }  # fmt: skip
    assert Gemini().check(row) == []


def test_calls_made_at_once_are_answered_at_once(record):
    """Answers stand in one content, by the function's name; a text that is no object is its output."""
    calling = {"role": "assistant", "content": "Let me look.", "tool_calls": [call(1, word="a"), call(2, "count")]}
    found = {"role": "tool", "content": "a driver", "tool_call_id": "1"}
    counted = {"role": "tool", "content": '{"n": 3}', "tool_call_id": "2"}
    row = Gemini().row(record([USER, calling, found, counted, ANSWER], tools=[TOOL, {**TOOL, "name": "count"}]))
    assert row["contents"][1:3] == [
        {"role": "model", "parts": [
            {"text": "Let me look."},
            {"functionCall": {"name": "find", "args": {"word": "a"}}},
            {"functionCall": {"name": "count", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "find", "response": {"output": "a driver"}}},
            {"functionResponse": {"name": "count", "response": {"n": 3}}},
        ]},
    ]  # fmt: skip
    assert Gemini().check(row) == []


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "string"}, {"type": "STRING"}),
        ({"type": ["integer", "null"]}, {"type": "INTEGER", "nullable": True}),
        ({"type": ["null", "integer"]}, {"type": "INTEGER", "nullable": True}),
        ({"type": "array", "items": {"type": "number"}}, {"type": "ARRAY", "items": {"type": "NUMBER"}}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NULL"}]}),
        ({"type": "string", "enum": ["a"], "title": "T"}, {"type": "STRING", "enum": ["a"], "title": "T"}),
        (
            {"type": "object", "properties": {"type": {"type": "boolean"}}},
            {"type": "OBJECT", "properties": {"type": {"type": "BOOLEAN"}}},
        ),
    ],
)
def test_parameters_become_vertexs_schema(schema, wanted, record):
    """Types in capitals, at any depth; a property may be called like a keyword."""
    tool = {**TOOL, "parameters": {"type": "object", "properties": {"x": schema}}}
    row = Gemini().row(record([USER, ANSWER], tools=[tool]))
    assert row["tools"] == [{"functionDeclarations": [
        {"name": "find", "description": "Finds.", "parameters": {"type": "OBJECT", "properties": {"x": wanted}}},
    ]}]  # fmt: skip
    assert Gemini().check(row) == []


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"$ref": "#/$defs/x"}, "function find: Vertex's Schema has no '$ref'"),
        ({"type": "string", "const": "a"}, "function find: Vertex's Schema has no 'const'"),
        ({"type": ["string", "integer"]}, "function find: type ['string', 'integer'] is none of"),
        ({"type": "integer", "enum": [1]}, "function find: values of an enum must be texts"),
        ({}, "function find: type None is none of"),
        (True, "function find: a schema must be an object"),
    ],
)
def test_what_vertex_has_no_counterpart_for_is_refused(schema, problem, record):
    """A tool is not taken with half its schema."""
    tool = {**TOOL, "parameters": {"type": "object", "properties": {"x": schema}}}
    problems = Gemini().check(Gemini().row(record([USER, ANSWER], tools=[tool])))
    assert any(text.startswith(problem) for text in problems), problems


def test_pictures_are_files_in_the_web_or_in_cloud_storage(record):
    """Their kind is told by the name; those in the row itself are not documented for tuning."""
    urls = ["gs://bucket/a.jpg", "https://x.org/a.png"]
    parts = [{"type": "text", "text": "Which?"}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
    row = Gemini().row(record([{"role": "user", "content": parts}, ANSWER]))
    assert row["contents"][0]["parts"] == [
        {"text": "Which?"},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": urls[0]}},
        {"fileData": {"mimeType": "image/png", "fileUri": urls[1]}},
    ]
    assert Gemini().check(row) == []
    for url in ("data:image/png;base64,AAAA", "https://x.org/a", "https://x.org/a.pdf"):
        one = [{"type": "image_url", "image_url": {"url": url}}]
        assert Gemini().check(Gemini().row(record([{"role": "user", "content": one}, ANSWER]))) == [
            "content 0: a part is empty or of a kind that Vertex does not take"
        ]


FILE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}
RETURNED = {"functionResponse": {"name": "find", "response": {}}}
ASKED = {"functionCall": {"name": "find", "args": {}}}


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        ([], "'contents' must be a list that is not empty"),
        ([{"parts": [{"text": "a"}]}], "content 0: it must have a role and parts"),
        ([said("system", "a")], "content 0: role 'system' is neither user nor model"),
        ([said("user"), said("model", "a")], "content 0: parts must be a list that is not empty"),
        ([said("user", " "), said("model", "a")], "content 0: a part is empty or of a kind that Vertex does not take"),
        ([said("user", "a"), {"role": "model", "parts": [FILE]}], "content 1: a part is empty or of a kind"),
        ([{"role": "user", "parts": [ASKED]}, said("model", "a")], "content 0: a part is empty or of a kind"),
        ([said("user", "a"), said("user", "a"), said("model", "a")], "roles must alternate, the user's first"),
        ([said("model", "a")], "roles must alternate, the user's first"),
        ([said("user", "a"), said("model", "a"), said("user", "a")], "the last content must be the model's"),
        (
            [said("user", "a"), {"role": "model", "parts": [ASKED]}, said("user", "b"), said("model", "c")],
            "content 2: it must answer the calls before it, and no others",
        ),
        ([{"role": "user", "parts": [RETURNED]}, said("model", "a")], "content 0: it must answer the calls before it,"),
        ([{"role": "user", "parts": [FILE] * 31}, said("model", "a")], "there are more than 30 pictures"),
    ],
)
def test_bad_contents_are_told_what_is_wrong(contents, problem):
    """Each rule has its own words."""
    problems = Gemini().check({"contents": contents})
    assert any(text.startswith(problem) for text in problems), problems


def test_a_row_has_two_completions(record):
    """The better one first, with score 1."""
    row = GeminiPreference().row(record([SYSTEM, USER, ANSWER], kind="preference", rejected=[OTHER]))
    assert row == {
        "system_instruction": {"parts": [{"text": "Route."}]},
        "contents": [said("user", "No sound")],
        "completions": [
            {"score": 1, "completion": said("model", "tech")},
            {"score": 0, "completion": said("model", "billing")},
        ],
    }
    assert GeminiPreference().check(row) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL]},
        {"rejected": [ANSWER]},
        {"rejected": [OTHER, USER, OTHER]},
        {"completion": [{"role": "assistant", "content": None, "tool_calls": [call(1)]}]},
        {"prompt": [USER, ANSWER]},
        {"prompt": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "gs://b/a.png"}}]}]},
    ],
)
def test_what_is_not_text_or_not_one_turn_is_refused(fields, record):
    """Nothing is left out to make it fit."""
    made = {"kind": "preference", "rejected": [OTHER], **fields}
    assert GeminiPreference().check(GeminiPreference().row(record([USER, ANSWER], **made))) != []


def test_scores_are_one_and_zero(record):
    """The other way round is the other way round."""
    row = GeminiPreference().row(record([USER, ANSWER], kind="preference", rejected=[OTHER]))
    row["completions"].reverse()
    assert GeminiPreference().check(row) == [
        "completion 0: its score must be 1",
        "completion 1: its score must be 0",
    ]


def test_too_many_rows_are_warned_of():
    """A million for tuning, ten for preferences."""
    assert [len(Gemini().check_all(rows)) for rows in (0, 1, 10**6, 10**6 + 1)] == [0, 0, 0, 1]
    assert [len(GeminiPreference().check_all(rows)) for rows in (1, 10**7, 10**7 + 1)] == [0, 0, 1]
