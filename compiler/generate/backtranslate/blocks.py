"""The blocks of a document: headings, paragraphs, lists, tables, code; each with its lines.

Markdown is read by ``markdown-it-py``. Of a web page ``trafilatura`` (Barbaresi 2021, ACL demo) finds the text and
leaves menus, banners, footers and scripts out; what it writes is Markdown again. A text has paragraphs only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ....errors import MissingExtra
from ..base import Dropped
from .documents import Document

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LINES, TAGS, DEEP = 50_000, 100_000, 1_000
"""Most lines of Markdown, tags of a page, and lines with lists in lists in lists: what takes seconds, not minutes."""

_NESTED = re.compile(r"^(?:[ \t]{0,8}(?:[-*+>]|\d{1,9}[.)])){6}", re.MULTILINE)
_LINK = re.compile(
    r"(?<!`)(`++)[^`\n]++\1(?!`)"  # code
    r"|!\[[^\[\]\n]*\]\([^()\n]*\)"  # an image
    r"|\[([^\[\]\n]*)\](?:\([^()\n]*\)|\[[^\[\]\n]*\])"
    r"|<https?://[^<>\s]+>|https?://[^\s<>)\]]+"
)
_FENCES = {"fence", "code_block"}


@dataclass(frozen=True)
class Block:
    """A block of the top level.

    Attributes:
        text: As it stands there, links as their texts, images left out.
        first: Its first line, from 1.
        last: Its last line.
        level: Of a heading, 1 to 6; 0 for all else.
        linked: Characters of it that are links.
    """

    text: str
    first: int
    last: int
    level: int = 0
    linked: int = 0


def blocks_of(document: Document) -> list[Block] | Dropped:
    """Take a document apart.

    Raises:
        MissingExtra: It is a web page, and trafilatura is not installed.
    """
    if document.kind == "text":
        return _paragraphs(document.text)
    text = document.text
    if document.kind == "html":
        found = _page(document)
        if isinstance(found, Dropped):
            return found
        text = found
    if text.count("\n") > LINES or sum(1 for _ in _NESTED.finditer(text)) > DEEP:
        return Dropped("too large", document.name, f"over {LINES:,} lines, or over {DEEP:,} of deeply nested lists")
    return _markdown(text)


def extractor() -> Any:
    """The function that finds the text of a page.

    Raises:
        MissingExtra: trafilatura is not installed.
    """
    try:
        extract = import_module("trafilatura").extract
    except ImportError as error:
        raise MissingExtra("web pages are read with trafilatura, which is not installed",
                           hint="Install it: pip install 'limbeck[documents]'") from error  # fmt: skip
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # pages without a text are dropped, not logged
    return extract


def _page(document: Document) -> str | Dropped:
    if document.text.count("<") > TAGS:
        return Dropped("too large", document.name, f"over {TAGS:,} tags")
    extract = extractor()
    try:
        # Links tell navigation from text; comments are other people's; precision, since what is left out is no loss.
        text = extract(document.text, output_format="markdown", include_formatting=True, include_links=True,
                       include_comments=False, favor_precision=True)  # fmt: skip
    except Exception as error:  # noqa: BLE001  # pages may be anything
        return Dropped("cannot be read", document.name, type(error).__name__)
    return text if text and text.strip() else Dropped("no text", document.name, "nothing but boilerplate on the page")


def _markdown(text: str) -> list[Block]:
    lines = text.splitlines()
    return list(_top(_parser().parse("\n".join(lines)), lines))


@cache
def _parser() -> MarkdownIt:
    """Blocks only: inline markup is not looked at, and tables stay lines."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("reference")
    parser.core.ruler.disable(["inline"])
    return parser


def _top(tokens: list[Any], lines: list[str]) -> Iterator[Block]:
    for number, token in enumerate(tokens):
        if token.level or token.map is None or token.type in {"html_block", "hr"}:
            continue
        first, last = token.map
        raw = "\n".join(lines[first:last]).strip("\n").rstrip()
        if token.type == "heading_open":
            shown, linked = unlinked(tokens[number + 1].content)
            yield Block(shown.strip(), first + 1, last, int(token.tag[1]), linked)
        elif raw:
            shown, linked = (raw, 0) if token.type in _FENCES else unlinked(raw)
            if shown.strip():
                yield Block(shown.rstrip(), first + 1, first + 1 + raw.count("\n"), 0, linked)


def unlinked(text: str) -> tuple[str, int]:
    """A text with links as their texts and without images; and how many characters are texts of links."""
    linked = 0

    def plain(found: re.Match[str]) -> str:
        nonlocal linked
        if found[1]:
            return found[0]  # code
        shown = "" if found[0].startswith("!") else found[0] if found[2] is None else found[2]
        linked += len(shown)
        return shown

    return _LINK.sub(plain, text), linked


def _paragraphs(text: str) -> list[Block]:
    """Lines between empty ones."""
    found: list[Block] = []
    lines = text.splitlines()
    start = None
    for number, line in enumerate([*lines, ""]):
        if line.strip() and start is None:
            start = number
        elif not line.strip() and start is not None:
            shown, linked = unlinked("\n".join(lines[start:number]))
            found.append(Block(shown.rstrip(), start + 1, number, 0, linked))
            start = None
    return found
