"""Parquet: every kind of rows in typed columns, for any tool that reads tables.

Columns are named as TRL names them (https://huggingface.co/docs/trl/dataset_formats), so that its trainers take the
files as they are; a stepwise row has ``ratings`` (1, 0, -1) besides, which keeps neutral steps apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ....records import Json
from ..record import KINDS, Kind, Record
from ._calls import call_of, openai_tool
from ._parquet import COLUMN_TYPES, ParquetRows, Shape, empty_file, kind_of, need_pyarrow, shard_name
from ._trl import in_column, turns
from .base import Written
from .prm800k import RATINGS
from .trl_stepwise import NO_TEXT, chat_text, is_text, step_problems

CHATS = ("prompt", "completion", "chosen", "rejected")
"""Columns of messages."""

KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id"})
"""Keys of a message."""

ROLES = ("system", "developer", "user", "assistant", "tool")


class Parquet:
    """``train.parquet`` and so on."""

    name = "parquet"
    extra_columns = True
    turns = False  # trainers learn all of ``completion``, what the user says in it, too
    kinds: tuple[Kind, ...] = KINDS

    def row(self, record: Record) -> Json:
        """Columns by the kind, then tools, then outcome and reward where they were asked for."""
        need_pyarrow()
        row = {"prompt": _chat(record.prompt), **_LEARNED[record.kind](record)}
        if record.kind == "stepwise":
            row["prompt"] = chat_text(row["prompt"])
        if record.tools:
            row["tools"] = _json([openai_tool(tool) for tool in record.tools])
        return row | {name: v if name in COLUMN_TYPES else _json(v) for name, v in record.columns.items()}

    def check(self, row: Json) -> list[str]:
        """Check that a row fits into its columns, and says something."""
        try:
            kind = kind_of(row)
        except KeyError:
            return [f"columns {', '.join(row)} are of no kind of rows"]
        chats = [name for name in CHATS if name in row and (name, kind) != ("prompt", "stepwise")]
        problems = [problem for name in chats for problem in in_column(name, _chat_problems(row[name]))]
        problems += [f"{name} is no JSON" for name in ("tools", "known") if not isinstance(row.get(name, ""), str)]
        problems += [f"{name} {value!r} has a type of its own" for name, value in row.items() if not _fits(name, value)]
        return problems + (_CHECKS[kind](row) if kind in _CHECKS else [])

    def check_all(self, rows: int) -> list[str]:
        """Any number of rows will do."""
        return []

    def path(self, split: str) -> str:
        """``train.parquet`` and so on."""
        return f"{split}.parquet"

    def open(self, path: Path, written: Written | None = None) -> ParquetRows:
        """Row groups as rows come.

        Args:
            path: The file.
            written: What is going to be written. Without it rows have the columns for tools, whether there are any
                or not.
        """
        return ParquetRows(path, shape_of(written) if written else None)

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """Files without rows for the splits that have none."""
        empty = [written.paths[split] for split, count in written.rows.items() if not count]
        return {shard_name(path, 0, 1): empty_file(shape_of(written)) for path in empty}


def shape_of(written: Written) -> Shape:
    """Shape of what is written."""
    return Shape(written.kind, written.columns, written.tools)


def _chat(messages: Sequence[Json]) -> list[Json]:
    """Messages as TRL has them, with the arguments of calls as JSON."""
    return [_packed(turn) for turn in turns(messages)]


def _packed(turn: Json) -> Json:
    calls = turn.get("tool_calls")
    return {**turn, "tool_calls": [_packed_call(call) for call in calls]} if isinstance(calls, list) else turn


def _packed_call(raw: Any) -> Any:
    call = call_of(raw)
    if call is None:
        return raw
    function = {"name": call.name, "arguments": _json(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _json(value: Any) -> Any:
    """JSON text; the value itself where it is none, for ``check`` to see."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return value


