"""What the user declares: signatures, programs, metrics, checks, data. Loading this imports nothing heavy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspy import InputField, OutputField, Signature

    from .examples import coerce_examples, read_examples, read_rows, to_dspy
    from .splits import Splits, make_splits
    from .target import load_target
    from .task import Task

_HOMES = {
    "InputField": "dspy",
    "OutputField": "dspy",
    "Signature": "dspy",
    "Splits": ".splits",
    "Task": ".task",
    "coerce_examples": ".examples",
    "load_target": ".target",
    "make_splits": ".splits",
    "read_examples": ".examples",
    "read_rows": ".examples",
    "to_dspy": ".examples",
}

__all__ = [
    "InputField",
    "OutputField",
    "Signature",
    "Splits",
    "Task",
    "coerce_examples",
    "load_target",
    "make_splits",
    "read_examples",
    "read_rows",
    "to_dspy",
]


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): DSPy takes a second to import, and ``--help`` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
