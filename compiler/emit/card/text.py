"""Text of any origin, kept on its line and inside its cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...keep.jsontext import clean

MOST = 100
"""Most characters of a value in a table."""

# Controls, and what turns the direction of the text after it around.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")

# What Markdown may read as markup, an underscore inside a word not among it.
_MARKUP = re.compile(r"[`*<>&\[\]\\|~$]|(?<![^\W_])_|_(?![^\W_])")


def one_line(text: object, most: int = MOST) -> str:
    """A value as one line of valid text, cut where it is long."""
    line = _UNSEEN.sub("\ufffd", " ".join(clean(str(text)).split()))
    return line if len(line) <= most else f"{line[: most - 1]}\u2026"


def cell(value: object, most: int = MOST) -> str:
    """A value inside Markdown: what might be markup is written as a character reference, which never is.

    Source: https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", one_line(value, most)) or "(none)"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0) -> list[str]:
    """Lines of a Markdown table, with an empty one at the end; none where there are no rows.

    Args:
        head: Titles of the columns.
        rows: Their values.
        numbers: How many columns, counted from the last one, stand to the right.
    """
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    rules = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return [f"| {' | '.join(head)} |", f"| {' | '.join(rules)} |", *lines, ""] if lines else []


def block(text: str, language: str = "") -> list[str]:
    """Lines of a block of code; its fence is longer than any in the text."""
    safe = clean(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", safe)), default=0))
    return [f"{fence}{language}", safe, fence, ""]


def section(name: str, lines: Sequence[str]) -> list[str]:
    """Lines under a heading; none where there are none."""
    return [f"## {name}", "", *lines] if lines else []
