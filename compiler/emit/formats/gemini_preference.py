"""Vertex AI's format for preference tuning of Gemini: JSONL with ``contents`` and two ``completions``.

Rules: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-preference-tuning-prepare (snake case; text
only; contents end with a user's turn; one preferred completion with score 1 and one with score 0, each a single turn
of the model's) and .../gemini-preference-tuning (at most 10 million examples).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....records import Json
from ..record import Kind, Record
from ._gemini import chat, contents_problems, instruction_problems, parts_problems
from .base import JsonLines, few_or_many

MAX_ROWS = 10_000_000


class GeminiPreference(JsonLines):
    """``{"system_instruction", "contents": [...], "completions": [{"score": 1, "completion"}, {"score": 0, ...}]}``."""

    name = "gemini-preference"
    kinds: tuple[Kind, ...] = ("preference",)

    def row(self, record: Record) -> Json:
        """The prompt, and both answers. There is no place for tools; with them the row is one that is refused."""
        system, contents = chat(record.prompt)
        row: Json = {"system_instruction": {"parts": system}} if system else {}
        row["contents"] = contents
        row["completions"] = [
            {"score": score, "completion": _turn(answer)}
            for score, answer in ((1, record.completion), (0, record.rejected))
        ]
        return {**row, "tools": list(record.tools)} if record.tools else row

    def check(self, row: Json) -> list[str]:
        """Check a row by Vertex's rules."""
        if "tools" in row:
            return ["there is no place for tools"]
        keys = {"contents", "completions"}
        if not keys <= set(row) <= {*keys, "system_instruction"}:
            return ["the row must have 'contents', 'completions', and beside them no more than system_instruction"]
        problems = instruction_problems(row["system_instruction"]) if "system_instruction" in row else []
        problems += contents_problems(row["contents"], last="user", text_only=True)
        return problems + _completions_problems(row["completions"])

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Vertex refuses."""
        return few_or_many(rows, "Vertex AI", 1, MAX_ROWS)


def _turn(answer: Sequence[Json]) -> Any:
    """One content; all of them where an answer has several, which ``check`` refuses."""
    _, contents = chat(answer)
    return contents[0] if len(contents) == 1 else contents


def _completions_problems(completions: Any) -> list[str]:
    if not isinstance(completions, list) or len(completions) != 2:
        return ["'completions' must be a list of two"]
    problems = []
    for number, (item, score) in enumerate(zip(completions, (1, 0), strict=True)):
        problems += [f"completion {number}: {text}" for text in _completion_problems(item, score)]
    if not problems and completions[0]["completion"] == completions[1]["completion"]:
        problems.append("both completions are the same")
    return problems


def _completion_problems(item: Any, score: int) -> list[str]:
    if not isinstance(item, dict) or set(item) != {"score", "completion"}:
        return ["it must have a score and a completion"]
    turn = item["completion"]
    problems = [] if type(item["score"]) is int and item["score"] == score else [f"its score must be {score}"]
    if not isinstance(turn, dict) or set(turn) != {"role", "parts"} or turn["role"] != "model":
        return [*problems, "it must be one turn of the model's"]
    return problems + parts_problems(turn["parts"], "model", text_only=True)
