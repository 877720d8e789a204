"""What the curating judge is worth, measured on pairs that people labelled (arXiv 2308.06259, table 7)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....aio import ordered
from ....errors import DataError
from ....records import Json
from ....signatures.reading import read_rows
from ....signatures.values import short
from ... import agreement
from .curator import Curator
from .reading import HIGH, LOW

_GOOD = {"true": True, "yes": True, "high": True, "good": True, "pass": True, "passed": True,
         "false": False, "no": False, "low": False, "bad": False, "fail": False, "failed": False}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """A pair that people labelled.

    Attributes:
        instruction: What was asked.
        answer: The answer.
        good: Whether people found it good.
        score: Their score, where they gave one.
    """

    instruction: str
    answer: str
    good: bool
    score: float | None


def labelled(path: Path, source: str, target: str, label: str, threshold: float) -> Iterator[Labelled]:
    """Pairs of a file, one at a time.

    Args:
        path: As ``--data`` takes it.
        source: Column with the instruction.
        target: Column with the answer.
        label: Column with a score from 1 to 5, or whether it is good.
        threshold: Score from which on a pair is good.

    Raises:
        DataError: A row cannot be read, or lacks something.
    """
    for row, where in read_rows(path, name=path.name):
        for name in (source, target, label):
            if name not in row:
                hint = f"A row has the instruction ({source}), its answer ({target}) and what people said ({label})."
                raise DataError(f"{where}: no column {name!r}", hint=hint)
        for name in (source, target):
            if not isinstance(row[name], str) or not row[name].strip():
                raise DataError(f"{where}: {name!r} is no text: {short(row[name])}", hint="Leave such rows out.")
        good, score = _good(row[label], threshold, where)
        yield Labelled(row[source], row[target], good, score)


def _good(said: Any, threshold: float, where: str) -> tuple[bool, float | None]:
    if isinstance(said, bool):
        return said, None
    word = str(said).strip().casefold()
    if word in _GOOD:
        return _GOOD[word], None
    try:
        score = float(word)
    except ValueError:
        score = 0.0
    if not LOW <= score <= HIGH:
        raise DataError(
            f"{where}: {short(said)} is no label of a pair", hint="Write a score from 1 to 5, or true or false."
        )
    return score >= threshold, score


async def measure(curator: Curator, rows: Iterator[Labelled], shown: Callable[[str], str], threshold: float) -> Json:
    """What the judge is worth: precision, recall and agreement, each with a 95% interval (Wilson).

    A pair without a score is not kept, so it counts as refused. Memory holds a few numbers a pair.

    Args:
        curator: Asks the judge.
        rows: The pairs.
        shown: Examples for the judge that do not have a certain answer.
        threshold: Score from which on a pair is kept.
    """
    found: list[tuple[bool, float | None, float | None]] = []
    async with aclosing(_scored(curator, rows, shown)) as done:
        async for pair, score in done:
            found.append((pair.good, score, pair.score))
    kept = [good for good, score, _ in found if score is not None and score >= threshold]
    good = sum(good for good, _, _ in found)
    agreed = sum(good == (score is not None and score >= threshold) for good, score, _ in found)
    both = [(people, score) for _, score, people in found if people is not None and score is not None]
    kappa = agreement.kappa(both, agreement.QUADRATIC)
    figures = {
        "rows": len(found), "good": good, "kept": len(kept), "no score": sum(score is None for _, score, _ in found),
        **_share("precision", sum(kept), len(kept)), **_share("recall", sum(kept), good),
        **_share("agreement", agreed, len(found)),
    }  # fmt: skip
    return figures | ({"kappa of scores": round(kappa["value"], 4)} if kappa is not None else {})


def _share(name: str, count: int, of: int) -> Json:
    """A share with its interval; None of nothing."""
    found = agreement.share(count, of)
    names = {"share": name, "low": f"{name} low", "high": f"{name} high"}
    return {words: None if found is None else round(found[key], 4) for key, words in names.items()}


async def _scored(
    curator: Curator, rows: Iterator[Labelled], shown: Callable[[str], str]
) -> AsyncGenerator[tuple[Labelled, float | None]]:
    async def work(pair: Labelled) -> tuple[Labelled, float | None]:
        return pair, (await curator.judge(pair.instruction, pair.answer, shown(pair.answer))).score

    async with aclosing(ordered(work, rows, limit=curator.bench.concurrency)) as done:
        async for item in done:
            yield item
