"""Azure OpenAI's formats: OpenAI's rows in files with a byte-order mark.

Rules: https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/fine-tuning ("encoded in UTF-8 and include a
byte-order mark (BOM)", at least 10 examples, less than 512 MB), .../fine-tuning-functions (``tools``),
.../fine-tuning-vision (64 pictures of 10 MB) and .../fine-tuning-direct-preference-optimization (an answer may have
several messages, of the assistant or a tool).
"""

from __future__ import annotations

import codecs
from pathlib import Path

from ....records import Json
from ..outdir import LineFile, writing
from ..record import Kind, Record
from ._chat import few_or_many
from ._openai import chat_row, pair_row
from ._openai_rules import Rules, chat_problems, pair_problems
from .base import JsonLines, Written
from .openai import MIN_ROWS

RULES = Rules(most_images=64, longest=None)


class Azure(JsonLines):
    """OpenAI's rows for supervised fine-tuning, and its pairs."""

    name = "azure"
    kinds: tuple[Kind, ...] = ("sft", "preference")

    def row(self, record: Record) -> Json:
        """As OpenAI has it."""
        return pair_row(record, RULES) if record.kind == "preference" else chat_row(record, RULES)

    def check(self, row: Json) -> list[str]:
        """Check a row by Azure's rules."""
        return pair_problems(row, RULES) if "input" in row else chat_problems(row, RULES)

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Azure refuses."""
        return few_or_many(rows, "Azure", MIN_ROWS)

    def open(self, path: Path, written: Written | None = None) -> LineFile:
        """Lines after a byte-order mark."""
        return _MarkedFile(path)


class _MarkedFile(LineFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with writing(path):
            self._file.write(codecs.BOM_UTF8)
