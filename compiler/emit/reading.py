"""A dataset directory, read back: one row and what was written about it, without loading the files.

Files may have millions of lines. They are read line by line, up to the one that is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson

from ...errors import DataError, MissingExtra
from ...records import Json
from .names import CONTAMINATED, LEDGER, MANIFEST, PRIVATE, PROVENANCE
from .record import WHOLE

ASIDE = (CONTAMINATED, PRIVATE)
"""Files with rows that were put aside, whole or masked."""

_MOST = 64 << 20  # bytes of a manifest; real ones have some thousands
_BOM = b"\xef\xbb\xbf"
_EXPORTED = "Give a directory that limbeck export wrote."


@dataclass(frozen=True)
class Line:
    """A row as it stands in its file.

    Attributes:
        row: The row; None where it is no JSON object.
        sha256: Hash of its line; None where the file has no lines.
    """

    row: Any
    sha256: str | None


@dataclass(frozen=True)
class Dataset:
    """A directory that ``export`` wrote.

    Attributes:
        path: The directory.
        manifest: Its ``limbeck.json``.
    """

    path: Path
    manifest: Json

    @property
    def rows(self) -> dict[str, int]:
        """Rows by split."""
        return {str(split): int(n) for split, n in self.manifest["rows"].items()}

    def files(self, split: str) -> list[Path]:
        """Files of a split; several where its path is a pattern."""
        name = str(self.manifest["paths"][split])
        plain = self.path / name
        return [plain] if plain.exists() or "[" not in name else sorted(self.path.glob(name))

    def row(self, split: str, line: int) -> Line | None:
        """Read one row; None where its file is gone or has fewer.

        Raises:
            DataError: The file cannot be read.
            MissingExtra: It is Parquet, and there is no pyarrow.
        """
        for path in self.files(split):
            if path.suffix == ".parquet":
                found = _parquet_row(path, line)
                if isinstance(found, Line):
                    return found
                line -= found
            elif (text := next((text for number, text in _lines(path) if number == line), None)) is not None:
                return Line(_object(text), hashlib.sha256(text).hexdigest())
        return None

    def find_line(self, split: str, sha256: str) -> int | None:
        """The line whose hash this is; None where there is none, or the files have no lines."""
        for path in self.files(split):
            if path.suffix != ".parquet":
                return next((n for n, text in _lines(path) if hashlib.sha256(text).hexdigest() == sha256), None)
        return None

    def is_changed(self, split: str) -> bool:
        """Whether a file of a split is not the one that was written, by its hash."""
        return any(_sha256(path) != self._written(path) for path in self.files(split))

    def _written(self, path: Path) -> str:
        return str(self.manifest.get("files", {}).get(path.relative_to(self.path).as_posix(), {}).get("sha256"))

    def origin_at(self, split: str, line: int) -> Json | None:
        """Provenance of a row by its place."""
        start = orjson.dumps({"split": split, "line": line})[:-1] + b","
        return next((told for told in self._told(PROVENANCE, start) if (told["split"], told["line"]) == (split, line)),
                    None)  # fmt: skip

    def origin_of(self, sha256: str) -> Json | None:
        """Provenance of a row by the hash of its line."""
        return next((told for told in self._told(PROVENANCE, sha256.encode()) if told["sha256"] == sha256), None)

    def origins(self, text: str, most: int = 4) -> list[Json]:
        """Provenance of rows by an id, of a row, an answer or a trace, or by how it or the line's hash starts.

        Args:
            text: What is looked for. A row that is called just so is alone.
            most: Stop after so many.
        """
        found = []
        for told in self._told(PROVENANCE, orjson.dumps(text)[1:-1]):
            if told["row"] == text:
                return [told]
            if told["sha256"].startswith(text) or any(name.startswith(text) for name in (told["row"], *answers(told))):
                found.append(told)
                if len(found) == most:
                    break
        return found

    def dropped(self, text: str, most: int = 4) -> list[Json]:
        """Entries of the ledger by an id, or by how it starts; one that is called just so is alone."""
        found = []
        for told in self._told(LEDGER, orjson.dumps(text)[1:-1]):
            if told["item"] == text:
                return [told]
            if told["item"].startswith(text):
                found.append(told)
                if len(found) == most:
                    break
        return found

    def aside(self, row: str) -> tuple[str, Json] | None:
        """The file in which a dropped row was put aside, and what stands there; None where it was not."""
        needle = b'"row":' + orjson.dumps(row)
        for name in ASIDE:
            told = next((told for told in self._told(name, needle) if told["row"] == row), None)
            if told is not None:
                return name, told
        return None

    def nearest(self, text: str) -> str | None:
        """The row's id that begins most like a text; None where none has its first four characters."""
        start = orjson.dumps(text[:4])[1:-1]
        ids = (told["row"] for told in self._told(PROVENANCE, b'"row":"' + start))
        found = max(ids, key=lambda name: _alike(name, text), default=None)
        return None if found is None or len(text) < 4 else str(found)

    def _told(self, name: str, needle: bytes) -> Iterator[Json]:
        """Lines of a side file that have some bytes in them."""
        for number, text in _lines(self.path / name):
            if needle not in text:
                continue
            told = _object(text)
            if not isinstance(told, dict) or not told.keys() >= _KEYS[name]:
                raise DataError(f"{self.path / name}:{number}: not as limbeck wrote it", hint="Export again.")
            yield told


