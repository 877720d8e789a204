"""Whatever the store holds and whatever is asked: counts add up, and every file passes its target's check."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections import Counter
from pathlib import Path

import dspy
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.base import BUILTINS, get_format
from limbeck.records import Call, Example, Failure, Step, Trace, Verdict, fingerprint

pytestmark = pytest.mark.filterwarnings("ignore:overflow")

TARGETS = [(name, kind) for name in BUILTINS for kind in get_format(name).kinds]
WORDS = st.sampled_from(["", " ", "a", "A", "yes\n", "no", "\u2028\r\n", "\ud800", "\x00", "数学 мир ﬁ", "x" * 100_000,
                         "the cat sat on the mat and then it sat on the mat", "}{\"'<|im_end|>", "null"])  # fmt: skip
TEXTS = st.one_of(WORDS, st.text(max_size=30))
SCORES = st.sampled_from([None, 0.0, 0.5, 0.5, 1.0, -1.0, math.nan, math.inf])
STEPS = st.lists(
    st.fixed_dictionaries({"text": TEXTS, "label": st.sampled_from(["positive", "neutral", "negative"])}), max_size=4
)


class Solve(dspy.Signature):
    """Solve it."""

    question: str = dspy.InputField()
    reasoning: str = dspy.OutputField()
    answer: str = dspy.OutputField()
    sure: bool = dspy.OutputField()


@st.composite
def attempts(draw):
    """Traces of one input."""
    question = draw(TEXTS).replace("\ud800", "?")  # as the store has it
    source = draw(st.sampled_from([None, "a.jsonl:1", "|<b>"]))
    answers = draw(st.lists(st.tuples(TEXTS, st.sampled_from([True, False, None]), SCORES, st.sampled_from(
        ["passed", "passed", "rejected", "failed", "error", "unjudged", "no step"]), STEPS), max_size=6))  # fmt: skip
    return [made(question, source, n, *answer) for n, answer in enumerate(answers)]


def made(question, source, attempt, answer, sure, score, became, steps):
    """One trace."""
    inputs = {"question": question}
    outputs = {"reasoning": f"r {answer}", "answer": answer or None, "sure": sure}
    call = Call("teacher", [{"role": "system", "content": "s"}, {"role": "user", "content": question}], answer)
    step = Step(
        "self", inputs, None if became == "failed" else outputs, [call], "parse" if became == "failed" else None
    )
    verdict = Verdict("metric", became == "passed", score, error="no" if became == "error" else None)
    labelled = Verdict("steps", became == "passed", evidence={"steps": steps}, by="model")
    return Trace(
        id=fingerprint("any", repr(question), attempt), task="any", candidate="c", lm="teacher", attempt=attempt,
        example=Example(inputs, {"answer": answer}, source),
        prediction=None if became == "failed" else outputs,
        steps=[] if became == "no step" else [step],
        verdicts=[] if became in ("failed", "unjudged") else [verdict, labelled],
        failure=Failure("parse", "no field") if became == "failed" else None,
    )  # fmt: skip


def thousand():
    """One input, answered a thousand times in ten ways."""
    steps = [{"text": "s", "label": "negative"}]
    return [[made("q", None, n, f"{n % 10}", None if n % 7 == 0 else n % 2 == 0, n % 3 / 2,
                  "passed" if n % 3 else "rejected", steps) for n in range(1000)]]  # fmt: skip


CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.sampled_from(["bare", "sent"]),
        "adapter": st.sampled_from(["chat", "json", "xml", "baml", "two_step"]),
        "whole": st.just(True),
        "failures": st.just(True),
        "pairs": st.sampled_from(["outcome", "score"]),
        "neutral": st.sampled_from(["positive", "negative"]),
        "dedup": st.sampled_from(["none", "exact", "normalised", "near"]),
        "prefer": st.sampled_from([("longest",), ("level", "shortest"), ()]),
        "split": st.sampled_from([{"train": 0.5, "val": 0.5}, {"train": 0.8, "val": 0.1, "test": 0.1}]),
        "together": st.sampled_from(["input", "near"]),
        "stratify": st.sampled_from(["", "sure", "answer"]),
        "per_input": st.sampled_from([1, 2]),
        "balance": st.sampled_from(["label", "source", "difficulty", "length"]),
        "quotas": st.sampled_from([{"label": {"True": 1}}, {"difficulty": {"hard": 1, "easy": 2}}]),
        "limit": st.sampled_from([1, 3]),
        "shuffle": st.just(True),
        "seed": st.integers(0, 3),
    },
)


@pytest.fixture(scope="module")
def solve():
    return dspy.Predict(Solve)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(target=st.sampled_from(TARGETS), groups=st.lists(attempts(), max_size=5), choices=CHOICES)
@example(target=("trl-preference", "preference"), groups=thousand(), choices={})
@example(target=("trl-preference", "preference"), groups=thousand(), choices={"pairs": "score", "max_pairs": 1000})
@example(target=("trl-unpaired", "unpaired"), groups=thousand(), choices={"dedup": "near"})
@example(target=("trl-stepwise", "stepwise"), groups=thousand(), choices={})
@example(target=("parquet", "soft"), groups=thousand(), choices={})
@example(target=("openai", "sft"), groups=thousand(), choices={"per_input": 2})
def test_any_store_in_any_format_adds_up(export, solve, target, groups, choices):
    """Answers read + rows formed = answers combined + rows written + entries of the ledger; all rows are good."""
    name, kind = target
    form = get_format(name)
    if not form.extra_columns:
        choices = {key: value for key, value in choices.items() if key != "failures"}
    traces = list({trace.id: trace for group in groups for trace in group}.values())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        result = export(traces, out=out, program=solve, format=name, kind=kind, **choices)
        manifest = json.loads((out / "limbeck.json").read_bytes())
        rows = {split: [row for file in sorted(out.glob(path)) for row in read_back(file)]
                for split, path in manifest["paths"].items()}  # fmt: skip
        ledger, origins = read_back(out / "ledger.jsonl"), read_back(out / "provenance.jsonl")
        hashes = {path: hashlib.sha256((out / path).read_bytes()).hexdigest() for path in manifest["files"]}
    event(f"{kind}: {'some' if result.emitted else 'no'} rows")
    assert result.read + result.formed == result.combined + result.emitted + sum(result.dropped.values())
    assert {split: len(of) for split, of in rows.items()} == result.rows
    assert Counter(entry["reason"] for entry in ledger) == Counter(result.dropped)
    assert len(origins) == result.emitted
    assert {path: facts["sha256"] for path, facts in manifest["files"].items()} == hashes
    if name not in ("parquet", "hf"):  # whose columns have types; tests of these formats read them back
        assert all(form.check(row) == [] for of in rows.values() for row in of)
    sides = {(origin["input"], origin["split"]) for origin in origins}
    assert len(sides) == len({side[0] for side in sides}), "an input on two sides"


def read_back(path):
    """Rows of a file, by what others wrote: the standard library, or pyarrow."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        return [json.loads(line) for line in file]
