"""Train, val and test examples: as given, or drawn by a seed; never with an input in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, get_origin

from ..errors import DataError
from ..records import Example, canonical_json, fingerprint
from .examples import coerce_examples, read_examples
from .task import Data, Task

SplitName = Literal["train", "val", "test"]

FRACTIONS = (0.5, 0.2, 0.3)
"""Shares of train, val and test where they are drawn."""


@dataclass(frozen=True)
class Splits:
    """Examples to learn from, to choose by, and to prove the gain on. No two share an input.

    Attributes:
        train: Examples to learn from.
        val: Examples to choose by.
        test: Examples that are used once, by the gate.
        drawn: Names of the splits that were drawn and not given.
    """

    train: Sequence[Example]
    val: Sequence[Example]
    test: Sequence[Example]
    drawn: tuple[SplitName, ...] = ()


def load_data(task: Task, data: Data, *, name: str = "data", base_dir: Path | None = None) -> list[Example]:
    """Read examples of a task from a file or a sequence, all of them.

    Args:
        task: The task, whose types the rows must fit.
        data: A file, or a sequence of dicts or ``dspy.Example``.
        name: How to call a sequence in sources and messages.
        base_dir: What a relative path is relative to; by default the task's own directory.

    Raises:
        DataError: The data cannot be read or a row does not fit.
    """
    inputs, types, optional = task.input_names, task.example_types, task.optional_inputs
    if not isinstance(data, str | Path):
        return coerce_examples(data, inputs=inputs, types=types, optional=optional, name=name)
    path = task.resolve(data) if base_dir is None else base_dir / Path(data).expanduser()
    return list(read_examples(path, inputs=inputs, types=types, optional=optional, name=str(data)))


def make_splits(
    task: Task,
    *,
    seed: int = 0,
    need_val: bool = False,
    train: Data | None = None,
    val: Data | None = None,
    test: Data | None = None,
    data: Data | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> Splits:
    """Take the splits that are given and draw the others from ``data``, or else from ``train``.

    A draw depends on the seed and on the rows' content only, not on their order. Rows of equal inputs go to
    one side, and labels are spread evenly where the program has exactly one Literal output. Where train and
    test are given, val is drawn from train only if it is needed.

    Args:
        task: The task that declares the data.
        seed: Seed of the draw.
        need_val: Whether validation rows are wanted; without, none are set aside unless they are given.
        train: Takes the place of the task's own; relative paths are relative to the current directory here.
        val: Likewise.
        test: Likewise.
        data: Likewise; takes the place of everything that the task declares.
        fractions: Shares of train, val and test where they are drawn.

    Raises:
        DataError: There is no data, too little of it, or two splits share rows.
    """
    given = _read(task, {"train": train, "val": val, "test": test, "data": data})
    _check_disjoint(given)
    wanted = _wanted(given, need_val=need_val)
    pool_name = "data" if "data" in given else "train"
    parts, rest = dict(given), 1.0
    pool = parts.pop(pool_name, [])
    # Test rows are drawn first: they are the same whether or not somebody needs validation rows.
    for name, share in (("test", fractions[2]), ("val", fractions[1])):
        if name in wanted:
            pool, parts[name] = _draw(pool, share / rest, seed, task, pool_name, wanted)
            rest -= share
    drawn = tuple(name for name in get_args(SplitName) if name in wanted or (name == "train" and "data" in given))
    parts.setdefault("train", pool)
    return _splits(parts, drawn)


def given_splits(
    task: Task, given: Mapping[str, Data | None] | None, *, seed: int = 0, need_val: bool = False
) -> Splits:
    """``make_splits`` with what is given by name: ``train``, ``val``, ``test`` or ``data``."""
    named = given or {}
    return make_splits(
        task, seed=seed, need_val=need_val, train=named.get("train"), val=named.get("val"), test=named.get("test"),
        data=named.get("data"),
    )  # fmt: skip


def _splits(parts: dict[str, list[Example]], drawn: tuple[SplitName, ...]) -> Splits:
    return Splits(parts.get("train", []), parts.get("val", []), parts.get("test", []), drawn)


def _read(task: Task, overrides: dict[str, Data | None]) -> dict[str, list[Example]]:
    """Read what is given, by name. ``data`` that is given here stands against all that the task declares."""
    declared: dict[str, Data | None] = {} if overrides["data"] is not None else dict(vars(task))
    if overrides["train"] is not None:
        declared.pop("data", None)  # there is nothing left to draw from it
    found = {}
    for name, override in overrides.items():
        if override is not None:
            found[name] = load_data(task, override, name=name, base_dir=Path.cwd())
        elif (own := declared.get(name)) is not None:
            found[name] = load_data(task, own, name=name)
    if "train" in found and "data" in found:
        raise DataError("both train and data are given", hint="Give train, or data to draw train from.")
    if not found:
        raise DataError(
            f"the task {task.name or ''} has no data".replace("  ", " "),
            hint="Give --train FILE, or declare Task(..., train='train.jsonl').",
        )
    return found


def _wanted(given: dict[str, list[Example]], *, need_val: bool) -> tuple[SplitName, ...]:
    """Name what is to be drawn."""
    if not {"data", "train"} & given.keys():
        return ()
    names: tuple[SplitName, ...] = ("val", "test") if need_val else ("test",)
    return tuple(name for name in names if name not in given)


def _check_disjoint(given: dict[str, list[Example]]) -> None:
    names = [name for name in ("data", *get_args(SplitName)) if name in given]
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            _check_pair(one, given[one], other, given[other])


def _check_pair(one: str, left: list[Example], other: str, right: list[Example]) -> None:
    sources = {example.input_id: example.source for example in reversed(left)}  # the first of equals
    shared = [example for example in right if example.input_id in sources]
    if not shared:
        return
    first = sources[shared[0].input_id]
    count = len({example.input_id for example in shared})
    rows = "row" if count == 1 else "rows"
    raise DataError(
        f"{one} and {other} share {count} {rows}, first: {first} = {shared[0].source}",
        hint="Rows of the same inputs prove nothing on the other side; remove them from one of the two.",
    )


def _draw(
    pool: list[Example], share: float, seed: int, task: Task, name: str, wanted: tuple[str, ...]
) -> tuple[list[Example], list[Example]]:
    """Deal the distinct inputs out: what stays in the pool, and what is drawn from it."""
    order = _order(pool, seed, _label_name(task))
    drawn = {i for n, i in enumerate(order) if int((n + 1) * share + 0.5) > int(n * share + 0.5)}  # spread evenly
    if not drawn or len(drawn) == len(order):
        raise DataError(
            f"{name} has {len(order)} different input{'s' * (len(order) != 1)}, too few to draw "
            f"{' and '.join(wanted)} from",
            hint="Give more rows, or give the splits: --train FILE --val FILE --test FILE",
        )
    return [e for e in pool if e.input_id not in drawn], [e for e in pool if e.input_id in drawn]


def _order(pool: list[Example], seed: int, label: str | None) -> list[str]:
    """Distinct inputs by label and then by a hash with the seed: the order of the rows has no say."""
    labels: dict[str, bytes] = {}
    for example in pool:
        value = canonical_json(example.labels.get(label)) if label else b""
        labels[example.input_id] = min(labels.get(example.input_id, value), value)
    return sorted(labels, key=lambda input_id: (labels[input_id], fingerprint("draw", seed, input_id)))


def _label_name(task: Task) -> str | None:
    literals = [name for name, kind in task.output_fields.items() if get_origin(kind) is Literal]
    return literals[0] if len(literals) == 1 else None
