"""Rows as Parquet: the columns of each kind, and a file that is written in row groups.

The schema is decided by the kind of rows, by the extra columns asked for, and by whether any row has tools; no value
changes it. What has no fixed form (schemas of tools, arguments of calls, what is known of an answer) is JSON in a
string. Format: https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ....errors import MissingExtra
from ....records import Json
from ..outdir import writing
from ..record import Kind

GROUP_ROWS, GROUP_BYTES = 10_000, 16 << 20
"""A row group is written when it has so many rows, or so many bytes of JSON: what a file holds in memory."""

FILE_BYTES = 2 << 30
"""JSON in one file of several; a fifth of it or less remains after compression."""

SHARD = "[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]"
"""Stands for the numbers of the files in a path, as a pattern that finds them all."""

COLUMN_TYPES = {
    "outcome": "string", "rejected_outcome": "string", "reward": "double", "chosen_reward": "double",
    "rejected_reward": "double", "pass_rate": "double", "attempts": "int64",
}  # fmt: skip
"""Types of extra columns; any other is JSON in a string."""

BASES: dict[frozenset[str], Kind] = {
    frozenset({"prompt", "completion"}): "sft",
    frozenset({"prompt", "chosen", "rejected"}): "preference",
    frozenset({"prompt", "completion", "label"}): "unpaired",
    frozenset({"prompt", "completions", "labels", "ratings"}): "stepwise",
    frozenset({"prompt", "known"}): "prompts",
    frozenset({"prompt", "labels", "probabilities"}): "soft",
}
"""Kinds by the columns that their rows always have."""

_OWN = frozenset[str]().union(*BASES)


@dataclass(frozen=True)
class Shape:
    """What decides the schema.

    Attributes:
        kind: Kind of the rows.
        columns: Names of extra columns.
        tools: Whether a row may have tools, calls of them, or what they gave back.
    """

    kind: Kind
    columns: tuple[str, ...] = ()
    tools: bool = True

    @classmethod
    def of(cls, row: Json) -> Shape:
        """The shape of rows that are like this one."""
        columns = tuple(name for name in row if name not in _OWN and name != "tools")
        return cls(kind_of(row), columns)


def kind_of(row: Json) -> Kind:
    """Kind of a row by its columns.

    Raises:
        KeyError: It is of none.
    """
    return BASES[_OWN.intersection(row)]


def need_pyarrow() -> None:
    """See that there is pyarrow.

    Raises:
        MissingExtra: There is none.
    """
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            "writing Parquet needs pyarrow, which is not installed", hint="pip install 'limbeck[export]'"
        ) from error


def schema(shape: Shape) -> Any:
    """The Arrow schema of a shape, with the kind in its metadata."""
    import pyarrow as pa

    text, chat = pa.string(), pa.list_(_message(tools=shape.tools))
    kinds: dict[Kind, dict[str, Any]] = {
        "sft": {"prompt": chat, "completion": chat},
        "preference": {"prompt": chat, "chosen": chat, "rejected": chat},
        "unpaired": {"prompt": chat, "completion": chat, "label": pa.bool_()},
        "stepwise": {
            "prompt": text, "completions": pa.list_(text), "labels": pa.list_(pa.bool_()),
            "ratings": pa.list_(pa.int8()),
        },
        "prompts": {"prompt": chat, "known": text},
        "soft": {"prompt": chat, "labels": pa.list_(text), "probabilities": pa.list_(pa.float64())},
    }  # fmt: skip
    fields = kinds[shape.kind] | ({"tools": text} if shape.tools else {})
    fields |= {name: pa.type_for_alias(COLUMN_TYPES.get(name, "string")) for name in shape.columns}
    return pa.schema(list(fields.items()), metadata={"limbeck.kind": shape.kind})


def _message(*, tools: bool) -> Any:
    """A message. Keys for tools are there only where there are tools: chat templates stumble over nulls in them."""
    import pyarrow as pa

    text = pa.string()
    if not tools:
        return pa.struct({"role": text, "content": text})
    function = pa.struct({"name": text, "arguments": text})
    calls = pa.list_(pa.struct({"id": text, "type": text, "function": function}))
    return pa.struct({"role": text, "content": text, "name": text, "tool_calls": calls, "tool_call_id": text})


def empty_file(shape: Shape) -> bytes:
    """A file without rows."""
    stream = io.BytesIO()
    _writer(stream, schema(shape)).close()
    return stream.getvalue()


def _writer(sink: Any, of: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(sink, of, compression="zstd")


class ParquetRows:
    """A Parquet file, or several, written in row groups; no row, no file.

    Args:
        path: The file. One with ``SHARD`` in its name is several, each of about ``FILE_BYTES``.
        shape: Decides the schema; None to take that of the first row, with tools.
    """

    def __init__(self, path: Path, shape: Shape | None = None) -> None:
        need_pyarrow()
        self.path = path
        self._shape = shape
        self._lines: list[bytes] = []
        self._bytes = self._written = 0
        self._parts: list[Path] = []
        self._out: Any = None

    def write(self, line: bytes) -> None:
        """Add a row.

        Raises:
            OutputError: The disk does not take it.
        """
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= GROUP_BYTES or len(self._lines) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        if self._shape is None:
            import orjson

            self._shape = Shape.of(orjson.loads(self._lines[0]))
        of = schema(self._shape)
        with writing(self.path):
            if self._out is None:
                self._start(of)
            self._out.write_table(_table(self._lines, of))
        self._written += self._bytes
        self._lines, self._bytes = [], 0
        if self._written >= FILE_BYTES and SHARD in self.path.name:
            self._end()

    def _start(self, of: Any) -> None:
        import pyarrow as pa

        part = self.path.with_name(self.path.name.replace(SHARD, f"{len(self._parts):05d}"))
        self._out = _writer(pa.OSFile(str(part), "wb"), of)
        self._parts.append(part)

    def _end(self) -> None:
        out, self._out, self._written = self._out, None, 0
        if out is not None:
            with writing(self.path):
                out.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._end()
        for number, part in enumerate(self._parts if SHARD in self.path.name else ()):
            with writing(self.path):
                part.rename(self.path.with_name(shard_name(self.path.name, number, len(self._parts))))


def shard_name(name: str, number: int, of: int) -> str:
    """Name of one of several files."""
    return name.replace(SHARD, f"{number:05d}-of-{of:05d}")


def _table(lines: Iterable[bytes], of: Any) -> Any:
    """Read JSON lines into columns."""
    import pyarrow as pa
    import pyarrow.json as pj

    data = b"\n".join(lines)
    table = pj.read_json(
        pa.BufferReader(data),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pj.ParseOptions(explicit_schema=of, unexpected_field_behavior="error"),
    )
    return table.select(of.names).cast(of)
