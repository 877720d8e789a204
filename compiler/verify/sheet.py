"""Traces as a file for people to judge in: a row a trace, with empty columns for what they say.

``judgments`` reads what they filled in.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import OutputError, UsageError
from ...records import Json, Trace
from ..keep.jsontext import plain

_ASKED = ("passed", "who", "note")


def write_sheet(path: Path, rows: Iterable[Json], *, option: str = "--out") -> Path:
    """Write rows of ``sheet_row``, all with the same columns.

    Args:
        path: A .jsonl or .csv that is not there yet.
        rows: What to write.
        option: What the user gave the path with.

    Raises:
        UsageError: The file is neither .jsonl nor .csv.
        OutputError: It is there already, for what people wrote into it is not to be lost; or it cannot be written.
    """
    check_sheet(path, option)
    written = list(rows)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            _write(file, written, table=path.suffix.lower() == ".csv")
    except FileExistsError:
        raise _there(path, option) from None
    except OSError as error:
        raise OutputError(
            f"{_given(option, path)} cannot be written: {error.strerror}", hint="Give another path."
        ) from error
    return path


def check_sheet(path: Path, option: str) -> None:
    """See that a sheet can be written there, before anything is paid for.

    Raises:
        UsageError: It is neither .jsonl nor .csv, or there already.
    """
    if path.suffix.lower() not in {".jsonl", ".csv"}:
        hint = f"Write {_given(option, 'judgments.jsonl')} or .csv."
        raise UsageError(f"{_given(option, path)} is neither .jsonl nor .csv", hint=hint)
    if path.exists():
        raise _there(path, option)


def sheet_row(trace: Trace, *, known: bool = True, **more: Any) -> Json:
    """The row of a trace.

    Args:
        trace: What is to be judged.
        known: Whether the store has it under its id; without one it is known by inputs and outputs.
        **more: Further columns, before those to fill in.
    """
    values = {"inputs": trace.example.inputs, "labels": trace.example.labels, "outputs": trace.prediction or {}, **more}
    said = {name: plain(value) for name, value in values.items()}
    return {"trace": trace.id if known else None, **said, **dict.fromkeys(_ASKED)}


def _given(option: str, path: Path | str) -> str:
    return f"{option}{path}" if option.endswith("=") else f"{option} {path}"


def _there(path: Path, option: str) -> OutputError:
    return OutputError(f"{_given(option, path)} is there already", hint="Give another name; nothing is overwritten.")


def _write(file: Any, rows: list[Json], *, table: bool) -> None:
    if not table:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        return
    writer = csv.writer(file)
    writer.writerow(rows[0] if rows else ("trace", "inputs", "labels", "outputs", *_ASKED))
    for row in rows:
        writer.writerow("" if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
                        for v in row.values())  # fmt: skip
