"""Recorded logs go through the command line: imported, verified, exported, and every row read back by other means.

The same tests run on a log of twelve rows, made by hand, and on the whole of the logs that the examples are for.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.records import Trace

Row = dict[str, Any]

EXAMPLES = Path(__file__).parents[2] / "examples"
FORMATS = ("trl-sft", "openai")
DISAGREE = 0.001  # of the rows, at most, may have another verdict than the log's own

APPLES = "Ann has 3 apples and buys 4 more. How many has she?"
LOSS = "A shop earns $1,200 and spends $2,200. What is its profit?"
RATE = "Half of 5 litres is poured out. How many litres are left?"


def small_log() -> Iterator[Row]:
    """Three questions, four models, each with its way of writing: 7 right, 3 wrong, 2 without a number."""
    for n, (question, gold, model, output, passed) in enumerate(
        [
            (APPLES, "7", "text", "3 + 4 = <<3+4=7>>7\nA: 7", True),
            (LOSS, "-1000", "text", "1200 - 2200 = -1000\n#### -$1,000", True),
            (RATE, "2.5", "text", "Half of 5 is 3.\nA: 3", False),
            (APPLES, "7", "json", '{"reasoning": "3 and 4 \\u2014 so seven", "answer": "7 apples"}', True),
            (LOSS, "-1000", "json", '{"reasoning": "1,200 less 2,200", "answer": "$1,000"}', False),
            (RATE, "2.5", "json", '{"reasoning": "5/2", "answer": 2.5}', True),
            (APPLES, "7", "prose", "Ann has 3 and 4, which makes 7 apples \U0001f34e.", True),
            (LOSS, "-1000", "prose", "I cannot tell.", False),
            (RATE, "2.5", "prose", "", False),
            (APPLES, "7", "boxed", "So it is \\boxed{8}", False),
            (LOSS, "-1000", "boxed", "So it is \\boxed{-1000}", True),
            (RATE, "2.5", "boxed", "So it is \\boxed{2.5}", True),
        ]
    ):
        yield {"id": f"hand-{n}", "input": question, "gold": gold, "model": model, "output": output,
               "answer": None, "format": model, "passed": passed}  # fmt: skip


@dataclass(frozen=True)
class Log:
    """A log to import, and what is known of it."""

    example: str
    path: Path
    outcomes: dict[str, int]
    rates: dict[str, float]
    """Percent of rows that pass, by group."""
    lm: Callable[[Row], str]
    group: Callable[[Row], str]
    right: Callable[[Row, str], bool]
    """Whether an answer, as text, is right: the log's own rule, written down a second time."""

    def records(self) -> dict[tuple[str, str], Row]:
        """Rows by id and LM."""
        with gzip.open(self.path) as lines:
            return {(record["id"], self.lm(record)): record for record in map(json.loads, lines)}


def rates_of(source: Path) -> dict[str, float]:
    """Measured pass rates, from the JSON in a SOURCE.md."""
    found = re.search(r"```json\n(.*?)\n```", source.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (measured,) = json.loads(found[1]).values()
    return {name: rate for name, (rate, _) in measured.items()}


def numeric(record: Row, answer: str) -> bool:
    return isclose(float(record["gold"]), float(answer), rel_tol=1e-4)


def exact(record: Row, answer: str) -> bool:
    if record["task"] == "bbh/dyck_languages":
        return answer.replace(" ", "") == record["gold"].replace(" ", "")
    return bool(answer == record["gold"])


def make_log(name: str, request: pytest.FixtureRequest, folder: Path) -> Log:
    if name == "small":
        path = folder / "log.jsonl.gz"
        path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in small_log()).encode()))
        rates = {"text": 200 / 3, "json": 200 / 3, "prose": 100 / 3, "boxed": 200 / 3}
        outcomes = {"passed": 7, "rejected": 3, "failed": 2}
        return Log("gsm8k", path, outcomes, rates, lambda r: r["model"], lambda r: r["model"], numeric)
    data: Path = request.getfixturevalue("shared_data") / name
    rates = rates_of(data / "SOURCE.md")
    if name == "gsm8k":
        outcomes = {"passed": 8_543, "rejected": 4_142, "failed": 115}
        return Log(
            name, data / "outputs.jsonl.gz", outcomes, rates, lambda r: r["model"], lambda r: r["model"], numeric
        )
    outcomes = {"passed": 3_989, "rejected": 1_909, "failed": 102}
    lm = "{0[model]} ({0[mode]})".format
    return Log(name, data / "outputs.jsonl.gz", outcomes, rates, lm, lambda r: r["mode"], exact)


