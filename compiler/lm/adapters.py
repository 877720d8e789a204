"""DSPy's adapters by name, and what has to be known of them that DSPy does not document.

An adapter is always chosen by limbeck and never left to DSPy's default, which changes between versions.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...errors import UsageError
from ...records import Json

if TYPE_CHECKING:
    import dspy

ADAPTERS = ("chat", "json", "xml")
"""Names that ``--adapter`` takes."""

_KEPT_DEMO_SETS = 64  # rendered demo sets a signature; leave-one-out makes a few
_HASHABLE = {str, int, float, bool, type(None)}


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
    adapter: dspy.Adapter = _remembering(classes[name])()
    return adapter


@cache
def _remembering(base: type[dspy.Adapter]) -> type[dspy.Adapter]:
    """An adapter that renders what is the same in every call of a predictor once: system message and demos.

    They are most of the CPU of a call in DSPy: about 100 us for the system message and 70 us a demo (measured). What
    is remembered is known by its content, so a program that changes its demos while it runs gets what it set.
    """

    class Remembering(base):  # type: ignore[misc,valid-type]  # dspy is untyped
        def __init__(self) -> None:
            super().__init__()
            self._systems: WeakKeyDictionary[type[dspy.Signature], str] = WeakKeyDictionary()
            self._shots: WeakKeyDictionary[type[dspy.Signature], dict[Any, list[Json]]] = WeakKeyDictionary()

        def format_system_message(self, signature: type[dspy.Signature]) -> str:
            text = self._systems.get(signature)
            if text is None:
                text = self._systems[signature] = super().format_system_message(signature)
            return text

        def format_demos(self, signature: type[dspy.Signature], demos: list[Any]) -> list[Json]:
            if not demos:
                return []
            key = _content(demos)
            known = self._shots.setdefault(signature, {})
            if key is None or key not in known:
                rendered: list[Json] = super().format_demos(signature, demos)
                if key is None or not all(isinstance(m["content"], str) for m in rendered):
                    return rendered
                if len(known) >= _KEPT_DEMO_SETS:
                    known.clear()
                known[key] = rendered
            return [dict(message) for message in known[key]]

    Remembering.__name__ = Remembering.__qualname__ = base.__name__  # the name stands in DSPy's parse errors
    return Remembering


def _content(demos: list[Any]) -> tuple[Any, ...] | None:
    """Demos as a key, or None where a value is more than a number or a text."""
    key = tuple(tuple(demo.items()) for demo in demos)
    plain = all(type(value) in _HASHABLE for demo in key for _, value in demo)
    return (tuple(type(v) for d in key for _, v in d), key) if plain else None  # 1 == True == 1.0, but not as text


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
