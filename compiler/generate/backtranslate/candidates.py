"""Candidates: segments of documents, a document at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

from ....errors import DataError
from ....records import Json
from ....signatures.values import clip
from ..base import Dropped
from .blocks import blocks_of, extractor
from .documents import Document, Place, kind_of, paths, read
from .filters import Filter, is_navigation
from .segments import Segment, segments_of


@dataclass(frozen=True)
class Candidate:
    """A text that may be an answer.

    Attributes:
        number: Of all candidates, from 0; -1 where it has none yet.
        text: The text.
        item: Where it begins, as ``file:line``.
        facts: Where it stands, for its provenance.
    """

    number: int
    text: str
    item: str
    facts: Json


@dataclass(frozen=True)
class Cut:
    """How to cut documents.

    Attributes:
        place: Where they are.
        shortest: Characters of a segment at least.
        longest: At most.
        largest: Bytes of a document at most.
        most: Candidates at most; None for all.
    """

    place: Place
    shortest: int = 600
    longest: int = 3_000
    largest: int = 5_000_000
    most: int | None = None

    def check(self) -> None:
        """See that what is there can be read.

        Raises:
            DataError: There is nothing.
            MissingExtra: There is a web page, and nothing to read it with.
        """
        kinds = {kind_of(path) for path in paths(self.place)}
        if not kinds:
            hint = "Hidden files and folders do not count."
            raise DataError(f"there is nothing in {self.place.base.name or self.place.base}", hint=hint)
        if "html" in kinds:
            extractor()

    async def candidates(self) -> AsyncGenerator[Candidate | Dropped]:
        """Candidates in the order of names and lines, and what is none."""
        rules = Filter(self.shortest, self.longest)
        number = 0
        for path in paths(self.place):
            for found in await asyncio.to_thread(self.cut, path, rules):
                if isinstance(found, Dropped):
                    yield found
                elif number == self.most:
                    return
                else:
                    yield replace(found, number=number)
                    number += 1

    def cut(self, path: Path, rules: Filter) -> list[Candidate | Dropped]:
        """What comes of a document. Runs in a thread, for a page of some megabytes takes seconds."""
        document = read(path, self.place, self.largest)
        if isinstance(document, Dropped):
            return [document]
        blocks = blocks_of(document)
        if isinstance(blocks, Dropped):
            return [blocks]
        return [_checked(segment, document, rules) for segment in segments_of(blocks, self.longest, is_navigation)]


def _checked(segment: Segment, document: Document, rules: Filter) -> Candidate | Dropped:
    rule = rules.rule(segment)
    if rule is None:
        return _candidate(segment, document)
    heading = clip(" > ".join(segment.headings), 200)
    detail = f"{len(segment.text):,} characters{f' under {heading}' if heading else ''}"
    return Dropped(rule, f"{document.name}:{segment.first}", detail)


def _candidate(segment: Segment, document: Document) -> Candidate:
    facts: Json = {"file": document.name, "lines": [segment.first, segment.last]}
    if document.kind == "html":
        facts["lines_of"] = "the text that was extracted"
    if segment.headings:
        facts["headings"] = [clip(heading, 200) for heading in segment.headings]
    if segment.parts > 1:
        facts["part"] = [segment.part, segment.parts]
    return Candidate(-1, segment.text, f"{document.name}:{segment.first}", facts)
