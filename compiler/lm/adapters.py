"""DSPy's adapters by name, and what has to be known of them that DSPy does not document.

An adapter is always chosen by limbeck and never left to DSPy's default, which changes between versions.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from ...errors import UsageError
from .remembering import remembering

if TYPE_CHECKING:
    import dspy

ADAPTERS = ("chat", "json", "xml", "baml")
"""Names that ``--adapter`` takes."""

WRITERS = (*ADAPTERS, "two_step")
"""Names that it takes where prompts and answers are only written, and no LM is called."""


def make_adapter(name: str, *, writing: bool = False) -> dspy.Adapter:
    """Make a fresh adapter.

    Args:
        name: One of ``ADAPTERS``, or of ``WRITERS`` where it is to write only.
        writing: Whether nothing will be called or parsed with it.

    Raises:
        UsageError: There is no adapter of this name, or it can only write.
    """
    known = WRITERS if writing else ADAPTERS
    if name in known:
        return _make(name)
    if name in WRITERS:
        raise UsageError(
            f"Adapter {name!r} has a second LM extract the answer, which limbeck does not do.",
            hint=f"It can write datasets: limbeck export --adapter {name}. To run programs: {', '.join(ADAPTERS)}.",
        )
    near = get_close_matches(name, known, n=1)
    raise UsageError(
        f"Unknown adapter {name!r}.",
        hint=(f"Did you mean {near[0]!r}? " if near else "") + f"Adapters: {', '.join(known)}.",
    )


def _make(name: str) -> dspy.Adapter:
    import dspy
    from dspy.adapters.baml_adapter import BAMLAdapter

    if name == "two_step":
        return remembering(dspy.TwoStepAdapter)(_extractor())
    classes = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter, "baml": BAMLAdapter}
    return remembering(classes[name])()


def _extractor() -> dspy.BaseLM:
    """The second LM of a two-step adapter that only writes: there has to be one, and it is never asked."""
    import dspy

    return dspy.BaseLM(model="none")


def custom_type_marker() -> str:
    """Text by which DSPy marks images and the like inside a prompt, before it splits them into blocks."""
    from dspy.adapters.types.base_type import CUSTOM_TYPE_START_IDENTIFIER

    marker: str = CUSTOM_TYPE_START_IDENTIFIER
    return marker


def takes_tools(annotation: Any) -> bool:
    """Whether values of this type are tools: ``dspy.Tool`` or a list of them."""
    import dspy

    return annotation is dspy.Tool or dspy.Tool in get_args(annotation)


def tools_of(value: Any) -> Any:
    """Tools that are written like those whose JSON this is; they cannot be called. Other values stay."""
    import dspy

    if isinstance(value, list):
        return [tools_of(item) for item in value]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not isinstance(value.get("args"), dict):
        return value
    return dspy.Tool(lambda: None, value["name"], value.get("desc"), value["args"], {})


def is_history(annotation: Any) -> bool:
    """Whether adapters want an object of DSPy's here (a conversation so far) and cannot do with its JSON."""
    import dspy

    return annotation is dspy.History


def allows_none(annotation: Any) -> bool:
    """Whether None is a value of this type."""
    from dspy.adapters.utils import annotation_allows_none

    return bool(annotation_allows_none(annotation))
