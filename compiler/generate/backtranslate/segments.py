"""Segments of documents that may be somebody's answer: what follows a heading, whole where it is not too long.

In the paper (arXiv 2308.06259, section 2.1; an appendix of a later version, remembered) a segment is the tree of a
heading: all that follows up to the next heading of its rank. So it is here; but a tree that is too long is cut into
what stands before its first subheading and the trees of its subheadings, and text without subheadings at paragraphs,
into parts of about the same length. No part of a document is in two segments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .blocks import Block


@dataclass(frozen=True)
class Segment:
    """A part of a document.

    Attributes:
        text: Without the heading that it follows.
        headings: The headings that it stands under, the nearest last.
        first: Its first line.
        last: Its last line.
        linked: Characters that are links.
        part: Which part of a longer text it is, from 1.
        parts: How many there are.
    """

    text: str
    headings: tuple[str, ...]
    first: int
    last: int
    linked: int
    part: int = 1
    parts: int = 1


def segments_of(
    blocks: Sequence[Block], longest: int, aside: Callable[[str], bool] = lambda _: False
) -> Iterator[Segment]:
    """Cut a document into segments, each at most so long unless a single paragraph is longer.

    Args:
        blocks: Those of the document.
        longest: Characters.
        aside: Says of a heading that its tree is no part of any other, such as navigation.
    """
    main: list[Block] = []
    found: list[Segment] = []
    at = 0
    while at < len(blocks):
        end = at + 1
        if blocks[at].level and aside(blocks[at].text):
            end = _end(blocks, at)
            if end > at + 1:
                found.append(_segment(blocks[at + 1 : end], (blocks[at].text,)))
        else:
            main.append(blocks[at])
        at = end
    yield from sorted([*found, *_split(main, (), longest)], key=lambda segment: segment.first)


def _end(blocks: Sequence[Block], at: int) -> int:
    """Where the tree of the heading at this place ends."""
    rank = blocks[at].level
    return next((n for n in range(at + 1, len(blocks)) if 0 < blocks[n].level <= rank), len(blocks))


def _split(blocks: Sequence[Block], headings: tuple[str, ...], longest: int) -> Iterator[Segment]:
    """What stands before the first heading, then the tree of each."""
    start = next((n for n, block in enumerate(blocks) if block.level), len(blocks))
    yield from _parts(blocks[:start], headings, longest)
    while start < len(blocks):
        end = _end(blocks, start)
        yield from _tree(blocks[start + 1 : end], (*headings, blocks[start].text), longest)
        start = end


def _tree(blocks: Sequence[Block], headings: tuple[str, ...], longest: int) -> Iterator[Segment]:
    if not any(block.level for block in blocks):
        yield from _parts(blocks, headings, longest)
    elif len(_text(blocks)) <= longest:
        yield _segment(blocks, headings)
    else:
        yield from _split(blocks, headings, longest)


def _parts(blocks: Sequence[Block], headings: tuple[str, ...], longest: int) -> Iterator[Segment]:
    """Text without headings, in parts of about the same length."""
    if not blocks:
        return
    whole = len(_text(blocks))
    if whole <= longest:
        yield _segment(blocks, headings)
        return
    wanted = whole / math.ceil(whole / longest)
    packed: list[list[Block]] = []
    size = math.inf
    for piece in (line for block in blocks for line in _lines(block, longest)):
        if size >= wanted or size + 2 + len(piece.text) > longest:
            packed.append([])
            size = -2
        packed[-1].append(piece)
        size += 2 + len(piece.text)
    for number, part in enumerate(packed, 1):
        yield _segment(part, headings, number, len(packed))


def _lines(block: Block, longest: int) -> Iterator[Block]:
    """The block; one that is too long and has a line for each line of the file in its lines."""
    lines = block.text.split("\n")
    if len(block.text) <= longest or len(lines) != block.last - block.first + 1 or lines[0].startswith(("```", "~~~")):
        yield block
        return
    for number, line in enumerate(lines, block.first):
        if line.strip():
            yield Block(line, number, number, 0, block.linked * len(line) // len(block.text))


def _segment(blocks: Sequence[Block], headings: tuple[str, ...], part: int = 1, parts: int = 1) -> Segment:
    linked = sum(block.linked for block in blocks)
    return Segment(_text(blocks), headings, blocks[0].first, blocks[-1].last, linked, part, parts)


def _text(blocks: Sequence[Block]) -> str:
    return "\n\n".join(f"{'#' * block.level} {block.text}" if block.level else block.text for block in blocks).strip(
        "\n"
    )
