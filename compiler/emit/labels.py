"""What rows are counted and balanced by: their label, and where their example comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UsageError
from ...signatures.fields import is_closed, output_fields
from .record import Record

if TYPE_CHECKING:
    import dspy


def label_fields(program: dspy.Module, only: str | None = None) -> tuple[str, ...]:
    """Output fields that hold labels: the named one, none for "", else those of a type with few values.

    Raises:
        UsageError: There is no such output field.
    """
    fields = output_fields(program)
    if only is None:
        return tuple(name for name, kind in fields.items() if is_closed(kind))
    if only and only not in fields:
        raise UsageError(f"No output field {only!r} to stratify by.", hint=f"Output fields: {', '.join(fields)}.")
    return (only,) if only else ()


def label_of(record: Record, fields: tuple[str, ...]) -> str:
    """The label of a record's answer; "" where there is none."""
    values = {**(record.first.trace.prediction or {}), **(record.first.step.outputs or {})}
    return " / ".join(str(values[name]) for name in fields if name in values)


def source_of(record: Record) -> str:
    """Where a record's example comes from: what the importer noted as its source, else its file, else its LM."""
    trace = record.first.trace
    named = trace.meta.get("source")
    if isinstance(named, str) and named:
        return named
    return (trace.example.source or "").rpartition(":")[0] or trace.origin
