"""Examples from data files and from Python sequences, and as DSPy's own examples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import DataError
from ..records import Example, Json
from .lines import Row
from .reading import file_kind, read_rows, scan_rows
from .validate import Validator
from .values import jsonable, problems, short, typed

if TYPE_CHECKING:
    import dspy

__all__ = ["coerce_examples", "read_examples", "read_rows", "to_dspy"]

_REPORTED = 10  # bad rows looked for before giving up


def read_examples(
    path: str | Path,
    *,
    inputs: Sequence[str],
    types: Mapping[str, Any],
    optional: Collection[str] = (),
    limit: int | None = None,
    name: str | None = None,
) -> Iterator[Example]:
    """Stream the examples of a data file, validated against the signature's types.

    Columns that are neither inputs nor typed are kept as labels. CSV cells are converted to the declared
    types; JSON values must have them already, but for whole numbers where a float is declared.

    Args:
        path: A ``.json``, ``.jsonl``, ``.ndjson``, ``.csv`` or ``.parquet`` file, or one of these with
            ``.gz``.
        inputs: Columns that every row must have.
        types: Types by column, of inputs and labels.
        optional: Further input columns, used where they are there.
        limit: Read so many rows at most.
        name: How to call the file in sources and messages; by default the path as it was given.

    Raises:
        DataError: The first bad row in full, and where up to nine more are.
        MissingExtra: Parquet is read with pyarrow, which is not installed.
    """
    validator = Validator(inputs, types, optional, text=file_kind(Path(path)) == ".csv")
    return _examples(scan_rows(path, name=name), validator, limit)


def coerce_examples(
    rows: Iterable[Any],
    *,
    inputs: Sequence[str],
    types: Mapping[str, Any],
    optional: Collection[str] = (),
    name: str = "data",
) -> list[Example]:
    """Turn dicts, ``dspy.Example`` or limbeck's own examples into validated ones; sources are ``name[3]``.

    Raises:
        DataError: There is no row, or one is bad: the first in full, and where up to nine more are.
    """
    validator = Validator(inputs, types, optional)
    examples = list(_examples(_python_rows(rows, name), validator, None))
    if not examples:
        raise DataError(f"{name} has no rows", hint="Give at least one example.")
    return examples


def to_dspy(example: Example, types: Mapping[str, Any] | None = None) -> dspy.Example:
    """Build the ``dspy.Example`` that metrics and programs see: all columns, inputs marked.

    Args:
        example: The data row.
        types: Types by column; values of a declared model, enum, date and so on are validated into it.

    Raises:
        DataError: A value does not fit its type.
    """
    import dspy

    values: Json = {**example.inputs, **example.labels}
    for column, annotation in (types or {}).items():
        if column in values:
            values[column] = _typed(example, column, values[column], annotation)
    return dspy.Example(values).with_inputs(*example.inputs)


def _typed(example: Example, column: str, value: Any, annotation: Any) -> Any:
    try:
        return typed(value, annotation)
    except ValidationError as error:
        raise DataError(
            f"{example.source or 'example'}: {column!r} is {short(value)} ({problems(error)})",
            hint=f"Correct the value, or the type of {column!r} in the signature.",
        ) from error


def _examples(rows: Iterable[Row], validator: Validator, limit: int | None) -> Iterator[Example]:
    """Yield examples up to the first bad row; then only look for more bad rows, to report them together."""
    bad: list[tuple[DataError, str]] = []
    for number, (row, source) in enumerate(rows):
        if number == limit or len(bad) == _REPORTED:
            break
        try:
            if isinstance(row, DataError):
                raise row
            example = validator.example(row, source)
        except DataError as error:
            bad.append((error, source))
            continue
        if not bad:
            yield example
    if bad:
        raise _together(bad)


def _together(bad: list[tuple[DataError, str]]) -> DataError:
    first, _ = bad[0]
    if len(bad) == 1:
        return first
    at_least = "at least " if len(bad) == _REPORTED else ""
    places = ", ".join(source.rpartition(":")[2] for _, source in bad[1:4])
    rows = "bad row" if len(bad) == 2 else "bad rows"
    dots = ", ..." if len(bad) > 4 else ""
    return DataError(f"{first.message}; and {at_least}{len(bad) - 1} more {rows} ({places}{dots})", hint=first.hint)


def _python_rows(rows: Iterable[Any], name: str) -> Iterator[Row]:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            f"{name} is of type {type(rows).__name__}, not a sequence of examples",
            hint="Give a path, or a list of dicts or dspy.Example.",
        )
    for number, row in enumerate(rows):
        source = f"{name}[{number}]"
        yield _python_row(row, source), source


def _python_row(row: Any, source: str) -> Json | DataError:
    if isinstance(row, Example):
        return {**row.inputs, **row.labels}
    value = None if isinstance(row, str | list | tuple) else jsonable(row)
    if isinstance(value, dict):
        return value
    return DataError(
        f"{source}: neither a dict nor a dspy.Example but {type(row).__name__}: {short(row)}",
        hint="Give a path, or a list of dicts or dspy.Example.",
    )
