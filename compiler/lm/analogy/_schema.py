"""What an output field may hold, as a JSON schema, read off the way DSPy writes types into a prompt."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from ._baml import parse_baml

Schema = Mapping[str, Any]

ANYTHING: Schema = {}
STRING: Schema = {"type": "string"}
_NULL: Schema = {"type": "null"}
_PLAIN: Mapping[str, Schema] = {
    "str": STRING,
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "NoneType": _NULL,
    "None": _NULL,
    "Any": ANYTHING,
    "dict": {"type": "object"},
    "list": {"type": "array", "items": ANYTHING},
    "Reasoning": STRING,
}
_NOTE = "        # note: the value you produce "


class UnknownTypeError(ValueError):
    """An annotation names a class, which says nothing about its values."""


def field_schema(name: str, annotation: str, system: str) -> Schema:
    """The schema of output field `name`: from its annotation, or else from the note about it in `system`."""
    try:
        return annotation_schema(annotation)
    except (UnknownTypeError, SyntaxError):
        return _noted_schema(name, system)


def annotation_schema(annotation: str) -> Schema:
    """The schema of a type as DSPy prints it, such as `Union[Literal['a', 'b'], NoneType]`.

    Raises:
        UnknownTypeError: if it names a type that is not built in.
        SyntaxError: if it is no Python expression.
    """
    return _of_node(parse_expression(annotation.strip()))


def parse_expression(text: str) -> ast.expr:
    """The expression in a type as DSPy prints it, which escapes quotes in a label, but not backslashes.

    Raises:
        SyntaxError: if it is no Python expression.
    """
    try:
        return ast.parse(re.sub(r"\\(?!['\"])", r"\\\\", text), mode="eval").body
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, or nested beyond reason
        raise SyntaxError(text[:80]) from error


def _of_node(node: ast.expr) -> Schema:
    if isinstance(node, ast.Constant) and node.value is None:
        return _NULL
    if isinstance(node, ast.Name) and node.id in _PLAIN:
        return _PLAIN[node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _of_generic(node.value.id, list(arguments))
    raise UnknownTypeError(ast.dump(node)[:80])


def _of_generic(name: str, arguments: list[ast.expr]) -> Schema:
    if name == "Literal":
        return {"enum": [_literal(argument) for argument in arguments]}
    if name in ("Union", "Optional"):
        choices = [_of_node(argument) for argument in arguments]
        return {"anyOf": [*choices, _NULL] if name == "Optional" else choices}
    if name in ("list", "List", "set", "Sequence"):
        return {"type": "array", "items": _of_node(arguments[0])}
    if name in ("dict", "Dict", "Mapping"):
        return {"type": "object", "additionalProperties": _of_node(arguments[-1])}
    raise UnknownTypeError(name)


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):  # DSPy prints a boolean member of a Literal by its bare name
        return node.id
    return ast.literal_eval(node)


def _noted_schema(name: str, system: str) -> Schema:
    noted = re.search(rf"\{{{re.escape(name)}\}}{re.escape(_NOTE)}(.*)$", system, re.MULTILINE)
    if noted:
        return _of_note(noted[1])
    if typed := re.search(rf"^Output field `{re.escape(name)}` should be of type: ", system, re.MULTILINE):
        return parse_baml(system[typed.end() :])
    if skeleton := re.search(rf"^<{re.escape(name)}>(?=<).*</{re.escape(name)}>$", system, re.MULTILINE):
        return _of_skeleton(skeleton[0])
    return ANYTHING


def _of_note(note: str) -> Schema:
    if note.endswith(('"', '",')) and '\\"' in note:  # inside the JSON object of JSONAdapter the note is escaped
        note = _unescaped(note.rstrip(",").removesuffix('"'))
    if found := re.search(r"must adhere to the JSON schema: (.*)$", note):
        try:
            schema = json.loads(found[1])
        except (ValueError, RecursionError):
            return ANYTHING
        return schema if isinstance(schema, dict) else ANYTHING
    if found := re.search(r"one of: (.*?)\"?,?$", note):
        members = found[1].split("; ")
        numeric = all(re.fullmatch(r"-?\d{1,9}", member) for member in members)
        return {"enum": [int(member) for member in members] if numeric else members}
    return ANYTHING


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except (ValueError, RecursionError):
        return text


def _of_skeleton(xml: str) -> Schema:
    # XMLAdapter shows a nested type as `<p><name>...</name></p>`: names of properties, but not their types.
    tag = re.match(r"<([\w.-]+)>", xml)
    inner = xml[tag.end() : xml.rfind("</")] if tag else "..."
    children = re.findall(r"<([\w.-]+)>(.*?)</\1>", inner)
    if not children:
        return ANYTHING
    if [name for name, _ in children] == ["item"]:
        return {"type": "array", "items": _of_skeleton(f"<item>{inner.removeprefix('<item>')}")}
    return {"type": "object", "properties": {n: _of_skeleton(f"<{n}>{body}</{n}>") for n, body in children}}


def resolve(schema: Schema, root: Schema) -> Schema:
    """The schema with its `$ref`, if it is one, looked up in the root's `$defs`."""
    for _ in range(8):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            break
        schema = root.get("$defs", {}).get(str(schema["$ref"]).rsplit("/", 1)[-1], ANYTHING)
    return schema if isinstance(schema, Mapping) else ANYTHING


def without_null(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """The first choice of a union that is not null, and whether null is allowed."""
    schema = resolve(schema, root)
    choices = [resolve(choice, root) for choice in schema.get("anyOf") or schema.get("oneOf") or []]
    if not choices:
        return schema, schema.get("type") == "null"
    enums = [member for choice in choices for member in choice.get("enum", ())]
    solid = [choice for choice in choices if choice.get("type") != "null"]
    if enums and all("enum" in choice for choice in solid):
        return {"enum": enums}, len(solid) < len(choices)
    return (solid[0] if solid else ANYTHING), len(solid) < len(choices)
