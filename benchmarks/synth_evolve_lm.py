"""What the LM says to ``evolve`` in benchmarks. Alone in its file, for the local provider loads nothing else."""

from __future__ import annotations

import zlib
from typing import Any

_END = "\n\n[[ ## completed ## ]]"


def answer(request: str) -> str:
    """What the LM says, by the last message of a request: a sentence more, another question, or a good judgment."""
    mark = f"{zlib.crc32(request.encode()):08x}"
    if "`[[ ## rewritten_prompt ## ]]`" in request:
        return f"[[ ## rewritten_prompt ## ]]\n{_value(request, 'given_prompt')} Mind {mark}, too.{_END}"
    if "`[[ ## created_prompt ## ]]`" in request:
        rest = " ".join(_value(request, "given_prompt").split()[5:])
        return f"[[ ## created_prompt ## ]]\nWhat rare thing is {mark} {rest}{_END}"
    if "`[[ ## judgment ## ]]`" in request:
        same = "[[ ## context ## ]]" in request
        return f"[[ ## judgment ## ]]\n{'same' if same else 'not equal'}{_END}"
    return f"[[ ## answer ## ]]\nIt is {mark}.{_END}"


def stub_reply(request: dict[str, Any]) -> str:
    """The same for the local provider."""
    return answer(request["messages"][-1]["content"])


def _value(request: str, name: str) -> str:
    return request.partition(f"[[ ## {name} ## ]]\n")[2].partition("\n\n[[ ##")[0].strip()
