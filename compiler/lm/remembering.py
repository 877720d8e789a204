"""Adapters that render what is the same in every call only once.

Rendering is most of the CPU of a call in DSPy: about 100 us for the system message, 70 us a demo, and 45 us a value,
for each of which it builds a pydantic validator (measured). What is remembered is known by its content, so a program
that changes its demos or instructions while it runs gets what it set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...records import Json

if TYPE_CHECKING:
    import dspy

Fill = Callable[[Mapping[str, Any]], str | None]
"""Puts text values into a learned template; None where a value is missing, empty, or more than text."""

_KEPT_DEMO_SETS = 64  # rendered demo sets a signature; leave-one-out makes a few
_HASHABLE = {str, int, float, bool, type(None)}
_HOLES = ("\x00limbeck-hole-{}\x00", "<{}&amp;\"'\n\u2028[[ ## {{x}} ## ]]\n\n.")
"""Stand-ins for a value: one to find its place by, and one that would show if it were escaped."""


@cache
def remembering(base: type[dspy.Adapter]) -> type[dspy.Adapter]:  # noqa: C901 - a class of short methods
    """A subclass of an adapter that gives the same texts with less work."""

    class Remembering(base):  # type: ignore[misc]  # dspy is untyped
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._systems: WeakKeyDictionary[type[dspy.Signature], str] = WeakKeyDictionary()
            self._shots: WeakKeyDictionary[type[dspy.Signature], dict[Any, list[Json]]] = WeakKeyDictionary()
            self._users: WeakKeyDictionary[type[dspy.Signature], Fill] = WeakKeyDictionary()
            self._assistants: WeakKeyDictionary[type[dspy.Signature], Fill] = WeakKeyDictionary()

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

        def format_user_message_content(
            self, signature: type[dspy.Signature], inputs: Json, prefix: str = "", suffix: str = "",
            main_request: bool = False,
        ) -> str:  # fmt: skip
            plain = super().format_user_message_content
            if main_request and not prefix and not suffix:
                fill = self._users.get(signature)
                if fill is None:
                    names = list(signature.input_fields)
                    fill = self._users[signature] = template(lambda v: plain(signature, v, main_request=True), names)
                text = fill(inputs)
                if text is not None:
                    return text
            rendered: str = plain(signature, inputs, prefix, suffix, main_request)
            return rendered

        def format_assistant_message_content(
            self, signature: type[dspy.Signature], outputs: Json, missing_field_message: str | None = None
        ) -> str:
            plain = super().format_assistant_message_content
            fill = self._assistants.get(signature)
            if fill is None:
                names = list(signature.output_fields)
                fill = self._assistants[signature] = template(lambda v: plain(signature, v), names)
            text = fill(outputs)
            rendered: str = plain(signature, outputs, missing_field_message) if text is None else text
            return rendered

    Remembering.__name__ = Remembering.__qualname__ = base.__name__  # the name stands in DSPy's parse errors
    return Remembering


def template(render: Callable[[Json], str], names: Sequence[str]) -> Fill:
    """Learn the fixed text around the values, so that plain text need only be put in.

    It is tried on values that would show any escaping; where it does not give what ``render`` gives, the template
    never fills.
    """
    pieces = _split(render({name: _HOLES[0].format(name) for name in names}), names)

    def fill(values: Mapping[str, Any]) -> str | None:
        if pieces is None:
            return None
        texts = [values.get(name) for name in names]
        if not all(type(text) is str and text and text == text.strip() for text in texts):
            return None  # some adapters strip what they put together
        return pieces[0] + "".join(f"{text}{after}" for text, after in zip(texts, pieces[1:], strict=True))

    trial = {name: _HOLES[1].format(name) for name in names}
    if fill(trial) != render(trial):
        pieces = None
    return fill


def _split(text: str, names: Sequence[str]) -> list[str] | None:
    """Cut a text at the holes, which must come once each and in order, with some text at both ends."""
    pieces = []
    for name in names:
        before, hole, text = text.partition(_HOLES[0].format(name))
        if not hole:
            return None
        pieces.append(before)
    return [*pieces, text] if pieces and pieces[0].strip() and text.strip() else None


def _content(demos: list[Any]) -> tuple[Any, ...] | None:
    """Demos as a key, or None where a value is more than a number or a text."""
    key = tuple(tuple(demo.items()) for demo in demos)
    plain = all(type(value) in _HASHABLE for demo in key for _, value in demo)
    return (tuple(type(v) for d in key for _, v in d), key) if plain else None  # 1 == True == 1.0, but not as text
