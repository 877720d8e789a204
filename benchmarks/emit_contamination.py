"""Recorded data in halves: one is test data, planted in every wording; the rows of the other half are clean."""

from __future__ import annotations

import gzip
import json
import random
import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.compiler.emit.against import SHORT, TestTexts
from limbeck.compiler.emit.words import words_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SKIPPED = {"skipped": "needs ../shared/data, which only the maintainers' machines have"}

TASKS = (
    "gsm8k/train_tasks", "gsm8k/outputs", "humaneval/tasks", "hotpotqa/cot_goldcontext", "hotpotqa/react_traces",
    "nq_passages/tasks", "banking77/train_tasks", "banking77/dev_tasks", "aqua/pot_30samples",
    "creative_writing/outputs",
)  # fmt: skip
"""Task lists, and outputs with the tasks in them."""

ALIKE = (
    "mbpp/outputs", "mmlu_router/flags", "math_l5/outputs", "tatqa/outputs", "ifeval/outputs", "mr_gsm8k/step_labels",
    "restaurant8k/train_tasks", "bigbench_mistake/traces", "bbh/outputs",
)  # fmt: skip
"""Files with questions that differ by a number, a name or a word from others of them, or that a program made."""


def _without(by: str) -> Callable[[str], str]:
    return lambda text: text.translate(str.maketrans(dict.fromkeys(string.punctuation, by)))


WAYS: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "upper": str.upper,
    "no_punctuation": _without(""),
    "spaced_punctuation": _without(" "),
    "embedded": lambda text: f"This came up today, and we talked about it: {text}\nNow say at length what you think.",
}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def text_of(value: Any) -> str:
    return "\n".join(strings(value))


def halves(name: str) -> tuple[list[dict], list[dict]]:
    """Rows of a file, all rows of one input in one half."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    inputs = sorted({text_of(row["input"]) for row in rows})
    random.Random(0).shuffle(inputs)
    chosen = set(inputs[: len(inputs) // 2])
    first = [row for row in rows if text_of(row["input"]) in chosen]
    return first, [row for row in rows if text_of(row["input"]) not in chosen]


def measured(names: tuple[str, ...]) -> dict[str, float | int]:
    """Share of planted texts found, by way, and of clean rows with a match; microseconds a row, words and all."""
    found: dict[str, list[bool]] = {way: [] for way in WAYS}
    hits: list[bool] = []
    seconds = 0.0
    for name in names:
        tests, others = halves(name)
        index = TestTexts((f"{name}:{n}", text) for n, row in enumerate(tests) for text in strings(row))
        for way, reword in WAYS.items():
            questions = {text_of(row["input"]) for row in tests}
            least = SHORT if way == "embedded" else 1
            planted = [reword(text) for text in questions if len(words_of(text)) >= least]
            found[way] += [_has(index, text, "") for text in planted]
        start = time.perf_counter()
        hits += [_has(index, text_of(row["input"]), text_of([row.get("output"), row.get("gold")])) for row in others]
        seconds += time.perf_counter() - start
    return {
        "found": min(sum(each) / len(each) for each in found.values()),
        **{f"found_{way}": sum(each) / len(each) for way, each in found.items()},
        "planted": sum(map(len, found.values())), "clean_rows": len(hits),
        "clean_rows_with_a_match": sum(hits) / len(hits), "us_a_row": seconds / len(hits) * 1e6,
    }  # fmt: skip


def _has(index: TestTexts, asked: str, answered: str) -> bool:
    words, more = words_of(asked), words_of(answered)
    return bool(index.matches(np.concatenate((words, more)), len(words), asked))
