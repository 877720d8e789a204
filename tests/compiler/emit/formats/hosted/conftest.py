"""A second reading of what hosted services take, written from their documentation alone.

Shapes are JSON schemas; the order of roles is a regular expression over their letters: s(ystem), u(ser), t(ool),
a(ssistant) and c for an assistant's message with calls. Nothing here is limbeck's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

TEXT = {"type": "string", "pattern": r"\S"}
NAME = {"type": "string", "pattern": r"\A[a-zA-Z0-9_-]{1,64}\Z"}


def obj(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object", "required": list(required), "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }  # fmt: skip


def some(item: Any, least: int = 1, most: int | None = None) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": least, **({"maxItems": most} if most else {})}


def said(role: str, content: Any, optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return obj({"role": {"const": role}, "content": content}, optional)


CALL = obj({
    "id": {"type": "string", "minLength": 1}, "type": {"const": "function"},
    "function": obj({"name": NAME, "arguments": {"type": "string"}}),
})  # fmt: skip
FUNCTION = obj({"name": NAME}, {
    "description": {"type": "string"}, "strict": {"type": "boolean"},
    "parameters": {"type": "object", "properties": {"type": {"const": "object"}, "properties": {"type": "object"}}},
})  # fmt: skip
TOOLS = {"type": "array", "items": obj({"type": {"const": "function"}, "function": FUNCTION})}
WEIGHT = {"type": "integer", "enum": [0, 1]}


def messages(urls: str = "", *, listed: bool = False, weight: bool = True) -> dict[str, Any]:
    """Messages whose users may send pictures with such URLs, and whose other contents may be lists too."""
    words = obj({"type": {"const": "text"}, "text": {"type": "string"}})
    image = obj({"url": {"type": "string", "pattern": urls}}, {"detail": {"enum": ["auto", "low", "high"]}})
    picture = obj({"type": {"const": "image_url"}, "image_url": image})
    full = {"contains": {"anyOf": [picture, obj({"type": {"const": "text"}, "text": TEXT})]}}
    texts = {"anyOf": [TEXT, {**some(words), **full}]} if listed else TEXT
    user = {"anyOf": [TEXT, {**some({"anyOf": [words, picture]}), **full}]} if urls else TEXT
    result = {"type": "string"} if not listed else {"anyOf": [{"type": "string"}, {**some(words), **full}]}
    weights = {"weight": WEIGHT} if weight else {}
    calling = obj(
        {"role": {"const": "assistant"}, "tool_calls": some(CALL)},
        {"content": {"anyOf": [TEXT, texts]}, **weights},
    )
    told = said("tool", result, {})
    told = {**told, "required": ["role", "content", "tool_call_id"],
            "properties": {**told["properties"], "tool_call_id": {"type": "string", "minLength": 1}}}  # fmt: skip
    answers = [said("assistant", texts, weights), calling]
    return some({"anyOf": [said("system", texts), said("user", user), told, *answers]})


WEB = r"^(https?://|data:image/(jpeg|png|webp);base64,.)"
INLINE = r"^data:image/(jpeg|png|webp);base64,."
FIREWORKS_INLINE = r"^data:image/(jpeg|png|jpg);base64,."


def letters(row_messages: list[Any]) -> str:
    return "".join("c" if message.get("tool_calls") else message["role"][0] for message in row_messages)


def calls_are_answered(row_messages: list[Any], *, at_the_end: bool) -> bool:
    """Whether the answers after each message with calls are to these calls; those of the last may have none."""
    for at, message in enumerate(row_messages):
        after = row_messages[at + 1 :]
        given = []
        while after and after[0]["role"] == "tool":
            given.append(after.pop(0)["tool_call_id"])
        asked = [call["id"] for call in message.get("tool_calls", [])]
        if len(set(asked)) < len(asked):
            return False
        if message["role"] == "tool":
            continue
        open_end = not at_the_end and not given and not after
        if sorted(given) != sorted(asked) and not open_end:
            return False
    return row_messages[0]["role"] != "tool"


def arguments_are_json(row_messages: list[Any]) -> bool:
    def strict(_: str) -> Any:
        raise ValueError

    for message in row_messages:
        for call in message.get("tool_calls", []):
            try:
                if not isinstance(json.loads(call["function"]["arguments"], parse_constant=strict), dict):
                    return False
            except ValueError:
                return False
    return True


def pictures(row_messages: list[Any]) -> int:
    parts = [
        part for message in row_messages if isinstance(message.get("content"), list) for part in message["content"]
    ]
    return sum(part["type"] == "image_url" for part in parts)


@cache
def chat_schema(urls: str, *beside: str, listed: bool = False) -> Any:
    return jsonschema.Draft202012Validator(
        obj({"messages": messages(urls, listed=listed)}, {key: BESIDE[key] for key in beside})
    )


@cache
def pair_schema(*beside: str) -> Any:
    given = obj({"messages": messages(weight=False)}, {key: BESIDE[key] for key in beside})
    sides = dict.fromkeys(("preferred_output", "non_preferred_output"), messages(weight=False))
    return jsonschema.Draft202012Validator(obj({"input": given, **sides}))


def chat(row: Any, schema: Any, *, order: str, most: int | None, uniform: bool = False) -> bool:
    """Whether a row of messages is good."""
    if not schema.is_valid(row):
        return False
    turns = row["messages"]
    contents = {type(message["content"]) for message in turns if message.get("content")}
    return (
        re.fullmatch(order, letters(turns)) is not None
        and calls_are_answered(turns, at_the_end=False)
        and arguments_are_json(turns)
        and (most is None or pictures(turns) <= most)
        and not (uniform and len(contents) > 1)
        and bool(row.get("tools") or "parallel_tool_calls" not in row)
    )


def pair(row: Any, *beside: str, order: str, output: str, content: bool) -> bool:
    """Whether a row with an input and two answers is good."""
    if not pair_schema(*beside).is_valid(row):
        return False
    turns, sides = row["input"]["messages"], [row["preferred_output"], row["non_preferred_output"]]
    return (
        re.fullmatch(order, letters(turns)) is not None
        and calls_are_answered(turns, at_the_end=True)
        and all(re.fullmatch(output, letters(side)) and calls_are_answered(side, at_the_end=False) for side in sides)
        and all(map(arguments_are_json, [turns, *sides]))
        and not (content and any("content" not in message for side in sides for message in side))
        and sides[0] != sides[1]
        and bool(row["input"].get("tools") or "parallel_tool_calls" not in row["input"])
    )


ANY_CHAT = r"[sucat]*[ac]"
TURNS = r"s?(u(ct+)*a)*u(ct+)*[ac]"
ANY_INPUT = r"[sucat]*[ut]"
TURNS_INPUT = r"s?(u(ct+)*a)*u(ct+)*"
BESIDE = {"tools": TOOLS, "parallel_tool_calls": {"type": "boolean"}}


def openai(row: Any) -> bool:
    """https://developers.openai.com/api/docs/guides/supervised-fine-tuning."""
    return chat(row, chat_schema(WEB, *BESIDE), order=ANY_CHAT, most=10)


