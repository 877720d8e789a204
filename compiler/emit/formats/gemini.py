"""Vertex AI's format for supervised fine-tuning of Gemini: JSONL with ``systemInstruction`` and ``contents``.

Rules: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare and
.../tune-function-calling; at most 1,000,000 examples, https://cloud.google.com/vertex-ai/generative-ai/docs/models/
gemini-supervised-tuning#limitations (of Gemini 2.5; the page names other numbers for other models).
"""

from __future__ import annotations

from ....records import Json
from ..record import Kind, Record
from ._gemini import chat, contents_problems, declaration, instruction_problems, tools_problems
from .base import JsonLines, few_or_many

MAX_ROWS = 1_000_000


class Gemini(JsonLines):
    """``{"systemInstruction": {"parts"}, "contents": [{"role", "parts"}, ...], "tools": [...]}``."""

    name = "gemini"
    kinds: tuple[Kind, ...] = ("sft",)

    def row(self, record: Record) -> Json:
        """Messages as contents, a system message that comes first as the instruction."""
        system, contents = chat(record.messages)
        row: Json = {"systemInstruction": {"parts": system}} if system else {}
        row["contents"] = contents
        if record.tools:
            row["tools"] = [{"functionDeclarations": [declaration(tool) for tool in record.tools]}]
        return row

    def check(self, row: Json) -> list[str]:
        """Check a row by Vertex's rules."""
        if not {"contents"} <= set(row) <= {"systemInstruction", "contents", "tools"}:
            return ["the row must have 'contents', and beside it no more than systemInstruction, tools"]
        problems = instruction_problems(row["systemInstruction"]) if "systemInstruction" in row else []
        problems += tools_problems(row["tools"]) if "tools" in row else []
        return problems + contents_problems(row["contents"], last="model")

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Vertex refuses."""
        return few_or_many(rows, "Vertex AI", 1, MAX_ROWS)
