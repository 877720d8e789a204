"""The short type language of DSPy's BAMLAdapter: `{ name: string, kind: "a" or "b", tags: string[], }`."""

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r'"[^"\n]*"|\w+:(?=\s)|[{}\[\],]|\bor\b|[\w.-]+')
_COMMENT = re.compile(r"(^|\s)#[^\n]*")
_NAMED: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
}


def parse_baml(text: str) -> Mapping[str, Any]:
    """The JSON schema of the type that the text starts with; `{}` where it cannot be read."""
    end = text.find("\n\n")
    tokens = _TOKEN.findall(_COMMENT.sub(" ", text[:end] if end >= 0 else text))
    try:
        return _union(tokens)
    except (IndexError, RecursionError):
        return {}


def _union(tokens: list[str]) -> Mapping[str, Any]:
    choices = [_single(tokens)]
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        choices.append(_single(tokens))
    if len(choices) == 1:
        return choices[0]
    enums = [member for choice in choices for member in choice.get("enum", ())]
    if enums and choices[-1].get("type") == "array":  # `"x" or "y"[]` is how a list of a Literal is printed
        return {"type": "array", "items": {"enum": [*enums, *choices[-1]["items"].get("enum", ())]}}
    solid = [{"enum": enums}] if enums else [choice for choice in choices if choice.get("type") != "null"]
    nullable = any(choice.get("type") == "null" for choice in choices)
    return {"anyOf": [*solid, {"type": "null"}]} if nullable or len(solid) > 1 else solid[0]


def _single(tokens: list[str]) -> Mapping[str, Any]:
    token = tokens.pop(0)
    if token == "{":
        schema = _object(tokens)
    elif token == "[":
        schema = {"type": "array", "items": _union(tokens)}
        tokens.pop(0)
    elif token.startswith('"'):
        schema = {"enum": [token[1:-1]]}
    elif token == "dict":
        schema = _dict(tokens)
    else:
        schema = _NAMED.get(token, {})
    while tokens[:2] == ["[", "]"]:
        del tokens[:2]
        schema = {"type": "array", "items": schema}
    return schema


def _object(tokens: list[str]) -> Mapping[str, Any]:
    properties: dict[str, Any] = {}
    while tokens[0] != "}":
        name = tokens.pop(0)
        if name.endswith(":"):
            properties[name[:-1]] = _union(tokens)
    tokens.pop(0)
    return {"type": "object", "properties": properties}


def _dict(tokens: list[str]) -> Mapping[str, Any]:
    tokens.pop(0)  # the bracket
    _union(tokens)  # the type of the keys, which JSON makes strings anyway
    tokens.pop(0)  # the comma
    values = _union(tokens)
    tokens.pop(0)
    return {"type": "object", "additionalProperties": values}
