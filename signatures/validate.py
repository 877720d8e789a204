"""Rows become examples: columns are looked up, values are validated against the signature's types."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import ValidationError

from ..errors import DataError
from ..records import Example, Json
from .values import Named, adapter, clip, is_plain, jsonable, problems, short, type_name, typed

_Convert = Callable[[Any], Any]


@dataclass
class Validator:
    """Turns the rows of one file into examples, one after the other.

    It remembers which label columns it has seen: a label that is absent everywhere is an unlabelled data
    set, a label that is absent in some rows is a mistake in those.

    Attributes:
        inputs: Columns that every row must have.
        types: Types by column, of inputs and labels; other columns are kept as they are.
        optional: Further input columns, used where they are there.
        text: Whether values are strings to be converted (CSV), as opposed to JSON with types of its own.
    """

    inputs: Sequence[str]
    types: Mapping[str, Any]
    optional: Collection[str] = ()
    text: bool = False
    _converters: dict[str, _Convert] = field(default_factory=dict)
    _lacking: dict[str, str] = field(default_factory=dict)
    _labelled: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make = _text_converter if self.text else _json_converter
        self._converters = {name: make(annotation) for name, annotation in self.types.items()}
        self._labels = [name for name in self.types if name not in self.inputs and name not in self.optional]

    def example(self, row: Json, source: str) -> Example:
        """Validate one row.

        Raises:
            DataError: A column is missing or a value does not fit; with the source, the value and what fits.
        """
        self._check_columns(row, source)
        values = {name: self._value(name, value, source) for name, value in row.items()}
        inputs = [name for name in (*self.inputs, *self.optional) if name in values]
        labels = {name: value for name, value in values.items() if name not in inputs}
        absent = [name for name in self._labels if name in row and self._is_absent(name, row[name])]
        for name in absent:
            del labels[name]
        self._check_labels(labels, source)
        return Example({name: values[name] for name in inputs}, labels, source)

    def _check_columns(self, row: Json, source: str) -> None:
        for name in self.inputs:
            if name not in row:
                raise DataError(f"{source}: no column {name!r}", hint=self._column_hint(name, row))

    def _column_hint(self, name: str, row: Json) -> str:
        if self.text and len(row) == 1 and (other := _other_separator(column := next(iter(row)))):
            return f"The only column is {clip(column, 120)!r}. Is the file separated by {other}? Save it with commas."
        near = difflib.get_close_matches(name, list(row), n=1)
        has = clip(", ".join(row), 120) or "none"
        start = f"Did you mean {near[0]!r}? " if near else ""
        return f"{start}The program's inputs are {', '.join(self.inputs)}; the columns of the row are {has}."

    def _check_labels(self, labels: Json, source: str) -> None:
        for name in self._labels:
            (self._labelled if name in labels else self._lacking).setdefault(name, source)
            if name in self._labelled and name in self._lacking:
                raise DataError(
                    f"{self._lacking[name]}: no label {name!r}, which {self._labelled[name]} has",
                    hint="Give the label in every row, or in none.",
                )

    def _is_absent(self, name: str, value: object) -> bool:
        """An empty CSV cell is no label where the empty string is none."""
        return self.text and value == "" and not _takes_text(self.types[name]) and not _takes_none(self.types[name])

    def _value(self, name: str, value: Any, source: str) -> Any:
        convert = self._converters.get(name)
        if convert is None or (name in self._labels and self._is_absent(name, value)):
            return value
        try:
            return convert(value)
        except (ValidationError, ValueError) as error:
            raise self._wrong(name, value, source, error) from error

    def _wrong(self, name: str, value: Any, source: str, error: ValueError) -> DataError:
        annotation = self.types[name]
        why = "" if is_plain(annotation) or not isinstance(error, ValidationError) else f" ({problems(error)})"
        what = "label" if name in self._labels else "input"
        hint = _constraint_hint(annotation, error) or f"Correct the value, or the type of {name!r} in the signature."
        return DataError(f"{source}: the {what} {name!r} is {short(value)}, not {_wanted(annotation)}{why}", hint=hint)


def _other_separator(column: str) -> str | None:
    """Name what may separate the columns of a CSV file of which only one was read."""
    return "semicolons" if ";" in column else "tabs" if "\t" in column else None


def _wanted(annotation: Any) -> str:
    name = clip(type_name(annotation), 200)
    return name if name.startswith("one of") else f"of type {name}"


def _constraint_hint(annotation: Any, error: ValueError) -> str | None:
    """What pydantic says where the type fits and a constraint does not, or a Literal has a near match."""
    if not isinstance(error, ValidationError):
        return None
    given = error.errors(include_url=False)[0]["input"]
    choices = [choice for choice in _choices(annotation) if isinstance(choice, str)]
    if isinstance(given, str):
        near = difflib.get_close_matches(given, choices, n=1)
        if near:
            return f"Did you mean {near[0]!r}?"
    return f"{problems(error)}." if _is_constrained(annotation) else None


def _is_constrained(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated and not isinstance(get_args(annotation)[1], Named)


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(choice for arg in get_args(annotation) if get_origin(arg) for choice in _choices(arg))


def _json_converter(annotation: Any) -> _Convert:
    """Converter of JSON values.

    Plain types strictly ("5" is no int, 5 is a float), since such values stay as they are read; others
    leniently, since they are built from the JSON value wherever they are used.
    """
    if annotation is Any:
        return jsonable
    if annotation is str:
        return _exact_str
    if is_plain(annotation):
        validator = adapter(annotation)
        return lambda value: validator.validate_json(orjson.dumps(value), strict=True)

    def convert(value: Any) -> Any:
        value = jsonable(value)
        typed(value, annotation)
        return value

    return convert


def _exact_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(value)


def _text_converter(annotation: Any) -> _Convert:
    """CSV cells are strings: text stays, numbers are read, objects and arrays are JSON in a cell."""
    if _takes_text(annotation):
        return lambda cell: cell
    validator = adapter(annotation)
    plain = is_plain(annotation)
    choices = {str(choice): choice for choice in _choices(annotation)}

    def convert(cell: str) -> Any:
        value = choices[cell] if cell in choices else _cell(cell, annotation)
        if plain:
            return jsonable(validator.validate_python(value))
        typed(value, annotation)
        return value

    return convert


def _cell(cell: str, annotation: Any) -> Any:
    if cell == "" and _takes_none(annotation):
        return None
    if cell[:1] in ("[", "{"):
        try:
            return orjson.loads(cell)
        except orjson.JSONDecodeError:
            return cell
    return cell


def _takes_text(annotation: Any) -> bool:
    """Whether any string is a value of this type as it stands."""
    if get_origin(annotation) is Annotated and isinstance(get_args(annotation)[1], Named):
        annotation = get_args(annotation)[0]
    if annotation in (str, Any):
        return True
    if get_origin(annotation) in (Union, UnionType):
        return str in get_args(annotation) and NoneType not in get_args(annotation)
    return False


def _takes_none(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return NoneType in get_args(annotation)
    return annotation in (None, NoneType)
