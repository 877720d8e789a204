"""Direct preference optimization of Amazon's Nova models: JSONL, the last turn with two candidates.

Rules: https://docs.aws.amazon.com/nova/latest/userguide/nova-dpo.html (turns before the last as for supervised
fine-tuning; candidates with ``preferenceLabel`` preferred and non-preferred), and Amazon's validator (candidates hold
text only; 8 to 20,000 samples); see ``_converse`` for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....records import Json
from ..record import Kind, Record
from ._converse import MAX_ROWS, MIN_ROWS, chat, content_problems, system_problems, turn, turns_problems
from .base import JsonLines, few_or_many

LABELS = ("preferred", "non-preferred")


class NovaDPO(JsonLines):
    """``{"system", "messages": [..., {"role": "assistant", "candidates": [{"content", "preferenceLabel"}, ...]}]}``."""

    name = "nova-dpo"
    kinds: tuple[Kind, ...] = ("preference",)

    def row(self, record: Record) -> Json:
        """The prompt, and both answers as candidates. There is no place for tools; with them it is refused."""
        system, messages = chat(record.prompt)
        answers = zip((record.completion, record.rejected), LABELS, strict=True)
        candidates = [{"content": _content(answer), "preferenceLabel": label} for answer, label in answers]
        row: Json = {"system": system} if system else {}
        row["messages"] = [*messages, {"role": "assistant", "candidates": candidates}]
        return {**row, "tools": list(record.tools)} if record.tools else row

    def check(self, row: Json) -> list[str]:
        """Check a row by Amazon's rules."""
        if "tools" in row:
            return ["there is no place for tools"]
        messages = row.get("messages")
        if not {"messages"} <= set(row) <= {"messages", "system"} or not isinstance(messages, list) or not messages:
            return ["the row must have 'messages', a list that is not empty, and beside it no more than system"]
        *before, last = messages
        problems = system_problems(row["system"]) if "system" in row else []
        problems += turns_problems(before)
        if not problems and before[-1]["role"] != "user":
            problems.append("the message before the candidates must be the user's")
        return problems + _last_problems(last)

    def check_all(self, rows: int) -> list[str]:
        """Warn of files that Amazon refuses."""
        return few_or_many(rows, "Amazon", MIN_ROWS, MAX_ROWS)


def _content(answer: Sequence[Json]) -> Any:
    """Blocks of an answer; the messages themselves where it is not one text, which ``check`` refuses."""
    turns = [turn(message) for message in answer]
    alone = len(turns) == 1 and set(turns[0]) == {"role", "content"} and turns[0]["role"] == "assistant"
    return turns[0]["content"] if alone else turns


def _last_problems(last: Any) -> list[str]:
    if not isinstance(last, dict) or set(last) != {"role", "candidates"} or last["role"] != "assistant":
        return ["the last message must be the assistant's, with candidates"]
    candidates = last["candidates"]
    if not isinstance(candidates, list) or len(candidates) != 2:
        return ["there must be two candidates"]
    problems = []
    for number, (candidate, label) in enumerate(zip(candidates, LABELS, strict=True)):
        problems += [f"candidate {number}: {text}" for text in _candidate_problems(candidate, label)]
    if not problems and candidates[0]["content"] == candidates[1]["content"]:
        problems.append("both candidates are the same")
    return problems


def _candidate_problems(candidate: Any, label: str) -> list[str]:
    if not isinstance(candidate, dict) or set(candidate) != {"content", "preferenceLabel"}:
        return ["it must have content and preferenceLabel"]
    wrong = [] if candidate["preferenceLabel"] == label else [f"its preferenceLabel must be {label!r}"]
    return wrong + content_problems(candidate["content"])
