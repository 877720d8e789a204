"""What is written for a hosted service, read a second time from its documentation."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.base import get_format
from limbeck.compiler.emit.record import Answer
from limbeck.testing.conformance.format import examples

PAIRS = [("openai-dpo", "preference"), ("gemini-preference", "preference"), ("nova-dpo", "preference")]
BOTH = [(name, kind) for name in ("azure", "together", "fireworks") for kind in ("sft", "preference")]
ALL = [("openai", "sft"), ("gemini", "sft"), ("bedrock", "sft"), *PAIRS, *BOTH]

WORDS = st.text(max_size=6) | st.sampled_from(
    [" \n", "User: hi", "a <image>", "[eos]", "line\nline", "\u2028", "\ufeff", "café 🍏", '{"a": 1}', "NaN"]
)
FULL = WORDS.filter(str.strip)
URLS = st.sampled_from([
    "https://x.org/a.png", "https://x.org/a", "http://x.org/a.webp", "gs://bucket/a.jpg", "s3://bucket/a.jpeg",
    "s3://b ucket/a.gif", "data:image/png;base64,AAAA", "data:image/jpg;base64,AAAA", "data:image/gif;base64,AAAA", "",
])  # fmt: skip
IMAGES = URLS.map(lambda url: {"type": "image_url", "image_url": {"url": url}}) | st.just(
    {"type": "image", "media_type": "image/png", "data": "AAAA"}
)
PARTS = st.lists(WORDS.map(lambda text: {"type": "text", "text": text}) | IMAGES, max_size=3)
NAMES = st.sampled_from(["look_up", "find", "über", "a b", ""])
ARGUMENTS = st.dictionaries(st.text(max_size=2), st.none() | st.integers() | st.text(max_size=2), max_size=2)
ODD = st.sampled_from([None, 7, [], "x", {}, [None], float("nan")])


@st.composite
def calls(draw: Any, at: int) -> list[Any]:
    """Calls in limbeck's form, in OpenAI's, or in none."""
    made = []
    for number in range(draw(st.integers(1, 2))):
        name, arguments = draw(NAMES.filter(str.isidentifier) | NAMES), draw(ARGUMENTS)
        call: Any = {"id": f"call-{at}-{number}", "name": name, "arguments": arguments}
        if draw(st.booleans()):
            function = {"name": name, "arguments": draw(st.just(json.dumps(arguments)) | WORDS)}
            call = {"id": call["id"], "type": "function", "function": function}
        made.append(call)
    return made


@st.composite
def turn(draw: Any, at: int, *, plain: bool) -> list[Any]:
    """What a user says, and what happens until the assistant has answered."""
    user = {"role": "user", "content": draw(FULL if plain else FULL | WORDS | PARTS)}
    made = [user]
    if not plain and draw(st.booleans()):
        asked = draw(calls(at))
        made.append({"role": "assistant", "content": draw(st.none() | WORDS), "tool_calls": asked})
        for call in asked:
            told = {"role": "tool", "content": draw(WORDS), "tool_call_id": call["id"]}
            made.append(draw(st.just(told) | st.just({"role": "tool", "content": "no id"})))
    return [*made, {"role": "assistant", "content": draw(FULL if plain else FULL | WORDS)}]


@st.composite
def chats(draw: Any) -> list[Any]:
    """A conversation that most services take, often with one thing wrong."""
    plain = draw(st.booleans())  # no calls, no pictures, no blanks
    made = [{"role": "system", "content": draw(FULL)}] if draw(st.booleans()) else []
    for at in range(draw(st.integers(1, 3))):
        made += draw(turn(at, plain=plain))
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(made) - 1))
        made[at] = {**made[at], draw(st.sampled_from(["role", "content", "tool_calls"])): draw(ODD | PARTS)}
    if draw(st.integers(0, 5)) == 0:
        made.pop(draw(st.integers(0, len(made) - 1)))
    return made or [{"role": "user", "content": "x"}]


TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "name": NAMES},
        optional={
            "description": st.text(max_size=3) | st.just(7),
            "parameters": st.sampled_from([
                {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
                {"type": "object", "properties": {"x": {"type": ["integer", "null"]}}, "additionalProperties": False},
                {"type": "object", "properties": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
                {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "number"}}}},
                {"type": "object", "properties": {"x": {"enum": ["a", "b"], "type": "string"}}},
                {"type": "object", "properties": {"x": {"enum": [1]}}, "$defs": {}},
                {"type": "object", "properties": {"x": {"$ref": "#"}}},
                {"type": "string"}, {}, [], 7,
            ]),
        },
    ),
    max_size=2,
)  # fmt: skip


@st.composite
def records(draw: Any, kind: str) -> Any:
    """A record of a kind."""
    base = examples(kind)[0]
    *prompt, answer = draw(chats())
    other = FULL.map(lambda text: {"role": "assistant", "content": text})
    rejected = [draw(other | other | st.just(answer) | chats().map(lambda chat: chat[-1]))]
    given_ = {"prompt": prompt, "completion": [answer], "tools": draw(st.just([]) | TOOLS)}
    if kind == "preference":
        given_["rejected"] = rejected
        given_["answers"] = (base.answers[0], Answer(base.answers[1].trace, 0))
    return type(base)(**{"kind": kind, "answers": base.answers, **given_})


SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def plain(row: Any) -> Any:
    """The row as it is in the file; None where it cannot be written."""
    try:
        return orjson.loads(orjson.dumps(row))
    except orjson.JSONEncodeError:
        return None


@pytest.mark.parametrize(("name", "kind"), ALL)
@given(data=st.data())
@SETTINGS
def test_both_readings_agree(name, kind, data, takes_row):
    """The check takes a row where the documentation does, and only there."""
    target = get_format(name)
    row = target.row(data.draw(records(kind)))
    problems = target.check(row)
    written = plain(row)
    if written is not None:
        assert takes_row(name, written) == (not problems), problems


def changed(value: Any) -> list[Any]:
    """A row with one thing in it replaced or taken out, for each thing."""
    made = []
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        below = changed(item) if isinstance(item, dict | list) else []
        for other in (None, 7, True, "", "text", [], {}, [{}], *below):
            one = copy.copy(value)
            one[key] = other
            made.append(one)
        less = copy.copy(value)
        del less[key]
        made.append(less)
        if isinstance(value, list):
            made.append([*value, item])
    if isinstance(value, dict):
        made.append({**value, "more": "text"})
    return made


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "name": "find", "arguments": {"x": 1}}]}
TOLD = {"role": "tool", "content": "found", "tool_call_id": "1"}
TOOL = {"type": "function", "name": "find", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_both_readings_agree_on_what_is_changed(name, kind, takes_row, record):
    """So they do on rows in which any one thing is not as it should be."""
    target = get_format(name)
    made = list(examples(kind))
    if name not in {"bedrock", "nova-dpo", "gemini-preference"}:
        user = {"role": "user", "content": "x"}
        fields = {"rejected": [{"role": "assistant", "content": "no"}]} if kind == "preference" else {}
        fields["tools"] = [] if (name, kind) == ("fireworks", "preference") else [TOOL]
        made.append(record([user, CALL, TOLD, {"role": "assistant", "content": "y"}], kind=kind, **fields))
    for one in made:
        row = target.row(one)
        assert target.check(row) == []
        for other in changed(row):
            problems = target.check(other)
            assert takes_row(name, other) == (not problems), (other, problems)


@pytest.mark.parametrize(("name", "kind"), ALL)
@given(data=st.data())
@settings(SETTINGS, max_examples=10)
def test_what_is_written_is_taken(name, kind, data, refusals, tmp_path):
    """A file of the rows that passed is one that the service takes."""
    target = get_format(name)
    rows = [target.row(made) for made in [*examples(kind), *data.draw(st.lists(records(kind), max_size=4))]]
    lines = [orjson.dumps(row) for row in rows if not target.check(row) and plain(row) is not None]
    path = tmp_path / target.path("train")
    many = (lines * 10)[: max(10, len(lines))]
    with target.open(path) as file:
        for line in many:
            file.write(line)
    assert target.check_all(len(many)) == [] or name == "bedrock"
    assert refusals(name, path) == []
