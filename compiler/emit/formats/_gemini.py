"""Chats as Vertex AI has them for Gemini: a system instruction, and contents of users and the model.

Rules: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare (roles ``user`` and
``model``, which alternate; parts), .../tune-function-calling (``tools``, ``functionCall``, ``functionResponse``) and
.../tune_gemini/image_tune (``fileData``, at most 30). The examples there give what a function returned without a role;
here it is the user's, the only other role that is documented.
"""

from __future__ import annotations

import mimetypes
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ....records import Json
from ._calls import answered, blocks, call_of, calls_of, function_of, parsed

_SCHEMA = {
    "type", "format", "title", "description", "nullable", "default", "items", "minItems", "maxItems", "enum",
    "properties", "propertyOrdering", "required", "minProperties", "maxProperties", "minimum", "maximum", "minLength",
    "maxLength", "pattern", "example", "anyOf", "additionalProperties",
}  # fmt: skip
"""What Vertex's ``Schema`` has: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/Schema."""

_TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")  # of a function, as the REST reference has it
_IMAGES = {"image/jpeg", "image/png", "image/webp"}
_MOST_IMAGES = 30


def chat(messages: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Parts of the system instruction, and contents."""
    said = answered(messages)
    system: list[Json] = []
    if said and said[0].get("role") == "system":
        system = _parts(said.pop(0))
    names = {call.id: call.name for message in said for call in calls_of(message) if call.id}
    contents: list[Json] = []
    returned = False
    for message in said:
        if message.get("role") != "tool":
            contents.append({"role": _role(message.get("role")), "parts": _parts(message)})
        elif returned:  # answers to calls made at once stand together
            contents[-1]["parts"].append(_response(message, names))
        else:
            contents.append({"role": "user", "parts": [_response(message, names)]})
        returned = message.get("role") == "tool"
    return system, contents


def _role(role: Any) -> Any:
    return "model" if role == "assistant" else role


def _parts(message: Json) -> list[Json]:
    content, calls = message.get("content"), message.get("tool_calls")
    parts = blocks(content, _picture)
    if not calls:
        return parts
    if content in (None, ""):
        parts = []
    return parts + [_call(call) for call in calls] if isinstance(calls, list) else [{"functionCall": calls}]


def _picture(url: str) -> Json | None:
    """A picture; it must lie where Vertex can read it."""
    if not url.startswith(("gs://", "https://", "http://")):
        return None
    return {"fileData": {"mimeType": mimetypes.guess_type(url)[0], "fileUri": url}}


def _call(raw: Any) -> Json:
    call = call_of(raw)
    return {"functionCall": raw if call is None else {"name": call.name, "args": call.arguments}}


def _response(message: Json, names: Mapping[str, str]) -> Json:
    content = message.get("content")
    given = parsed(content) if isinstance(content, str) else None
    response = given if isinstance(given, dict) else {"output": content}
    return {"functionResponse": {"name": names.get(str(message.get("tool_call_id"))), "response": response}}


def declaration(tool: Any) -> Any:
    """A tool as a function declaration."""
    function = function_of(tool)
    if function is None:
        return tool
    made: Json = {key: function[key] for key in ("name", "description") if key in function}
    if "parameters" in function:
        made["parameters"] = _schema(function["parameters"])
    return made


def _schema(schema: Any) -> Any:
    """JSON schema as Vertex's Schema; keywords that it lacks are left for ``check`` to see."""
    if not isinstance(schema, dict):
        return schema
    made = {key: _value(key, value) for key, value in schema.items()}
    kinds = schema.get("type")
    if isinstance(kinds, str):
        made["type"] = kinds.upper()
    elif isinstance(kinds, list) and len(kinds) == 2 and "null" in kinds:
        made["type"] = str(kinds[kinds[0] == "null"]).upper()
        made["nullable"] = True
    return made


def _value(key: str, value: Any) -> Any:
    if key == "properties" and isinstance(value, dict):
        return {name: _schema(item) for name, item in value.items()}
    if key == "anyOf" and isinstance(value, list):
        return [_schema(item) for item in value]
    return _schema(value) if key == "items" else value


def parts_problems(parts: Any, role: str, *, text_only: bool = False) -> list[str]:
    """Check the parts of one content."""
    if not isinstance(parts, list) or not parts:
        return ["parts must be a list that is not empty"]
    if not all(_part_is_good(part, role, text_only=text_only) for part in parts):
        return ["a part is empty or of a kind that Vertex does not take" + (" here" if text_only else "")]
    return []


def _part_is_good(part: Any, role: str, *, text_only: bool) -> bool:
    if not isinstance(part, dict) or len(part) != 1:
        return False
    (kind, value), *_ = part.items()
    if kind == "text":
        return isinstance(value, str) and bool(value.strip())
    if text_only or not isinstance(value, dict):
        return False
    if kind == "fileData":
        known = set(value) == {"mimeType", "fileUri"} and value["mimeType"] in _IMAGES
        return role == "user" and known and isinstance(value["fileUri"], str)
    keys, whose = {"functionCall": ("args", "model"), "functionResponse": ("response", "user")}.get(kind, ("", ""))
    if role != whose or set(value) != {"name", keys} or not isinstance(value[keys], dict):
        return False
    return isinstance(value["name"], str) and _NAME.fullmatch(value["name"]) is not None


def contents_problems(contents: Any, *, last: str, text_only: bool = False) -> list[str]:
    """Check contents one by one, and if each is good, their order.

    Args:
        contents: The contents.
        last: Role of the last one.
        text_only: Whether parts may be texts only.
    """
    if not isinstance(contents, list) or not contents:
        return ["'contents' must be a list that is not empty"]
    problems = []
    for number, content in enumerate(contents):
        problems += [f"content {number}: {text}" for text in _content_problems(content, text_only=text_only)]
    return problems or _order_problems(contents, last)


def _content_problems(content: Any, *, text_only: bool) -> list[str]:
    if not isinstance(content, dict) or set(content) != {"role", "parts"}:
        return ["it must have a role and parts"]
    if content["role"] not in ("user", "model"):
        return [f"role {content['role']!r} is neither user nor model"]
    return parts_problems(content["parts"], content["role"], text_only=text_only)


def _order_problems(contents: list[Json], last: str) -> list[str]:
    problems = []
    if any(content["role"] != ("user", "model")[number % 2] for number, content in enumerate(contents)):
        problems.append("roles must alternate, the user's first")
    if contents[-1]["role"] != last:
        problems.append(f"the last content must be the {last}'s")
    asked = Counter[str]()
    for number, content in enumerate(contents):
        given = _names(content, "functionResponse")
        if given != asked:
            problems.append(f"content {number}: it must answer the calls before it, and no others")
        asked = _names(content, "functionCall")
    if sum("fileData" in part for content in contents for part in content["parts"]) > _MOST_IMAGES:
        problems.append(f"there are more than {_MOST_IMAGES} pictures")
    return problems


def _names(content: Json, kind: str) -> Counter[str]:
    return Counter(part[kind]["name"] for part in content["parts"] if kind in part)


def instruction_problems(instruction: Any) -> list[str]:
    """Check a system instruction."""
    if not isinstance(instruction, dict) or set(instruction) != {"parts"}:
        return ["the system instruction must have parts, and nothing else"]
    return [f"system instruction: {text}" for text in parts_problems(instruction["parts"], "system", text_only=True)]


def tools_problems(tools: Any) -> list[str]:
    """Check the tools of a row."""
    if not isinstance(tools, list) or not tools:
        return ["tools must be a list that is not empty"]
    problems = []
    for tool in tools:
        listed = tool.get("functionDeclarations") if isinstance(tool, dict) and len(tool) == 1 else None
        if not isinstance(listed, list) or not listed:
            return ["a tool must have functionDeclarations, a list that is not empty, and nothing else"]
        problems += [text for item in listed for text in _declaration_problems(item)]
    return problems


def _declaration_problems(item: Any) -> list[str]:
    if not isinstance(item, dict) or not {"name"} <= set(item) <= {"name", "description", "parameters"}:
        return ["a function must have a name, a description and parameters, and nothing else"]
    name = item["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(item.get("description", ""), str):
        return [f"{name!r} is no name of a function, or its description no text"]
    return [f"function {name}: {text}" for text in _schema_problems(item.get("parameters", {"type": "OBJECT"}))]


def _schema_problems(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return ["a schema must be an object"]
    problems = [f"Vertex's Schema has no {key!r}" for key in schema if key not in _SCHEMA]
    kind, properties, options = schema.get("type"), schema.get("properties", {}), schema.get("anyOf", [])
    if kind not in _TYPES if isinstance(kind, str) else kind is not None or not options:
        problems.append(f"type {kind!r} is none of {', '.join(sorted(_TYPES))}")
    if not isinstance(properties, dict) or not isinstance(options, list):
        return [*problems, "properties must be an object, and anyOf a list"]
    enum = schema.get("enum", [])
    if not isinstance(enum, list) or not all(isinstance(value, str) for value in enum):
        problems.append("values of an enum must be texts")
    below = [*properties.values(), *options, *([schema["items"]] if "items" in schema else [])]
    return problems + [text for item in below for text in _schema_problems(item)]
