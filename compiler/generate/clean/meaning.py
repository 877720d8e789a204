"""Whether a text that was cleaned still says the same, by what can be told without a model.

What must survive: numbers with their units and in their order, dates and times, names, quotations, links and
addresses, code, and how often something is denied. Each is taken out of both texts by rules, and what differs is named.
So a change of wording that touches none of them is not seen: "rose" for "fell" passes, and it takes a judge, or a
person, to notice.

The rules are strict rather than lenient: a row that they refuse without need costs a row, one that they let through
teaches something false. Names are known by capital letters, so scripts without them have none here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from .amounts import ORDER, PARTS, TIME, WORDS, numbers

_SPACE = re.compile(r"[^\S\n]+")
_FENCE, _TICKS = re.compile(r"```.*?```", re.DOTALL), re.compile(r"`([^`\n]+)`")
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]+|(?<![\w@#&])[@#]\w+"
    r"|(?<![\w@.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,9}\.(?:com|org|net|edu|gov|io)\b[^\s<>\"]*", re.IGNORECASE,
)  # fmt: skip
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|«([^»\n]{1,300})»|„([^“”\n]{1,300})[“”]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_JOINT = re.compile(r"[\W_]+")
_BREAK = re.compile(r"[.!?:;\n\"“”«»()\[\]…•*-]\s*$|^\s*$")
_DENY = """
not no never none nobody nothing nowhere neither nor without cannot cant dont wont isnt arent wasnt werent doesnt didnt
hasnt havent hadnt wouldnt shouldnt couldnt mustnt neednt aint unable
"""
_NEGATIONS = frozenset(_DENY.split())
_CONTRACTED = re.compile(r"n['’]t$")
_COMMON = """
a about above according actually after again all almost also although always am an and another any anyone anything are
as ask assume at be because before began being below between both but by calculate can compare consider could create
currently define describe did do does during each either else every everyone everything explain fill find finally first
following for from generate get given give go had has have he hello help her here hey hi his how however i identify if
im in include instead is it its ive just last later let list look make many may maybe me might more most much must my
next no not now of off ok okay on once one only or other our out over please provide put rewrite right same say see she
should since so some someone something sometimes start state still such suggest suppose take tell than thank thanks that
the their them then there these they thing things this those though three through to today together translate try two
under until up us use using very was we well were what when where whether which while who whose why will with would
write yes yesterday you your
"""
"""Words that begin sentences and are no names."""

_NO_NAMES = frozenset({"i", "im", "ive", "id", "ill", "ok"})
_STARTS = frozenset(word.removesuffix("s") for word in [*_COMMON.split(), *WORDS, *ORDER, *PARTS])
_SIMILAR = 0.8  # of two spellings of a word, by difflib


def changes(before: str, after: str) -> list[str]:
    """What of a text's meaning a cleaned version does not keep, as far as rules can tell: nothing is an empty list.

    Args:
        before: The text as a person wrote it.
        after: The same, cleaned.

    Returns:
        ``numbers: 5 kg became 6 kg`` and so on, a line for each kind.
    """
    before, after = _plain(before), _plain(after)
    found = []
    for kind, taken in (("code", code), ("links", links), ("numbers", _numbers), ("negations", negations)):
        old, new = taken(before), taken(after)
        if old != new:
            found.append(f"{kind}: {_differ(old, new)}")
    if lost := _quotes(before, after):
        found.append(f"quotations: {lost}")
    if lost := _names(*(TIME.sub(" ", _without(text)) for text in (before, after))):
        found.append(f"names: {lost}")
    return found


def _numbers(text: str) -> list[str]:
    return numbers(_without(text))


def negations(text: str) -> list[str]:
    """Words that deny, however they are written: ``don't``, ``dont`` and ``do not`` deny once each."""
    return ["not"] * sum(_denies(word) for word in _WORD.findall(_without(text).casefold()))


def code(text: str) -> list[str]:
    """Code in fences and between backticks, without the white space at its ends."""
    fenced = [" ".join(found.strip("`").split()) for found in _FENCE.findall(text)]
    return [*fenced, *(found.strip() for found in _TICKS.findall(_FENCE.sub(" ", text)))]


