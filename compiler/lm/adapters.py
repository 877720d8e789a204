"""DSPy's adapters by name, and what has to be known of them that DSPy does not document.

An adapter is always chosen by limbeck and never left to DSPy's default, which changes between versions.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from .remembering import remembering

if TYPE_CHECKING:
    import dspy

ADAPTERS = ("chat", "json", "xml")
"""Names that ``--adapter`` takes."""


def make_adapter(name: str) -> dspy.Adapter:
    """Make a fresh adapter.

    Args:
        name: One of ``ADAPTERS``.

    Raises:
        UsageError: There is no adapter of this name.
    """
    import dspy

    if name not in ADAPTERS:
        near = get_close_matches(name, ADAPTERS, n=1)
        raise UsageError(
            f"Unknown adapter {name!r}.",
            hint=(f"Did you mean {near[0]!r}? " if near else "") + f"Adapters: {', '.join(ADAPTERS)}.",
        )
    classes = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}
    adapter: dspy.Adapter = remembering(classes[name])()
    return adapter


def custom_type_marker() -> str:
    """Text by which DSPy marks images and the like inside a prompt, before it splits them into blocks."""
    from dspy.adapters.types.base_type import CUSTOM_TYPE_START_IDENTIFIER

    marker: str = CUSTOM_TYPE_START_IDENTIFIER
    return marker


def is_history(annotation: Any) -> bool:
    """Whether adapters want an object of DSPy's here (a conversation so far) and cannot do with its JSON."""
    import dspy

    return annotation is dspy.History


def allows_none(annotation: Any) -> bool:
    """Whether None is a value of this type."""
    from dspy.adapters.utils import annotation_allows_none

    return bool(annotation_allows_none(annotation))
