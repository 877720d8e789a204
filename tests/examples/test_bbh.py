"""The BIG-Bench Hard example reads both modes and agrees with the recorded verdicts."""

from __future__ import annotations

import gzip
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parents[2] / "examples" / "bbh" / "bbh.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bbh_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bbh = load()


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    with gzip.open(shared_data / "bbh" / "outputs.jsonl.gz") as lines:
        return [(record, bbh.row(record)) for record in map(orjson.loads, lines)]


def passes(row: dict[str, Any]) -> bool:
    outputs = row["outputs"]
    return outputs is not None and bbh.exact(SimpleNamespace(**row["labels"]), SimpleNamespace(**outputs))


def record(output: str, **changes: str) -> dict[str, str]:
    fields = {"task": "bbh/navigate", "id": "1", "input": "q", "gold": "No", "model": "m", "mode": "cot"}
    return {**fields, "output": output, **changes}


def test_chain_of_thought_ends_in_its_last_answer() -> None:
    """The answer stands behind the last "the answer is", without the full stop."""
    parsed = bbh.parse("First the answer is Yes. Then 3 < 4. So the answer is No.", "cot")
    assert parsed == {"reasoning": "First the answer is Yes. Then 3 < 4.", "answer": "No"}


def test_direct_answer_is_the_first_line() -> None:
    """What follows the first line is not the answer."""
    assert bbh.parse(" (B)\n\nQ: next", "direct") == {"reasoning": "", "answer": "(B)"}


def test_unfinished_chain_of_thought_has_no_outputs() -> None:
    """A chain that never says its answer fails to parse."""
    assert bbh.row(record("We turn left, then"))["outputs"] is None


def test_only_dyck_languages_ignores_spaces() -> None:
    """Brackets may be spaced in any way; other answers may not."""
    assert passes(bbh.row(record("] )", mode="direct", gold="])", task="bbh/dyck_languages")))
    assert not passes(bbh.row(record("N o", mode="direct")))


def test_mode_and_task_stay_with_the_row() -> None:
    """Mode and task are metadata, the mode is part of the LM's name, and the completion is verbatim."""
    row = bbh.row(record("So the answer is No.", passed="no"))
    assert row["meta"] == {"id": "1", "mode": "cot", "task": "navigate"}
    assert row["lm"] == "m (cot)"
    assert row["completion"] == "So the answer is No."


@given(st.text(), st.sampled_from(["cot", "direct"]))
def test_parse_survives_any_text(completion: str, mode: str) -> None:
    """Whatever a model wrote, parsing gives both fields or nothing, and never raises."""
    assert set(bbh.parse(completion, mode)) in (set(), {"reasoning", "answer"})


def test_verdicts_agree_with_the_recorded_ones(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """All 6,000 verdicts equal the recorded ones."""
    assert len(recorded) == 6_000
    assert [r["id"] for r, row in recorded if passes(row) != r["passed"]] == []


def test_rates_equal_the_published_ones(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Chain of thought and direct answers pass at the published rates to 0.1 point."""
    passed = Counter(row["meta"]["mode"] for _, row in recorded if passes(row))
    rates = {mode: count / 30 for mode, count in passed.items()}
    assert rates == pytest.approx({"cot": 77.67, "direct": 55.3}, abs=0.1)


def test_counts_are_those_of_the_readme(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Kept, rejected and failed are as the README says, mode by mode."""
    counts = Counter((row["meta"]["mode"], "failed" if row["outputs"] is None else passes(row)) for _, row in recorded)
    assert counts == {
        ("cot", True): 2_330,
        ("cot", False): 568,
        ("cot", "failed"): 102,
        ("direct", True): 1_659,
        ("direct", False): 1_341,
    }
