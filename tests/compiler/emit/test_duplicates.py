"""Which of several rows that say the same is kept."""

from __future__ import annotations

import json
from pathlib import Path

import dspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.duplicates import digest_of, drop_duplicates, drop_near
from limbeck.compiler.emit.record import Answer
from limbeck.compiler.emit.spool import Item, Spool
from limbeck.compiler.keep.ledger import Ledger
from limbeck.records import Step


@pytest.fixture
def spool(tmp_path, record, trace):
    """A sealed spool of rows, each given by some of score, level, text, digest and label."""
    made = []

    def fill(*rows: dict) -> Spool:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        spool = Spool(folder, Ledger()).__enter__()
        made.append(spool)
        for number, row in enumerate(rows):
            one = trace(f"ticket {number}", passed=row.get("score", 1.0) >= 0.5)
            one.verdicts[0] = type(one.verdicts[0])("metric", True, row.get("score", 1.0))
            made_record = record(
                answers=(Answer(one, 0),), input_text=row.get("text", "x"),
                kind="unpaired" if "good" in row else "sft", label=row.get("good"),
            )  # fmt: skip
            digest = row.get("digest", number).to_bytes(16, "little")
            spool.add(Item(made_record, b"{}"), origin=json.dumps({"row": f"r{number}"}).encode(), digest=digest,
                      level=row.get("level", 0), label=row.get("label", ""), source="s")  # fmt: skip
        spool.seal()
        return spool

    yield fill
    for one in made:
        one.__exit__(None, None, None)


def dropped(spool: Spool, tmp_path: Path) -> list[tuple[str, str, str]]:
    spool.ledger.write(tmp_path / "ledger.jsonl")
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    return [(entry["item"], entry["reason"], entry["detail"]) for entry in map(json.loads, lines)]


def test_of_near_rows_the_best_is_kept_and_named(spool, tmp_path):
    """The ledger has the row that stays and how alike they are, which may be less than the threshold."""
    rows = spool({"score": 0.5}, {"score": 1.0}, {}, {"score": 0.5})
    drop_near(rows, np.array([0, 0, 2, 0]), ("score",), lambda row, kept: 0.9 if row == 0 else 0.755, "near")
    assert rows.alive.tolist() == [False, True, True, False]
    assert dropped(rows, tmp_path) == [
        ("r0", "near duplicate", "of r1, similarity 0.90"),
        ("r3", "near duplicate", "of r1, similarity 0.76"),
    ]


def test_near_rows_with_other_labels_all_stay(spool):
    """A word that changes the label is no small difference."""
    rows = spool({"label": "bigger"}, {"label": "smaller"}, {"label": "bigger"})
    drop_near(rows, np.array([0, 0, 0]), ("score",), lambda row, kept: 1.0, "near")
    assert rows.alive.tolist() == [True, True, False]


def test_near_answers_of_which_one_is_bad_both_stay(spool):
    """Unpaired rows teach by the difference."""
    rows = spool({"good": True}, {"good": False}, {"good": False}, {"good": True})
    drop_near(rows, np.array([0, 0, 0, 0]), ("score",), lambda row, kept: 1.0, "near")
    assert rows.alive.tolist() == [True, True, False, False]


def test_rows_that_are_gone_already_keep_nothing(spool):
    """Of a cluster whose best row was dropped before the best of the others stays."""
    rows = spool({"score": 1.0}, {"score": 0.5}, {"score": 0.7})
    rows.drop([0], "over the quota")
    drop_near(rows, np.array([0, 0, 0]), ("score",), lambda row, kept: 1.0, "near")
    assert rows.alive.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("prefer", "kept"),
    [
        (("score",), 1),
        (("level", "score"), 2),
        (("shortest",), 3),
        (("longest",), 0),
        ((), 0),
        (("score", "shortest"), 4),
    ],
)
def test_preferences_decide_in_their_order(spool, prefer, kept):
    """The first that tells rows apart; a level that nobody knows is the worst; else the first row stays."""
    rows = spool(
        {"score": 0.5, "text": "xxxx"}, {"score": 1.0, "level": 4, "text": "xxx"},
        {"score": 0.5, "level": 1, "text": "xx"}, {"score": 0.0, "level": 6, "text": ""},
        {"score": 1.0, "level": 4, "text": "xx"},
    )  # fmt: skip
    drop_near(rows, np.zeros(5, np.int64), prefer, lambda row, kept: 1.0, "near")
    assert np.flatnonzero(rows.alive).tolist() == [kept]


def test_a_score_that_is_no_number_is_the_worst(spool):
    """NaN never wins."""
    rows = spool({"score": float("nan")}, {"score": 0.0})
    drop_near(rows, np.zeros(2, np.int64), ("score",), lambda row, kept: 1.0, "near")
    assert rows.alive.tolist() == [False, True]


@given(st.lists(st.integers(0, 3), max_size=30))
def test_one_row_of_each_digest_stays(tmp_path_factory, digests):
    """As many rows stay as there are digests, and the ledger has the rest."""
    columns = type("Columns", (), {"digest": np.array([[d, 7] for d in digests], np.uint64).reshape(-1, 2)})()
    gone: list[int] = []
    fake = type("Fake", (), {
        "columns": columns, "alive": np.ones(len(digests), np.bool_), "id": lambda self, index: str(index),
        "drop": lambda self, rows, reason, detail: gone.extend(rows),
    })()  # fmt: skip
    drop_duplicates(fake, ())
    assert gone == [row for row, digest in enumerate(digests) if digest in digests[:row]]


@pytest.mark.parametrize(
    ("text", "other", "exact", "normalised"),
    [
        ("Yes.", "Yes.", True, True),
        ("Yes.", "YES.", False, True),
        ("a b", "a\n\tb ", False, True),
        ("ﬁne", "fine", False, True),
        ("Yes.", "Yes!", False, False),
    ],
)
def test_what_exact_and_normalised_take_for_the_same(record, text, other, exact, normalised):
    """Exact is every character; normalised leaves out case, width and white space, not punctuation."""
    rows = [
        record([{"role": "user", "content": "q"}, {"role": "assistant", "content": each}], answer_text=each)
        for each in (text, other)
    ]
    assert (digest_of(rows[0], "exact") == digest_of(rows[1], "exact")) is exact
    assert (digest_of(rows[0], "normalised") == digest_of(rows[1], "normalised")) is normalised
    assert len(digest_of(rows[0], "near")) == 16


class Voted(dspy.Module):
    """Two predictors with one signature, and one that asks something else of the same text."""

    def __init__(self):
        super().__init__()
        self.voters = [dspy.Predict("text -> spam: bool"), dspy.Predict("text -> spam: bool")]
        self.urgent = dspy.Predict("text -> urgent: bool")


@pytest.mark.parametrize("dedup", ["exact", "normalised", "near"])
@pytest.mark.parametrize("kind", ["sft", "prompts", "soft"])
def test_the_same_text_for_another_predictor_is_another_question(export, tmp_path, trace, kind, dedup):
    """Whatever is said of it; but two that have the same signature ask the same."""
    inputs = {"text": " ".join(f"word{n}" for n in range(200))}
    said = {"voters[0]": {"spam": True}, "voters[1]": {"spam": True}, "urgent": {"urgent": True}}
    one = trace(steps=[Step(name, inputs, outputs) for name, outputs in said.items()])
    result = export([one], out=tmp_path / "out", program=Voted(), format="parquet", kind=kind, dedup=dedup)
    assert (result.emitted, dict(result.dropped)) == (2, {"duplicate": 1})