def openai_dpo(row: Any) -> bool:
    """https://developers.openai.com/api/docs/guides/direct-preference-optimization."""
    return pair(row, *BESIDE, order=ANY_INPUT, output="[ac]", content=False)


def azure(row: Any) -> bool:
    """https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/fine-tuning."""
    if "input" in row:
        return pair(row, *BESIDE, order=ANY_INPUT, output="[act]*[ac]", content=False)
    return chat(row, chat_schema(WEB, *BESIDE), order=ANY_CHAT, most=64)


def together(row: Any) -> bool:
    """https://docs.together.ai/docs/fine-tuning/data-preparation."""
    if "input" in row:
        return pair(row, "tools", order=TURNS_INPUT, output="[ac]", content=True)
    return chat(row, chat_schema(INLINE, "tools", listed=True), order=TURNS, most=10, uniform=True)


def fireworks(row: Any) -> bool:
    """https://docs.fireworks.ai/fine-tuning/fine-tuning-models."""
    if "input" in row:
        return pair(row, order=TURNS_INPUT, output="[ac]", content=True)
    return chat(row, chat_schema(FIREWORKS_INLINE, "tools"), order=TURNS, most=None)


FUNCTION_NAME = {"type": "string", "pattern": r"\A[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}\Z"}
FILE = obj({"fileData": obj({
    "mimeType": {"enum": ["image/jpeg", "image/png", "image/webp"]}, "fileUri": {"type": "string"},
})})  # fmt: skip
WORDS = obj({"text": TEXT})
ASKED = obj({"functionCall": obj({"name": FUNCTION_NAME, "args": {"type": "object"}})})
RETURNED = obj({"functionResponse": obj({"name": FUNCTION_NAME, "response": {"type": "object"}})})
GEMINI_SCHEMA = {
    "$defs": {"schema": {
        "type": "object",
        "anyOf": [{"required": ["type"]}, {"required": ["anyOf"], "properties": {"anyOf": {"minItems": 1}}}],
        "properties": {
            "type": {"enum": ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]},
            "properties": {"type": "object", "additionalProperties": {"$ref": "#/$defs/schema"}},
            "items": {"$ref": "#/$defs/schema"},
            "anyOf": {"type": "array", "items": {"$ref": "#/$defs/schema"}},
            "enum": {"type": "array", "items": {"type": "string"}},
            **dict.fromkeys((
                "format", "title", "description", "nullable", "default", "minItems", "maxItems", "propertyOrdering",
                "required", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength",
                "pattern", "example", "additionalProperties",
            ), True),
        },
        "additionalProperties": False,
    }},
}  # fmt: skip
DECLARED = obj({"functionDeclarations": some(obj(
    {"name": FUNCTION_NAME}, {"description": {"type": "string"}, "parameters": {"$ref": "#/$defs/schema"}},
))})  # fmt: skip
INSTRUCTION = obj({"parts": some(WORDS)})


