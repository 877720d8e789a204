"""Rows with private values: masked or put aside, and counted."""

from __future__ import annotations

import builtins
import json
from collections import Counter

import pytest

from limbeck.compiler.emit.labels import label_of, source_of
from limbeck.compiler.emit.names import PRIVATE
from limbeck.compiler.emit.privacy import PrivateReport, check_private, private
from limbeck.compiler.emit.provenance import provenance
from limbeck.compiler.emit.record import Answer, LabelledStep
from limbeck.compiler.keep.ledger import Ledger
from limbeck.compiler.keep.level import level_of
from limbeck.errors import MissingExtra, UsageError
from limbeck.records import Verdict

MAIL, PHONE = "ann@example.com", "+44 20 7946 0958"


@pytest.fixture
def libraries() -> None:
    for name in ("phonenumbers", "publicsuffixlist", "stdnum"):
        pytest.importorskip(name, reason="needs the extra privacy")


@pytest.fixture
def run(libraries, tmp_path):
    """Send records through; give those that came out, the ledger and the report."""

    def send(records, policy):
        ledger = Ledger()
        with PrivateReport(tmp_path) as report:
            out = list(private(records, policy, ledger, report))
        return out, ledger, report

    return send


@pytest.fixture
def dirty(record, trace):
    """A record with private values in every field."""
    told = trace(ticket="hi", meta={"customer": MAIL, "id": 7, "source": f"crm of {MAIL}"}, team=MAIL)
    told = told.with_verdicts([Verdict("judge", True, 1.0, feedback=f"{MAIL} is right")])
    other = trace(ticket="hi", attempt=1, meta={"customer": PHONE})
    return record(
        kind="preference",
        answers=(Answer(told, 0), Answer(other, 0)),
        prompt=[{"role": "user", "content": f"Who is {MAIL}?"}],
        completion=[{"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "find", "arguments": json.dumps({"mail": MAIL})}}]}],
        rejected=[{"role": "assistant", "content": f"Call {PHONE}"}],
        steps=[LabelledStep(f"Look up {MAIL}", "positive")],
        soft={MAIL: 1.0},
        tools=[{"type": "function", "function": {"name": "find", "description": f"by {MAIL}"}}],
        known={"answer": [MAIL, 3]},
        columns={"outcome": "passed", "reward": 1.0},
        input_text=f"Who is {MAIL}?",
        answer_text=MAIL,
    )  # fmt: skip


def everything(record):
    return json.dumps([[getattr(record, name) for name in record.__slots__ if name not in ("answers", "steps")],
                       [step.text for step in record.steps], provenance(record, level_of(record.first.trace)),
                       label_of(record, ("team",)), source_of(record)], default=dict)  # fmt: skip


def test_every_field_of_a_row_is_masked(run, dirty):
    """Prompt, answers, steps, tools, columns, labels, sources and provenance: with one name for one value."""
    (masked,), ledger, report = run([dirty], "mask")
    assert MAIL not in everything(masked)
    assert PHONE not in everything(masked)
    assert masked.prompt == [{"role": "user", "content": "Who is [EMAIL_1]?"}]
    assert json.loads(masked.completion[0]["tool_calls"][0]["function"]["arguments"]) == {"mail": "[EMAIL_1]"}
    assert masked.rejected == [{"role": "assistant", "content": "Call [PHONE_1]"}]
    assert masked.steps == [LabelledStep("Look up [EMAIL_1]", "positive")]
    assert masked.soft == {"[EMAIL_1]": 1.0}
    assert masked.known == {"answer": ["[EMAIL_1]", 3]}
    assert masked.first.trace.meta == {"customer": "[EMAIL_1]", "id": 7, "source": "crm of [EMAIL_1]"}
    assert ledger.n_dropped == 0
    assert report.as_json() == {"masked": 1, "quarantined": 0, "rows": {"EMAIL": 1, "PHONE": 1},
                                "finds": {"EMAIL": 1, "PHONE": 1}}  # fmt: skip


def test_identities_stay(run, dirty):
    """Rows are joined with the store, split and counted as before."""
    (masked,), _, _ = run([dirty], "mask")
    assert masked.id == dirty.id
    assert [a.trace.id for a in masked.answers] == [a.trace.id for a in dirty.answers]
    assert masked.first.trace.example.input_id == dirty.first.trace.example.input_id
    assert masked.first.trace.example.id == dirty.first.trace.example.id
    assert (masked.first.attempts, masked.first.passes) == (dirty.first.attempts, dirty.first.passes)


def test_clean_rows_are_the_same_objects(run, record):
    """Nothing is copied."""
    clean = record()
    assert run([clean], "mask")[0][0] is clean
    assert run([clean], "quarantine")[0][0] is clean


def test_masking_rows_twice_changes_nothing(run, dirty):
    """The second time finds nothing."""
    (once,), _, _ = run([dirty], "mask")
    (twice,), _, report = run([once], "mask")
    assert twice is once
    assert report.as_json()["masked"] == 0


def test_quarantine_drops_the_row_and_tells_kinds_and_places_only(run, dirty, tmp_path, read_lines):
    """Neither the ledger nor the file of rows put aside holds what was found."""
    out, ledger, report = run([dirty], "quarantine")
    ledger.write(tmp_path / "ledger.jsonl")
    assert out == []
    assert ledger.reasons() == {"private": 1}
    (row,) = read_lines(tmp_path / PRIVATE)
    assert row["row"] == dirty.id
    assert row["kinds"] == {"EMAIL": 1, "PHONE": 1}
    assert row["where"] == [
        "prompt",
        "completion",
        "rejected",
        "soft",
        "tools",
        "known",
        "input_text",
        "answer_text",
        "steps",
    ]
    assert row["masked"]["prompt"] == [{"role": "user", "content": "Who is [EMAIL_1]?"}]
    assert report.quarantined == 1
    for path in tmp_path.iterdir():
        assert MAIL not in path.read_text()
        assert PHONE not in path.read_text()


def test_a_row_is_not_put_aside_for_what_only_its_provenance_has(run, record, trace, tmp_path):
    """The row says nothing private; its side file is masked."""
    answer = Answer(trace(meta={"customer": MAIL}), 0)
    (kept,), ledger, _ = run([record(answers=(answer,))], "quarantine")
    assert kept.first.trace.meta == {"customer": "[EMAIL_1]"}
    assert ledger.n_dropped == 0
    assert not (tmp_path / PRIVATE).exists()


def test_rows_are_read_one_at_a_time(libraries, dirty, tmp_path):
    """A million rows stream."""
    asked = Counter()

    def endless():
        while True:
            asked["rows"] += 1
            yield dirty

    with PrivateReport(tmp_path) as report:
        stream = private(endless(), "mask", Ledger(), report)
        next(stream)
        next(stream)
    assert asked["rows"] == 2


@pytest.mark.parametrize("content", ["\ud800 " + MAIL, float("nan"), None, [{"type": "text", "text": MAIL}], ""])
def test_odd_contents_cost_nothing(run, record, content):
    """Lone surrogates, numbers where text should be, parts, nothing."""
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "x"}]
    for policy in ("mask", "quarantine"):
        out, ledger, _ = run([record(messages)], policy)
        assert len(out) + ledger.n_dropped == 1


def test_values_nested_too_deeply_cost_their_row(run, record):
    """The other rows go on."""
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    out, ledger, _ = run([record(known={"a": deep}), record()], "mask")
    assert len(out) == 1
    assert ledger.reasons() == {"cannot be searched for private data": 1}


def test_without_the_libraries_nothing_is_let_through(record, monkeypatch, tmp_path):
    """What to install is said before the first row."""
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "phonenumbers"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.split(".")[0] == "phonenumbers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr("limbeck.compiler.emit.private.finds.import_module", missing)
    with PrivateReport(tmp_path) as report, pytest.raises(MissingExtra, match=r"limbeck\[privacy\]"):
        next(private([record()], "mask", Ledger(), report))


def test_unknown_policies_are_refused():
    """The names are said."""
    with pytest.raises(UsageError, match="keep, mask, quarantine"):
        check_private("hide")


def test_keeping_everything_needs_no_library(monkeypatch):
    """Nothing is imported for it."""
    monkeypatch.setattr("limbeck.compiler.emit.privacy.load", lambda: pytest.fail("imported"))
    check_private("keep")
