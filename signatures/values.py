"""Values as JSON and back: what is stored is JSON, what programs and metrics see is typed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, RootModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..records import Json, canonical_json

_PLAIN = (str, int, float, bool, NoneType)
_UNSTABLE = re.compile(r" at 0x[0-9a-fA-F]+|\blimbeck_target_[0-9a-f]+_")  # addresses; names of loaded targets
_WORD_MIN, _WORD_MAX = -(2**63), 2**64 - 1
_CUSTOM_TYPE = "<<CUSTOM-TYPE-START-IDENTIFIER>>"  # how DSPy writes its own types into strings


def jsonable(value: Any) -> Any:
    """Turn any value into JSON values, the same in every process.

    Models become objects, enums their values, sets sorted lists, dates ISO strings. What JSON cannot hold
    becomes a string that pydantic reads back: integers beyond 64 bits, NaN and infinities. A lone surrogate
    in a string becomes U+FFFD. What has no JSON form at all becomes its repr, without the address.
    """
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int:
        return value if _WORD_MIN <= value <= _WORD_MAX else str(value)
    if kind is float:
        return value if math.isfinite(value) else _not_finite(value)
    if kind is dict:
        return {_key(k): jsonable(v) for k, v in value.items()}
    if kind is list or kind is tuple:
        return [jsonable(item) for item in value]
    return _uncommon(value)


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key(key: object) -> str:
    value = jsonable(key)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _uncommon(value: Any) -> Any:
    """Containers, models and leaves other than the JSON types themselves."""
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, BaseModel):
        return _model(value)
    if isinstance(value, Mapping):
        return {_key(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((jsonable(item) for item in value), key=canonical_json)
    if is_record(value):
        return {_key(k): jsonable(v) for k, v in value.items()}
    if type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return jsonable(value.tolist())
    for kind in (str, int, float):  # subclasses of the JSON types
        if isinstance(value, kind):
            return jsonable(kind(value))
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return _leaf(value)


def is_record(value: object) -> bool:
    """Whether it is a DSPy Example or Prediction, found without importing DSPy."""
    return any(cls.__module__ == "dspy.primitives.example" for cls in type(value).__mro__)


def _leaf(value: Any) -> Any:
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, type) or callable(value):
        return stable_repr(value)
    try:
        return to_jsonable_python(value, inf_nan_mode="strings", bytes_mode="utf8")
    except (PydanticSerializationError, ValueError):
        return stable_repr(value)


def _model(value: BaseModel) -> Any:
    if _is_dspy_type(type(value)):
        return _dspy_type(value)
    try:
        dumped = value.model_dump(mode="json", by_alias=False)
        if _has_aliases(type(value)):
            dumped = _aliased(dumped, value)
        return jsonable(_sets_sorted(dumped, value.model_dump(by_alias=False)))
    except (PydanticSerializationError, TypeError, ValueError):  # TypeError: a set of models
        return _model_fields(value)


def _model_fields(value: BaseModel) -> Json:
    names = _aliases(type(value))
    return {names.get(name, name): jsonable(getattr(value, name)) for name in type(value).model_fields}


@lru_cache(maxsize=1024)
def _aliases(cls: type[BaseModel]) -> Mapping[str, str]:
    """Names under which fields are validated, where they are others than the fields' own.

    So a value is written as its JSON schema says, by which LMs answer, and can be read back.
    """
    if cls.model_config.get("validate_by_alias") is False or cls.__pydantic_decorators__.model_serializers:
        return {}
    found = {name: _alias(field) for name, field in cls.model_fields.items()}
    return {name: alias for name, alias in found.items() if alias is not None}


def _alias(field: FieldInfo) -> str | None:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    names = [choice for choice in choices if isinstance(choice, str)]
    return field.serialization_alias if field.serialization_alias in names else next(iter(names), None)


@lru_cache(maxsize=1024)
def _has_aliases(cls: type[BaseModel]) -> bool:
    """Whether a field of the model, or of a model in it, has an alias."""
    pending: list[Any] = [cls]
    seen: set[Any] = set()
    while pending:
        kind = pending.pop()
        pending += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
            seen.add(kind)
            if _aliases(kind):
                return True
            pending += [field.annotation for field in kind.model_fields.values()]
    return False


def _aliased(dumped: Any, value: Any) -> Any:
    """Rename the fields of all models in a dumped value."""
    if isinstance(value, RootModel):
        return _aliased(dumped, value.root)
    if isinstance(value, BaseModel) and isinstance(dumped, dict):
        names = _aliases(type(value))
        return {names.get(key, key): _aliased(item, getattr(value, key, None)) for key, item in dumped.items()}
    if isinstance(value, Mapping) and isinstance(dumped, dict) and len(value) == len(dumped):
        pairs = zip(dumped.items(), value.values(), strict=True)
        return {key: _aliased(item, original) for (key, item), original in pairs}
    if isinstance(value, list | tuple | AbstractSet) and isinstance(dumped, list) and len(value) == len(dumped):
        return [_aliased(item, original) for item, original in zip(dumped, value, strict=True)]
    return dumped


def _dspy_type(value: BaseModel) -> Any:
    """Write DSPy's own types by their fields, or as the string that they are (Reasoning, Code).

    Their serializer writes what goes into a prompt, from which most cannot be read back.
    """
    text = value.model_dump()
    if isinstance(text, str) and _CUSTOM_TYPE not in text:
        try:
            if type(value).model_validate(text) == value:
                return _text(text)
        except ValidationError:
            pass
    return _model_fields(value)


def _sets_sorted(dumped: Any, python: Any) -> Any:
    """Sort the lists that were sets: pydantic writes them in hash order, which differs between processes."""
    if isinstance(python, AbstractSet) and isinstance(dumped, list):
        return sorted(dumped, key=lambda item: canonical_json(jsonable(item)))
    if isinstance(python, Mapping) and isinstance(dumped, dict) and len(python) == len(dumped):
        pairs = zip(dumped.items(), python.values(), strict=True)
        return {key: _sets_sorted(item, original) for (key, item), original in pairs}
    if isinstance(python, list | tuple) and isinstance(dumped, list) and len(python) == len(dumped):
        return [_sets_sorted(item, original) for item, original in zip(dumped, python, strict=True)]
    return dumped


def is_plain(annotation: Any) -> bool:
    """Whether values of this type are their own JSON.

    So are str, int, float, bool, None, Any, Literal, and lists, dicts and unions of them.
    """
    if annotation in _PLAIN or annotation is Any or annotation is None:
        return True
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return is_plain(args[0])
    if origin is Literal:
        return all(type(arg) in _PLAIN for arg in args)
    if origin in (Union, UnionType, list, dict):
        return all(is_plain(arg) for arg in args)
    return annotation in (list, dict)


def mentions_model(annotation: Any) -> bool:
    """Whether a pydantic model stands anywhere in the type."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, BaseModel)
    return any(mentions_model(arg) for arg in get_args(annotation))