def contents(user: list[Any], model: list[Any]) -> dict[str, Any]:
    either = [("user", user), ("model", model)]
    return some({"anyOf": [obj({"role": {"const": who}, "parts": some({"anyOf": parts})}) for who, parts in either]})


def functions_are_answered(turns: list[Any]) -> bool:
    """Whether what follows a content with calls gives as many results of each function as there were calls."""
    names = [
        [sorted(part[kind]["name"] for part in turn["parts"] if kind in part)
         for kind in ("functionCall", "functionResponse")]
        for turn in turns
    ]  # fmt: skip
    return all(given == (names[at - 1][0] if at else []) for at, (_, given) in enumerate(names))


GEMINI = jsonschema.Draft202012Validator(GEMINI_SCHEMA | obj(
    {"contents": contents([WORDS, FILE, RETURNED], [WORDS, ASKED])},
    {"systemInstruction": INSTRUCTION, "tools": some(DECLARED)},
))  # fmt: skip


def gemini(row: Any) -> bool:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare."""
    if not GEMINI.is_valid(row):
        return False
    roles = "".join(turn["role"][0] for turn in row["contents"])
    files = sum("fileData" in part for turn in row["contents"] for part in turn["parts"])
    return re.fullmatch("(um)+", roles) is not None and files <= 30 and functions_are_answered(row["contents"])


def two(first: Any, second: Any) -> dict[str, Any]:
    return {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [first, second]}


MODEL_TURN = obj({"role": {"const": "model"}, "parts": some(WORDS)})
COMPLETIONS = two(*(obj({"score": {"type": "integer", "const": n}, "completion": MODEL_TURN}) for n in (1, 0)))
GEMINI_PAIR = jsonschema.Draft202012Validator(
    obj({"contents": contents([WORDS], [WORDS]), "completions": COMPLETIONS}, {"system_instruction": INSTRUCTION})
)


def gemini_preference(row: Any) -> bool:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-preference-tuning-prepare."""
    if not GEMINI_PAIR.is_valid(row):
        return False
    roles = "".join(turn["role"][0] for turn in row["contents"])
    better, worse = (item["completion"] for item in row["completions"])
    return re.fullmatch("(um)*u", roles) is not None and better != worse


