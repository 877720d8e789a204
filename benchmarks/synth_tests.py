"""``tests`` on recorded programs: which suites it eliminates, and whether its verdicts agree with those on record.

The recorded programs of LMs are the solutions. The suites are what an LM might have written, made from the data set's
own tests: half of the assertions (right), the same with one expected value changed (wrong), and assertions that hardly
anything fails (useless). No LM wrote them, so the shares say what the rules do, and not how often LMs err.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import math
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from limbeck.compiler.generate.unittests.trial import Trial, Tried, trial
from limbeck.compiler.verify.execute import Execute
from limbeck.records import Example

OPTIONS = Execute(tests="tests", entry="entry_point", prompt="prompt", seconds=4.0, packages=("numpy",))
SEEDS = 20
RIGHT, WRONG, USELESS = "right", "wrong", "useless"
DRAW = {RIGHT: 0.5, WRONG: 0.25, USELESS: 0.25}
"""How often each kind is drawn, where three suites are drawn for a specification."""


@dataclass
class Spec:
    """A specification with recorded solutions.

    Attributes:
        answers: Programs, each with whether it passed on record.
        gold: The reference, where there is one.
        pool: Suites, each with its kind.
    """

    example: Example
    answers: list[tuple[str, bool]]
    pool: list[tuple[str, str]]
    gold: str | None = None
    tried: dict[bool, list[Tried]] = field(default_factory=dict)


def humaneval(data: Path, solutions: int, *, gpt: bool) -> list[Spec]:
    """HumanEval; of 100 samples of CodeGen-16B so many are drawn, of GPT-4 and text-davinci-003 there are four."""
    file = "gpt_outputs" if gpt else "codegen16b_100samples"
    answers = _by_id(_read(data / f"humaneval/{file}.jsonl.gz"))
    specs = []
    for task in _read(data / "humaneval/tasks.jsonl.gz"):
        draw = random.Random(f"solutions/{task['id']}")
        rows = answers[task["id"]]
        rows = rows if gpt else draw.sample(rows, solutions)
        specs += _spec(task, rows, task["gold"])
    return specs


def mbpp(data: Path) -> list[Spec]:
    """MBPP with the answers of GPT-4, up to four; it has no reference. The answers hold the header themselves."""
    by_id = _by_id(_read(data / "mbpp/outputs.jsonl.gz"))
    return [spec for rows in by_id.values() for spec in _spec(rows[0], rows, None)]


def _spec(task: dict[str, Any], rows: Sequence[dict[str, Any]], gold: str | None) -> list[Spec]:
    labels = {"entry_point": task["entry_point"], "prompt": task["input"]}
    pool = suites(task["test"], random.Random(f"suites/{task['id']}"))
    answers = [(row["output"] or "", row["passed"]) for row in rows]
    return [Spec(Example({"task": task["id"]}, labels), answers, pool, gold)] if pool else []


def suites(test: str, draw: random.Random) -> list[tuple[str, str]]:
    """What an LM might have written instead of a test: text and kind. None where there are too few plain assertions."""
    tree = ast.parse(test)
    check = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check")
    plain = [node for node in check.body if isinstance(node, ast.Assert) and _expected(node) is not None]
    if len(plain) < 3 or len(plain) != sum(not isinstance(node, ast.Expr) for node in check.body):
        return []
    made: list[tuple[str, str]] = []
    for _ in range(2):
        draw.shuffle(plain)
        half = plain[: (len(plain) + 1) // 2]
        made += [(_suite(half), RIGHT), (_suite([*half[1:], _changed(half[0])]), WRONG)]
    called, value = ast.unparse(plain[0].test.left), _expected(plain[0])  # type: ignore[attr-defined]
    useless = [f"assert {called} == {called}", f"assert {called} is not None", f"assert {called} != 'nothing like it'",
               f"assert isinstance({called}, {type(value).__name__})"]  # fmt: skip
    return made + [(f"def check(candidate):\n    {line}\n", USELESS) for line in useless if "NoneType" not in line]


def _expected(node: ast.Assert) -> Any:
    match node.test:
        case ast.Compare(left=ast.Call(func=ast.Name("candidate")), ops=[ast.Eq()], comparators=[right]):
            try:
                return ast.literal_eval(right)
            except ValueError:
                return None
    return None


def _suite(asserted: Sequence[ast.Assert]) -> str:
    return "def check(candidate):\n" + "".join(f"    {ast.unparse(node)}\n" for node in asserted)


def _changed(node: ast.Assert) -> ast.Assert:
    """The same with another expected value."""
    made = ast.parse(ast.unparse(node)).body[0]
    made.test.comparators = [ast.parse(repr(_other(_expected(node)))).body[0].value]  # type: ignore[attr-defined]
    return made  # type: ignore[return-value]


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "a"
    return {list: lambda: [*value, 0], tuple: lambda: (*value, 0), dict: lambda: {**value, "a": 0}}.get(
        type(value), lambda: "another"
    )()


async def tried(specs: Sequence[Spec], *, reference: bool) -> tuple[int, float]:
    """Bring every suite of every pool through the rules; suites meet all solutions, so that draws can be made of them.

    Returns:
        Programs that ran, and seconds.
    """
    made, began = trial(OPTIONS, "tests"), time.perf_counter()
    runs = 0
    run = made.executor.run

    async def counted(*args: Any) -> Any:
        nonlocal runs
        runs += 1
        return await run(*args)

    made.executor.run = counted  # type: ignore[method-assign]
    room = asyncio.Semaphore(4 * (os.cpu_count() or 1))

    async def one(spec: Spec, suite: Tried) -> None:
        async with room:
            await _one(made, spec, suite, spec.gold if reference else None)

    try:
        for spec in specs:
            spec.tried[reference] = [Tried(n, tests) for n, (tests, _) in enumerate(spec.pool)]
        await asyncio.gather(*(one(spec, suite) for spec in specs for suite in spec.tried[reference]))
    finally:
        await made.executor.aclose()
    return runs, time.perf_counter() - began


async def _one(made: Trial, spec: Spec, suite: Tried, gold: str | None) -> None:
    answers = [*([gold] if gold is not None else []), *(answer for answer, _ in spec.answers)]
    await made.stub(spec.example, suite)
    if gold is not None and suite.weak is None:
        await made.reference(spec.example, suite, gold)
    if suite.weak is None:
        await made.programs(spec.example, suite, answers)
    if suite.weak is None:
        await made.mutated(spec.example, suite, answers)


@dataclass
class Verdicts:
    """Answers by whether the suites pass them and whether they passed on record."""

    kept: int = 0
    kept_right: int = 0
    right: int = 0
    specs: int = 0
    judged: int = 0

    @property
    def precision(self) -> float:
        """Share of those kept that passed on record."""
        return self.kept_right / self.kept if self.kept else float("nan")

    @property
    def recall(self) -> float:
        """Share of those that passed on record which were kept."""
        return self.kept_right / self.right if self.right else float("nan")


def drawn(specs: Sequence[Spec], seed: int, *, reference: bool, rules: bool = True, vote: str = "all") -> Verdicts:
    """Three suites drawn for each specification, as an LM might write them, and what comes of the answers.

    Args:
        specs: Tried.
        seed: Of the draw.
        reference: Whether suites were compared with the reference.
        rules: Whether suites are eliminated; else all three are believed, whatever they are.
        vote: Of suites that are left ``all`` are believed, and none where no answer passes them all, as the method
            does it; or those that agree as in ``codet``; or the ``most`` that some answer passes.
    """
    found, draw = Verdicts(), random.Random(f"draw/{seed}")
    for spec in specs:
        kinds = draw.choices(list(DRAW), list(DRAW.values()), k=3)
        numbers = dict.fromkeys(draw.choice([n for n, (_, k) in enumerate(spec.pool) if k == kind]) for kind in kinds)
        suites = [spec.tried[reference][n] for n in numbers]
        passes = _passes(spec, suites, reference=reference, rules=rules, vote=vote)
        recorded = [passed for _, passed in spec.answers]
        found.specs += 1
        found.right += sum(recorded)
        found.judged += passes is not None
        for passed, right in zip(passes or [False] * len(recorded), recorded, strict=True):
            found.kept += passed
            found.kept_right += passed and right
    return found


def _passes(spec: Spec, suites: Sequence[Tried], *, reference: bool, rules: bool, vote: str) -> list[bool] | None:
    """Whether each answer passes what is believed; tests are deterministic, so several together say what each says."""
    if not rules:
        rows = [_raw(spec, suite) for suite in suites]
        return [all(column) for column in zip(*rows, strict=True)]
    alive = [suite for suite in suites if suite.weak is None]
    if not alive:
        return None
    chosen = alive
    if not (reference and spec.gold is not None) and vote != "all":
        rows = [suite.passes for suite in alive]
        chosen = [alive[i] for i in _agreeing(rows, vote)]
    passed = [all(column) for column in zip(*(suite.passes for suite in chosen), strict=True)]
    return passed[len(passed) - len(spec.answers) :] if any(passed) else None


def _agreeing(rows: Sequence[Sequence[bool]], vote: str) -> tuple[int, ...]:
    """Programs that pass the same suites are a group; CodeT (arXiv 2207.10397) weighs it by programs times suites."""
    groups = Counter(tuple(i for i, one in enumerate(column) if one) for column in zip(*rows, strict=True))
    if vote == "codet":
        return max(groups, key=lambda kept: (groups[kept] * len(kept), len(kept), [-i for i in kept]))
    return max(groups, key=lambda kept: (len(kept), groups[kept]))


def _raw(spec: Spec, suite: Tried) -> list[bool]:
    """What a suite that was not asked any further says: what a stub passes, everything passes, as good as."""
    if suite.passes:
        return suite.passes[-len(spec.answers) :]
    return [suite.weak is not None and suite.weak.rule == "a stub passes"] * len(spec.answers)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _by_id(rows: Iterator[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


def figures(specs: Sequence[Spec], *, reference: bool) -> tuple[dict[str, Any], list[str]]:
    """The figures of a set, and its tables for the results."""
    runs, seconds = asyncio.run(tried(specs, reference=reference))
    counts = _counts(specs, reference=reference)
    values: dict[str, Any] = {}
    for name, kind, hoped in (
        ("right_kept", RIGHT, True),
        ("wrong_out", WRONG, False),
        ("useless_out", USELESS, False),
    ):
        n = counts[kind].total()
        values[name] = _share(sum(c for rule, c in counts[kind].items() if (rule == "kept") == hoped), n)
    lines = [f"- {kind}: " + ", ".join(f"{n} {rule}" for rule, n in counts[kind].most_common()) for kind in counts]
    for name, how in _WAYS.items():
        if reference and how:
            continue  # what fails the reference met no answer, and nothing is left to vote on
        draws = [drawn(specs, seed, reference=reference, **how) for seed in range(SEEDS)]
        told = {what: _over([getattr(draw, what) for draw in draws]) for what in ("precision", "recall")}
        lines.append(f"- {name}: precision {told['precision']}, recall {told['recall']}, of {draws[0].specs} "
                     f"specifications {sum(draw.judged for draw in draws) / SEEDS:.1f} have tests")  # fmt: skip
        if name in {"as it is", "no rules"}:
            values |= {f"{what}{'' if name == 'as it is' else '_no_rules'}": said for what, said in told.items()}
    return {"specifications": len(specs), **values, "programs_per_minute": round(60 * runs / seconds)}, lines


_WAYS: dict[str, dict[str, Any]] = {
    "as it is": {}, "no rules": {"rules": False}, "rules, then a vote as in CodeT": {"vote": "codet"},
    "rules, then as many suites as some answer passes": {"vote": "most"},
}  # fmt: skip


def _counts(specs: Sequence[Spec], *, reference: bool) -> dict[str, Counter[str]]:
    """What became of the suites of each kind; those that were written twice count once."""
    counts: dict[str, Counter[str]] = {RIGHT: Counter(), WRONG: Counter(), USELESS: Counter()}
    for spec in specs:
        for (_, kind), suite in zip(spec.pool, spec.tried[reference], strict=True):
            counts[kind][suite.weak.rule if suite.weak else "kept"] += 1
    return counts


def _share(part: int, of: int) -> str:
    from limbeck.optimizers.gate import share_interval

    interval = share_interval(part / of, of)
    return f"{100 * part / of:.1f}% [{100 * interval.low:.1f}, {100 * interval.high:.1f}] of {of}"


def _over(shares: Sequence[float]) -> str:
    """Mean over draws with its 95% interval (Student's t)."""
    known = [share for share in shares if not math.isnan(share)]
    if len(known) < 2:
        return "nothing kept"
    mean, half = fmean(known), 2.093 * stdev(known) / len(known) ** 0.5  # t of 19 degrees of freedom
    return f"{100 * mean:.1f}% [{100 * (mean - half):.1f}, {100 * (mean + half):.1f}]"
