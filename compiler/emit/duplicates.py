"""Duplicates: which rows say the same, and which of them is kept."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import orjson

from .choices import Dedup, Prefer
from .record import Record
from .spool import Numbers, Spool

Similarity = Callable[[int, int], float]
Kind = Literal["near", "semantic"]


def digest_of(record: Record, mode: Dedup, predictor: str = "") -> bytes:
    """16 bytes that are equal for rows that are exact or normalised duplicates.

    Args:
        record: The row's record.
        mode: What counts as a duplicate.
        predictor: Whose answer it is. The same values in another predictor's prompt are another question.

    Raises:
        orjson.JSONEncodeError: The record holds what is no JSON.
    """
    said = [record.label, [step.label for step in record.steps], dict(record.soft)]
    if mode == "exact":
        steps = [step.text for step in record.steps]
        facts = [record.prompt, record.completion, record.rejected, record.tools, steps, said]
    else:
        facts = [predictor, _normal(record.input_text), _normal(record.answer_text), said]
    return hashlib.blake2b(orjson.dumps(facts), digest_size=16).digest()


def _normal(text: str) -> str:
    """Text without case, width of characters and white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def drop_duplicates(spool: Spool, prefer: Sequence[Prefer]) -> None:
    """Of rows with equal digests keep the best."""
    words = spool.columns.digest
    if len(words) < 2:
        return
    _, group = np.unique(words.view([("", words.dtype)] * 2).ravel(), return_inverse=True)
    keep_best(spool, group, prefer, "duplicate")


def drop_near(spool: Spool, clusters: Numbers, prefer: Sequence[Prefer], similarity: Similarity, kind: Kind) -> None:
    """Of rows that say nearly the same keep the best.

    Rows with other labels do not, and rows of other predictors neither, however much they have in common.

    Args:
        spool: The rows.
        clusters: For each row the first of its cluster; itself where it is alone.
        prefer: As for ``keep_best``.
        similarity: Similarity of two rows, 0 to 1. It may be below the threshold, where a third row joins them.
        kind: What they are near in, for the ledger.
    """
    columns = spool.columns
    said = (columns.label.astype(np.int64) * len(spool.predictors) + columns.predictor) * 3 + columns.good + 1
    group = clusters * (said.max(initial=0) + 1) + said
    keep_best(spool, group, prefer, f"{kind} duplicate", lambda row, kept: f"similarity {similarity(row, kept):.2f}")


def keep_best(
    spool: Spool, group: Numbers, prefer: Sequence[Prefer], reason: str, more: Callable[[int, int], str] | None = None
) -> None:
    """Of each group of rows keep the best; the rest goes to the ledger with the id of the one that stays.

    Args:
        spool: The rows.
        group: A number for each row, equal for rows of one group.
        prefer: What makes a row better, the most important first; rows that are equal in it all: the first one.
        reason: The ledger's reason.
        more: What else to tell the ledger of a row that goes, and the one that stays.
    """
    alive = np.flatnonzero(spool.alive)
    worse = [WORSE[name](spool)[alive] for name in prefer]
    order = alive[np.lexsort([*reversed(worse), group[alive]])]  # stable: the first one where all is equal
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    best = np.arange(len(group))
    best[order] = np.repeat(order[starts], np.diff([*starts, len(order)]))
    lost = np.flatnonzero(spool.alive & (best != np.arange(len(group))))

    def detail(index: int) -> str:
        kept = int(best[index])
        return f"of {spool.id(kept)}" + (f", {more(index, kept)}" if more is not None else "")

    spool.drop(lost.tolist(), reason, detail)


WORSE: dict[str, Callable[[Spool], Numbers]] = {
    "score": lambda spool: -np.nan_to_num(spool.columns.score, nan=-np.inf),
    "level": lambda spool: np.where(spool.columns.level, spool.columns.level, 7),
    "shortest": lambda spool: spool.columns.characters,
    "longest": lambda spool: -spool.columns.characters.astype(np.int64),
}
"""Numbers that are smaller for better rows."""
