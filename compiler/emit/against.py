"""Texts that no row may contain: the task's test data, and the files named with ``--against``.

A text is looked for by its runs of eight words: a row that has a given share of them is contaminated. PaLM took runs of
eight words (Chowdhery et al. 2022, section 8), GPT-3 of up to thirteen (Brown et al. 2020, appendix C); of the shorter
ones a changed word costs fewer. What was measured: docs/decisions/0032-decontamination.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ._runs import RUN, Lookup, runs_of
from .held_out import TestRows, example_texts, file_texts
from .spool import Numbers
from .words import word_spans

__all__ = ["Match", "TestTexts", "example_texts", "file_texts"]

SMALL = 13
"""Words; a text of fewer must be in a row's input as a whole, and it must have five runs of a longer one."""

SHORT = 5
"""Words; a text of fewer must be all of a row's input."""

MOST = 5
"""Matches told of one row: those that have the largest share of their text."""

_BORDER = frozenset(".?!:;…\n\"'”’»)]}>|。？！：；」』）")
_COMMON, _COMMON_SHARE = 3, 0.01  # rows, and share of them, that may have a run in common before it says nothing


@dataclass(frozen=True, slots=True)
class Match:
    """A test text that a row contains.

    Attributes:
        sources: Where the text stands, ``file:line`` each; the first few.
        text: The text.
        shared: Runs of its words that the row has; of a short text all its words are one.
        of: Runs of its words that count.
        spans: Words of the row that are shared: the first, and the one behind the last.
    """

    sources: tuple[str, ...]
    text: str
    shared: int
    of: int
    spans: tuple[tuple[int, int], ...]

    @property
    def share(self) -> float:
        """How much of the text the row has, over 0 to 1."""
        return self.shared / self.of


