"""The labels that the type of an output has, and values of types that have no such list."""

from __future__ import annotations

from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson

from ...errors import UsageError
from ...signatures.values import adapter, jsonable, short, type_name


def members(kind: Any) -> dict[str, Any] | None:
    """The labels of a type that has few values, by their text, as JSON; None where any value will do."""
    if get_origin(kind) is Annotated:
        return members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        inner = [arg for arg in get_args(kind) if arg is not NoneType]
        return members(inner[0]) if len(inner) == 1 else None
    if get_origin(kind) is Literal:
        return {str(jsonable(arg)): jsonable(arg) for arg in get_args(kind) if arg is not None}
    if kind is bool:
        return {"true": True, "false": False}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {str(jsonable(member)): jsonable(member) for member in kind}
    return None


def open_value(field: str, label: str, kind: Any) -> Any:
    """The value of a type that any value will do for: the text itself, or JSON.

    Raises:
        UsageError: The type has no such value.
    """
    if kind in (str, Any):
        return label
    try:
        value = orjson.loads(label)
        adapter(kind).validate_python(value)
    except ValueError as error:  # pydantic's and orjson's are both one
        raise UsageError(f"{field} cannot be {short(label)}, it is {type_name(kind)}", hint="Write JSON.") from error
    return value
