"""Rows that contain test data go into quarantine, with what they contain."""

from __future__ import annotations

import json

import pytest

from limbeck.compiler.emit import against
from limbeck.compiler.emit.decontaminate import Quarantine, decontaminate
from limbeck.compiler.emit.names import CONTAMINATED, CONTAMINATION
from limbeck.compiler.emit.record import Answer
from limbeck.compiler.emit.spool import Item
from limbeck.compiler.emit.words import with_words
from limbeck.compiler.keep.ledger import Ledger

QUESTION = "How many of the 48 clips did Natalia sell to her well-known friends in the month of May?"


@pytest.fixture
def item(record, trace):
    def make(asked: str, answered: str = "", row: bytes = b'{"messages":[]}') -> Item:
        answer = Answer(trace(ascii(asked)), 0)
        return Item(record(answers=(answer,), input_text=asked, answer_text=answered), row)

    return make


@pytest.fixture
def run(tmp_path):
    """Put items through the stage; return what comes out, the ledger, quarantined rows and the report."""

    def through(items, *tests: str, words: bool = True):
        index = against.TestTexts((f"t.jsonl:{n}", text) for n, text in enumerate(tests, 1))
        ledger = Ledger()
        with Quarantine(tmp_path, index) as quarantine:
            out = list(decontaminate(with_words(items) if words else items, index, quarantine, ledger))
        path = tmp_path / CONTAMINATED
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        return out, ledger, rows, (tmp_path / CONTAMINATION).read_text("utf-8")

    return through


def test_contaminated_rows_are_put_aside_and_told_of(item, run, tmp_path):
    """The others go on as they are; the ledger has reason, test row and share; nothing is deleted."""
    clean = item("What is the weather like?", "Rainy")
    bad = item(f"Hello. {QUESTION.upper()} Tell me!", "10", b'{"messages":[1]}')
    out, ledger, rows, _ = run([clean, bad, clean], "Something else, of which nothing is anywhere", QUESTION)
    assert out == [clean, clean]
    assert ledger.reasons() == {"contaminated": 1}
    ledger.write(tmp_path / "ledger.jsonl")
    assert "100% of a text of t.jsonl:2" in (tmp_path / "ledger.jsonl").read_text()
    assert rows == [
        {
            "row": bad.record.id,
            "matches": [
                {
                    "test": ["t.jsonl:2"], "share": 1.0, "shared": 12, "of": 12, "text": QUESTION,
                    "where": [{"in": "input", "words": [2, 20]}],
                }
            ],
            "data": {"messages": [1]},
        }
    ]  # fmt: skip


def test_words_across_input_and_answer_are_told_by_part(item, run):
    """What begins in the input and ends in the answer has a place in each."""
    _, _, rows, report = run([item("So: How many of the 48 clips did Natalia", QUESTION[36:] + " Ten.")], QUESTION)
    assert rows[0]["matches"][0]["where"] == [{"in": "input", "words": [2, 9]}, {"in": "answer", "words": [1, 11]}]
    assert "⟦How many of the 48 clips did Natalia⟧" in report
    assert "⟦sell to her well-known friends in the month of May⟧? Ten." in report


def test_the_report_explains_and_marks(item, run):
    """Thresholds, what was compared, each match with its test row and the shared words marked."""
    long = "Some words before it. " * 40
    _, _, _, report = run([item(f"{long}{QUESTION} ```end``` {long}")], QUESTION)
    assert "1 row contains test data, and is in `contaminated.jsonl`." in report
    assert "compared with 1 text in 1 row of test data." in report
    assert "| `t.jsonl` | 1 |" in report
    assert "50% of" in report
    assert "--overlap" in report
    assert f"⟦{QUESTION[:-1]}⟧? ```end```" in report
    assert "````text" in report
    assert len(report) < 4000


def test_a_report_is_written_where_nothing_is_found(item, run):
    """That the rows were looked at is worth saying; there is no empty file of rows."""
    out, _, rows, report = run([item("What is the weather like?")], QUESTION)
    assert len(out) == 1
    assert rows == []
    assert "No row contains test data" in report
    assert "## Matches" not in report
    assert CONTAMINATED not in report


def test_the_report_tells_what_does_not_count(item, run):
    """A text that most test rows have, in words that fit their number."""
    *_, report = run([item(QUESTION)], *[f"Answer yes or no: is {n} odd?" for n in range(4)])
    assert "in many test rows" not in report
    (*_, report) = run([item(QUESTION)], *["Answer yes or no, please, and nothing else"] * 4)
    assert "1 text in 4 rows of test data. 1 of them is in many test rows, and does not count." in report


def test_the_report_shows_the_first_of_many(item, run):
    """The rows are all in the file, and the report stays readable."""
    items = [item(f"{n}: {QUESTION}") for n in range(120)]
    _, _, rows, report = run(items, QUESTION)
    assert len(rows) == 120
    assert report.count("\n### ") == 50
    assert "The first 50" in report


@pytest.mark.parametrize("around", ["\ud800", "日本語", "İSTANBUL ßẞ", "`````", "|\x00|", "\\n\\u00e9", "<mark>**"])
def test_hostile_text_is_reported_all_the_same(item, run, around):
    """Lone surrogates, other scripts, fences and control characters cost no row and no report."""
    _, ledger, rows, report = run([item(f"{around} {QUESTION} {around}", around)], f"{QUESTION} {around}", QUESTION)
    assert ledger.reasons() == {"contaminated": 1}
    assert len(rows) == 1
    assert "⟦" in report


def test_items_without_words_get_them(item, run):
    """The stage stands by itself."""
    out, ledger, _, _ = run([item(QUESTION), item("Hello")], QUESTION, words=False)
    assert len(out) == 1
    assert out[0].input_words == 1
    assert ledger.n_dropped == 1


def test_a_broken_export_writes_no_report(item, tmp_path):
    """An error inside goes through, and no half report is left."""
    index = against.TestTexts([("t:1", QUESTION)])
    items = [item(QUESTION), None]
    with pytest.raises(AttributeError), Quarantine(tmp_path, index) as quarantine:
        list(decontaminate(items, index, quarantine, Ledger()))
    assert not (tmp_path / CONTAMINATION).exists()


def test_an_export_against_a_file_loses_nothing(export, program, trace, read_lines, tmp_path):
    """Rows with test data are in quarantine, near ones are dropped, and every answer that was read is accounted for."""
    (tmp_path / "test.jsonl").write_text(json.dumps({"q": QUESTION}))
    tickets = [
        f"Ticket {n}: the thing number {n * n} that I bought is broken, and nobody answers me" for n in range(20)
    ]
    tickets += [f"{QUESTION} And why?", QUESTION.lower()]
    tickets += [f"{QUESTION[:40]} get for her birthday from all of them?"]
    long = " ".join(f"word{n}" for n in range(120))
    tickets += [f"{long} one", f"{long} two"]
    result = export(
        map(trace, tickets),
        out=tmp_path / "out",
        program=program,
        dedup="near",
        against=(str(tmp_path / "test.jsonl"),),
    )
    assert result.dropped == {"contaminated": 2, "near duplicate": 1}
    assert result.read == result.emitted + sum(result.dropped.values()) == 25
    quarantined = read_lines(tmp_path / "out" / CONTAMINATED)
    assert all("natalia" in json.dumps(row["data"]).lower() for row in quarantined)
    assert "2 rows contain test data" in (tmp_path / "out" / CONTAMINATION).read_text()
