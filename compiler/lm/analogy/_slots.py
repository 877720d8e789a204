"""What there is to fill: a place in the output with its type, and what the demos put there."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ._prompt import Demo, Missing
from ._schema import Schema
from ._spans import Inputs, copied_from


@dataclass(frozen=True)
class Case:
    """What one demo put in a slot, and the input it did so for."""

    inputs: Inputs
    text: str
    value: Any


@dataclass(frozen=True)
class Slot:
    """A place in the output: a field, a property, an item or a dictionary's entry."""

    name: str
    about: str
    schema: Schema
    root: Schema
    cases: tuple[Case, ...]
    depth: int = 0

    @property
    def known(self) -> tuple[Case, ...]:
        """The cases with a value."""
        return tuple(case for case in self.cases if case.value is not None)

    def child(self, name: str, schema: Schema, value_of: Callable[[Any], Any]) -> "Slot":
        """The slot inside this one whose value in each known case is `value_of(value)`."""
        cases = tuple(replace(case, value=value_of(case.value)) for case in self.known)
        about = str(schema.get("description", "")) if isinstance(schema, Mapping) else ""
        return Slot(name, about, schema, self.root, cases, self.depth + 1)

    def copies(self) -> bool:
        """Whether the demos mostly copy the value out of their input."""
        known = [case for case in self.known if parts_of(case.value)]
        if not known:
            return False
        copied = [all(copied_from(part, case.inputs) for part in parts_of(case.value)) for case in known]
        # Values that repeat are more likely labels than extracts, whatever they share with an input.
        distinct = len({parts_of(case.value) for case in known})
        return sum(copied) >= len(known) * (0.6 if distinct > len(known) / 2 else 0.9)


def field_cases(name: str, demos: tuple[Demo, ...]) -> tuple[Case, ...]:
    """The cases of an output field: the demos that supply it."""
    return tuple(
        Case(tuple(demo.inputs.items()), demo.text, demo.outputs[name])
        for demo in demos
        if not isinstance(demo.outputs[name], Missing)
    )


def parts_of(value: Any) -> tuple[str, ...]:
    """The texts that a value consists of: the items of a list, else the value itself; () for None."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text_of(item) for item in value)
    return (text_of(value),)


def text_of(value: Any) -> str:
    """A value as it would be written in running text: 3.0 is "3"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number_of(value: Any) -> float | None:
    """A value as a finite number, or None."""
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def schema_of(value: Any) -> Schema:
    """The schema that a demo's value suggests, for a field whose type the prompt does not tell."""
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "integer" if isinstance(value, int) else "number"}
    if isinstance(value, dict):
        return {"type": "object"}
    return {"type": "array", "items": {}} if isinstance(value, list) else {"type": "string"}


def bounds(slot: Slot) -> tuple[float, float]:
    """The least and greatest allowed number, as the schema or DSPy's `Constraints:` line tells."""
    low = number_of(slot.schema.get("minimum", slot.schema.get("exclusiveMinimum")))
    high = number_of(slot.schema.get("maximum", slot.schema.get("exclusiveMaximum")))
    if found := re.search(r"greater than(?: or equal to)?: ([-\d.]+)", slot.about):
        low = number_of(found[1])
    if found := re.search(r"less than(?: or equal to)?: ([-\d.]+)", slot.about):
        high = number_of(found[1])
    return (-math.inf if low is None else low), (math.inf if high is None else high)
