"""Does ``clean`` notice what changes the meaning of a text, and let pass what does not? Planted, in people's own texts.

What people wrote is taken as it is: questions of GSM8K, requests of Restaurant8k. Changes of
meaning are planted in the cleaned version. For harmless ones it is the other way round: the text is made dirty, and
the cleaned version is the text as it was. Names are found by a list that the rules of ``clean`` do not have.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dspy

import limbeck
from limbeck.compiler.agreement import share
from limbeck.compiler.generate.clean import Clean
from limbeck.compiler.generate.clean.reading import Refused, read
from limbeck.compiler.verify.base import Answer
from limbeck.records import Usage
from limbeck.testing.scripted import fields

Plant = Callable[[str, random.Random], str | None]

SETS = {"gsm8k": "gsm8k/train_tasks.jsonl.gz", "restaurant8k": "restaurant8k/train_tasks.jsonl.gz"}
SEEN = 400
"""Texts of each set that were looked at while the rules were written; nothing is measured on them."""
_FIRST = """
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph
Jessica Thomas Sarah Charles Karen Lisa Daniel Nancy Matthew Betty Anthony Sandra Mark Ashley Donald Emily
Steven Kimberly Andrew Paul Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa George Deborah
Timothy Stephanie Ronald Rebecca Jason Sharon Edward Laura Jeffrey Cynthia Ryan Jacob Amy Gary Kathleen
Nicholas Angela Eric Anna Emma Julia Tom Tim Jane Ann Jack Bob Sam Max Ben Jerry Lucy Alice Peter Maria
Natalia Betty Julie Ken Tina Carl Henry Frank Ella Mia Noah Liam Olivia Sophia Grace Rachel Adam London Paris
Boston Chicago Texas California Florida Germany France Canada Monday Tuesday Wednesday Thursday Friday
Saturday Sunday
"""
NAMES = _FIRST.split()
_NAME = re.compile(rf"\b({'|'.join(NAMES)})\b", re.IGNORECASE)
_FIGURE = re.compile(r"(?<![\d.,:/])\d+(?:,\d{3})*(?:\.\d+)?(?![\d,:/]*\d)")
_SPELLED = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty)\b", re.IGNORECASE)
_VALUES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
    "twenty": 20, "thirty": 30, "fifty": 50,
}  # fmt: skip
_CLOCK = re.compile(r"\b(\d{1,2})(:\d{2})?\s?([ap]m)\b|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE)
_UNITS = {
    "dollars": "euros", "cents": "dollars", "hours": "minutes", "hour": "minute", "minutes": "seconds", "days": "weeks",
    "weeks": "months", "months": "years", "years": "months", "miles": "kilometers", "feet": "inches", "inches": "feet",
    "pounds": "ounces", "ounces": "pounds", "kg": "g", "meters": "feet", "gallons": "liters", "cups": "gallons",
}  # fmt: skip
_UNIT = re.compile(rf"(?<=\d )({'|'.join(_UNITS)})\b|(\$)(?=\d)|(?<=\d)(%)")
_NOT = re.compile(
    r"\b(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had)(?:n['’]t| not)\b|\b(?:never|not) "
)
_VERB = re.compile(r"\b(is|are|was|were|will|can|should|would|could)\b")
_OPPOSITE = {
    "more": "less", "less": "more", "before": "after", "after": "before", "all": "some", "left": "right",
    "bought": "sold",
    "sold": "bought", "gave": "took", "increase": "decrease", "big": "small", "early": "late", "old": "new",
    "best": "worst", "good": "bad", "with": "for", "buy": "sell", "he": "she", "she": "he",
}  # fmt: skip
_DOLLARS = re.compile(r"\$(\d(?:[\d,]*\d)?(?:\.\d+)?)(?![\d/]| ?(?:million|billion))")
_OPPOSED = re.compile(rf"\b({'|'.join(_OPPOSITE)})\b")


def texts_of(data: Path) -> dict[str, list[str]]:
    """Texts by set, each once."""
    texts: dict[str, list[str]] = {}
    for name, path in SETS.items():
        with gzip.open(data / path, "rt") as file:
            texts[name] = list(dict.fromkeys(json.loads(line)["input"] for line in file))[SEEN:]
    return texts


def _one(pattern: re.Pattern[str], say: Callable[[re.Match[str], random.Random], str | None]) -> Plant:
    """Change one of what a pattern finds."""

    def plant(text: str, draw: random.Random) -> str | None:
        found = list(pattern.finditer(text))
        if not found:
            return None
        match = draw.choice(found)
        said = say(match, draw)
        return None if said is None else text[: match.start()] + said + text[match.end() :]

    return plant


def _number(match: re.Match[str], draw: random.Random) -> str:
    whole = match[0].replace(",", "")
    return str(int(float(whole)) + draw.choice((-1, 1, 2, 10)))


def _clock(match: re.Match[str], draw: random.Random) -> str:
    hour = int(match[1] or match[4])
    return match[0].replace(str(hour), str(hour % 12 + 1), 1)


def _swap(pattern: re.Pattern[str]) -> Plant:
    """Exchange two different ones."""

    def plant(text: str, draw: random.Random) -> str | None:
        found = list(pattern.finditer(text))
        pairs = [(a, b) for n, a in enumerate(found) for b in found[n + 1 :] if _value(a[0]) != _value(b[0])]
        if not pairs:
            return None
        a, b = draw.choice(pairs)
        return text[: a.start()] + b[0] + text[a.end() : b.start()] + a[0] + text[b.end() :]

    return plant


def _value(text: str) -> str:
    """A number without what makes it no other, or a name."""
    return str(float(text.replace(",", ""))) if text[0].isdigit() else text.casefold()


def _name(text: str, draw: random.Random) -> str | None:
    """Another name throughout."""
    found = sorted({match[0] for match in _NAME.finditer(text)})
    if not found:
        return None
    old = draw.choice(found)
    new = draw.choice([name for name in NAMES if name.casefold() not in text.casefold()])
    return re.sub(rf"\b{old}\b", new.lower() if old.islower() else new, text)


def _drop_not(match: re.Match[str], draw: random.Random) -> str:
    return re.sub(r"(?:n['’]t| not)$|^(?:never|not) ", "", match[0])


def _drop_sentence(text: str, draw: random.Random) -> str | None:
    parts = re.split(r"(?<=[.!?])\s+", text)
    return (
        None
        if len(parts) < 2
        else " ".join(parts[:n] + parts[n + 1 :])
        if (n := draw.randrange(len(parts))) + 1
        else None
    )


HARMFUL: dict[str, Plant] = {
    "number changed": _one(_FIGURE, _number),
    "number in words changed": _one(
        _SPELLED, lambda m, draw: draw.choice([w for w in _VALUES if w != m[0].casefold()])
    ),
    "two numbers exchanged": _swap(_FIGURE),
    "time of day changed": _one(_CLOCK, _clock),
    "unit changed": _one(_UNIT, lambda m, draw: _UNITS.get(m[0]) or {"$": "€", "%": " points"}[m[0]]),
    "name changed": _name,
    "two names exchanged": _swap(_NAME),
    "negation dropped": _one(_NOT, _drop_not),
    "negation added": _one(_VERB, lambda m, draw: f"{m[0]} not"),
    "word turned into another": _one(_OPPOSED, lambda m, draw: _OPPOSITE[m[0]]),
    "sentence dropped": _drop_sentence,
    "sentence added": lambda text, draw: f"{text} Please be quick about it.",
}
"""From a text to one that says something else; None where there is nothing to change."""


BLIND = {"word turned into another", "sentence dropped", "sentence added"}
"""What rules that know no meaning cannot see, but where something else goes with it."""


def _typos(text: str, draw: random.Random) -> str | None:
    words = [m for m in re.finditer(r"\b[a-z]{5,}\b", text) if m[0].casefold() not in _VALUES and m[0] not in _UNITS]
    if not words:
        return None
    for match in sorted(draw.sample(words, min(3, len(words))), key=lambda m: -m.start()):
        at = match.start() + draw.randrange(1, len(match[0]) - 2)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def _changed(old: str, new: str) -> str | None:
    return None if old == new else new


def _thousands(text: str, draw: random.Random) -> str | None:
    without = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return (
        without
        if without != text
        else _changed(text, re.sub(r"(?<![\d./-])\d{4,}(?![\d/-])", lambda m: f"{int(m[0]):,}", text))
    )


HARMLESS: dict[str, Plant] = {
    "white space": lambda text, draw: "  ".join(text.split(" ")) + " \n",
    "capitals lost": lambda text, draw: _changed(text, text.lower()),
    "all in capitals": lambda text, draw: _changed(text, text.upper()),
    "typos": _typos,
    "punctuation lost": lambda text, draw: _changed(text, re.sub(r"[,!?]|\.(?=\s|$)", "", text)),
    "apostrophes lost": lambda text, draw: _changed(text, re.sub(r"(?<=\w)['’](?=\w)", "", text)),
    "thousands separators": _thousands,
    "number written in figures": _one(_SPELLED, lambda m, draw: str(_VALUES[m[0].casefold()])),
    "unit abbreviated": lambda text, draw: _changed(text, re.sub(
        r"(?<=\d )(hours?|minutes?|miles|inches|feet|pounds|ounces|kilometers|meters)\b",
        lambda m: {"hours": "hrs", "hour": "hr", "minutes": "mins", "minute": "min", "miles": "mi", "inches": "inch",
                   "feet": "ft", "pounds": "lbs", "ounces": "oz", "kilometers": "km", "meters": "m"}[m[0]], text)),
    "dollars in words": lambda text, draw: _changed(text, _DOLLARS.sub(r"\1 dollars", text)),
    "filler": lambda text, draw: f"um so basically {text[:1].lower()}{text[1:]} you know",
    "typographic quotes": lambda text, draw: _changed(text, re.sub(r'"([^"]*)"', r"“\1”", text).replace("'", "’")),
}  # fmt: skip
"""From a text to a dirty version of it that says the same."""


def refused(before: str, after: str) -> bool:
    """Whether ``clean`` would drop the cleaned version."""
    try:
        read(Answer({"cleaned": after}, None, None, Usage(), "lm"), before)
    except Refused:
        return True
    return False


def measure(data: Path, *, quick: bool) -> dict[str, Any]:
    """Share of planted changes that are caught, and of harmless ones that are refused, with Wilson's intervals."""
    texts = texts_of(data)
    caught: defaultdict[str, list[bool]] = defaultdict(list)
    alarms: defaultdict[str, list[bool]] = defaultdict(list)
    lower: list[bool] = []
    by_set: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    began, checks = time.process_time(), 0
    for name, own in texts.items():
        for number, text in enumerate(own[: 40 if quick else 1_000]):
            for kinds, found in ((HARMFUL, caught), (HARMLESS, alarms)):
                for kind, plant in kinds.items():
                    planted = plant(text, random.Random(f"{name}/{number}/{kind}"))
                    if planted is None or planted == text or not planted.strip():
                        continue
                    is_refused = refused(text, planted) if found is caught else refused(planted, text)
                    found[kind].append(is_refused)
                    if found is caught and kind not in BLIND and text != text.lower():
                        lower.append(refused(text.lower(), planted))
                        checks += 1
                    by_set["caught" if found is caught else "refused", name].append(is_refused)
                    checks += 1
    seconds = time.process_time() - began
    return {
        "caught": {kind: _words(said) for kind, said in caught.items()},
        "false_alarms": {kind: _words(said) for kind, said in alarms.items()},
        "caught_from_lower_case": _words(lower),
        "by_set": {f"{name}: {what}": _words(said) for (what, name), said in sorted(by_set.items(), key=str)},
        "ms_a_check": 1000 * seconds / checks,
    }


def _words(said: list[bool]) -> str:
    found = share(sum(said), len(said)) or {}
    return f"{found['share']:.1%} ({found['low']:.1%} to {found['high']:.1%}; {found['count']} of {found['of']})"


def method() -> Clean:
    """Both inputs and outputs."""
    return Clean()


def task() -> limbeck.Task:
    """Questions, and a metric that is not exact."""
    return limbeck.Task(dspy.Predict("question -> answer"), metric=lambda e, p: bool(p.answer), name="questions")


def row(n: int) -> dict[str, str]:
    """Distinct rows of the length of people's questions."""
    question = (
        f"hi there, john has {n + 2} boxes with 5 kg each and gives half of them to ann at 5pm, what does he have then"
    )
    return {"question": question, "answer": f"he has some of the {n + 2} boxes"}


def answer(text: str) -> str:
    """Begins with a capital, ends with a full stop."""
    given = text.rpartition("[[ ## text ## ]]\n")[2].partition("\n\n")[0].strip()
    return fields(cleaned=f"{given[:1].upper()}{given[1:]}.")


if __name__ == "__main__":
    from label_tasks import DATA

    print(json.dumps(measure(DATA, quick=False), indent=1))