def links(text: str) -> list[str]:
    """Links and addresses of mail, without the punctuation behind them."""
    found = [(match.start(), match[0]) for pattern in (_LINK, _MAIL) for match in pattern.finditer(text)]
    return [link.rstrip(".,;:!?)]}'") for _, link in sorted(found)]


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.replace("½", " half ").replace("¼", " quarter "))
    return _SPACE.sub(" ", text.replace("’", "'"))


def _without(text: str) -> str:
    """The text without code, links and addresses, which are compared as they stand."""
    for pattern in (_FENCE, _TICKS, _LINK, _MAIL):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return text


def _denies(word: str) -> bool:
    return word in _NEGATIONS or _CONTRACTED.search(word) is not None


def _quotes(before: str, after: str) -> str:
    """Quotations that are not in the other text."""
    for one, other in ((before, after), (after, before)):
        whole = " ".join(other.split()).casefold()
        for match in _QUOTED.finditer(one):
            said = " ".join(next(filter(None, match.groups())).split()).casefold().strip(" .,;:!?")
            if said not in whole:
                return said
    return ""


def _names(before: str, after: str) -> str:
    """Names that are not in the other text, or stand in another order.

    A word with a capital letter inside of a sentence is a name, and one in capitals. One that begins a sentence is, if
    it is no common word, and a new one if nothing like it was in the text: a corrected spelling is like it.
    """
    old, new = list(_WORD.finditer(before)), list(_WORD.finditer(after))
    old_words, new_words = [_base(match[0]) for match in old], [_base(match[0]) for match in new]
    sure_old, sure_new = _sure(before, old), _sure(after, new)
    known, written = frozenset(old_words), frozenset(new_words)
    if lost := next((name for name in sure_old if name not in written), None):
        return f"{lost!r} is gone"
    joined = _JOINT.sub("", before.casefold())  # a name may stand there in several words, or as a part of one
    if added := next((name for name in sure_new if name not in known and name not in joined), None):
        return f"{added!r} is new"
    for word in _beginning(after, new):
        if word not in known and word not in _STARTS and not _similar(word, known):
            return f"{word!r} is new"
    names = (frozenset(sure_old) | frozenset(sure_new)) & known & written
    one, other = _order(old_words, names), _order(new_words, names)
    return "" if one == other else f"in another order, or not as often: {_differ(one, other)}"


def _sure(text: str, words: Sequence[re.Match[str]]) -> list[str]:
    """Words that are names wherever they stand."""
    if _shouts(text):
        return []
    return [
        base for match in words
        if not match[0].islower() and not match[0].isdigit() and (base := _base(match[0])) not in _NO_NAMES
        and ((match[0][0].isupper() and not _begins(text, match)) or sum(map(str.isupper, match[0])) > 1)
    ]  # fmt: skip


def _shouts(text: str) -> bool:
    """Whether all of a text is in capitals, which then say nothing."""
    letters = [character for character in text if character.isalpha()]
    return sum(character.isupper() for character in letters) > 0.7 * len(letters) > 8


def _beginning(text: str, words: Sequence[re.Match[str]]) -> Iterator[str]:
    """Words with a capital letter that begin a sentence."""
    return (_base(match[0]) for match in words if match[0][0].isupper() and _begins(text, match))


def _begins(text: str, word: re.Match[str]) -> bool:
    return _BREAK.search(text[max(0, word.start() - 12) : word.start()]) is not None


def _base(word: str) -> str:
    """A name as it is compared: ``Nando's`` and ``nandos`` are one."""
    return word.casefold().replace("'", "").removesuffix("s")


def _similar(word: str, known: frozenset[str]) -> bool:
    return any(
        abs(len(word) - len(other)) < 4 and SequenceMatcher(None, word, other).ratio() >= _SIMILAR for other in known
    )


def _order(words: Sequence[str], names: frozenset[str]) -> list[str]:
    """Names as they follow each other; one that is said twice in a row was said once."""
    found = [word for word in words if word in names]
    return [word for n, word in enumerate(found) if not n or word != found[n - 1]]


def _differ(old: Sequence[str], new: Sequence[str]) -> str:
    """What is different, in a few words."""
    lost, added = Counter(old) - Counter(new), Counter(new) - Counter(old)
    gone, come = ", ".join(lost.elements()) or "nothing", ", ".join(added.elements()) or "nothing"
    return f"{gone} became {come}" if lost or added else "they stand in another order"