@dataclass(frozen=True)
class Done:
    """What the commands left behind."""

    log: Log
    folder: Path
    records: dict[tuple[str, str], Row]
    imported: Row
    exported: dict[str, Row]

    def traces(self) -> Iterator[Trace]:
        with limbeck.open_store(self.folder / ".limbeck" / "store.db") as store:
            yield from store.traces(task=self.log.example)

    def lines(self, format_: str, name: str) -> list[bytes]:
        return (self.folder / format_ / name).read_bytes().splitlines()


def command(folder: Path, *args: str | Path) -> Row:
    """Run ``limbeck`` in a process of its own; nothing but one JSON object may come out."""
    done = subprocess.run(
        [sys.executable, "-m", "limbeck", *map(str, args), "--json", "--quiet"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    printed: Row = json.loads(done.stdout)
    return printed


@pytest.fixture(
    scope="module",
    params=["small", pytest.param("gsm8k", marks=pytest.mark.slow), pytest.param("bbh", marks=pytest.mark.slow)],
)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A log imported and exported in both formats."""
    folder = tmp_path_factory.mktemp(request.param)
    log = make_log(request.param, request, folder)
    module = EXAMPLES / log.example / f"{log.example}.py"
    imported = command(folder, "import", f"{module}:task", "--row", f"{module}:row", "--data", log.path)
    exported = {
        name: command(
            folder, "export", f"{module}:task", "--out", name, "--format", name, "--split", "train=0.8,val=0.2"
        )
        for name in FORMATS
    }
    return Done(log, folder, log.records(), imported, exported)


def test_every_row_becomes_one_trace(done: Done) -> None:
    """Kept, rejected and failed rows are as the example's README says, and add up to the rows of the log."""
    traces = [(trace.meta["id"], trace.lm, trace.outcome) for trace in done.traces()]
    assert done.imported["read"] == len(done.records) == len(traces) == sum(done.log.outcomes.values())
    assert done.imported["dropped"] == {}
    assert {(item, lm) for item, lm, _ in traces} == set(done.records)
    assert done.imported["outcomes"] == Counter(outcome for *_, outcome in traces) == done.log.outcomes


def test_verdicts_agree_with_the_log(done: Done) -> None:
    """What the stored traces say of a row is what the log said."""
    other = [
        trace.meta["id"]
        for trace in done.traces()
        if (trace.outcome == "passed") != done.records[trace.meta["id"], trace.lm]["passed"]
    ]
    assert len(other) <= DISAGREE * len(done.records), other


def test_pass_rates_are_the_published_ones(done: Done) -> None:
    """By LM, or by prompt, the share of passed traces is the published one to 0.1 point."""
    passed, total = Counter[str](), Counter[str]()
    for trace in done.traces():
        group = done.log.group(done.records[trace.meta["id"], trace.lm])
        total[group] += 1
        passed[group] += trace.outcome == "passed"
    assert {group: 100 * passed[group] / total[group] for group in total} == pytest.approx(done.log.rates, abs=0.1)


def test_printed_counts_by_lm_are_those_of_the_store(done: Done) -> None:
    """``by_lm`` in the printed object gives passed and all traces of each LM."""
    counts: dict[str, list[int]] = {}
    for trace in done.traces():
        passed, total = counts.get(trace.lm, [0, 0])
        counts[trace.lm] = [passed + (trace.outcome == "passed"), total + 1]
    assert done.imported["by_lm"] == counts


@pytest.mark.parametrize("format_", FORMATS)
def test_rows_and_ledger_add_up(done: Done, format_: str) -> None:
    """Every trace is either one exported row or one entry of the ledger, in the files as in what was printed."""
    printed = done.exported[format_]
    rows = {name: len(done.lines(format_, f"{name}.jsonl")) for name in ("train", "val")}
    ledger = [json.loads(line) for line in done.lines(format_, "ledger.jsonl")]
    assert printed["rows"] == rows
    assert printed["dropped"] == Counter(entry["reason"] for entry in ledger)
    assert printed["read"] == sum(rows.values()) + len(ledger) == len(done.records)
    emitted = {json.loads(line)["trace"] for line in done.lines(format_, "provenance.jsonl")}
    dropped = {entry["item"].partition("#")[0] for entry in ledger}
    assert not emitted & dropped
    assert emitted | dropped == {trace.id for trace in done.traces()}


@pytest.mark.parametrize("format_", FORMATS)
def test_the_ledger_gives_the_true_reason(done: Done, format_: str) -> None:
    """What was left out was not right by the log, or repeats an exported row word for word."""
    traces = {trace.id: trace for trace in done.traces()}
    kept = {json.loads(line)["row"] for line in done.lines(format_, "provenance.jsonl")}
    wrong = 0
    for entry in map(json.loads, done.lines(format_, "ledger.jsonl")):
        trace = traces[entry["item"].partition("#")[0]]
        if entry["reason"] == "duplicate":
            assert entry["detail"].removeprefix("of ") in kept
        else:
            assert entry["reason"] == ("rejected" if trace.outcome == "rejected" else f"failed: {trace.reason}")
            wrong += done.records[trace.meta["id"], trace.lm]["passed"]
    assert wrong <= DISAGREE * len(done.records)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_exported_row_stands_up_to_being_read_again(done: Done, format_: str) -> None:
    """Each line is found by its provenance in the log, asks its question, and gives an answer that is right there."""
    lines = {name: done.lines(format_, f"{name}.jsonl") for name in ("train", "val")}
    seen = Counter[str]()
    side: dict[str, str] = {}
    for origin in map(json.loads, done.lines(format_, "provenance.jsonl")):
        line = lines[origin["split"]][origin["line"] - 1]
        seen[origin["split"]] += 1
        assert hashlib.sha256(line).hexdigest() == origin["sha256"]
        record = done.records[origin["meta"]["id"], origin["lm"]]
        assert record["passed"]
        system, user, assistant = messages_of(json.loads(line))
        assert record["input"].strip() in user
        assert record["input"].strip() not in system
        assert done.log.right(record, field(assistant, "answer")), assistant
        assert all(verdict["passed"] for verdict in origin["verdicts"])
        assert side.setdefault(record["input"], origin["split"]) == origin["split"]
    assert seen == {name: len(rows) for name, rows in lines.items() if rows}


def messages_of(row: Row) -> list[str]:
    """Contents of a row that is a system, a user's and an assistant's turn, and nothing else."""
    assert set(row) == {"messages"}
    assert [set(message) for message in row["messages"]] == [{"role", "content"}] * 3
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    return [message["content"] for message in row["messages"]]


def field(text: str, name: str) -> str:
    """The value between a field's marker and the next one, as a student of ChatAdapter's prompts writes it."""
    found = re.search(rf"^\[\[ ## {name} ## \]\]\n(.*?)\n+\[\[ ## completed ## \]\]", text, re.DOTALL | re.MULTILINE)
    assert found is not None, text
    return found[1]


def test_both_formats_hold_the_same_rows(done: Done) -> None:
    """Chats of text are the same in both formats, byte for byte, in the same order."""
    for name in ("train.jsonl", "val.jsonl", "ledger.jsonl", "provenance.jsonl"):
        assert done.lines("openai", name) == done.lines("trl-sft", name)


def test_importing_again_adds_nothing(done: Done) -> None:
    """The same log gives the same traces: none comes twice."""
    before = sum(1 for _ in done.traces())
    module = EXAMPLES / done.log.example / f"{done.log.example}.py"
    again = command(done.folder, "import", f"{module}:task", "--row", f"{module}:row", "--data", done.log.path)
    assert again["outcomes"] == done.imported["outcomes"]
    assert sum(1 for _ in done.traces()) == before
