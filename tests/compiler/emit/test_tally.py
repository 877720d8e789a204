"""Counts of the rows that were written."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit import tally as module
from limbeck.compiler.emit.labels import OTHER
from limbeck.compiler.emit.provenance import provenance
from limbeck.compiler.emit.record import Answer, Record
from limbeck.compiler.emit.tally import Tally, tally_columns
from limbeck.compiler.keep.level import level_of
from limbeck.records import Usage, Verdict


def told(kind, *traces):
    """The provenance of a row made of the first step of each trace, as JSON."""
    record = Record(kind=kind, answers=[Answer(trace, 0) for trace in traces], prompt=[])
    return orjson.dumps(provenance(record, level_of(traces[0])))


def counted(rows):
    tally = Tally()
    for row in rows:
        tally.add(row)
    return tally.as_json()


def test_rows_are_counted_by_who_made_and_who_judged_them(trace):
    """LMs, origins, verifiers with their versions."""
    people = Verdict("people", True, by="people", fingerprint="p")
    changed = Verdict("metric", True, fingerprint="v2")
    rows = [trace("a"), trace("b", lm="other", steps=None, verdicts=[changed, people]), trace("c", origin="written")]
    found = counted(told("sft", row) for row in rows)
    assert found["lms"] == {"teacher/big": 3}
    assert found["origins"] == {"rollout": 2, "written": 1}
    assert found["outcomes"] == {"passed": 3}
    assert found["verifiers"] == [
        {"verifier": "metric", "by": "rule", "rows": 3, "fingerprints": ["v1", "v2"]},
        {"verifier": "people", "by": "people", "rows": 1, "fingerprints": ["p"]},
    ]


def test_a_pair_counts_for_both_of_its_lms_and_each_verifier_once(trace):
    """It is one row, whoever wrote its answers."""
    better, worse = trace("a"), trace("a", passed=False, attempt=1)
    step = worse.steps[0]
    other = trace("a", passed=False, steps=[type(step)(step.predictor, step.inputs, step.outputs)], lm="small")
    found = counted([told("preference", better, other), told("preference", better, worse)])
    assert found["lms"] == {"teacher/big": 2, "small": 1}
    assert [(v["verifier"], v["rows"]) for v in found["verifiers"]] == [("metric", 2)]
    assert found["outcomes"] == {"passed": 2}


def test_what_a_trace_used_counts_once(trace):
    """In however many rows it is, in whatever order they come."""
    first, second = (trace(name, usage=Usage(2, 1, 100, 10, 0.1)) for name in "ab")
    found = counted([told("sft", first), told("preference", second, first), told("sft", first)])
    used = {"traces": 2, "with_calls": 2, "calls": 6, "input_tokens": 200, "output_tokens": 20, "usd": 0.2}
    assert found["usage"] == used


def test_what_is_not_known_is_not_guessed(trace):
    """A trace without a price makes the sum unknown; one without calls is counted as such."""
    rows = [trace("a", usage=Usage(1, 0, 5, 5, None)), trace("b")]
    usage = counted(told("sft", row) for row in rows)["usage"]
    assert (usage["traces"], usage["with_calls"], usage["calls"], usage["usd"]) == (2, 1, 1, None)


def test_nothing_is_nothing():
    """No rows, no names, no cost."""
    found = counted([])
    assert found["lms"] == {}
    assert found["usage"]["calls"] == 0


def test_names_without_end_are_summed_up(trace, monkeypatch):
    """Memory and the manifest stay small; nothing is lost from the sums."""
    monkeypatch.setattr(module, "MOST", 20)
    monkeypatch.setattr(module, "SHOWN", 5)
    found = counted(told("sft", trace(str(n), program=f"p{n}", candidate="c")) for n in range(50))
    assert found["programs"] == {"p0": 1, "p1": 1, "p10": 1, "p11": 1, "p12": 1, OTHER: 45}
    assert found["candidates"] == {"c": 20, OTHER: 30}


facts = st.fixed_dictionaries({
    "label": st.sampled_from(["", "spam", "ham", "|", "字"]), "source": st.sampled_from("ab"),
    "level": st.integers(0, 6), "attempts": st.integers(0, 5), "characters": st.integers(0, 10**6),
    "ticket": st.sampled_from("xyz"),
})  # fmt: skip


@given(st.lists(st.tuples(facts, st.integers(0, 1), st.booleans()), max_size=30))
def test_columns_add_up_to_the_rows_that_were_written(spooled, rows):
    """However they are counted; what was dropped counts nowhere."""
    sides = np.array([side for _, side, _ in rows], dtype=np.int64)
    kept = [(row, ("train", "val")[side]) for row, side, alive in rows if alive]
    with spooled({**row, "passes": row["attempts"] // 2} for row, _, _ in rows) as spool:
        spool.drop([n for n, (_, _, alive) in enumerate(rows) if not alive], "quota")
        found = tally_columns(spool, ["train", "val"], sides)
    for name in ("source", "level"):
        want = Counter((str(row[name] or "none") if name == "level" else row[name], side) for row, side in kept)
        assert Counter({(k, side): n for k, on in found[f"{name}s"].items() for side, n in on.items()}) == want
    named = Counter(row["label"] for row, _ in kept)
    assert {k: sum(on.values()) for k, on in found["labels"].items()} == ({} if set(named) <= {""} else named)
    assert sum(found["lengths"].get("up_to", {}).values()) == len(kept)
    assert found["lengths"].get("total", 0) == sum(row["characters"] for row, _ in kept)
    assert found["difficulty"]["one_attempt"] + sum(found["difficulty"]["passed"].values()) == len(kept)
    assert found["inputs"] == len({row["ticket"] for row, _ in kept})


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 1023, 1024, 1025, 2**31])
def test_a_length_is_counted_under_the_next_power_of_two(spooled, length, monkeypatch):
    """Each upper end belongs to its range."""
    with spooled([{}]) as spool:
        columns = {**spool.columns.__dict__, "characters": np.array([length])}
        monkeypatch.setattr(spool, "columns", type(spool.columns)(**columns))
        lengths = tally_columns(spool, ["train"], np.zeros(1, dtype=np.int64))["lengths"]
    (end,) = (int(end) for end, n in lengths["up_to"].items() if n)
    assert end == 2 ** math.ceil(math.log2(max(length, 1)))
    assert (lengths["min"], lengths["median"], lengths["max"]) == (length, length, length)


@pytest.mark.parametrize(
    ("passes", "attempts", "name"),
    [
        (0, 4, "none"),
        (1, 4, "up to 25%"),
        (2, 4, "up to 50%"),
        (3, 4, "up to 75%"),
        (9, 10, "under 100%"),
        (4, 4, "all"),
    ],
)
def test_difficulty_is_the_share_that_passed(spooled, passes, attempts, name):
    """Ends of ranges belong to the lower one."""
    with spooled([{"passes": passes, "attempts": attempts}]) as spool:
        found = tally_columns(spool, ["train"], np.zeros(1, dtype=np.int64))["difficulty"]
    assert {key for key, n in found["passed"].items() if n} == {name}


def test_labels_without_end_are_summed_up(spooled, monkeypatch):
    """The most frequent ones stand in the manifest, and the rest as one, also where some were one already."""
    monkeypatch.setattr(module, "SHOWN", 3)
    rows = [{"label": label} for label in ["a"] * 3 + ["b"] * 2 + ["c", "d", "e", OTHER]]
    with spooled(rows) as spool:
        found = tally_columns(spool, ["train"], np.zeros(len(rows), dtype=np.int64))["labels"]
    assert found == {"a": {"train": 3}, "b": {"train": 2}, "c": {"train": 1}, OTHER: {"train": 3}}
