"""Rows that a function or command is given: a file, or a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ..errors import TargetError
from ..records import Example, Json
from ..signatures.examples import coerce_examples, read_examples, read_rows
from ..signatures.loading import load_module, load_object, split_target
from ..signatures.splits import make_splits
from ..signatures.task import Task
from ..signatures.validate import Validator
from .mapping import RowFunction

T = TypeVar("T")


def labelled(task: Task, data: Any, seed: int) -> tuple[Iterable[Example], int | None]:
    """Rows to score a program on, by default the task's test rows; and how many there are, where that is known."""
    if data is None:
        rows = make_splits(task, seed=seed).test
        return rows, len(rows)
    if isinstance(data, (str, Path)):
        found = read_examples(data, inputs=task.input_names, types=task.example_types, optional=task.optional_inputs)
        return begun(found), count(Path(data))
    examples = coerce_examples(data, inputs=task.input_names, types=task.example_types, optional=task.optional_inputs)
    return examples, len(examples)


def raw(data: str | Path | Sequence[Mapping[str, Any]]) -> Iterable[tuple[Json, str]]:
    """Rows as they are, and where each of them stands."""
    if isinstance(data, (str, Path)):
        return begun(read_rows(data))
    return ((dict(row), f"data[{number}]") for number, row in enumerate(data))


def count(path: Path) -> int | None:
    """Number of rows in a file, where that is cheap to tell."""
    if path.suffix.lower() not in {".jsonl", ".ndjson"}:
        return None
    with path.open("rb") as file:
        return sum(not line.isspace() for line in file)


def begun(items: Iterator[T]) -> Iterator[T]:
    """The same items; the first is read now, so that what cannot be read is told before anything is opened."""
    return chain([next(items)], items)


def unlabelled(task: Task, inputs: Iterable[Mapping[str, Any]] | str | Path, *, text: bool) -> Iterable[Example]:
    """Inputs to predict for; other columns are ignored, whatever they hold."""
    types = {name: kind for name, kind in task.example_types.items() if name in task.input_fields}
    if isinstance(inputs, (str, Path)):
        rows = begun(read_examples(inputs, inputs=task.input_names, types=types, optional=task.optional_inputs))
    elif text:
        validator = Validator(task.input_names, types, task.optional_inputs, text=True)
        rows = (validator.example(dict(row), "--input") for row in inputs)
    else:
        rows = iter(coerce_examples(inputs, inputs=task.input_names, types=types, optional=task.optional_inputs))
    return (Example(e.inputs, {}, e.source) for e in rows)


def row_function(place: str) -> RowFunction:
    """The function of a ``module.py:name``.

    Raises:
        TargetError: There is none.
    """
    where, name = split_target(place)
    found = load_object(load_module(where), name, where)
    if not callable(found):
        raise TargetError(f"{place} is no function", hint="Write def row(raw): ... and give --row module.py:row.")
    function: RowFunction = found
    return function
