"""``limbeck.json`` of a dataset: what was asked for, what came of it, and a hash of each file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from ...records import Json
from ..keep.jsontext import plain
from .card import write_card
from .names import MANIFEST
from .outdir import writing
from .provenance import versions

if TYPE_CHECKING:
    from .choices import Choices
    from .dataset import Source
    from .formats.base import Written
    from .result import DatasetResult


def write_manifest(
    work: Path, source: Source, choices: Choices, names: Sequence[str], result: DatasetResult, written: Written,
    counts: Json,
) -> None:  # fmt: skip
    """Write the manifest, and the card that is made of it; all other files are there.

    Args:
        work: The directory.
        source: What rows were made of.
        choices: What was asked for.
        names: Predictors that rows were made for.
        result: What came of it.
        written: What was written.
        counts: Keys to add.

    Raises:
        OutputError: The disk does not take it.
    """
    tables = any(path.endswith(".parquet") for path in written.paths.values())
    near = choices.dedup == "near" or (choices.together == "near" and len(choices.split) > 1)
    sent, compiled = choices.prompt == "sent", choices.prompt == "compiled"
    manifest: Json = {
        "kind": "dataset",
        "rows_of": result.kind,
        "task": source.task,
        "format": result.format,
        "prompt": choices.prompt,
        "adapter": None if sent else choices.adapter,
        "candidate": source.candidate.id if source.candidate is not None and compiled else None,
        "predictors": list(names),
        "seed": choices.seed,
        "split": dict(choices.split),
        "max_level": choices.max_level,
        "choices": choices.as_json(),
        "command": source.command,
        "read": result.read,
        "combined": result.combined,
        "formed": result.formed,
        "rows": dict(result.rows),
        "paths": dict(written.paths),
        "dropped": dict(result.dropped),
        "levels": dict(result.levels),
        **({"weights": dict(result.weights)} if result.weights else {}),
        "warnings": list(result.warnings),
        **counts,
        "files": {str(path.relative_to(work)): _facts(path) for path in _files(work)},
        "versions": versions(*["pyarrow"] * tables, *["rensa"] * near),
    }
    write_card(work, manifest)
    with writing(work):
        (work / MANIFEST).write_bytes(
            orjson.dumps(plain(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )


def _files(work: Path) -> list[Path]:
    """Files that the dataset has so far; hidden ones are at work, and will be gone."""
    return sorted(path for path in work.rglob("*") if path.is_file() and not path.name.startswith("."))


def _facts(path: Path) -> Json:
    """Size and hash of a file."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
