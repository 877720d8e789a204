"""How likely an LM found each of a few answers, by the log probabilities of the tokens of the one that it gave.

At the place where a field's value begins, and as long as several options are still possible, every token that could
have stood there carries its probability to the option that it begins. A token that begins several options, and which
the LM did not go on from, is shared among them as the rest of the evidence shares: it says that it is one of those, and
not which. What begins no option is left out, and what remains is normalized.

Ask with ``lm_args=ASKED``: OpenAI's form, which DSPy 3.4.1 sends as it stands. A bare ``logprobs=True`` gives the
tokens of the answer and no others, of which nothing follows for the other options. Options that are not likely enough
to be among the tokens shown count as 0.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...records import Json

if TYPE_CHECKING:
    from ..verify.base import Answer

ASKED: Json = {"logprobs": True, "top_logprobs": 20}
"""LM settings that ask for as many alternatives at each place as OpenAI gives."""

_SPACE = b' \t\r\n"'  # the quote begins a string of JSON
_DECORATION = _SPACE + b"*_`[]()'"
_AFTER = _DECORATION + b".,;"
LOGPROBS = "logprobs"
"""What DSPy puts beside the outputs of a prediction where tokens were asked for."""

_JSON = re.compile(rb"\s*(?:```\w*\s*)?\{")
_END = re.compile(rb"(?:<\|[^|<>]{1,40}\|>|</s>)\s*$")
_BYTES = re.compile(r"(?:bytes:)?\s?(?:\\x[0-9a-fA-F]{2})+")
"""How OpenAI writes a token that holds a part of a character."""

Fold = Callable[[bytes], bytes]


@dataclass(frozen=True)
class _Token:
    """A token of the answer, its probability, and those of others in its place."""

    text: bytes
    p: float
    others: list[tuple[bytes, float]]


@dataclass(frozen=True)
class _Options:
    """Options as they may be written, and what is looked away from in what the LM wrote."""

    spelled: dict[bytes, str]
    fold: Fold
    leading: bytes
    around: bytes

    def begun(self, said: bytes) -> frozenset[str]:
        """Options that a value may turn out to be that begins so."""
        word = said.lstrip(self.leading)
        same, near = [], []
        for text, option in self.spelled.items():
            if text.startswith(word):
                same.append(option)
            elif self.fold(text).startswith(self.fold(word)):
                near.append(option)
        if same or near:
            return frozenset(same or near)
        word = self.fold(word)
        ended = [text for text in self.spelled if word.startswith(self.fold(text)) and _ends(word[len(text) :])]
        return frozenset({self.spelled[max(ended, key=len)]}) if ended else frozenset()

    def chosen(self, value: bytes) -> str | None:
        """The option that a whole value is, if it is one."""
        said = self.fold(value.strip(self.around))
        return next((option for text, option in self.spelled.items() if self.fold(text) == said), None)


def option_probabilities(answer: Answer, options: Sequence[str], field: str | None = None) -> dict[str, float] | None:
    """Probability of each option as the value of a field, by the tokens of an answer.

    Case and marks around the value (``**(A)**``) make no difference, unless options differ by nothing else.

    Args:
        answer: An answer with ``logprobs``.
        options: Values that there may be.
        field: Name of the output; default: the last. Where the answer has no fields, it is all of it.

    Returns:
        By option, in their order, adding up to 1; None where no tokens came, or none beside those of the answer, or the
        field cannot be found or is there twice, or its value is none of the options.
    """
    tokens, known = list(_tokens(answer.logprobs)), list(dict.fromkeys(options))
    if not tokens or not known:
        return None
    text = b"".join(token.text for token in tokens)
    outputs = [name for name in answer.prediction or {} if name != LOGPROBS]
    place = _value(text, field or next(reversed(outputs), None), must=field is not None)
    if place is None:
        return None
    start, value = place
    written = _options(known)
    chosen = written.chosen(value)
    return None if chosen is None else _normalized(known, *_carried(tokens, start, written, chosen))


def _carried(
    tokens: Sequence[_Token], start: int, options: _Options, chosen: str
) -> tuple[dict[frozenset[str], float], bool]:  # fmt: skip
    """Probability by the options that it may belong to, and whether there were tokens beside those of the answer."""
    carried: defaultdict[frozenset[str], float] = defaultdict(float)
    at, mass, said, others = 0, 1.0, b"", False
    for token in tokens:
        skip, at = max(0, start - at), at + len(token.text)
        if at <= start:
            continue
        for text, p in token.others:
            if text.startswith(token.text[:skip]):
                others = True
                carried[options.begun(said + text[skip:])] += mass * p
        said, mass = said + token.text[skip:], mass * token.p
        if len(options.begun(said)) < 2:
            break
    carried[frozenset({chosen})] += mass
    return carried, others


def _normalized(options: Sequence[str], carried: dict[frozenset[str], float], others: bool) -> dict[str, float] | None:
    """Share what belongs to several options as what belongs to one is shared; evenly where there is none."""
    alone = {option: carried.get(frozenset({option}), 0.0) for option in options}
    found = dict(alone)
    for group in sorted(carried, key=sorted):
        if not 1 < len(group) < len(options):  # what begins all of them says nothing
            continue
        of = math.fsum(alone[option] for option in group)
        for option in group:
            found[option] += carried[group] * (alone[option] / of if of else 1 / len(group))
    total = math.fsum(found.values())
    if not total or not (others or len(options) == 1):
        return None
    return {option: p / total for option, p in found.items()}


def _options(options: Sequence[str]) -> _Options:
    stripped = {_lower(_encoded(option).strip(_AFTER)) for option in options}
    is_loose = len(stripped) == len(options) and b"" not in stripped
    around = _AFTER if is_loose else _SPACE
    spelled: dict[bytes, str] = {}
    for option in options:  # as it is, and as strings of JSON are written
        for form in (option, json.dumps(option)[1:-1], json.dumps(option, ensure_ascii=False)[1:-1]):
            spelled.setdefault(_encoded(form).strip(around), option)
    if is_loose:
        return _Options(spelled, _lower, _DECORATION, around)
    return _Options(spelled, bytes, _SPACE, around)


def _lower(text: bytes) -> bytes:
    """Of ASCII letters only, so that no character changes its length."""
    return text.lower()


def _value(text: bytes, field: str | None, *, must: bool) -> tuple[int, bytes] | None:
    """Where the value of a field begins, and the value; of an answer without fields, all of it."""
    text = _END.sub(b"", text)
    name = re.escape(_encoded(field or ""))
    is_json = _JSON.match(text) is not None
    forms = ((rb'(?<!\\)"%b"\s*:', rb'\s*(?:"((?:[^"\\]|\\.)*)"|([^,}\n]*))'),) if is_json else (
        (rb"\[\[\s*##\s*%b\s*##\s*\]\]", rb"(.*?)(?=\[\[\s*##|\Z)"), (rb"<%b>", rb"(.*?)(?=</|\Z)"),
    )  # fmt: skip
    for head, body in forms if field else ():
        heads = list(re.finditer(head % name, text))
        if heads:
            found = re.compile(body, re.DOTALL).match(text, heads[0].end())
            return (
                None if len(heads) > 1 or found is None else (heads[0].end(), found[1] or found[found.lastindex or 0])
            )
    return None if must or is_json or b"[[ ##" in text else (0, text)


def _tokens(given: Any) -> Iterator[_Token]:
    for token in given or ():
        text, top = token.get("token"), token.get("top") or {}
        if isinstance(text, str):
            others = [(_bytes(other), _p(logprob)) for other, logprob in top.items() if other != text]
            yield _Token(_bytes(text), _p(token.get("logprob")), others)


def _bytes(token: str) -> bytes:
    """A token as bytes; one that holds a part of a character comes written as such."""
    if _BYTES.fullmatch(token) is None:
        return _encoded(token)
    plain = token.removeprefix("bytes:")
    return b" " * plain.startswith(" ") + bytes.fromhex(plain.strip().replace("\\x", ""))


def _p(logprob: Any) -> float:
    """A probability; 0 where what came is none."""
    if not isinstance(logprob, (int, float)) or (isinstance(logprob, float) and math.isnan(logprob)):
        return 0.0
    return math.exp(max(min(logprob, 0.0), -1e4))


def _ends(rest: bytes) -> bool:
    """Whether a word is over before this."""
    return not rest or (rest[:1] not in b"_-" and not rest[:1].isalnum() and rest[0] < 0x80)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
