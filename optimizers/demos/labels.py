"""What a row is an example of: the values of outputs that have few."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...records import Example, Json
from ...signatures.fields import annotation, is_closed, predictors

if TYPE_CHECKING:
    from ...signatures.task import Task

_MOST = 100
"""Different texts that still count as labels, if each is there twice on average."""

T = TypeVar("T")


@dataclass(frozen=True)
class Labels:
    """Which fields hold labels.

    Attributes:
        own: By predictor, its outputs of a closed type: Literal, enum or bool.
        shared: Columns of the data that hold labels of the program as a whole, for predictors without their own.
    """

    own: Mapping[str, Sequence[str]]
    shared: Sequence[str]

    def of(self, predictor: str, demo: Json, example: Example) -> str | None:
        """Label of a demo; None where there is none."""
        own = self.own.get(predictor)
        return _joined(demo, own) if own else _joined(example.labels, self.shared)

    def of_row(self, example: Example) -> str | None:
        """Label of a row."""
        return _joined(example.labels, self.shared)


def labels_of(task: Task, rows: Sequence[Example]) -> Labels:
    """Find the fields that hold labels: by type, else by what is in the rows."""
    own = {
        name: [field for field, info in item.signature.output_fields.items() if is_closed(annotation(info))]
        for name, item in predictors(task.program).items()
    }
    outputs = task.output_fields
    columns = {name for row in rows for name in row.labels}
    shared = [name for name, kind in outputs.items() if name in columns and is_closed(kind)]
    return Labels(own, shared or [name for name, kind in outputs.items() if kind in (str, Any) and _few(name, rows)])


def in_turn(items: Sequence[T], label: Callable[[T], str | None], rng: random.Random) -> list[T]:
    """In random order, but one of each label before the second of any."""
    seen: dict[str | None, int] = {}
    order: list[tuple[int, T]] = []
    for item in rng.sample(items, len(items)):
        key = label(item)
        order.append((seen.get(key, 0), item))
        seen[key] = seen.get(key, 0) + 1
    return [item for _, item in sorted(order, key=lambda entry: entry[0])]


def _few(name: str, rows: Sequence[Example]) -> bool:
    values = [value for row in rows if isinstance(value := row.labels.get(name), str)]
    return 1 < len(set(values)) <= min(_MOST, len(values) // 2)


def _joined(values: Json, names: Sequence[str]) -> str | None:
    return " / ".join(str(values[name]) for name in names if name in values) or None
