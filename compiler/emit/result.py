"""What an export came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...records import Json
from .. import results
from ..results import Result, Shown


@dataclass(frozen=True, repr=False)
class DatasetResult(Result):
    """What ``export`` wrote.

    Attributes:
        path: The directory.
        format: Name of the format.
        kind: Kind of the rows.
        prompt: The student's prompt.
        rows: Rows written, by split.
        read: Answers read. Read + formed = combined + rows written + dropped.
        combined: Answers that became part of a row made of several.
        formed: Rows that were made of several answers.
        dropped: Answers and rows not emitted, by reason.
        warnings: What a trainer might stumble over.
        levels: Rows written, by level; ``none`` where nothing says.
        weights: Of kind ``unpaired``: what good and bad rows have to weigh in training to be balanced.
    """

    path: Path
    format: str
    kind: str
    prompt: str
    rows: Mapping[str, int]
    read: int
    combined: int
    formed: int
    dropped: Mapping[str, int]
    warnings: tuple[str, ...] = field(default=())
    levels: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def emitted(self) -> int:
        """Rows written in all."""
        return sum(self.rows.values())

    def as_json(self) -> Json:
        """One JSON object with everything."""
        return {
            "dataset": str(self.path), "format": self.format, "kind": self.kind, "prompt": self.prompt,
            "rows": dict(self.rows), "read": self.read, "combined": self.combined, "formed": self.formed,
            "emitted": self.emitted, "dropped": dict(self.dropped), "levels": dict(self.levels),
            **({"weights": dict(self.weights)} if self.weights else {}), "warnings": list(self.warnings),
        }  # fmt: skip

    def shown(self) -> Shown:
        """Where every row read went."""
        of = f"{self.read:,} answers read" if self.formed else f"{self.read:,}"
        made = f"{self.emitted:,} rows of {of}" if self.formed else f"{self.emitted:,} of {of} rows"
        return Shown(
            f"{made} written to {self.path}",
            results.facts(
                ("rows", results.sizes(self.rows)),
                ("format", f"{self.format}, {self.kind}, {self.prompt} prompts"),
                ("not written", results.counts(self.dropped)),
                *(("warning", text) for text in self.warnings),
            ),
        )