_LEARNED: Mapping[Kind, Any] = {
    "sft": lambda record: {"completion": _chat(record.completion)},
    "preference": lambda record: {"chosen": _chat(record.completion), "rejected": _chat(record.rejected)},
    "unpaired": lambda record: {"completion": _chat(record.completion), "label": record.label},
    "stepwise": lambda record: {
        "completions": [step.text for step in record.steps],
        "labels": record.good_steps,
        "ratings": [RATINGS[step.label] for step in record.steps],
    },
    "prompts": lambda record: {"known": _json(record.known)},
    "soft": lambda record: {"labels": list(record.soft), "probabilities": list(record.soft.values())},
}
"""What is learned of a record, by kind."""


def _fits(name: str, value: Any) -> bool:
    """Whether the value of an extra column is of its type."""
    if value is None or name not in COLUMN_TYPES:
        return True
    return isinstance(value, _PYTHON[COLUMN_TYPES[name]]) and not isinstance(value, bool)


_PYTHON: Mapping[str, Any] = {"string": str, "double": (int, float), "int64": int}


def _chat_problems(messages: Any) -> list[str]:
    if not isinstance(messages, list) or not messages:
        return ["there must be a list of messages that is not empty"]
    return [f"message {n}: {text}" for n, message in enumerate(messages) for text in _message_problems(message)]


def _message_problems(message: Any) -> list[str]:
    if not isinstance(message, dict) or not set(message) <= KEYS:
        return [f"it must be an object with no other keys than {', '.join(sorted(KEYS))}"]
    problems = []
    if message.get("role") not in ROLES:
        problems.append(f"role {message.get('role')!r} is none of {', '.join(ROLES)}")
    if not isinstance(message.get("content"), str | None):
        problems.append("content is no text")
    if not all(isinstance(message.get(key), str | None) for key in ("name", "tool_call_id")):
        problems.append("name and id of what a tool gave back must be texts")
    calls = message.get("tool_calls", [])
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        problems.append("tool_calls must be functions with a name, and an object as arguments")
    return problems


def _is_call(call: Any) -> bool:
    """Whether a call has the form of the column, into which no other key fits."""
    read, function = call_of(call), call.get("function") if isinstance(call, dict) else None
    return (
        read is not None
        and set(call) == {"id", "type", "function"}
        and call["type"] == "function"
        and call["id"] == read.id
        and isinstance(function, dict)
        and set(function) == {"name", "arguments"}
        and isinstance(function["arguments"], str)
    )


def _steps(row: Json) -> list[str]:
    problems = [] if is_text(row["prompt"]) else [f"prompt {NO_TEXT}"]
    problems += step_problems(row["completions"], row["labels"])
    if problems:
        return problems
    ratings = row["ratings"]
    if not _all(ratings, lambda it: _is_number(it) and it in (-1, 0, 1)) or len(ratings) != len(row["labels"]):
        problems.append("there must be a rating of -1, 0 or 1 for each step")
    return problems


def _pair(row: Json) -> list[str]:
    return ["chosen and rejected are equal"] if row["chosen"] == row["rejected"] else []


def _label(row: Json) -> list[str]:
    return [] if isinstance(row["label"], bool) else [f"label {row['label']!r} is neither true nor false"]


def _soft(row: Json) -> list[str]:
    labels, shares = row["labels"], row["probabilities"]
    if not _all(labels, lambda label: isinstance(label, str)) or not _all(shares, _is_number):
        return ["there must be labels, which are texts, and probabilities, which are numbers"]
    if len(labels) != len(shares):
        return ["there must be as many probabilities as labels"]
    if all(0 <= share <= 1 for share in shares) and math.isclose(math.fsum(shares), 1, abs_tol=1e-6):
        return []
    return ["the probabilities must add up to 1"]


def _all(values: Any, good: Callable[[Any], bool]) -> bool:
    """Whether it is a list with something in it, all of it good."""
    return isinstance(values, list) and bool(values) and all(map(good, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS = {"stepwise": _steps, "preference": _pair, "unpaired": _label, "soft": _soft}
"""Rules of single kinds."""
