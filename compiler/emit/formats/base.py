"""The Format protocol, and formats by name through the entry points ``limbeck.formats``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ....errors import UsageError
from ....records import Json
from ..outdir import LineFile
from ..record import Kind, Record

GROUP = "limbeck.formats"
"""Entry point group in which other packages offer formats."""

_HERE = "limbeck.compiler.emit.formats"

BUILTINS = {
    "alpaca": f"{_HERE}.alpaca:Alpaca",
    "axolotl": f"{_HERE}.axolotl:Axolotl",
    "azure": f"{_HERE}.azure:Azure",
    "bedrock": f"{_HERE}.bedrock:Bedrock",
    "fireworks": f"{_HERE}.fireworks:Fireworks",
    "gemini": f"{_HERE}.gemini:Gemini",
    "gemini-preference": f"{_HERE}.gemini_preference:GeminiPreference",
    "hf": f"{_HERE}.hf:HuggingFace",
    "llama-factory": f"{_HERE}.llama_factory:LlamaFactory",
    "math-shepherd": f"{_HERE}.math_shepherd:MathShepherd",
    "mlx": f"{_HERE}.mlx:MLX",
    "nova-dpo": f"{_HERE}.nova_dpo:NovaDPO",
    "openai": f"{_HERE}.openai:OpenAI",
    "openai-dpo": f"{_HERE}.openai_dpo:OpenAIDPO",
    "parquet": f"{_HERE}.parquet:Parquet",
    "prm800k": f"{_HERE}.prm800k:PRM800K",
    "sharegpt": f"{_HERE}.sharegpt:ShareGPT",
    "together": f"{_HERE}.together:Together",
    "trl-preference": f"{_HERE}.trl_preference:TRLPreference",
    "trl-prompt-completion": f"{_HERE}.trl_prompt_completion:TRLPromptCompletion",
    "trl-prompts": f"{_HERE}.trl_prompts:TRLPrompts",
    "trl-sft": f"{_HERE}.trl_sft:TRLSFT",
    "trl-stepwise": f"{_HERE}.trl_stepwise:TRLStepwise",
    "trl-unpaired": f"{_HERE}.trl_unpaired:TRLUnpaired",
}
"""Formats that are there even where the package runs from a checkout that was never installed."""


@dataclass(frozen=True)
class Written:
    """What was written, for the files beside the rows that a target wants.

    Attributes:
        task: Name of the task.
        kind: Kind of the rows.
        rows: Rows by split; a split may have none.
        paths: File of each split, relative to the directory.
        positives: Rows of kind ``unpaired`` that are good, in all splits.
        tools: Whether any row has tools.
        columns: Names of extra columns (``outcome``, ``reward``).
    """

    task: str
    kind: Kind
    rows: Mapping[str, int]
    paths: Mapping[str, str]
    positives: int = 0
    tools: bool = False
    columns: tuple[str, ...] = field(default=())


class RowFile(AbstractContextManager[Any, None], Protocol):
    """A file that rows are written to, inside ``with``."""

    def write(self, line: bytes, /) -> None:
        """Write a row, given as JSON without a newline."""
        ...


@runtime_checkable
class Format(Protocol):
    """How a target wants its rows. ``JsonLines`` has all but ``name``, ``kinds``, ``row`` and ``check``.

    Attributes:
        name: What ``--format`` takes.
        kinds: Kinds of rows that it can hold; the first one is the default.
        extra_columns: Whether a row may have columns beside the target's own.
        turns: Whether an answer may be several messages: the turns of a conversation, of which each is learned.
    """

    name: str
    kinds: tuple[Kind, ...]
    extra_columns: bool
    turns: bool

    def row(self, record: Record) -> Json:
        """Make the row that the target reads; plain JSON, the same for the same record."""
        ...

    def check(self, row: Json) -> list[str]:
        """Problems of a row by the target's own rules; empty where there is none."""
        ...

    def check_all(self, rows: int) -> list[str]:
        """Warnings about a file with so many rows."""
        ...

    def path(self, split: str) -> str:
        """File of a split, relative to the directory; a pattern where a split is several files."""
        ...

    def open(self, path: Path, written: Written | None = None) -> RowFile:
        """Start the file of a split; its folder is there.

        Args:
            path: The file.
            written: What is going to be written, where it is known beforehand.
        """
        ...

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """Other files that the target wants, by path relative to the directory."""
        ...


class JsonLines:
    """A file of JSON lines for each split and nothing beside it: what most targets want."""

    extra_columns = False
    turns = True

    def check_all(self, rows: int) -> list[str]:
        """Any number of rows will do."""
        return []

    def path(self, split: str) -> str:
        """``train.jsonl`` and so on."""
        return f"{split}.jsonl"

    def open(self, path: Path, written: Written | None = None) -> RowFile:
        """Lines as they come."""
        return LineFile(path)

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """No files."""
        return {}


def few_or_many(rows: int, service: str, least: int, most: int | None = None) -> list[str]:
    """Warn of a file with too few or too many rows."""
    if 0 < rows < least:
        return [f"{service} refuses files with fewer than {least} lines"]
    if most is not None and rows > most:
        return [f"{service} refuses files with more than {most:,} lines"]
    return []


def format_names() -> list[str]:
    """Names of all formats, sorted."""
    return sorted(_known())


def formats_of(kind: Kind) -> list[str]:
    """Names of limbeck's own formats that hold rows of a kind, sorted."""
    return [name for name in sorted(BUILTINS) if kind in get_format(name).kinds]


def get_format(name: str) -> Format:
    """Make a format.

    Raises:
        UsageError: There is no format of this name, or it cannot be loaded.
    """
    known = _known()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        raise UsageError(
            f"Unknown format {name!r}.",
            hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Formats: {', '.join(sorted(known))}.",
        )
    try:
        made = known[name].load()()
    except Exception as error:
        raise UsageError(
            f"Format {name!r} cannot be loaded from {known[name].value}: {error}",
            hint="Reinstall the package that offers it.",
        ) from error
    if not isinstance(made, Format):
        raise UsageError(
            f"Format {name!r} from {known[name].value} lacks part of limbeck's Format protocol.",
            hint="Run limbeck's conformance suite on it.",
        )
    return made


def _known() -> dict[str, EntryPoint]:
    """Entry points by name; a package cannot replace what limbeck itself offers."""
    offered = {point.name: point for point in entry_points(group=GROUP)}
    return offered | {name: EntryPoint(name, value, GROUP) for name, value in BUILTINS.items()}
