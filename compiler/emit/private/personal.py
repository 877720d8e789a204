"""E-mail addresses, and public addresses of machines."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from .finds import Find, Seen, extra

_LOCAL = re.compile(r"[\w.+%'-]+$")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,62}\.)+(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})", re.IGNORECASE)
_LONGEST = 64  # characters before the @, by RFC 5321
_RESERVED = frozenset({"example", "test", "invalid", "local", "internal", "lan", "corp", "home", "intranet"})
_NOBODY = frozenset({"git"})  # of git@host:path

_IPV4 = re.compile(r"\d(?<![\w.+-]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\w)")  # the digit first: it is quicker
_DOTTED = re.compile(r"\.\d{1,3}\.\d")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d)")
_MACHINE = re.compile(r"\b(?:ip|ipv4|host|server|ping|addr\w*|dns|from|client|ssh|curl)\b[^.\n]{0,20}$", re.IGNORECASE)
_VERSION = re.compile(r"(?:\bv|\bver\.?|version|release|section|chapter|figure|table|§)[\s:]*$", re.IGNORECASE)


def find_emails(text: Seen) -> Iterator[Find]:
    """Find addresses whose domain ends in a suffix that is registered, or reserved for examples and private nets."""
    at = text.find("@")
    while at >= 0:
        if (local := _LOCAL.search(text, max(0, at - _LONGEST), at)) and (domain := _domain(text, at + 1)):
            name = local[0].lstrip(".'-")
            if name and name.casefold() not in _NOBODY:
                start, end = at - len(name), at + 1 + len(domain)
                yield Find("EMAIL", start, end, text[start:end].casefold())
        at = text.find("@", at + 1)


def _domain(text: str, start: int) -> str | None:
    """The domain that begins here, without words that were written behind its last dot."""
    match = _DOMAIN.match(text, start)
    if match is None or text[match.end() : match.end() + 1] == "(":  # a product of matrices: x@y.dot(z)
        return None
    labels = match[0].casefold().split(".")
    for n in range(len(labels), 1, -1):
        if labels[n - 1] in _RESERVED or _suffixes().publicsuffix(".".join(labels[:n])):
            return ".".join(match[0].split(".")[:n])
    return None


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    return extra("publicsuffixlist").PublicSuffixList(accept_unknown=False)


def find_addresses(text: Seen) -> Iterator[Find]:
    """Find public addresses of machines. Those of private nets and of documents tell of nobody."""
    if _DOTTED.search(text):
        for match in _IPV4.finditer(text):
            if _is_public(match[0]) and not _is_counted(text, match):
                yield Find("IP", *match.span(), match[0])
    if "::" in text or text.count(":") >= 7:
        for match in _IPV6.finditer(text):
            value = match[0].rstrip(":") if not match[0].endswith("::") else match[0]
            if _is_public(value) and sum(map(bool, value.split(":"))) >= 3:
                yield Find("IP", match.start(), match.start() + len(value), str(ipaddress.ip_address(value)))


def _is_public(value: str) -> bool:
    try:
        return ipaddress.ip_address(value).is_global
    except ValueError:
        return False


def _is_counted(text: str, match: re.Match[str]) -> bool:
    """Whether four numbers are rather a version or the number of a section."""
    before = text[max(0, match.start() - 30) : match.start()]
    if _VERSION.search(before):
        return True
    return all(int(part) < 32 for part in match[0].split(".")) and not _MACHINE.search(before)
