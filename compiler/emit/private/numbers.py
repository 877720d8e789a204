"""Numbers of cards, accounts, phones and persons: only what its checksum or its numbering plan allows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .finds import Find, Seen, extra
from .ids import find_ids

_CARD = re.compile(
    r"(?<![\w.+-])(?<!\d{4}[ -])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\w]|\.\d|[ -]\d{4})"
)
_ISSUED = re.compile(  # https://en.wikipedia.org/wiki/Payment_card_number
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}(?:\d{3})?|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}(?:\d{3})?"
    r"|62\d{14,17}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}|220[0-4]\d{12}"
)
_CARD_WORD = re.compile(r"card|visa|credit|\bcc\b|payment", re.IGNORECASE)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)

_PLUS = re.compile(r"(?<![\w+.])(?:\+|00(?=[1-9]\d{0,2}[ .-]))\(?[1-9][\d ().\-/\u00a0]{5,20}\d(?!\w)")
_AMERICAN = re.compile(
    r"(?<![\w.,$€£+-])(?<!\d[ /*=])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-. ]\d{4}(?![\w%]|[-.,/]\d)"
)
_CALL = re.compile(
    r"\b(?:tele(?:phone|fono|fon|foon|fax)|tel|phone|call|cell|mobile|mob|fax|whatsapp|handy|sms|text|hotline|rufnummer)"
    r"(?:[_-]?(?:number|no|nr|num))?"
    r"(?:\s(?:number|numbers|no|nr|is|me|us|at|on|him|her|them|line|now)){0,4}(?P<gap>[\s.:#=\"'\]>*`-]{1,12})"
    r"(?P<number>\(?\+?\d[\d ().\-/\u00a0]{6,17}\d)(?!\w)",
    re.IGNORECASE,
)
_CALLS = ("tel", "phone", "call", "cell", "mob", "fax", "whatsapp", "handy", "sms", "text", "hotline", "rufnummer")
_REGIONS = ("US", "GB", "DE", "FR", "IN", "AU", "ES", "IT", "NL", "BR", "MX", "PL", "CH", "AT", "BE", "SE", "ZA", "IE",
            "JP", "CN", "SG", "NZ", "PT")  # fmt: skip


def find_numbers(text: Seen) -> Iterator[Find]:
    """Find numbers that lead to a person or to their money."""
    if text.runs:
        yield from _ibans(text)
        yield from _cards(text)
        yield from _phones(text)
    yield from find_ids(text)


def _cards(text: Seen) -> Iterator[Find]:
    luhn = extra("stdnum.luhn")
    for near in text.near(0, 30):
        for match in _CARD.finditer(text, *near):
            digits = match[0].replace(" ", "").replace("-", "")
            if _ISSUED.fullmatch(digits) and luhn.is_valid(digits) and len(set(digits)) > 1:
                if len(digits) == 13 and not _CARD_WORD.search(text, max(0, match.start() - 40), match.start()):
                    continue  # also as long as the number of an article, or a time in milliseconds
                yield Find("CARD", *match.span(), digits)


def _ibans(text: Seen) -> Iterator[Find]:
    iban = extra("stdnum.iban")
    for near in text.near(40, 40):
        for match in _IBAN.finditer(text, *near):
            for end in _ends(match):
                if iban.is_valid(text[match.start() : end], check_country=False):
                    yield Find("IBAN", match.start(), end, iban.compact(text[match.start() : end]))
                    break


def _ends(match: re.Match[str]) -> Iterator[int]:
    """Where a number may end: after each of its groups, the last one first, for words may follow."""
    yield match.end()
    value = match[0]
    for at in range(len(value) - 1, 14, -1):
        if value[at] in " -":
            yield match.start() + at


def _phones(text: Seen) -> Iterator[Find]:
    called = any(word in text.lowered for word in _CALLS)
    for near in text.near(3, 30):
        for match in _PLUS.finditer(text, *near):
            number = "+" + match[0].lstrip("+0")
            yield from _dialled(match.start(), number, len(match[0]) - len(number))
        for match in _AMERICAN.finditer(text, *near):
            if key := _valid(match[0], ("US",)):
                yield Find("PHONE", *match.span(), key)
    for near in text.near(70, 30) if called else ():
        for match in _CALL.finditer(text, *near):
            if _is_dialled(match) and (key := _valid(match["number"], _REGIONS)):
                yield Find("PHONE", *match.span("number"), key)


def _is_dialled(match: re.Match[str]) -> bool:
    """Whether a number after a word such as "call" is meant for a phone: ``call 12345678 times`` is not."""
    number = match["number"]
    digits = sum(letter.isdigit() for letter in number)
    return digits >= 8 and (digits >= 10 or number[0] == "0" or not number.isdecimal() or not match["gap"].isspace())


def _dialled(start: int, number: str, shorter: int) -> Iterator[Find]:
    """A number with the code of its country, which may have other digits behind it; it was ``shorter`` when read."""
    library = extra("phonenumbers")
    for match in library.PhoneNumberMatcher(number, "ZZ", leniency=library.Leniency.VALID, max_tries=5):
        end = start + match.end + shorter
        yield Find("PHONE", start, end, library.format_number(match.number, library.PhoneNumberFormat.E164))
        return


def _valid(number: str, regions: tuple[str, ...]) -> str | None:
    """The number as it is dialled from anywhere, by the first region that has it; None where none has."""
    library = extra("phonenumbers")
    for region in regions:
        try:
            parsed = library.parse(number, region)
        except library.NumberParseException:
            return None
        if library.is_valid_number(parsed):
            return str(library.format_number(parsed, library.PhoneNumberFormat.E164))
    return None
