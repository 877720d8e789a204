"""The preference labels of ``revise`` on PandaLM's recorded judgments: does that path say what the judge said?

The judge (gpt-3.5-turbo) is replayed: what it said of a pair stands behind an LM in this process, which the labeller
asks through session, gateway and adapter as it asks any other. It was asked in one order only when it was recorded. For
the other order there is nothing to replay, so two assumptions bound what a second order could have done:

- ``steady``: it would have said the same of the same answer. Labels are then those of the one order.
- ``one_order``: nothing is assumed, and the second order cannot be read. Then there is no label at all, by design.

So position bias, and what averaging over both orders is worth, cannot be measured on this set.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dspy

import limbeck
from limbeck.compiler.agreement import share
from limbeck.compiler.generate.base import Dropped
from limbeck.compiler.generate.revise import Revise
from limbeck.compiler.generate.revise.constitution import Principle
from limbeck.compiler.generate.revise.labels import Labeller
from limbeck.compiler.generate.revise.prompts import Revising
from limbeck.testing.scripted import Scripted, fields

PRINCIPLE = Principle(1, "The answer does what was asked, and does it well.", "", "")
_NUMBER = re.compile(r"^pair (\d+)\b", re.MULTILINE)
_SWAPPED = {"a": "b", "b": "a"}


class Replay:
    """A generator that labels recorded pairs and makes nothing of them."""

    name, judges = "replay", True

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.program = Revising()
        self.labels: list[float | None] = []
        self._rows = rows

    async def generate(self, bench: Any):
        labeller = Labeller(bench, self.program.prefer, samples=1, retries=0, by="votes")
        for number, row in enumerate(self._rows):
            request = f"pair {number}\n{row['instruction']}\n{row['input']}".strip()
            made = await labeller.label(
                request, (row["output_a"] or "(nothing)", row["output_b"] or "(nothing)"), PRINCIPLE
            )
            self.labels.append(made.first)
            yield Dropped("label", str(number))


def labels(rows: Sequence[dict[str, Any]], *, steady: bool) -> list[float | None]:
    """Soft labels of recorded pairs: how likely the first answer is the better one."""
    seen: dict[int, int] = {}

    def answer(text: str, _: int) -> str:
        number = int(_NUMBER.findall(text)[-1])
        again = seen.get(number, 0)
        seen[number] = again + ("Respond with a JSON" not in text)  # a second try at the same judgment is none
        said = rows[number]["judge_gpt35"]
        if again and not steady:
            return "not recorded"
        return fields(choice=_SWAPPED.get(said, said) if again else said)

    method = Replay(rows)
    task = limbeck.Task(dspy.Predict("question -> answer"), metric=lambda e, p: True, name="replay")
    with tempfile.TemporaryDirectory() as folder:
        limbeck.synthesize(task, method, data=[{"question": "?"}], lm=Scripted(answer).lm, store=Path(folder) / "s.db",
                           concurrency=1)  # fmt: skip
    return method.labels


def measure(data: Path, *, quick: bool) -> dict[str, Any]:
    """Agreement with the majority of three people, with Wilson's interval."""
    with gzip.open(data / "pandalm_pref" / "pairs.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file][: 100 if quick else None]
    found = labels(rows, steady=True)
    said = [None if p is None else "tie" if p == 0.5 else "a" if p > 0.5 else "b" for p in found]
    right = [label == row["human_majority"] for label, row in zip(said, rows, strict=True)]
    unanimous = [ok for ok, row in zip(right, rows, strict=True) if len(set(row["human_votes"])) == 1]
    decided = [
        ok for ok, label, row in zip(right, said, rows, strict=True)
        if label in {"a", "b"} and row["human_majority"] != "tie"
    ]  # fmt: skip
    every = share(sum(right), len(right)) or {}
    by_hand = sum(row["judge_gpt35"] == row["human_majority"] for row in rows)
    return {
        "lost_or_changed": sum(right) - by_hand,
        "published_inside": int(every["low"] <= 0.698 <= every["high"]),
        "pairs": len(rows),
        "agree": _words(every),
        "of_labelled": _words(share(sum(right), len(rows) - said.count(None))),
        "where_neither_ties": _words(share(sum(decided), len(decided))),
        "where_people_are_of_one_mind": _words(share(sum(unanimous), len(unanimous))),
        "no_label": said.count(None),
        "labels_without_a_second_order": sum(p is not None for p in labels(rows[:50], steady=False)),
    }


def _words(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    return f"{found['share']:.1%} ({found['low']:.1%} to {found['high']:.1%}; {found['count']} of {found['of']})"


def method() -> Revise:
    """As it is by default."""
    return Revise()


def task() -> limbeck.Task:
    """Questions, and a metric that needs no labels."""
    return limbeck.Task(dspy.Predict("question -> answer"), metric=lambda e, p: bool(p.answer), name="questions")


def row(n: int) -> dict[str, str]:
    """Distinct seeds."""
    return {"question": f"Of all the things there are, which one is number {n}?"}


def answer(text: str) -> str:
    """Criticizes, and makes the answer longer."""
    if "Criticize an answer" in text:
        return fields(critique="It could say more of what was asked.")
    if "Rewrite an answer" in text:
        before = text.rpartition("[[ ## answer ## ]]\n")[2].partition("\n\n[[ ##")[0]
        return fields(revision=f"{before} And more.")
    return fields(answer="It is a thing.")


if __name__ == "__main__":
    from label_tasks import DATA

    print(json.dumps(measure(DATA, quick=False), indent=1))
