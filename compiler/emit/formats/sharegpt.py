"""ShareGPT: JSONL with ``conversations`` of ``from`` and ``value``, as OpenHermes-2.5, FastChat and others have it.

Rules: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md (sharegpt: supervised, preference). Human and
gpt take turns; the system's text comes first, as ``{"from": "system"}``. Tools, which other readers do not know, are
as LLaMA-Factory has them: ``function_call`` and ``observation`` in the conversation, schemas as JSON in ``tools``.
"""

from __future__ import annotations

from collections.abc import Mapping

from ....records import Json
from ..record import Kind, Record
from .base import Written
from .llama_factory import LlamaFactory


class ShareGPT(LlamaFactory):
    """``{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", "value": ...}]}``."""

    name = "sharegpt"
    extra_columns = False
    kinds: tuple[Kind, ...] = ("sft", "preference")

    def row(self, record: Record) -> Json:
        """The conversation, with the system's text in it, and tools where there are some."""
        row = super().row(record)
        system, tools = row.pop("system"), row.pop("tools")
        if system:
            row["conversations"].insert(0, {"from": "system", "value": system})
        return row if tools == "" else {**row, "tools": tools}

    def check(self, row: Json) -> list[str]:
        """Check a row by what readers of ShareGPT take; messages are counted from the first after the system's."""
        known = {"conversations", "chosen", "rejected", "tools"}
        problems = [f"unknown column {name!r}" for name in row if name not in known]
        plain = {"system": "", "tools": "", **row}
        messages = row.get("conversations")
        if isinstance(messages, list) and messages and isinstance(messages[0], dict):
            first, *others = messages
            if first.get("from") == "system":
                plain |= {"system": first.get("value"), "conversations": others}
        return problems + super().check(plain)

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """No files."""
        return {}