class TestTexts:
    """Finds test texts in rows.

    A text of thirteen words or more is in a row that has the given share of its runs of eight words, and at least
    five of them. A shorter one must be there as a whole, in the row's input; with fewer than eight words it must be
    a sentence there, and with fewer than five all of the input.

    What many test rows have in common says nothing of any of them and does not count: texts that more than half of a
    file's rows have, and runs of words that are in more than three rows, and more than one in a hundred, that are
    about different things. A text that has no other runs must be there as a whole.

    Args:
        texts: Sources (``file:line``) and texts; those of a row side by side, and the rows of a file too.
        overlap: Share of a text's runs of words that a row must have, over 0 to 1.

    Attributes:
        n_rows: Test rows.
        n_texts: Different texts in them.
        n_common: Those that do not count, since they are in many rows.
    """

    __test__ = False  # no test, whatever its name may tell pytest

    def __init__(self, texts: Iterable[tuple[str, str]], overlap: float = 0.5) -> None:
        self.overlap = overlap
        rows = TestRows(texts)
        self._texts, self._sources = rows.texts, rows.sources
        common = rows.common()
        forms = [(number, words) for number, words in rows.forms if not common[number]]
        self._tiny = {words.tobytes(): number for number, words in reversed(forms) if len(words) < SHORT}
        self._index_short([form for form in forms if SHORT <= len(form[1]) < RUN])
        self._index_long([form for form in forms if len(form[1]) >= RUN], rows.topics(common))
        self.n_rows, self.n_texts = rows.n_rows, len(rows.texts)
        self.n_common = int(common.sum())

    def _index_short(self, forms: list[tuple[int, Numbers]]) -> None:
        """Find short texts by their first four words."""
        starts = np.array([runs_of(words)[0][0] for _, words in forms], np.uint64)
        order = np.argsort(starts, kind="stable")
        self._short = [forms[index] for index in order.tolist()]
        sought, first = np.unique(starts[order], return_index=True)
        self._short_from = np.append(first, len(forms))
        self._short_starts = Lookup(sought)

    def _index_long(self, forms: list[tuple[int, Numbers]], topics: Numbers) -> None:
        """Find long texts by their runs of eight words, but for those that many rows have."""
        made = [np.unique(runs_of(words)[1]) for _, words in forms]
        self._text_of = np.array([number for number, _ in forms], np.int64)
        self._small = np.array([len(words) < SMALL for _, words in forms], np.bool_)
        form = np.repeat(np.arange(len(forms)), [len(runs) for runs in made])
        runs = np.concatenate([*made, np.empty(0, np.uint64)])
        order = np.lexsort((topics[self._text_of[form]], runs))
        runs, form = runs[order], form[order]
        rare = _rare(runs, topics[self._text_of[form]])
        has_rare = np.bincount(form[rare], minlength=len(forms)) > 0
        counted = rare | ~has_rare[form]
        runs, self._form = runs[counted], form[counted]
        self._of = np.bincount(self._form, minlength=len(forms))
        enough = np.maximum(np.ceil(self.overlap * self._of - 1e-9), SMALL - RUN)
        self._least = np.where(has_rare, np.minimum(self._of, enough), self._of)
        sought, first = np.unique(runs, return_index=True)
        self._from = np.append(first, len(runs))
        self._runs = Lookup(sought)

    def matches(self, words: Numbers, input_words: int, input_text: str) -> list[Match]:
        """Test texts that a row contains, those with the largest share first; mostly none.

        Args:
            words: Hashes of the words of the row's input, then of its answer.
            input_words: How many of them are of the input.
            input_text: The input; short texts must be sentences in it.
        """
        found: list[tuple[int, Match]] = []
        if 0 < input_words < SHORT and (number := self._tiny.get(words[:input_words].tobytes())) is not None:
            found.append((number, self._match(number, 1, 1, [(0, input_words)])))
        if len(words) >= SHORT:
            four, eight = runs_of(words)
            if self._short:
                found += self._short_matches(words[:input_words], input_text, *self._short_starts.find(four))
            found += self._long_matches(input_words, *self._runs.find(eight))
        best: dict[int, Match] = {}
        for number, match in sorted(found, key=lambda pair: (-pair[1].share, pair[0])):
            best.setdefault(number, match)
        return list(best.values())[:MOST]

    def _short_matches(self, words: Numbers, text: str, at: Numbers, starts: Numbers) -> Iterator[tuple[int, Match]]:
        for place, start in zip(at.tolist(), starts.tolist(), strict=True):
            for number, whole in self._short[self._short_from[start] : self._short_from[start + 1]]:
                end = place + len(whole)
                if np.array_equal(words[place:end], whole) and _is_sentence(text, place, end):
                    yield number, self._match(number, 1, 1, [(place, end)])

    def _long_matches(self, input_words: int, at: Numbers, runs: Numbers) -> Iterator[tuple[int, Match]]:
        if not len(at):
            return
        sizes = self._from[runs + 1] - self._from[runs]
        where = np.repeat(at, sizes)  # in the row, of each run of each form
        forms = np.concatenate([self._form[self._from[run] : self._from[run + 1]] for run in runs.tolist()])
        runs = np.repeat(runs, sizes)
        counted = ~self._small[forms] | (where + RUN <= input_words)
        where, forms, runs = where[counted], forms[counted], runs[counted]
        pairs = np.unique(forms * len(self._from) + runs)  # a row may have a run twice
        held, shared = np.unique(pairs // len(self._from), return_counts=True)
        enough = shared >= self._least[held]
        for form, count in zip(held[enough].tolist(), shared[enough].tolist(), strict=True):
            spans = [(place, place + RUN) for place in where[forms == form].tolist()]
            number = int(self._text_of[form])
            yield number, self._match(number, count, int(self._of[form]), spans)

    def _match(self, number: int, shared: int, of: int, spans: list[tuple[int, int]]) -> Match:
        return Match(self._sources[number], self._texts[number], shared, of, tuple(_joined(spans)))


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in ascending order as one where they touch."""
    first, last = spans[0]
    for start, end in spans[1:]:
        if start > last:
            yield first, last
            first = start
        last = max(last, end)
    yield first, last


def _is_sentence(text: str, start: int, end: int) -> bool:
    """Whether words of a text may be a sentence: "What can I do?", but not "What can I do there?"."""
    normal, spans = word_spans(text)
    return _is_border(normal, spans, start, _BORDER | {","}) and _is_border(normal, spans, end, _BORDER)


def _is_border(text: str, spans: list[tuple[int, int]], word: int, signs: frozenset[str]) -> bool:
    """Whether a sentence may begin with a word: it is the first, or has a capital, or one of the signs before it."""
    if not 0 < word < len(spans):
        return True
    end, start = spans[word - 1][1], spans[word][0]
    return text[start].isupper() or not signs.isdisjoint(text[end:start])


def _rare(runs: Numbers, topics: Numbers) -> Numbers:
    """Whether a run is in few rows that are about different things.

    Args:
        runs: Runs in ascending order.
        topics: What the row is about that has it; of each run in ascending order.
    """
    fresh = np.append(True, runs[1:] != runs[:-1])[: len(runs)]
    other = fresh | np.append(True, topics[1:] != topics[:-1])[: len(runs)]
    which = np.cumsum(fresh) - 1
    most = max(_COMMON, _COMMON_SHARE * len(np.unique(topics)))
    few: Numbers = np.bincount(which[other], minlength=1)[which] <= most
    return few
