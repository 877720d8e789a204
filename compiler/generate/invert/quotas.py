"""Which outputs inputs are wanted for, and how many for each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ....errors import DataError, UsageError
from ....records import Json
from ....signatures.examples import read_rows
from ....signatures.fields import is_closed
from ....signatures.validate import Validator
from ....signatures.values import short
from ...verify.asking import as_text
from ...verify.principles import read_text
from ..labels import members, open_value

if TYPE_CHECKING:
    from ....signatures.task import Task

COUNT = "count"
"""Column of an outputs file with the number of inputs for a row; 1 where there is none."""

_FORM = "Write LABEL=NUMBER, with commas between, or name a .json or .yaml file with numbers by label."
_SHOWN = 10  # labels that an error names


@dataclass(frozen=True)
class Target:
    """An output that inputs are wanted for.

    Attributes:
        name: The label, or the outputs as a text.
        outputs: Values by output field: what the inputs have to lead to.
        labels: What the example gets: the outputs, and other columns of their row, for the metric.
        count: Inputs that are wanted.
        is_label: Whether other examples can be expected to have the same.
        place: Row of the file that it comes from, from 1; 0 where it comes from none.
    """

    name: str
    outputs: Json
    labels: Json
    count: int
    is_label: bool = True
    place: int = 0


def parse_quotas(given: object) -> dict[str, int] | Path:
    """Read quotas as they were given: numbers by label, such a text, or the path of a file.

    Raises:
        ValueError: They are none.
    """
    if isinstance(given, Path):
        return given
    if isinstance(given, str) and "=" in given:
        return _numbers(_pairs(given))
    if isinstance(given, str) and Path(given).suffix.lower() in {".json", ".yaml", ".yml"}:
        return Path(given)
    if isinstance(given, Mapping):
        return _numbers({_key(label): count for label, count in given.items()})
    raise ValueError(f"{short(given)} is no quota of labels; {_FORM[0].lower()}{_FORM[1:]}")


def read_quotas(path: Path) -> dict[str, int]:
    """Quotas in a JSON or YAML file.

    Raises:
        DataError: It cannot be read, or holds something else.
    """
    text = read_text(path)
    try:
        value = orjson.loads(text) if path.suffix.lower() == ".json" else _yaml(text)
        found = parse_quotas(value)
    except ValueError as error:  # orjson's is one, too
        raise DataError(f"{path.name}: {error}", hint=_FORM) from error
    if isinstance(found, Path):
        raise DataError(f"{path.name} holds a text, and no numbers by label", hint=_FORM)
    return found


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"bad YAML: {getattr(error, 'problem', None) or error}") from error


def _pairs(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in text.split(","):
        label, equals, count = (piece.strip() for piece in part.rpartition("="))
        if not equals or not label:
            raise ValueError(f"{part.strip()!r} is not LABEL=NUMBER")
        if label in found:
            raise ValueError(f"{label} stands twice")
        found[label] = int(count) if count.isdecimal() else count
    return found


def _numbers(found: Mapping[str, Any]) -> dict[str, int]:
    for label, count in found.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"{short(count)} of {label} is no whole number of 0 or more")
    if not any(found.values()):
        raise ValueError("no label is wanted")
    return dict(found)


def _key(label: object) -> str:
    """A label as text. YAML reads ``yes`` and ``1`` as what they look like, and so they are looked up."""
    return label if isinstance(label, str) else str(label)


def label_field(task: Task, given: str | None) -> str:
    """Name of the output that quotas are of: the one that was named, else the one label, else the one output.

    Raises:
        UsageError: There is none of this name, or it has to be named.
    """
    names = list(task.output_fields)
    if given is not None:
        if given not in names:
            near = difflib.get_close_matches(given, names, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(names)}."
            raise UsageError(f"--set field={given}: the program has no such output", hint=hint)
        return given
    closed = [name for name, kind in task.output_fields.items() if is_closed(kind)]
    found = closed or [name for name in names if name != "reasoning"]
    if len(found) != 1:
        hint = f"Name the one that quotas are of: --set field={found[0] if found else 'NAME'}."
        raise UsageError(f"the program has {len(found)} outputs that could be meant: {', '.join(found)}", hint=hint)
    return found[0]


def by_label(field: str, kind: Any, quotas: Mapping[str, int]) -> list[Target]:
    """A target for each label that is wanted, in the order of the quotas.

    Args:
        field: Output that labels are of.
        kind: Its type.
        quotas: Numbers by label.

    Raises:
        UsageError: The output has no such label.
    """
    known = members(kind)
    if known is not None and (unknown := [label for label in quotas if _find(label, known) is None]):
        raise UsageError(f"{field} has no label {', '.join(map(repr, unknown[:_SHOWN]))}", hint=_near(unknown, known))
    found = []
    for label, count in quotas.items():
        name = label if known is None else str(_find(label, known))
        value = open_value(field, label, kind) if known is None else known[name]
        found.append(Target(name, {field: value}, {field: value}, count))
    names = [target.name for target in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"the quotas have {twice!r} twice", hint="Leave one of them out.")
    return [target for target in found if target.count]


def _find(label: str, known: Mapping[str, Any]) -> str | None:
    if label in known:
        return label
    is_bool = all(isinstance(value, bool) for value in known.values())
    return label.lower() if is_bool and label.lower() in known else None


def _near(unknown: Sequence[str], known: Mapping[str, Any]) -> str:
    names = list(known)
    by_lower = {name.lower(): name for name in reversed(names)}
    near = [by_lower[found] for label in unknown for found in difflib.get_close_matches(label.lower(), by_lower, n=1)]
    if near:
        return f"Did you mean {', '.join(dict.fromkeys(near[:_SHOWN]))}?"
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"It has {', '.join(names[:_SHOWN])}{rest}."


def evenly(before: Mapping[str, int], rows: int) -> dict[str, int]:
    """How many of each label, so that all have equally many with those that there are: the lowest are filled first.

    Args:
        before: Rows by label that there are; of a label without any 0.
        rows: Rows to make.
    """
    made = dict.fromkeys(before, 0)
    level, rising = 0, sorted(before, key=lambda label: before[label])
    for place, label in enumerate(rising, 1):  # all up to here stand at this label's height, where rows suffice
        level = before[label]
        above = before[rising[place]] if place < len(rising) else None
        room = rows if above is None else min(rows, (above - level) * place)
        each, rest = divmod(room, place)
        for number, low in enumerate(rising[:place]):
            made[low] += each + (number < rest)
        rows -= room
        if not rows:
            break
    return made


def like(before: Mapping[str, int], rows: int) -> dict[str, int]:
    """How many of each label, so that they are distributed as those that there are (Hamilton: largest remainders).

    Raises:
        UsageError: There are none.
    """
    total = sum(before.values())
    if not total:
        hint = "Give --data with labelled rows, or --set target=even."
        raise UsageError("--set target=data: no row has a label to go by", hint=hint)
    made = {label: rows * count // total for label, count in before.items()}
    order = sorted(before, key=lambda label: (-(rows * before[label] % total), label))
    for label in order[: rows - sum(made.values())]:
        made[label] += 1
    return made


def from_file(path: Path, task: Task) -> Iterator[Target]:
    """A target for each row of a file of outputs: its output fields, ``count``, and what else the metric looks at.

    Raises:
        DataError: It cannot be read, or a row does not fit; with its line.
    """
    outputs = task.output_fields
    validator = Validator([], {name: kind for name, kind in task.example_types.items() if name in outputs})
    for place, (row, where) in enumerate(read_rows(path), 1):
        count = _count(row.get(COUNT, 1)) if COUNT not in outputs else 1
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise DataError(f"{where}: {COUNT} is {short(count)}", hint="Give a whole number of 1 or more.")
        kept = {name: value for name, value in row.items() if name not in task.input_fields}
        if COUNT not in outputs:
            kept.pop(COUNT, None)
        labels = validator.example(kept, where).labels
        wanted = {name: value for name, value in labels.items() if name in outputs}
        if not wanted:
            raise DataError(f"{where}: no output of the program is in it", hint=f"It has {', '.join(outputs)}.")
        yield Target(shown_outputs(wanted), wanted, labels, count, is_label=False, place=place)


def _count(given: object) -> object:
    """A number as it is; CSV gives it as text."""
    return int(given) if isinstance(given, str) and given.strip().isdecimal() else given


def shown_outputs(outputs: Mapping[str, Any]) -> str:
    """Outputs as a text: the value itself where there is one."""
    return as_text(next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs))
