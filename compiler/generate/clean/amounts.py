"""Numbers in a text, in figures or in words, with their units; dates, times, days, ordinals, parts, signs and codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ....metrics.units import numbers as in_figures

_UNITS: dict[str, tuple[str, ...]] = {
    "percent": ("%", "percent", "pct"),
    "usd": ("usd", "dollar", "dollars", "bucks"), "cent": ("cent", "cents"),
    "eur": ("eur", "euro", "euros"), "gbp": ("gbp", "pound sterling", "quid"), "jpy": ("jpy", "yen"),
    "inr": ("inr", "rupee", "rupees"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "km": ("km", "kms", "kilometer", "kilometers", "kilometre", "kilometres"),
    "inch": ("inch", "inches"), "foot": ("ft", "foot", "feet"), "yard": ("yd", "yard", "yards"),
    "mile": ("mi", "mile", "miles"), "mph": ("mph",), "kmh": ("kmh", "kph", "km/h"),
    "mg": ("mg", "milligram", "milligrams"), "g": ("g", "gram", "grams"),
    "kg": ("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"), "tonne": ("tonne", "tonnes", "ton", "tons"),
    "ounce": ("oz", "ounce", "ounces"), "pound": ("lb", "lbs", "pound", "pounds"),
    "ml": ("ml", "milliliter", "milliliters", "millilitre", "millilitres"),
    "l": ("l", "liter", "liters", "litre", "litres"), "gallon": ("gal", "gallon", "gallons"),
    "cup": ("cup", "cups"), "pint": ("pint", "pints"), "quart": ("quart", "quarts"),
    "ms": ("ms", "millisecond", "milliseconds"), "second": ("s", "sec", "secs", "second", "seconds"),
    "minute": ("min", "mins", "minute", "minutes"), "hour": ("h", "hr", "hrs", "hour", "hours"),
    "day": ("day", "days"), "week": ("week", "weeks", "wk", "wks"), "month": ("month", "months"),
    "year": ("year", "years", "yr", "yrs"), "decade": ("decade", "decades"),
    "celsius": ("°c", "celsius"), "fahrenheit": ("°f", "fahrenheit"), "degree": ("°", "degree", "degrees"),
    "kb": ("kb",), "mb": ("mb",), "gb": ("gb",), "tb": ("tb",), "w": ("w", "watt", "watts"), "kw": ("kw",),
    "kwh": ("kwh",), "v": ("v", "volt", "volts"), "acre": ("acre", "acres"),
}  # fmt: skip
"""Units by their spellings. Words behind numbers that are none of these ("3 of them") are no units."""

_MONEY = frozenset({"usd", "eur", "gbp", "jpy", "inr"})
_UNIT = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings}
_UNDER_TWENTY = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_UNDER_TWENTY.split())}
_ROUND = {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
WORDS = {**_SMALL, **_ROUND, **_SCALES}
_SPELLED = re.compile(rf"\b(?:{'|'.join(WORDS)})(?:(?:[\s-]|\s+and\s+)(?:{'|'.join(WORDS)}))*\b", re.IGNORECASE)
ORDER = {
    "first": 1,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
PARTS = {"half": "half", "halves": "half", "quarter": "quarter", "quarters": "quarter", "twice": "double",
          "double": "double", "doubled": "double", "doubles": "double", "triple": "triple", "tripled": "triple",
          "thrice": "triple", "dozen": "dozen", "dozens": "dozen"}  # fmt: skip
_ORDINAL = re.compile(rf"\b(\d+)(?:st|nd|rd|th)\b|\b({'|'.join(ORDER)})\b", re.IGNORECASE)
_PART = re.compile(rf"\b(?:{'|'.join(PARTS)})\b", re.IGNORECASE)
_DATE = re.compile(r"\b\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b")
TIME = re.compile(r"\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?\s?m\b\.?|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE)
_DASH = re.compile(r"(?<=\d)\s*[-–−]\s*(?=[$€£¥₹]?\d)")
_SIGN = re.compile(r"(?<=\d)\s*([+*/×÷=<>^])\s*(?=[$€£¥₹]?\d)")
_TIMES = re.compile(r"(?<=\d)(?<!(?<!\d)0)\s*x\s*(?=\d)", re.IGNORECASE)  # 10x10, and not 0x10
_COMPARED = re.compile(r"([<>≤≥±≈]=?)\s*(?=[$€£¥₹]?\d)|(?<=\d)(\+)(?!\s*[$€£¥₹]?\d)")
_BEHIND = re.compile(r"(?<![\w$€£¥₹.,])(\d[\d.,]*)\s?([$€£¥₹])(?!\s?\d)")
_MINUS = re.compile(r"\bminus\s+(?=[$€£¥₹]?\d)", re.IGNORECASE)
_CODE = re.compile(r"(?<![^\W_])(?:[^\W\d_]+\d|\d+[^\W\d_]+\d|\d{201})\w*(?:\.\d+)*")
"""Letters with figures behind them, such as the version ``v2.3.4`` or ``0x1f``; and what is too long for a number."""

_HUNDRED = re.compile(r"(?<![\w.,])(\d{1,9})[ -]hundred\b")
_CALENDAR = re.compile(
    r"\b((?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|april|june|july|august|september|october|november"
    r"|december|today|tonight|tomorrow|yesterday)(?:'?s)?\b", re.IGNORECASE,
)  # fmt: skip
_FIRST = re.compile(r"[\s*·^]")
_GLUED = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?=[^\W\d_])")


def numbers(text: str) -> list[str]:
    """Numbers in their order, in figures or in words, with their units; then dates, times, days, ordinals and so on.

    What is written otherwise and means the same is the same: ``1,000``, ``1000`` and ``one thousand``; ``5 km`` and
    ``5 kilometres``; ``$3`` and ``3 dollars``; ``5pm`` and ``5:00 PM``.
    """
    text, moments = _taken(text, _DATE, lambda match: f"date {match[0]}")
    text, times = _taken(text, TIME, _time)
    text, places = _taken(text, _ORDINAL, lambda match: f"place {match[1] or ORDER[match[2].casefold()]}")
    text, parts = _taken(text, _PART, lambda match: PARTS[match[0].casefold()])
    text = _MINUS.sub("-", _TIMES.sub(" × ", text))
    signs = [f"sign {match[1]}" for match in _SIGN.finditer(text)]
    signs += [f"sign {match[1] or match[2]}" for match in _COMPARED.finditer(text)]
    signs += [f"code {match[0].casefold()}" for match in _CODE.finditer(text)]
    days = [match[1].casefold() for match in _CALENDAR.finditer(text)]
    return [*_figures(text), *moments, *times, *days, *places, *parts, *signs]


def _taken(text: str, pattern: re.Pattern[str], say: Callable[[re.Match[str]], str]) -> tuple[str, list[str]]:
    """What a pattern finds, in words, and the text without it."""
    found = [say(match) for match in pattern.finditer(text)]
    return pattern.sub(" . ", text), found


def _time(match: re.Match[str]) -> str:
    hour, minute, half, plain_hour, plain_minute = match.groups()
    if half:
        return f"time {int(hour)}:{minute or '00'} {half.lower()}m"
    return f"time {int(plain_hour)}:{plain_minute}"


def _values(words: Sequence[str]) -> Iterator[int]:
    """Numbers that words spell: "two hundred five" is one, "three four" are two."""
    total, part, last = 0, 0, 10**12
    for word in words:
        value = WORDS[word]
        if word in _SCALES and not (value == 100 and part >= 100):
            total, part = (total, max(part, 1) * value) if value == 100 else (total + max(part, 1) * value, 0)
        elif part and not (last >= 100 or (20 <= last < 100 and value < 10)):
            yield total + part
            total, part = 0, value
        else:
            part += value
        last = value
    yield total + part


def _figures(text: str) -> list[str]:
    """Numbers with their units. A dash between two of them is no minus, and a unit may stand without a space."""
    text = _SPELLED.sub(_in_figures, text.casefold())
    text = _BEHIND.sub(r"\2\1", _HUNDRED.sub(r"\g<1>00", text))
    for pattern, instead in ((_DASH, "  "), (_SIGN, "  "), (_GLUED, r"\1 ")):
        text = pattern.sub(instead, text)
    return [f"{found.value}{_unit(found.unit.casefold())}" for found in in_figures(text)]


def _in_figures(match: re.Match[str]) -> str:
    """A number in words, in figures. ``one`` alone is mostly none, and ``5 million`` is read as it is."""
    words = [word for word in re.split(r"[\s-]+", match[0].casefold()) if word != "and"]
    if words == ["one"] or (
        words[0] in _SCALES and re.search(r"\d\s*$", match.string[max(0, match.start() - 8) : match.start()])
    ):
        return match[0]
    return " ".join(str(value) for value in _values(words))


def _unit(word: str) -> str:
    """A unit behind a number, with a space before it; of ``miles per hour`` in signs both parts."""
    if word in _UNIT:
        return f" {_UNIT[word]}"
    parts = word.split("/") if "/" in word else [_FIRST.split(word)[0]]
    known = [_UNIT.get(part) for part in parts]
    if known[0] in _MONEY:  # "$3/hour" has its unit before the number
        return f" {known[0]}"
    return "" if None in known else f" {'/'.join(map(str, known))}"