_KEYS = {
    PROVENANCE: {"split", "line", "sha256", "row", "trace", "step", "verdicts"},
    LEDGER: {"stage", "item", "reason", "detail"},
    **{name: {"row"} for name in ASIDE},
}


def answers(origin: Json) -> list[str]:
    """Ids of the answers that a row was made of."""
    return [answer_id(told) for told in (origin, *origin.get("others", ()))]


def answer_id(told: Json) -> str:
    """Id of an answer."""
    return f"{told['trace']}#{'all' if told['step'] == WHOLE else told['step']}"


def _alike(name: str, text: str) -> int:
    """How many characters two texts have in common from the start."""
    return next((n for n, (a, b) in enumerate(zip(name, text, strict=False)) if a != b), min(len(name), len(text)))


def open_dataset(path: Path) -> Dataset:
    """Open a directory that ``export`` wrote.

    Raises:
        DataError: It is none.
    """
    if not path.is_dir():
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*/") if p.is_dir()], n=1)
        hint = f"Did you mean {path.with_name(near[0])}?" if near else _EXPORTED
        raise DataError(f"there is no directory {path}", hint=hint)
    try:
        with (path / MANIFEST).open("rb") as file:
            manifest = _object(file.read() if (path / MANIFEST).stat().st_size <= _MOST else b"")
    except OSError as error:
        raise DataError(f"{path / MANIFEST} cannot be read: {error.strerror}", hint=_EXPORTED) from error
    if not _is_dataset(manifest):
        raise DataError(f"{path / MANIFEST} describes no dataset", hint=_EXPORTED)
    return Dataset(path, manifest)


def _is_dataset(manifest: Any) -> bool:
    if not isinstance(manifest, dict) or manifest.get("kind") != "dataset":
        return False
    rows, paths = manifest.get("rows"), manifest.get("paths")
    if not isinstance(rows, dict) or not isinstance(paths, dict) or not isinstance(manifest.get("files", {}), dict):
        return False
    # A manifest may come from anywhere, and must not lead out of its directory.
    inside = all(isinstance(p, str) and not Path(p).is_absolute() and ".." not in Path(p).parts for p in paths.values())
    return inside and rows.keys() <= paths.keys() and all(isinstance(n, int) for n in rows.values())


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines without their ends, from 1; none where there is no file.

    Raises:
        DataError: The file cannot be read.
    """
    if not path.exists():
        if path.name == PROVENANCE:
            raise DataError(f"there is no {path}, and nothing else tells where rows come from", hint="Export again.")
        return
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.removesuffix(b"\n").removeprefix(_BOM if number == 1 else b"")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _object(text: bytes) -> Any:
    """A JSON value; None where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _parquet_row(path: Path, line: int) -> Line | int:
    """A row of a Parquet file by its number from 1; how many there are where there are fewer."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra(
            f"reading {path.name} needs pyarrow, which is not installed", hint="pip install 'limbeck[export]'"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            before = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if line <= before + size:
                    (row,) = file.read_row_group(group).slice(line - before - 1, 1).to_pylist()
                    return Line(row, None)
                before += size
            return before
    except (OSError, ValueError, pa.ArrowException) as error:  # a text may be no UTF-8
        raise DataError(f"{path} cannot be read: {error}", hint="Export again.") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
