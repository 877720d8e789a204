"""banking77 with ``embedded/analogy``: what compiling is worth on 8, 20 and all 77 labels.

Scores are those of the gate of ``limbeck.compile``: demos from the train rows, tested on all dev rows of the labels.
For 8 and 20 labels the 77 are cut into sets that share no label (9 sets of 8, 3 of 20), and their rows are pooled.
Demos are sampled at random, as DSPy does, so they miss some labels: ``covered`` says how many of them have a demo.
The weights of the LM were chosen on the same dev rows, so fresh data may score less.

The rows lie beside the maintainers' repositories only; elsewhere nothing is measured, and there is no bar.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import Values, bench

if TYPE_CHECKING:
    from limbeck import Task
    from limbeck.compiler.compile import Compiled

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "banking77"
BOOTSTRAP = {"max_bootstrapped_demos": 77, "max_labeled_demos": 154}

Rows = list[dict[str, str]]


def rows(part: str) -> Rows:
    with gzip.open(DATA / f"{part}_tasks.jsonl.gz") as lines:
        return [{"text": row["input"], "intent": row["gold"]} for row in map(json.loads, lines)]


def right(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.intent == prediction.intent)


def task(labels: list[str]) -> Task:
    import dspy

    import limbeck

    fields = {"text": (str, dspy.InputField()), "intent": (Literal[tuple(labels)], dspy.OutputField())}
    signature = dspy.Signature(fields, "Say what the customer of a bank wants.")
    return limbeck.Task(program=dspy.Predict(signature), metric=right, name="banking77")


def label_sets(size: int, train: Rows, *, quick: bool) -> list[list[str]]:
    """Cut all labels, in random order, into as many sets of this size as there are."""
    labels = sorted({row["intent"] for row in train})
    random.Random(0).shuffle(labels)
    sets = [sorted(labels[start : start + size]) for start in range(0, len(labels) - size + 1, size)]
    return sets[:1] if quick else sets


def compiled(size: int, plan: dict[str, dict[str, int]], *, quick: bool) -> Values:
    """Compile for each set of labels by each optimizer, named with its number of demos in the plan."""
    if not DATA.is_dir():
        return {"skipped": "needs ../shared/data, which only the maintainers' machines have"}
    import limbeck

    train, dev = rows("train"), rows("dev")[:: 4 if quick else 1]
    found: dict[str, list[Compiled]] = {name: [] for name in plan}
    sets = label_sets(size, train, quick=quick)
    for seed, labels in enumerate(sets):
        known = set(labels)
        data = {"train": [r for r in train if r["intent"] in known], "test": [r for r in dev if r["intent"] in known]}
        with tempfile.TemporaryDirectory() as folder:
            for name, options in plan.items():
                found[name].append(limbeck.compile(
                    task(labels), Path(folder, name), optimizer=name.partition("_")[0], set=options, seed=seed,
                    store=Path(folder, "store.db"), **data,
                ))  # fmt: skip
    values: dict[str, Any] = {"test_rows": sum(one.gate.n for one in next(iter(found.values())))}
    values |= score("zero_shot", [(one.gate.baseline, one.gate.n) for one in next(iter(found.values()))])
    for name, results in found.items():
        values |= score(name, [(one.gate.compiled, one.gate.n) for one in results])
        covered = sum(len({demo["intent"] for demo in one.candidate.demos["self"]}) for one in results)
        values[f"{name}_covered"] = f"{covered / len(sets):.3g} of {size} labels"
    return values


def score(name: str, parts: list[tuple[float, int]]) -> Values:
    """Percent of all rows, and its 95% interval."""
    from limbeck.optimizers.gate import score_interval

    total = sum(n for _, n in parts)
    passed = sum(round(mean * n) for mean, n in parts)
    interval = score_interval([1.0] * passed + [0.0] * (total - passed))
    return {name: 100 * passed / total, f"{name}_interval": f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"}


def bars(**wanted: str) -> dict[str, str]:
    return wanted if DATA.is_dir() else {}


@bench("banking77, embedded/analogy, 8 labels, 2 demos a label, percent", **bars(labeled_16=">= 83"))
def eight(quick: bool) -> Values:
    return compiled(8, {"labeled_16": {"k": 16}, "bootstrap_16": {}}, quick=quick)


@bench("banking77, embedded/analogy, 20 labels, 2 demos a label, percent", **bars(labeled_40=">= 69"))
def twenty(quick: bool) -> Values:
    return compiled(20, {"labeled_40": {"k": 40}, "bootstrap_16": {}}, quick=quick)


@bench("banking77, embedded/analogy, 77 labels, 4 demos a label, percent", **bars(labeled_308=">= 61"))
def all_labels(quick: bool) -> Values:
    plan = {"labeled_308": {"k": 308}}
    if not quick:
        plan |= {"labeled_77": {"k": 77}, "labeled_16": {"k": 16}, "bootstrap_154": BOOTSTRAP, "bootstrap_16": {}}
    return compiled(77, plan, quick=quick)
