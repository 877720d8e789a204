"""Alpaca: JSONL with an instruction, an input and an output, and what came before as ``system`` and ``history``.

Rules: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md (alpaca: supervised, preference, KTO). The
human's turn is ``instruction`` and ``input`` with a newline between; so the whole of it is the instruction. What was
answered in the history is learned, too. There is no place for tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....records import Json
from ..record import Kind, Record
from ._trl import turns
from .base import JsonLines
from .trl_stepwise import is_text


class Alpaca(JsonLines):
    """``{"instruction", "input", "output", "system", "history"}``, or ``chosen`` and ``rejected`` for the output."""

    name = "alpaca"
    turns = False
    kinds: tuple[Kind, ...] = ("sft", "preference", "unpaired")

    def row(self, record: Record) -> Json:
        """The last turn and its answer; null where the chat is of a form that does not fit, for ``check`` to see."""
        prompt = turns(record.prompt)
        system = prompt.pop(0)["content"] if prompt and prompt[0]["role"] == "system" else ""
        row = {"instruction": _said(prompt[-1:], "user"), "input": ""}
        if record.kind == "preference":
            row |= {"chosen": _answer(record.completion), "rejected": _answer(record.rejected)}
        else:
            row["output"] = _answer(record.completion)
        row |= {"system": system, "history": _history(prompt[:-1])}
        if record.kind == "unpaired":
            row["kto_tag"] = record.label
        return row | ({"tools": len(record.tools)} if record.tools else {})

    def check(self, row: Json) -> list[str]:
        """Check a row by what readers of Alpaca take."""
        answers = ("chosen", "rejected") if "chosen" in row else ("output",)
        needed = {"instruction", "input", *answers, "system", "history"}
        if "tools" in row:
            return ["there is no place for tools"]
        if not needed <= set(row) <= needed | {"kto_tag"}:
            return [f"the columns must be {', '.join(sorted(needed))}"]
        said = [name for name in ("instruction", *answers) if not is_text(row[name])]
        problems = [f"{name} is empty, calls a tool, or is not one text" for name in said]
        problems += [f"{name} is no text" for name in ("input", "system") if not isinstance(row[name], str)]
        if not _is_history(row["history"]):
            problems.append("history must be texts of user and assistant by turns")
        if "kto_tag" in row and not isinstance(row["kto_tag"], bool):
            problems.append(f"kto_tag {row['kto_tag']!r} is neither true nor false")
        if "chosen" in row and row["chosen"] == row["rejected"]:
            problems.append("chosen and rejected are equal")
        return problems


def _answer(messages: Sequence[Json]) -> Any:
    return _said(turns(messages), "assistant")


def _said(messages: Sequence[Json], role: str) -> Any:
    """Text of the one message, where it is of this role and no call of a tool."""
    fits = len(messages) == 1 and messages[0]["role"] == role and "tool_calls" not in messages[0]
    return messages[0]["content"] if fits else None


def _history(messages: Sequence[Json]) -> list[list[Any]] | None:
    """Pairs of what user and assistant said; None where they did not take turns."""
    pairs = [_pair(messages[at : at + 2]) for at in range(0, len(messages), 2)]
    return None if any(None in pair for pair in pairs) else pairs


def _pair(messages: Sequence[Json]) -> list[Any]:
    return [_said(messages[:1], "user"), _said(messages[1:], "assistant")]


def _is_history(pairs: Any) -> bool:
    return isinstance(pairs, list) and all(isinstance(p, list) and len(p) == 2 and all(map(is_text, p)) for p in pairs)
