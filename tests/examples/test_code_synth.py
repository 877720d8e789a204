"""The example of tests that are written for functions keeps what its README says."""

from __future__ import annotations

from pathlib import Path

import orjson

import limbeck

EXAMPLE = Path(__file__).parents[2] / "examples" / "code"


def test_written_tests_keep_right_answers(sandboxed: None, tmp_path: Path) -> None:
    """From a recording that no LM gave, half of the answers, in pairs with the others."""
    target, store = f"{EXAMPLE / 'functions.py'}:task", tmp_path / "s.db"
    made = limbeck.synthesize(
        target, "tests", data=EXAMPLE / "specifications.jsonl", set={"suites": 4, "solutions": 4},
        lm=f"replay/{EXAMPLE / 'replay.jsonl'}", store=store,
    )  # fmt: skip
    assert (made.asked, made.kept, made.rejected) == (12, 4, {"execute": 4})
    assert made.eliminated == {"a stub passes": 2, "no solution passes": 1, "tests cannot run": 1}
    limbeck.export(target, tmp_path / "pairs", kind="preference", format="trl-preference", store=store)
    rows = [orjson.loads(line) for line in (tmp_path / "pairs" / "train.jsonl").read_bytes().splitlines()]
    assert len(rows) == 8
    assert not any("sum(" in row["chosen"][0]["content"] for row in rows)
