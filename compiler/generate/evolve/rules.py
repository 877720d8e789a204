"""What eliminates an evolved prompt, or the answer to one, without asking an LM.

Rules 2, 3 and 4 of Evol-Instruct as published (Xu et al. 2023, arXiv 2304.12244, section 3.2, "Elimination Evolving");
rule 1 asks an LM. The others are ours: the paper's prompts ask for what they check, or they catch what is no prompt.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from ...verify.asking import refuses

SHORT = 80
"""Words below which an answer with "sorry" in it is taken for a failure."""

_DATA = 300  # words of data that ``complicate`` may add; they do not count as words
_FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_SIGNS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # Chinese and Japanese, which are written without spaces
_WORD = re.compile(rf"[{_SIGNS}]|[^\s{_SIGNS}]+")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_COPIED = re.compile(
    r"\b(?:given|rewritten|created)[\s_]+prompts?\b|#(?:the\s+)?(?:given|rewritten|created)\b|\[\[\s*##"
)
_MARKS = " .!?,;:\"'`*“”‘’«»"
_WHOLE = 40  # characters of a sentence that nobody writes twice by chance
_SENTENCE = re.compile(r"(?<=[.:?!])\s+|\n+")
_ABOUT = r"(?:prompt|request|instruction|version|content|text)"
_WONT = re.compile(
    r"\W*(?:(?:i['’]?m|i\s+am)\s+(?:very\s+|so\s+)?(?:sorry|afraid)\W+(?:but\s+)?|unfortunately\W+)?"
    r"i\s*(?:can(?:['’]?t|\s?not)|won['’]?t|will\s+not|am\s+(?:not\s+able|unable)\s+to|['’]m\s+(?:not\s+able|unable)\s+to)"
    rf"\s+(?:rewrite|create|write|provide|produce|generate|complicate|evolve|do)\b[^.!?\n]{{0,60}}\b(?:{_ABOUT}s?|that)\b",
    re.IGNORECASE,
)
_ENGLISH = """
a about above after again against all am an and any are aren't as at be because been before being below
between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each
few for from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers
herself him himself his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me
more most mustn't my myself no nor not now of off on once only or other ought our ours ourselves out over
own same shan't she she'd she'll she's should shouldn't so some such than that that's the their theirs them
themselves then there there's these they they'd they'll they're they've this those through to too under
until up very was wasn't we we'd we'll we're we've were weren't what what's when when's where where's which
while who who's whom why why's will with won't would wouldn't you you'd you'll you're you've your yours
yourself yourselves
"""  # the paper does not say which words
_STOP_WORDS = frozenset(_ENGLISH.split())


def words(text: str) -> int:
    """Words of a text: what white space divides, and each sign of Chinese and Japanese."""
    return len(text.split()) if text.isascii() else sum(1 for _ in _WORD.finditer(text))


def length(operation: str, before: str, after: str, most: int) -> str | None:
    """Why a prompt is longer than it may be, or of another length than it should be; None where it is right.

    In-depth evolving adds so many words at most; the data that ``complicate`` adds stand in a fenced block and are
    not among them. In-breadth evolving gives a prompt of half to twice the length, short ones by so many words at most.
    """
    old, new = words(before), words(after)
    if operation == "breadth":
        right = min(old / 2, old - most) <= new <= max(2 * old, old + most)
        return None if right else f"{new} words instead of about {old}"
    if operation == "complicate":
        data = new - words(_FENCED.sub(" ", after)) - (old - words(_FENCED.sub(" ", before)))
        if data > _DATA:
            return f"{data} words of data were added"
        new -= max(0, data)
    return None if new - old <= most else f"{new - old} words were added"


def copied(before: str, after: str) -> str | None:
    """Words of the evolving prompt that an evolved text has copied (rule 4); those that it had already do not count."""
    text = after.casefold()
    if not any(sign in text for sign in ("prompt", "#", "[[")):
        return None
    had = {_flat(found) for found in _COPIED.findall(before.casefold())}
    return next((found for found in _COPIED.findall(text) if _flat(found) not in had), None)


def gives_up(answer: str) -> bool:
    """Whether an answer has "sorry" in it and is under 80 words (rule 2)."""
    return "sorry" in answer.casefold() and len(answer.split(None, SHORT)) < SHORT


def says_nothing(answer: str) -> bool:
    """Whether an answer is only punctuation and stop words (rule 3)."""
    tokens = (found.group().casefold().replace("’", "'") for found in _TOKEN.finditer(answer))
    return all(token in _STOP_WORDS for token in tokens) and all(map(_punctuates, _TOKEN.sub("", answer)))


def refused(before: str | None, after: str) -> bool:
    """Whether a text is a refusal to rewrite, and the one before it was none ("I can't log in" is a good prompt)."""
    return _refuses(after) and not (before is not None and _refuses(before))


def unchanged(before: str, after: str) -> bool:
    """Whether two texts are the same but for case, white space, and quotes and marks around them."""
    return _flat(before).strip(_MARKS) == _flat(after).strip(_MARKS)


def echoed(text: str, instructions: str, others: Sequence[str]) -> bool:
    """Whether a text repeats what its writer was told: a sentence of the instructions, or a whole other text."""
    said = _flat(text)
    return any(sentence in said for sentence in _sentences(instructions)) or any(
        said == other or (len(said) >= _WHOLE and said in other) for other in map(_flat, others)
    )


def _refuses(text: str) -> bool:
    return refuses(text) or _WONT.match(text) is not None


def _punctuates(sign: str) -> bool:
    return sign in string.punctuation or unicodedata.category(sign)[0] in "PZC"


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())


@lru_cache(maxsize=64)
def _sentences(instructions: str) -> tuple[str, ...]:
    """Sentences long enough to be known again."""
    flat = (_flat(sentence) for sentence in _SENTENCE.split(instructions))
    return tuple(sentence for sentence in flat if len(sentence) >= _WHOLE)
