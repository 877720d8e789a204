"""``limbeck why``: where a row of a dataset comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.fixture
def exported(compiled: Path, invoke: Invoke) -> Path:
    """A dataset of what a compile left in the store, with two sides."""
    done = invoke("export", "task.py:task", "--out", "ds", "--split", "train=0.5,val=0.5", "--quiet")
    assert done.exit_code == 0, done.stderr
    return compiled / "ds"


def first(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text().splitlines()[0])
    return found


def test_a_row_is_told_with_its_prompt_and_run(exported: Path, invoke: Invoke) -> None:
    """The row, its trace, level and verdicts, and from the store what was sent and by which run; in 80 columns."""
    told = first(exported / "provenance.jsonl")
    done = invoke("why", "ds", f"{told['split']}:{told['line']}")
    assert done.exit_code == 0
    words = done.stdout
    assert words.startswith(f"row {told['split']}:{told['line']} of ds\n\n  state      as written\n  id         ")
    for part in (str(told["trace"]), "good.jsonl:", "embedded/analogy", "4, generated, rated by a machine",
                 ": compile, ", "judged attempts at the input passed", "\nverdicts\n", "metric",
                 "prompt of self, as sent", "Say yes or no.", "\ncompletion\n", "  system  "):  # fmt: skip
        assert part in words
    assert max(map(len, words.splitlines())) <= 80


def test_without_the_store_it_is_said_what_that_would_add(exported: Path, invoke: Invoke) -> None:
    """The dataset alone tells the rest."""
    done = invoke("why", "ds", str(first(exported / "provenance.jsonl")["row"]), "--store", "nope.db")
    assert done.stdout.endswith(
        "\nThere is no store nope.db. It would add the prompt as sent, the completion, the\n"
        "LM's parameters, the evidence of the verdicts, and the run.\n"
    )
    assert "as sent\n" not in done.stdout.partition("There is no store")[0]
    assert not (exported.parent / "nope.db").exists()


def test_what_was_left_out_is_told_why(exported: Path, invoke: Invoke) -> None:
    """With the trace, as long as the store has it."""
    entry = next(told for line in (exported / "ledger.jsonl").read_text().splitlines()
                 if (told := json.loads(line))["reason"] == "rejected")  # fmt: skip
    done = invoke("why", "ds", entry["item"])
    assert done.stdout.startswith(f"{entry['item']} was left out of ds: rejected\n\n  why    metric\n")
    assert "not passed" in done.stdout


def test_json_has_everything(exported: Path, invoke: Invoke) -> None:
    """One object: the row, its provenance, the traces whole, the runs."""
    told = first(exported / "provenance.jsonl")
    value = json.loads(invoke("why", "ds", str(told["row"]), "--json").stdout)
    assert value["provenance"] == told
    assert value["traces"][str(told["trace"])]["steps"][0]["calls"][0]["completion"]
    assert value["runs"][str(told["trace"])]["command"] == "compile"
    assert (value["state"], value["dropped"]) == ("as written", None)


def test_a_pair_is_told_from_both_sides(exported: Path, invoke: Invoke) -> None:
    """Why one answer is the better one, and who said so."""
    given = ("export", "task.py:task", "--out", "pairs", "--format", "trl-preference", "--quiet")
    assert invoke(*given).exit_code == 0
    words = invoke("why", "pairs", "train:1").stdout
    assert "better     it passed, and the other was rejected" in words
    assert "\nchosen: passed, score 1, by embedded/analogy\n" in words
    assert "\nrejected: rejected, score 0, by embedded/analogy\n" in words


def test_a_pair_that_was_compared_is_told_by_its_label(exported: Path, invoke: Invoke) -> None:
    """Scores say nothing where both answers passed."""
    given = ("export", "task.py:task", "--out", "pairs", "--format", "trl-preference", "--quiet")
    assert invoke(*given).exit_code == 0
    file = exported.parent / "pairs" / "provenance.jsonl"
    told, *rest = file.read_text().splitlines()
    pair = json.loads(told)
    for answer, label in ((pair, 0.7), (pair["others"][0], 0.3)):
        answer["outcome"] = "passed"
        answer["verdicts"].append({**answer["verdicts"][-1], "verifier": "synth:preferred", "score": label})
    file.write_text("\n".join([json.dumps(pair, separators=(",", ":")), *rest]))
    words = invoke("why", "pairs", "train:1").stdout
    assert "better     its label by comparison is 0.7, and the other's is 0.3" in words


def test_an_edited_row_is_said_to_be_one(exported: Path, invoke: Invoke) -> None:
    """What was written is told, and that it is no longer what stands there."""
    rows = exported / "train.jsonl"
    rows.write_text(rows.read_text().replace("question", "matter"))
    assert "this line was changed since the export" in " ".join(invoke("why", "ds", "train:1").stdout.split())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("train:999", "there is no row train:999 in ds: train has {n}\nThe nearest is train:{n}.\n"),
        ("tran:1", "ds has no split 'tran'\nDid you mean train:1?\n"),
    ],
)
def test_a_row_that_is_not_there(exported: Path, invoke: Invoke, row: str, said: str) -> None:
    """Wrong use, with the nearest row."""
    n = len((exported / "train.jsonl").read_text().splitlines())
    done = invoke("why", "ds", row)
    assert (done.stderr, done.stdout, done.exit_code) == (f"error: {said.format(n=n)}", "", 2)
