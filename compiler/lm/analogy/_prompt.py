"""Reads a DSPy prompt back: its adapter, signature, instructions, demos and the current input."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal
from xml.etree import ElementTree as ET

from ._schema import Schema, field_schema, parse_expression, without_null

Style = Literal["chat", "json", "xml"]
Message = tuple[str, str]  # role, content


class Missing:
    """The value of an output field that a demo does not supply."""


MISSING = Missing()
_FIELD = re.compile(r"^\d+\. `(\w+)` \(", re.MULTILINE)
_HEADER = re.compile(r"^[ \t]*\[\[ ## (\w+) ## \]\][ \t]*", re.MULTILINE)
_REQUEST = re.compile(
    r"\n*Respond with (?:the corresponding output fields(?:, starting| wrapped in XML)|a JSON object in).*\Z",
    re.DOTALL,
)
_CONSTANTS = {"True": True, "False": False, "None": None}  # as str() writes them into demos
_OBJECTIVE = "your objective is:"
_UNSUPPLIED = "Not supplied for this"


@dataclass(frozen=True)
class Field:
    """One field of the signature, as the prompt tells it."""

    name: str
    description: str
    schema: Schema


@dataclass(frozen=True)
class Demo:
    """One worked example of the prompt: the text of each input, the value of each output."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, Any]
    text: str


@dataclass(frozen=True)
class Signature:
    """What the system message says: adapter, fields, instructions."""

    style: Style
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    instructions: str


@dataclass(frozen=True)
class Prompt:
    """A whole prompt, read."""

    signature: Signature
    demos: tuple[Demo, ...]
    current: Mapping[str, str]
    text: str


def read_prompt(messages: Sequence[Message]) -> Prompt | None:
    """The prompt in the messages, or None where no DSPy adapter wrote them."""
    system = "\n".join(content for role, content in messages if role == "system")
    turns = [message for message in messages if message[0] != "system"]
    last = max((i for i, (role, _) in enumerate(turns) if role == "user"), default=None)
    if last is None:
        return None
    style = _style(system, turns[last][1])
    signature = read_signature(system, style)
    if not signature.outputs:
        return None
    current = _read_inputs(turns[last][1], _names(signature.inputs), style)
    demos = tuple(
        _read_demo(asked, answered, system, style)
        for (role, asked), (reply, answered) in pairwise(turns[:last])
        if role == "user" and reply == "assistant"
    )
    return Prompt(signature, demos, current, "\n".join(current.values()))


def _style(system: str, request: str) -> Style:
    asked = _REQUEST.search(request)
    words = asked[0] if asked else system
    if "Respond with a JSON object" in words or "Outputs will be a JSON object" in words:
        return "json"
    if "wrapped in XML tags" in words or "[[ ## " not in words:
        return "xml"
    return "chat"


@lru_cache(maxsize=256)
def read_signature(system: str, style: Style) -> Signature:
    """The signature that a system message describes; without output fields where it describes none."""
    start = system.find("Your output fields are:")
    end = system.find("All interactions will be structured in the following way", max(start, 0))
    if start < 0 or end < 0:
        return Signature(style, (), (), system)
    objective = system.find(_OBJECTIVE, end)
    instructions = textwrap.dedent(system[objective + len(_OBJECTIVE) :]).strip() if objective >= 0 else ""
    inputs = _read_fields(system[:start], "")
    return Signature(style, inputs, _read_fields(system[start:end], system[end:]), instructions)


def _read_fields(block: str, system: str) -> tuple[Field, ...]:
    heads = list(_FIELD.finditer(block))
    ends = [*(head.start() for head in heads[1:]), len(block)]
    fields = []
    for head, end in zip(heads, ends, strict=False):
        annotation, description = _split_annotation(block[head.end() : end])
        fields.append(Field(head[1], description.strip(), field_schema(head[1], annotation, system)))
    return tuple(fields)


def _split_annotation(text: str) -> tuple[str, str]:
    # A label may itself contain "):", so take the first split whose left side is Python.
    splits = [found.start() for found in re.finditer(r"\):", text)][:16]
    for at in splits:
        try:
            parse_expression(text[:at].strip())
        except SyntaxError:
            continue
        return text[:at], text[at + 2 :]
    at = splits[0] if splits else len(text)
    return text[:at], text[at + 2 :]


def _read_inputs(content: str, names: tuple[str, ...], style: Style) -> Mapping[str, str]:
    content = _REQUEST.sub("", content)
    read = _xml_sections(content, names) if style == "xml" else _header_sections(content, names)
    return read or {"input": content.strip()}


def _header_sections(content: str, names: tuple[str, ...]) -> dict[str, str]:
    # Only the signature's own headers split: the trajectory of ReAct has headers inside its value.
    heads = [head for head in _HEADER.finditer(content) if head[1] in names or head[1] == "completed"]
    ends = [*(head.start() for head in heads[1:]), len(content)]
    found: dict[str, str] = {}
    for head, end in zip(heads, ends, strict=False):
        if head[1] in names:
            found.setdefault(head[1], content[head.end() : end].strip())
    return found


def _xml_sections(content: str, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        start, end = content.find(f"<{name}>"), content.rfind(f"</{name}>")
        if 0 <= start < end:
            found[name] = content[start + len(name) + 2 : end].strip()
    return found


@lru_cache(maxsize=4_096)
def _read_demo(asked: str, answered: str, system: str, style: Style) -> Demo:
    signature = read_signature(system, style)
    inputs = _read_inputs(asked, _names(signature.inputs), style)
    raw = _raw_outputs(answered, signature)
    values = {field.name: _value(raw.get(field.name, MISSING), field.schema) for field in signature.outputs}
    return Demo(inputs, values, "\n".join(inputs.values()))


def _names(fields: Sequence[Field]) -> tuple[str, ...]:
    return tuple(field.name for field in fields)


def _raw_outputs(content: str, signature: Signature) -> Mapping[str, Any]:
    names = _names(signature.outputs)
    if signature.style == "chat":
        return _header_sections(content, names)
    if signature.style == "xml":
        return _xml_outputs(content, signature.outputs)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _xml_outputs(content: str, fields: Sequence[Field]) -> Mapping[str, Any]:
    try:
        root = ET.fromstring(f"<root>{content}</root>")  # noqa: S314 - a demo of the user's own prompt
    except (ET.ParseError, ValueError):
        return _xml_sections(content, _names(fields))
    return {element.tag: _xml_value(element) for element in root}


def _xml_value(element: ET.Element) -> Any:
    children = list(element)
    if not children:
        return (element.text or "").strip()
    if all(child.tag == "item" for child in children):
        return [_xml_value(child) for child in children]
    return {child.get("key", child.tag) if child.tag == "entry" else child.tag: _xml_value(child) for child in children}


def _value(raw: Any, schema: Schema) -> Any:
    """The raw value of a demo as its schema has it; MISSING where it does not fit."""
    if isinstance(raw, Missing) or (isinstance(raw, str) and raw.startswith(_UNSUPPLIED)):
        return MISSING
    solid, nullable = without_null(schema, schema)
    if raw is None or (nullable and raw in ("None", "null", "")):
        return None if nullable else MISSING
    kind = solid.get("type")
    if "enum" in solid:
        return raw if str(raw) in map(str, solid["enum"]) else MISSING
    if kind == "string" or not isinstance(raw, str):
        return str(raw) if kind == "string" else raw
    if raw == "" and kind in ("array", "object"):
        return [] if kind == "array" else {}
    parsed = _parsed(raw)
    return raw if kind is None and isinstance(parsed, Missing) else parsed


def _parsed(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING
