"""Rows that contain test data are put aside: not among the dataset's rows, but not deleted, with what they contain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from ...records import Json
from ..keep.ledger import Ledger
from ._runs import RUN
from .against import SHORT, Match, TestTexts
from .names import CONTAMINATED, CONTAMINATION
from .outdir import LineFile, writing
from .record import Record
from .spool import Item
from .words import word_spans, words_given

REASON = "contaminated"
"""The ledger's reason."""

_SHOWN = 50  # rows in the report
_AROUND, _EXCERPT = 80, 600  # characters before and behind shared words, and in all


def decontaminate(items: Iterable[Item], tests: TestTexts, quarantine: Quarantine, ledger: Ledger) -> Iterator[Item]:
    """Let rows through that contain no test text; put the others into quarantine.

    Args:
        items: Rows, with their words (``with_words``); of one without words they are made.
        tests: What rows must not contain.
        quarantine: Takes the rows that do.
        ledger: Is told of them.
    """
    for item in items:
        words = words_given(item)
        matches = tests.matches(words, item.input_words, item.record.input_text)
        if not matches:
            yield item
            continue
        quarantine.add(item, matches)
        first = matches[0]
        ledger.dropped(item.record.id, REASON, f"{first.share:.0%} of a text of {first.sources[0]}")


class Quarantine:
    """Writes contaminated rows, and a report of them. Used in ``with``.

    ``contaminated.jsonl`` is there only if a row is; ``contamination.md`` always.

    Args:
        folder: Where the files go.
        tests: What rows must not contain; the report tells of it.

    Raises:
        OutputError: The files cannot be written.
    """

    def __init__(self, folder: Path, tests: TestTexts) -> None:
        self.rows = 0
        self._folder, self._tests = folder, tests
        self._file: LineFile | None = None
        self._shown: list[str] = []
        self._by_file: Counter[str] = Counter()

    def add(self, item: Item, matches: list[Match]) -> None:
        """Write a row and what it contains."""
        if self._file is None:
            self._file = LineFile(self._folder / CONTAMINATED)
        self.rows += 1
        self._by_file.update({_file(source) for match in matches for source in match.sources})
        told = [_told(match, item.input_words) for match in matches]
        head = orjson.dumps({"row": item.record.id, "matches": told}, option=orjson.OPT_NON_STR_KEYS)
        self._file.write(head[:-1] + b',"data":' + item.row + b"}")
        if len(self._shown) < _SHOWN:
            self._shown.append(_section(item, matches[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.__exit__()
        if kind is None:
            with writing(self._folder / CONTAMINATION):
                (self._folder / CONTAMINATION).write_text(self._report(), encoding="utf-8", errors="replace")

    def _report(self) -> str:
        tests = self._tests
        contain = _count(self.rows, "row contains", "rows contain")
        found = f"{contain} test data, and {_are(self.rows)} in `{CONTAMINATED}`."
        texts, rows = _count(tests.n_texts, "text", "texts"), _count(tests.n_rows, "row", "rows")
        told = [
            found if self.rows else "No row contains test data.",
            f"Rows were compared with {texts} in {rows} of test data.",
            *([_left_out(tests.n_common)] if tests.n_common else []),
        ]
        files = [f"| {_cell(name)} | {count:,} |" for name, count in sorted(self._by_file.items())]
        table = ["| test data | rows that contain some |", "| --- | --- |", *files, ""] if files else []
        shown = f" The first {len(self._shown)}:" if self.rows > len(self._shown) else ""
        return "\n".join([
            "# Contamination", "",
            " ".join(told),
            "", *table, _EXPLAINED.format(run=RUN, short=SHORT, below=RUN - 1, overlap=tests.overlap), "",
            *([_WHERE.format(rows=CONTAMINATED), "", f"## Matches{shown}", ""] if self._shown else []), *self._shown,
        ])  # fmt: skip


_EXPLAINED = """\
## How it was decided

Case, punctuation and white space make no difference.

- A text of {run} words or more is looked for by its runs of {run} words. A row is put aside if it has {overlap:.0%} of
  them or more, wherever they stand (`--overlap`). Lower finds test data that was reworded; higher spares rows that
  quote a part of it.
- A text of {short} to {below} words must be there as a whole.
- A shorter one ("yes", a name) must be all of the row's input.
- What many test rows share does not count: a text that more than half of a file's rows have; and texts and runs of
  words that are in more than three test rows that are about different things, and in more than 1% of them."""

_WHERE = """\
In `{rows}`, `matches` has of each text where it stands, its share, and which words of the row's input or answer it
covers, counted from 1. To keep a row all the same, take it from there."""


def _count(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _left_out(n: int) -> str:
    return f"{n:,} of them {_are(n)} in many test rows, and {'does' if n == 1 else 'do'} not count."


def _told(match: Match, input_words: int) -> Json:
    return {
        "test": list(match.sources), "share": round(match.share, 4), "shared": match.shared, "of": match.of,
        "where": [{"in": part, "words": [start + 1, end]} for part, start, end in _places(match, input_words)],
        "text": match.text.encode("utf-8", "replace").decode(),
    }  # fmt: skip


def _places(match: Match, input_words: int) -> Iterator[tuple[str, int, int]]:
    """Shared words by part of the row, numbered from 0 in each part."""
    for start, end in match.spans:
        if start < input_words:
            yield "input", start, min(end, input_words)
        if end > input_words:
            yield "answer", max(start - input_words, 0), end - input_words


def _section(item: Item, match: Match) -> str:
    """A row of the report: what it contains, with the shared words marked."""
    places = list(_places(match, item.input_words))
    lines = [
        f"### {_cell(item.record.id)}",
        "",
        f"{match.share:.0%} of a text of {_cell(', '.join(match.sources))}",
        "",
    ]
    for part in ("input", "answer"):
        if spans := [(start, end) for name, start, end in places if name == part]:
            marked = _marked(_text(item.record, part), spans)
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", marked)), default=0))
            lines += [f"In the {part}, shared words in ⟦ ⟧:", "", f"{fence}text", marked, fence, ""]
    return "\n".join(lines)


def _text(record: Record, part: str) -> str:
    return record.input_text if part == "input" else record.answer_text


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    """The first shared words of a text in brackets, and what stands around them."""
    normal, words = word_spans(text)
    if len(words) < spans[-1][1]:  # letters that are others in lower case
        return f"{normal[:_EXCERPT]} …"
    pieces: list[str] = []
    at = max(0, words[spans[0][0]][0] - _AROUND)
    begin = at
    for start, end in spans:
        low, high = words[start][0], words[end - 1][1]
        pieces += [normal[at:low], "⟦", normal[low:high], "⟧"]
        at = high
        if at - begin > _EXCERPT:
            break
    shown = "".join([*pieces, normal[at : at + _AROUND]])
    cut = shown if len(shown) <= 2 * _EXCERPT else f"{shown[:_EXCERPT]} … {shown[-_EXCERPT:]}"
    return ("… " if begin else "") + cut + (" …" if at + _AROUND < len(normal) else "")


def _file(source: str) -> str:
    return source.rpartition(":")[0] or source


def _cell(text: str) -> str:
    """Text that no Markdown is read in."""
    return "`" + text.replace("`", "'").replace("|", "\\|").replace("\n", " ") + "`"
