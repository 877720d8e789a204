"""Which segments are no answers of anybody: too short or long, navigation, boilerplate, repetitive, or there already.

After the preprocessing of the paper (section 2.1, and an appendix of a later version as remembered: length, sentences
that repeat each other by the Jaccard index of their n-grams, headings that are empty, in capitals or of navigation);
shares of links and of repeated n-grams after Kohlschütter et al. 2010 (WSDM, shallow text features) and Rae et al. 2021
(Gopher, arXiv 2112.11446, appendix A1.1). The words of headings and boilerplate are English.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

from .segments import Segment

_LINKED = 0.3  # share of characters that are links
_MENU = 0.2  # share of characters in lines of eight words or more, under which a text is a list of names
_LETTERS = 0.5  # share of letters among what is no space
_SAME = 0.8  # Jaccard index of the trigrams of two sentences that say the same
_REPEATED = 0.3  # share of trigrams that were there before
_PHRASES = 3  # different kinds of boilerplate
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_OTHER = re.compile(r"[\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_NAVIGATION = re.compile(
    r"\b(?:advertisements?|forums?|quick links?|(?:free )?newsletter|table of contents|recent posts?|follow us|"
    r"related (?:posts?|articles?|links?|content)|leave a (?:reply|comment)|share this|site ?map|"
    r"skip to (?:main )?content)\b"
    r"|^\W*(?:contents|menu|navigation|comments?|categories|archives?|see also|references|external links|footnotes|"
    r"further reading|bibliography|subscribe|log ?in|sign in|cookies?)\W*$",
    re.IGNORECASE,
)
_BOILERPLATE = (
    ("all rights reserved",), ("privacy policy",), ("terms of use", "terms of service", "terms and conditions"),
    ("use cookies", "uses cookies", "accept cookies", "accept all cookies"),
    ("subscribe to", "subscribe now", "newsletter"), ("sign in", "sign up", "log in", "login", "register now"),
    ("click here", "read more", "learn more"), ("share this", "share on", "follow us"),
    ("add to cart", "add to basket", "buy now", "free shipping"),
    ("leave a reply", "leave a comment", "post a comment"),
    ("skip to content", "skip to main content", "back to top"), ("powered by", "contact us"),
    ("advertisement", "advertisements", "sponsored"),
)  # fmt: skip


Trigram = tuple[str, str, str]


@dataclass
class Filter:
    """Says why a segment is dropped. Holds a number for each that it let through.

    Attributes:
        shortest: Characters at least.
        longest: Characters at most.
    """

    shortest: int
    longest: int
    _known: set[int] = field(default_factory=set)

    def rule(self, segment: Segment) -> str | None:
        """The rule by which a segment is dropped; None for one that is not."""
        if any(map(is_navigation, segment.headings)):
            return "heading of navigation"
        if len(segment.text) < self.shortest:
            return "too short"
        if len(segment.text) > self.longest:
            return "too long"
        if any(in_capitals(heading) for heading in segment.headings[-1:]):
            return "heading in capitals"
        return _quality(segment) or self._seen(segment.text)

    def _seen(self, text: str) -> str | None:
        words = " ".join(text.casefold().split()).encode(errors="replace")
        number = int.from_bytes(hashlib.sha256(words).digest()[:8])
        if number in self._known:
            return "known already"
        self._known.add(number)
        return None


def _quality(segment: Segment) -> str | None:
    text = segment.text
    if segment.linked > _LINKED * len(text) or is_menu(text):
        return "navigation"
    flat = f" {' '.join(words_of(text))} "
    if sum(any(f" {words} " in flat for words in phrases) for phrases in _BOILERPLATE) >= _PHRASES:
        return "boilerplate"
    if len(_OTHER.sub("", text)) < _LETTERS * len("".join(text.split())):
        return "little text"
    return "repetitive" if is_repetitive(text) else None


def is_navigation(heading: str) -> bool:
    """Whether what stands under a heading leads elsewhere, or belongs to the site and not to the text."""
    return _NAVIGATION.search(heading) is not None


def in_capitals(heading: str) -> bool:
    """Whether most letters of a heading of more than a name's length are capitals."""
    letters = [character for character in heading if character.isalpha()]
    return len(letters) >= 10 and 2 * sum(letter.isupper() for letter in letters) > len(letters)


def is_menu(text: str) -> bool:
    """Whether hardly any of a text stands in lines of eight words or more."""
    lines = text.split("\n")
    long = sum(len(line) for line in lines if len(line.split()) >= 8 or len(words_of(line)) >= 8)
    return long < _MENU * sum(map(len, lines))


def is_repetitive(text: str) -> bool:
    """Whether two sentences say nearly the same in the same words, or many trigrams come again."""
    sentences = [_trigrams(part) for part in _SENTENCE.split(text)]
    counts = Counter(chain.from_iterable(sentences))
    if counts.total() - len(counts) > _REPEATED * counts.total():
        return True
    return _one_twice([set(grams) for grams in sentences if len(grams) >= 4])


def _one_twice(sentences: list[set[Trigram]]) -> bool:
    """Whether two sets are nearly the same, by their Jaccard index; only those that share something are compared."""
    holders: dict[Trigram, list[int]] = {}
    for number, own in enumerate(sentences):
        shared = Counter(chain.from_iterable(holders.get(gram, ()) for gram in own))
        if any(n >= _SAME * (len(own) + len(sentences[other]) - n) for other, n in shared.items()):
            return True
        for gram in own:
            holders.setdefault(gram, []).append(number)
    return False


def _trigrams(text: str) -> list[Trigram]:
    words = words_of(text)
    return list(zip(words, words[1:], words[2:], strict=False))


def words_of(text: str) -> list[str]:
    """Words in lower case; scripts that write none between spaces by character."""
    return _WORD.findall(text.casefold())
