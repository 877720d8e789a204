"""What the benchmarks of ``improve`` share: recorded attempts at Game of 24 as an LM, and an exact solver."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from label_tasks import DATA

_MOVE = re.compile(r"\s*(\S+)\s*([-+*/])\s*(\S+)\s*=\s*(\S+)\s*\(left:([^()]*)\)")

Puzzles = dict[str, list[str]]
"""Recorded answers by the numbers of the puzzle, in the order of their samples."""


class Game24:
    """The environment: an exact checker. It has no idea of steps."""

    def reward(self, example: Any, prediction: Any) -> Any:
        """Whether the last line is an expression of the four numbers that is 24."""
        from limbeck.metrics.puzzles import Arithmetic

        return Arithmetic(target=24, numbers="numbers", field="solution")(example, prediction)


def puzzles() -> Puzzles:
    """The CoT samples of the 60 puzzles."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with gzip.open(DATA / "game24" / "outputs.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["mode"] == "cot":
                found[row["input"]].append((row["sample"], row["output"]))
    return {numbers: [output for _, output in sorted(rows)] for numbers, rows in found.items()}


def recorded(found: Puzzles) -> Any:
    """An LM that gives the samples of a puzzle one after the other; where there are none, it gives up."""
    from limbeck.testing.scripted import Scripted, fields

    asked = Counter[str]()

    def answer(text: str, _: int) -> str:
        numbers = text.rpartition("[[ ## numbers ## ]]\n")[2].partition("\n")[0].strip()
        asked[numbers] += 1
        rows = found.get(numbers, [])
        return fields(solution=rows[asked[numbers] - 1] if asked[numbers] <= len(rows) else "Answer: none")

    return Scripted(answer, "recorded/gpt-4").lm


def states(numbers: str, steps: list[str]) -> list[tuple[Fraction, ...] | None]:
    """What is left after each move; None for what is no move, and from the first wrong one on."""
    have: Counter[Fraction] | None = Counter(map(Fraction, numbers.split()))
    found: list[tuple[Fraction, ...] | None] = []
    for step in steps:
        if have is None or _MOVE.match(step) is None:
            found.append(None)
            continue
        have = _moved(have, step)
        found.append(None if have is None else tuple(sorted(have.elements())))
    return found


def _moved(have: Counter[Fraction], step: str) -> Counter[Fraction] | None:
    move = _MOVE.match(step)
    try:
        if move is None:
            return None
        a, b, c = (Fraction(move[n]) for n in (1, 3, 4))
        left = Counter(Fraction(number) for number in move[5].split())
    except (ValueError, ZeroDivisionError):
        return None
    used = Counter([a, b])
    right = not used - have and _value(a, move[2], b) == c and have - used + Counter([c]) == left
    return left if right else None


def _value(a: Fraction, sign: str, b: Fraction) -> Fraction | None:
    if sign == "/":
        return a / b if b else None
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


@cache
def reachable(left: tuple[Fraction, ...]) -> bool:
    """Whether 24 can be made of what is left: all ways tried."""
    if len(left) == 1:
        return left[0] == 24
    for i, a in enumerate(left):
        for j, b in enumerate(left):
            if i == j:
                continue
            rest = [x for k, x in enumerate(left) if k not in (i, j)]
            made = {value for sign in "+-*/" if (value := _value(a, sign, b)) is not None}
            if any(reachable(tuple(sorted([*rest, value]))) for value in made):
                return True
    return False


def interval(values: list[float]) -> str:
    """Mean and its 95% interval over draws."""
    if len(values) < 2:
        return f"{fmean(values):.1f}"
    half = 2.093 * stdev(values) / len(values) ** 0.5  # Student's t with 19 degrees of freedom
    return f"{fmean(values):.1f} +- {half:.1f}"


def mean(values: Iterable[float]) -> str:
    """Mean over draws, and their range."""
    each = list(values)
    return f"{fmean(each):.1f} [{min(each):.1f}, {max(each):.1f}]"


def picked(rows: list[tuple[list[str], bool, str]], seed: int, way: str) -> bool | None:
    """Whether the attempt picked of one half is right, by the credit of the other half's tree.

    Args:
        rows: Steps, whether it is right, and the answer, of each attempt at a puzzle.
        seed: Draws the halves.
        way: ``credit``: the highest mean value of the moves, as the other half knows them, the answer left out;
            ``one``: any; ``majority``: the answer that most give, ties undecided; ``oracle``: the best.
    """
    from limbeck.compiler.generate.improve import Attempt, Tree

    order = random.Random(f"halves {seed}").sample(range(len(rows)), len(rows))
    known, rest = order[: len(rows) // 2], order[len(rows) // 2 :]
    if way == "oracle":
        return any(rows[n][1] for n in rest)
    if way == "one":
        return rows[rest[0]][1]
    if way == "majority":
        from limbeck.compiler.verify.agree import vote

        winner = vote([rows[n][2] or None for n in rest]).winner
        return winner is not None and any(rows[n][1] for n in rest if rows[n][2] == winner)
    tree = Tree([Attempt(rows[n][0], float(rows[n][1])) for n in known])
    score = {n: fmean(tree.values(rows[n][0][:-1])) if len(rows[n][0]) > 1 else 0.0 for n in rest}
    return rows[max(rest, key=lambda n: score[n])][1]


def stored(path: Path) -> list[Any]:
    """Rollouts of the loop that a store has."""
    import limbeck

    with limbeck.open_store(path) as store:
        return [trace for trace in store.traces(order="input") if "synth" in trace.meta]
