"""JSON inside a row, for targets that read a column as text."""

from __future__ import annotations

import json
from typing import Any


def json_text(value: Any) -> str | None:
    """A value as JSON; None where it is none (it came in from Python, or holds NaN), for ``check`` to see."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
