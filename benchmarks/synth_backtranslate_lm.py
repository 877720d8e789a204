"""What the LM says to ``backtranslate`` in benchmarks. Alone in its file, for the local provider loads nothing else."""

from __future__ import annotations

import zlib
from typing import Any

_END = "\n\n[[ ## completed ## ]]"


def answer(request: str) -> str:
    """An instruction that nobody asked before; every pair is good."""
    if "[[ ## examples ## ]]" in request:
        return f"[[ ## judgment ## ]]\nIt says what was asked for.\nScore: 4{_END}"
    return f"[[ ## instruction ## ]]\nTell about {zlib.crc32(request.encode()):08x}.{_END}"


def stub_reply(request: dict[str, Any]) -> str:
    """The same for the local provider."""
    return answer(request["messages"][-1]["content"])
