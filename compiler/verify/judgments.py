"""What people said of traces: a JSONL or CSV file, a row a judgment.

A row says which trace is meant, by ``trace`` (its whole id) or by ``inputs`` and ``outputs``; then ``passed`` or
``score``, and ``who``, ``note`` and ``steps`` (labels of steps) where there are any. Other columns are for the people.
A row with none of ``passed``, ``score`` and ``steps`` filled in is one that nobody has judged yet; one with ``steps``
alone passes if none of them is negative.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ...errors import DataError
from ...records import Json, Trace, fingerprint
from ...signatures.reading import read_rows
from ...signatures.values import short

NOBODY = "unknown"
"""Who judged where a row does not say; all such rows are one person's."""

_HINT = 'A row is {"trace": ID, "passed": true, "who": NAME}, or has inputs and outputs instead of the id.'
_WORDS = {"true": True, "yes": True, "1": True, "pass": True, "passed": True,
          "false": False, "no": False, "0": False, "fail": False, "failed": False}  # fmt: skip
_PART = re.compile(r"[0-9a-f]{1,31}")
_LABELS = ("positive", "neutral", "negative")


@dataclass(frozen=True)
class Judgment:
    """What one person said of one trace.

    Attributes:
        who: Name of the person.
        passed: Whether the trace may be kept.
        score: The number that they gave; None where they gave none.
        note: Their words.
        source: Where it stands, as ``file:line``.
        steps: Their labels of the steps, ``positive``, ``neutral`` or ``negative``; empty where they gave none.
    """

    who: str
    passed: bool
    score: float | None = None
    note: str = ""
    source: str = ""
    steps: list[str] = field(default_factory=list)


class Judgments:
    """The judgments of a file, by what they are about. Holds them all.

    Args:
        path: The file.
        threshold: What a score must reach; needed where rows have a score and no ``passed``.

    Raises:
        DataError: The file or a row of it cannot be read; with the line.
    """

    def __init__(self, path: Path, threshold: float | None = None) -> None:
        self._by_trace: dict[str, list[Judgment]] = {}
        self._by_inputs: dict[str, list[tuple[Json, Judgment]]] = {}
        for row, source in read_rows(path, name=path.name):
            judgment = _judgment(row, source, threshold)
            trace = _trace(row, source)
            inputs, outputs = ({}, {}) if trace else (_values(row, name, source) for name in ("inputs", "outputs"))
            if judgment is None:
                continue
            if trace:
                self._by_trace.setdefault(trace, []).append(judgment)
            else:
                self._by_inputs.setdefault(_key(inputs), []).append((outputs, judgment))

    def of(self, trace: Trace) -> list[Judgment]:
        """Judgments of a trace, one a person: the last that they gave."""
        last: dict[str, Judgment] = {}
        for judgment in [*self._described(trace), *self._by_trace.get(trace.id, ())]:
            last.pop(judgment.who, None)
            last[judgment.who] = judgment
        return list(last.values())

    def _described(self, trace: Trace) -> Iterator[Judgment]:
        """Those of rows that give the trace's inputs, and outputs that it has."""
        if not self._by_inputs:
            return
        prediction = trace.prediction or {}
        for outputs, judgment in self._by_inputs.get(_key(trace.example.inputs), ()):
            if all(name in prediction and _key(prediction[name]) == _key(value) for name, value in outputs.items()):
                yield judgment


def _key(value: Any) -> str:
    try:
        return fingerprint(value)
    except TypeError:  # what JSON has no word for, such as halves of characters
        return repr(value)


def _judgment(row: Json, source: str, threshold: float | None) -> Judgment | None:
    if not {"passed", "score"} & row.keys():
        raise DataError(f"{source}: the row has neither passed nor score", hint=_HINT)
    passed, score = _passed(row.get("passed"), source), _score(row.get("score"), source)
    if passed is None and score is not None:
        if threshold is None:
            hint = "Say from which score on a trace passes: People(file, threshold=4), or --verifier-arg threshold=4."
            raise DataError(f"{source}: the row has a score and no passed", hint=hint)
        passed = score >= threshold
    steps = _steps(row.get("steps"), source) if passed is not None or row.get("steps") else []
    if passed is None and steps:
        passed = "negative" not in steps
    if passed is None:
        return None
    who, note = (str(row.get(name) or "").strip() for name in ("who", "note"))
    return Judgment(who or NOBODY, passed, score, note, source, steps)


def _passed(given: Any, source: str) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if not word:
        return None
    if word not in _WORDS:
        raise DataError(f"{source}: passed is {short(given)}", hint="Write true or false, or leave it empty.")
    return _WORDS[word]


def _score(given: Any, source: str) -> float | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{source}: score is {short(given)}", hint="Write a number, or leave it empty.")
    return number


def _trace(row: Json, source: str) -> str | None:
    given = row.get("trace")
    if given is None or given == "":
        if "inputs" not in row or "outputs" not in row:
            raise DataError(f"{source}: the row does not say which trace is meant", hint=_HINT)
        return None
    if not isinstance(given, str):
        raise DataError(f"{source}: trace is {short(given)}, not an id", hint=_HINT)
    if _PART.fullmatch(given):
        hint = "Write all of its 32 characters; limbeck traces --json and --out give them."
        raise DataError(f"{source}: the id {given!r} of a trace is not whole", hint=hint)
    return given


def _values(row: Json, name: str, source: str) -> Json:
    """An object; in a table it stands as JSON in its cell."""
    given = row[name]
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            given = row[name]
    if not isinstance(given, dict):
        raise DataError(f"{source}: {name} is {short(row[name])}, not an object with a value a field", hint=_HINT)
    return given


def _steps(given: Any, source: str) -> list[str]:
    """Labels, given as such, or as objects with a label."""
    if given is None or given == "":
        return []
    if isinstance(given, str):
        given = [label.strip() for label in given.split(",")]
    labels = [item.get("label") if isinstance(item, Mapping) else item for item in given or ()] \
        if isinstance(given, list) else [given]  # fmt: skip
    if wrong := [label for label in labels if label not in _LABELS]:
        hint = "Write a list with positive, neutral or negative for each step."
        raise DataError(f"{source}: steps has {short(wrong[0])}, which is no label", hint=hint)
    return [str(label) for label in labels]
