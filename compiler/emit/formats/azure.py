"""Azure OpenAI's formats: OpenAI's rows in files with a byte-order mark.

Rules: https://learn.microsoft.com/en-us/azure/ai-services/openai/how-to/fine-tuning ("encoded in UTF-8 and include a
byte-order mark (BOM)", at least 10 examples, less than 512 MB), .../fine-tuning-functions (``tools``),
.../fine-tuning-vision (64 pictures of 10 MB) and .../fine-tuning-direct-preference-optimization (an answer may have
several messages, of the assistant or a tool).
"""

from __future__ import annotations

import codecs
from pathlib import Path

from ..outdir import LineFile, writing
from ._openai import ChatsAndPairs
from ._openai_rules import Rules
from .base import Written, few_or_many
from .openai import MIN_ROWS


class Azure(ChatsAndPairs):
    """OpenAI's rows for supervised fine-tuning, and its pairs."""

    name = "azure"
    rules = Rules(most_images=64, longest=None)

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