RESERVED = ("system:", "user:", "bot:", "assistant:", "<image>", "<video>", "<unk>", "[eos]")
BLOCK = obj({"text": TEXT})
PLACE = obj({"uri": {"type": "string", "pattern": r"\As3://[\w\-/.]+\Z"}}, {"bucketOwner": True})
S3_IMAGE = obj(
    {"image": obj({"format": {"enum": ["jpeg", "png", "gif", "webp"]}, "source": obj({"s3Location": PLACE})})}
)
NOVA_TURN = {"anyOf": [said("user", some({"anyOf": [BLOCK, S3_IMAGE]})), said("assistant", some(BLOCK))]}


LABELS = ("preferred", "non-preferred")
CANDIDATES = two(*(obj({"content": some(BLOCK), "preferenceLabel": {"const": label}}) for label in LABELS))
LAST_TURN = obj({"role": {"const": "assistant"}, "candidates": CANDIDATES})
BEDROCK = jsonschema.Draft202012Validator(
    obj({"schemaVersion": {"const": "bedrock-conversation-2024"}, "messages": some(NOVA_TURN)}, {"system": some(BLOCK)})
)
NOVA_PAIR = jsonschema.Draft202012Validator(
    obj({"messages": some({"anyOf": [NOVA_TURN, LAST_TURN]}, 2)}, {"system": some(BLOCK)})
)


def nova(row: Any) -> bool:
    """Whether words, pictures and the order of roles are good."""
    blocks = [block for turn in row["messages"] for block in turn.get("content", [])]
    for candidate in row["messages"][-1].get("candidates", []):
        blocks += candidate["content"]
    texts = [block["text"].lower() for block in [*blocks, *row.get("system", [])] if "text" in block]
    free = not any(word in text for text in texts for word in RESERVED)
    roles = "".join(turn["role"][0] for turn in row["messages"])
    return free and re.fullmatch("(ua)+", roles) is not None and sum("image" in block for block in blocks) <= 10


def bedrock(row: Any) -> bool:
    """https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html."""
    return BEDROCK.is_valid(row) and nova(row)


def nova_dpo(row: Any) -> bool:
    """https://docs.aws.amazon.com/nova/latest/userguide/nova-dpo.html."""
    if not NOVA_PAIR.is_valid(row) or not nova(row):
        return False
    sides = [turn["candidates"] for turn in row["messages"] if "candidates" in turn]
    last = "candidates" in row["messages"][-1]
    return len(sides) == 1 and last and sides[0][0]["content"] != sides[0][1]["content"]


READERS: dict[str, tuple[Callable[[Any], bool], int, int | None, bytes]] = {
    "openai": (openai, 10, None, b""),
    "openai-dpo": (openai_dpo, 10, None, b""),
    "azure": (azure, 10, None, b"\xef\xbb\xbf"),
    "together": (together, 1, None, b""),
    "fireworks": (fireworks, 3, 3_000_000, b""),
    "gemini": (gemini, 1, 1_000_000, b""),
    "gemini-preference": (gemini_preference, 1, 10_000_000, b""),
    "bedrock": (bedrock, 8, 20_000, b""),
    "nova-dpo": (nova_dpo, 8, 20_000, b""),
}
"""What reads a row, least and most rows, and the bytes with which a file begins."""


@pytest.fixture(scope="session")
def takes_row() -> Callable[[str, Any], bool]:
    """Whether the service would take a row."""
    return lambda name, row: READERS[name][0](row)


@pytest.fixture(scope="session")
def refusals() -> Callable[[str, Path], list[str]]:
    """Why the service would refuse a file."""

    def read(name: str, path: Path) -> list[str]:
        good, least, most, mark = READERS[name]
        data = path.read_bytes()
        if not data.startswith(mark) or data[len(mark) :].startswith(b"\xef\xbb\xbf"):
            return ["the file does not begin as it should"]
        lines = data[len(mark) :].decode("utf-8").split("\n")
        if lines.pop() or path.suffix != ".jsonl":
            return ["the file is no JSONL"]
        problems = [f"line {number}" for number, line in enumerate(lines, 1) if not good(json.loads(line))]
        if not least <= len(lines) <= (most or len(lines)):
            problems.append(f"{len(lines)} rows")
        return problems

    return read