def adapter(annotation: Any) -> TypeAdapter[Any]:
    """Validator of a type; one is kept for each type, since making one costs a thousand validations."""
    try:
        return _cached_adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed, such as one with a list in its metadata
        return _new_adapter(annotation)


def _new_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # the type brings a configuration of its own, or is not fully defined
        return TypeAdapter(Any)


@lru_cache(maxsize=1024, typed=True)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return _new_adapter(annotation)


def typed(value: Any, annotation: Any) -> Any:
    """Validate a JSON value into a type that is not plain (model, enum, date); plain values stay as they are.

    Raises:
        pydantic.ValidationError: The value does not fit.
    """
    if is_plain(annotation) or (isinstance(value, str) and _CUSTOM_TYPE in value):
        return value
    try:
        return adapter(annotation).validate_python(value)
    except ValidationError:
        built = _from_text(value, annotation)
        if built is None:
            raise
        return built


def _from_text(value: Any, annotation: Any) -> Any:
    """Build a type of DSPy's own from a string as its constructor does, ``dspy.Image("https://...")``."""
    if not (isinstance(value, str) and isinstance(annotation, type) and _is_dspy_type(annotation)):
        return None
    try:
        return annotation(value)
    except (TypeError, ValueError):
        return None


def _is_dspy_type(cls: type) -> bool:
    return any(base.__module__ == "dspy.adapters.types.base_type" for base in cls.__mro__)


def typed_values(values: Json, types: Mapping[str, Any]) -> Json:
    """Copy with values of non-plain types restored where they fit; the others stay JSON.

    A value that does not fit is one that the program made itself under the name of a field.
    """
    restored = dict(values)
    for name, annotation in types.items():
        if name in restored:
            try:
                restored[name] = typed(restored[name], annotation)
            except ValidationError:
                continue
    return restored


def restorable(types: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the types for which restoring does anything."""
    return {name: annotation for name, annotation in types.items() if not is_plain(annotation)}


def stable_repr(value: object) -> str:
    """Repr that is the same in every process: without addresses and generated module names."""
    return _UNSTABLE.sub("", repr(value))


def short(value: object, limit: int = 80) -> str:
    """Show a value on one line of at most ``limit`` characters, as JSON where it is JSON."""
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = stable_repr(value)
    return clip(text, limit)


def clip(text: str, limit: int = 80) -> str:
    """Put a text on one line of at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


@dataclass(frozen=True)
class Named:
    """Annotated metadata: how to call a type in messages."""

    name: str


def type_name(annotation: Any) -> str:
    """Name a type for people: ``int``, ``'a' or 'b'``, ``list[str]``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        named = [item.name for item in args[1:] if isinstance(item, Named)]
        return named[0] if named else type_name(args[0])
    if origin is Literal:
        return "one of " + ", ".join(repr(arg) for arg in args)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_name(arg) for arg in args))
    if isinstance(annotation, type) and origin is None:
        return "None" if annotation is NoneType else annotation.__name__
    return str(annotation).replace("typing.", "")


def problems(error: ValidationError, limit: int = 3) -> str:
    """Say on one line what pydantic found wrong."""
    found = [_problem(item["loc"], item["msg"]) for item in error.errors(include_url=False, include_input=False)]
    more = f"; and {len(found) - limit} more" if len(found) > limit else ""
    return clip("; ".join(dict.fromkeys(found[:limit])), 240) + more


def _problem(loc: Iterable[int | str], message: str) -> str:
    place = ".".join(str(part) for part in loc)
    return f"{place}: {message}" if place else message
