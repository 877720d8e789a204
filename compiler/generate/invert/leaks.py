"""Whether an input gives away the output that it was written for.

An LM that is told ``card_arrival`` likes to write "card_arrival: where is my card?", and a program that learns from
such rows learns to look for the label. How much of an output counts as given away is a mode; each one finds what those
before it find, too:

    off     nothing
    exact   the label as a label: written as an identifier (``card_arrival``, ``cardArrivals``, ``card-arrival``), named
            as one (``label: refunds``, ``the team is billing``), in brackets or quotes, or alone
    phrase  its words in a row, in any of these forms and as plain text: "the card arrival"
    words   its words in any order and place: "when does my card arrive?"

Words are compared by their stems, so ``refunds`` is ``refund``. An output that is no label (a list, an object, a text
of many words) leaks where all its words stand in a row, whatever the mode: as it is, or written as JSON.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

from ...lm.analogy._text import is_content, stem, words
from ...verify.asking import as_text

Mode = Literal["words", "phrase", "exact", "off"]

LABEL = 10  # words of a label at most; with more it is a text, which nobody has in a row by chance
_NAMES = ("label", "category", "class", "intent", "topic", "tag", "type", "answer", "output")
_JOINED = re.compile(r"[^\W_]+(?:[-_./:]+[^\W_]+)+|[^\W\d_]*[a-z][A-Z]\w*|\w+")
_QUOTED = re.compile(r"[\[(<{\"“„«'‘`*]([^\[\](){}<>\"“”„«»‘’`*\n]{1,80})[\])>}\"”“»'’`*]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def leaks(text: str, outputs: dict[str, Any], mode: Mode) -> str | None:
    """What of the outputs a text gives away; None where it gives away nothing.

    Args:
        text: All of the input.
        outputs: Values by the names of their fields.
        mode: What counts.
    """
    if mode == "off":
        return None
    text = unicodedata.normalize("NFKC", text)
    for name, value in outputs.items():
        shown = unicodedata.normalize("NFKC", as_text(value))
        if _leaks(text, shown, mode, name, is_label=_is_label(value, shown)):
            return shown
    return None


def _is_label(value: Any, shown: str) -> bool:
    return not isinstance(value, list | dict) and len(words(shown)) <= LABEL


def _leaks(text: str, shown: str, mode: Mode, name: str, *, is_label: bool) -> bool:
    own, said = stems(shown), stems(text)
    if not own:  # ":-)", say
        return bool(shown.strip()) and shown.strip() in text
    if mode != "exact" and _UNSPACED.search(shown) and _squashed(shown) in _squashed(text):
        return True  # no spaces tell where its words begin
    if not is_label:
        return _in_a_row(own, said)
    content = {word for word in own if is_content(word)} or set(own)
    if not content <= set(said) and _begin(shown) not in "".join(words(text)):
        return False  # most texts end here, and this is quick
    if said == own or _as_identifier(shown, text) or _named(own, said, name) or _quoted(own, text):
        return True
    return (mode == "phrase" and _in_a_row(own, said)) or (mode == "words" and content <= set(said))


def _begin(shown: str) -> str:
    """What a label as one word begins with, whatever its ending."""
    *first, last = words(shown)
    return "".join(first) + last[:2]


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order; ``snake_case`` and ``camelCase`` are taken apart."""
    return [_root(word) for word in words(text)]


def _root(word: str) -> str:
    """The stem of the stem, and so on: ``faileds`` is ``failed``, and so ``fail``."""
    while (shorter := stem(word)) != word:
        word = shorter
    return word


def _in_a_row(own: Sequence[str], said: Sequence[str]) -> bool:
    return any(list(said[i : i + len(own)]) == list(own) for i in range(len(said) - len(own) + 1))


def _as_identifier(shown: str, text: str) -> bool:
    """Whether a label of several words stands somewhere as one word: joined by signs, by capitals or by nothing."""
    own, whole = stems(shown), "".join(words(shown))
    if len(own) < 2:
        return False
    found = _JOINED.findall(text)
    return any(_in_a_row(own, stems(each)) or _root("".join(words(each))) == _root(whole) for each in found)


def _named(own: Sequence[str], said: Sequence[str], name: str) -> bool:
    """Whether the label is called one: right after the name of its field, or after a word for labels."""
    names = [stems(name), *([_root(word)] for word in _NAMES)]
    linked = (list(own), ["is", *own])
    return any(_in_a_row([*title, *rest], said) for title in names if title for rest in linked)


def _quoted(own: Sequence[str], text: str) -> bool:
    return any(stems(inner) == list(own) for inner in _QUOTED.findall(text))


def _squashed(text: str) -> str:
    return "".join(text.casefold().split())
