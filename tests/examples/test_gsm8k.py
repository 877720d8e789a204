"""The GSM8K example reads every recorded answer format and agrees with the recorded verdicts."""

from __future__ import annotations

import gzip
import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parents[2] / "examples" / "gsm8k" / "gsm8k.py"

RATES = {
    "Meta-Llama-3-8B-Instruct": 79.38,
    "Mixtral-8x7B-Instruct-v0.1": 65.25,
    "claude-3-haiku-20240307": 89.12,
    "code-davinci-002 (PoT 8-shot)": 72.5,
    "code-davinci-002 (PoT zero-shot)": 59.0,
    "command-r": 52.62,
    "gemma-2-2b-it": 52.75,
    "gpt-3.5-turbo-0125": 79.75,
    "gpt-4-1106-preview": 88.0,
    "gpt-4o-2024-08-06": 95.88,
    "gpt-4o-mini-2024-07-18": 94.38,
    "gpt3-175b_finetuning": 34.38,
    "gpt3-175b_verification": 57.62,
    "gpt3-6b_finetuning": 22.12,
    "gpt3-6b_verification": 40.25,
    "tora-70b-v1.0": 84.88,
}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gsm8k_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gsm8k = load()


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    def rows() -> Iterator[dict[str, Any]]:
        with gzip.open(shared_data / "gsm8k" / "outputs.jsonl.gz") as lines:
            yield from map(orjson.loads, lines)

    return [(record, gsm8k.row(record)) for record in rows()]


def passes(row: dict[str, Any]) -> bool:
    outputs = row["outputs"]
    return outputs is not None and gsm8k.numeric(SimpleNamespace(**row["labels"]), SimpleNamespace(**outputs))


@pytest.mark.parametrize(
    ("completion", "answer", "reasoning"),
    [
        ("She has 3 + 4 = <<3+4=7>>7 eggs\nA: 7", 7.0, "She has 3 + 4 = <<3+4=7>>7 eggs"),
        ("Nine at $2 make $18.\n#### $1,018", 1018.0, "Nine at $2 make $18."),
        ('{"reasoning": "9 at $2", "answer": "$18"}', 18.0, "9 at $2"),
        ('Here it is:\n```json\n{"reasoning": "9 at 2", "answer": 18}\n```', 18.0, "9 at 2"),
        ('{"reasoning": "a loss", "answer": "-$10,000"}', -10000.0, "a loss"),
        ('{"reasoning": "r", "answer": "84 sofas and 88 chairs"}', 84.0, "r"),
        ('{"reasoning": "r", "answer": "2/3"}', 2 / 3, "r"),
        ("So it is \\boxed{4}, not \\boxed{5}", 5.0, "So it is \\boxed{4}, not \\boxed{5}"),
        ("```output\n3.0\n```\nThree trucks in 1 trip.", 3.0, "```output\n3.0\n```\nThree trucks in 1 trip."),
        ("Of 9 eggs she sells 9 - 3 = 6.", 6.0, "Of 9 eggs she sells 9 - 3 = 6."),
    ],
)
def test_each_format_gives_its_number(completion: str, answer: float, reasoning: str) -> None:
    """The final number is read as the format has it, and the reasoning is what stands before."""
    assert gsm8k.parse(completion) == {"reasoning": reasoning, "answer": pytest.approx(answer)}


def test_quotes_that_break_the_json_do_not_hide_the_answer() -> None:
    """Unescaped quotes inside the reasoning leave the answer field readable."""
    parsed = gsm8k.parse('{\n  "reasoning": "64" tall, twice",\n  "answer": "53 feet"\n}')
    assert parsed["answer"] == 53.0
    assert "64" in parsed["reasoning"]


@pytest.mark.parametrize("completion", ["", "I do not know.", "#### No valid solution.", '{"answer": "Not possible"}'])
def test_no_number_gives_no_outputs(completion: str) -> None:
    """An answer without a number is empty: the trace fails to parse, nothing is made up."""
    assert gsm8k.parse(completion) == {}


def test_program_takes_the_recorded_value() -> None:
    """A program is not run again; where the source recorded no value there are no outputs."""
    record = {
        "id": "1",
        "input": "q",
        "gold": "18",
        "model": "m",
        "output": "ans = 9 * 2",
        "format": "python program",
    }
    assert gsm8k.row({**record, "answer": 18.0})["outputs"] == {"reasoning": "ans = 9 * 2", "answer": 18.0}
    assert gsm8k.row({**record, "answer": None})["outputs"] is None


def test_row_does_not_look_at_the_verdict() -> None:
    """A row maps the same with and without the columns that would give the verdict away."""
    record = {
        "id": "1",
        "input": "q",
        "gold": "18",
        "model": "m",
        "output": "A: 17",
        "format": "text",
        "answer": 18.0,
    }
    row = gsm8k.row({**record, "passed": True, "source_passed": True})
    assert row == gsm8k.row(record)
    assert row["outputs"]["answer"] == 17.0
    assert row["completion"] == "A: 17"
    assert not passes(row)


@given(st.text() | st.text(alphabet='0123456789/,.-${}"answer: \n#A\\boxed'))
def test_parse_survives_any_text(completion: str) -> None:
    """Whatever a model wrote, parsing gives a finite number or nothing, and never raises."""
    parsed = gsm8k.parse(completion)
    assert parsed == {} or abs(parsed["answer"]) < float("inf")


def test_verdicts_agree_with_the_recorded_ones(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """All 12,800 verdicts equal the recorded ones."""
    assert len(recorded) == 12_800
    assert [r["id"] for r, row in recorded if passes(row) != r["passed"]] == []


def test_rates_equal_the_published_ones(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Each model's share of passed answers is the published one to 0.1 point."""
    passed = Counter(row["lm"] for _, row in recorded if passes(row))
    assert {lm: count / 8 for lm, count in passed.items()} == pytest.approx(RATES, abs=0.1)


def test_counts_are_those_of_the_readme(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Kept, rejected and failed are as the README says."""
    counts = Counter("failed" if row["outputs"] is None else passes(row) for _, row in recorded)
    assert counts == {True: 8_543, False: 4_142, "failed": 115}
