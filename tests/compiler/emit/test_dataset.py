"""Datasets: read back with the standard library alone, and counted."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.compiler.emit import dataset
from limbeck.compiler.emit.choices import make_choices
from limbeck.compiler.emit.formats.base import get_format
from limbeck.compiler.emit.record import Answer, Record
from limbeck.compiler.keep.ledger import Ledger
from limbeck.errors import OutputError, UsageError
from limbeck.records import Candidate, Failure, Step, Verdict

HALVES = {"train": 0.5, "val": 0.5}
SYSTEM = """\
Your input fields are:
1. `ticket` (str):
Your output fields are:
1. `team` (Literal['billing', 'tech']): who answers
All interactions will be structured in the following way, with the appropriate values filled in.

[[ ## ticket ## ]]
{ticket}

[[ ## team ## ]]
{team}        # note: the value you produce must exactly match (no extra characters) one of: billing; tech

[[ ## completed ## ]]
In adhering to this structure, your objective is:\x20
        Route the ticket to a team."""
USER = """\
[[ ## ticket ## ]]
My invoice is wrong

Respond with the corresponding output fields, starting with the field `[[ ## team ## ]]` (must be formatted \
as a valid Python Literal['billing', 'tech']), and then ending with the marker for `[[ ## completed ## ]]`."""
ANSWER = """\
[[ ## team ## ]]
billing

[[ ## completed ## ]]
"""


def openai_accepts(row):
    """OpenAI's documented rules, written down a second time and independently of the package."""
    if list(row) != ["messages"] or len(row["messages"]) < 2:
        return False
    known = all(
        set(m) <= {"role", "content", "weight"}
        and m["role"] in {"system", "user", "assistant"}
        and isinstance(m["content"], str)
        and m["content"].strip() != ""
        for m in row["messages"]
    )
    return known and row["messages"][-1]["role"] == "assistant"


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_small_dataset_is_exactly_this(export, tmp_path, program, trace):
    """The golden example: one row, byte for byte, in both formats."""
    for name in ("openai", "trl-sft"):
        export([trace()], out=tmp_path / name, program=program, format=name)
        text = (tmp_path / name / "train.jsonl").read_text()
        chat = {"system": SYSTEM, "user": USER, "assistant": ANSWER}
        messages = [{"role": role, "content": content} for role, content in chat.items()]
        assert text == json.dumps({"messages": messages}, separators=(",", ":")) + "\n"


def test_a_dataset_has_rows_provenance_ledger_manifest_and_card(export, tmp_path, program, trace):
    """Every file is there, and the manifest has each one's hash and length."""
    traces = [trace(), trace("x", passed=False), trace("y", failure=Failure("lm", "down"), steps=[])]
    result = export(traces, out=tmp_path / "out", program=program, task="tickets")
    found = files(tmp_path / "out")
    drawn = {name for name in found if name.startswith("card/")}
    assert set(found) - drawn == {"train.jsonl", "provenance.jsonl", "ledger.jsonl", "limbeck.json", "README.md"}
    manifest = json.loads(found["limbeck.json"])
    for name, facts in manifest["files"].items():
        assert facts == {"bytes": len(found[name]), "sha256": hashlib.sha256(found[name]).hexdigest()}
    assert (manifest["read"], manifest["rows"], manifest["task"]) == (3, {"train": 1}, "tickets")
    assert manifest["dropped"] == {"failed: lm": 1, "rejected": 1} == result.dropped
    assert "3 rows read = 1 emitted + 2 not emitted." in found["README.md"].decode()
    assert result.emitted == 1


def test_each_row_is_joined_to_its_provenance_by_line_and_by_hash(export, tmp_path, program, trace):
    """From any row there is a way back to trace, example, LM and verdict."""
    traces = {t.id: t for t in (trace(f"ticket {n}", meta={"row": n}) for n in range(20))}
    export(traces.values(), out=tmp_path / "out", program=program, split=HALVES)
    origins = [json.loads(line) for line in (tmp_path / "out" / "provenance.jsonl").read_text().splitlines()]
    assert {origin["trace"] for origin in origins} == set(traces)
    for origin in origins:
        lines = (tmp_path / "out" / f"{origin['split']}.jsonl").read_bytes().split(b"\n")
        line = lines[origin["line"] - 1]
        source = traces[origin["trace"]]
        assert hashlib.sha256(line).hexdigest() == origin["sha256"]
        assert source.example.inputs["ticket"] in json.loads(line)["messages"][1]["content"]
        assert (origin["source"], origin["lm"], origin["meta"]) == (
            "tickets.jsonl:1",
            "teacher/big",
            source.meta,
        )
        assert origin["verdicts"] == [
            {"verifier": "metric", "passed": True, "score": 1.0, "by": "rule", "fingerprint": "v1"}
        ]


def test_all_rows_of_an_input_fall_on_one_side(export, tmp_path, program, trace, read_lines):
    """Other answers to the same input do not leak into the validation data."""
    traces = [trace(f"ticket {n}", team) for n in range(40) for team in ("billing", "tech")]
    result = export(traces, out=tmp_path / "out", program=program, split=HALVES)
    users = {
        name: {row["messages"][1]["content"] for row in read_lines(tmp_path / "out" / f"{name}.jsonl")}
        for name in HALVES
    }
    assert not users["train"] & users["val"]
    assert sum(result.rows.values()) == 80
    assert min(result.rows.values()) > 10


def test_the_same_traces_give_the_same_bytes(export, tmp_path, program, trace):
    """Nothing of the clock, of the place or of chance is in the files."""
    traces = [trace(f"ticket {n}", passed=n % 3 > 0) for n in range(30)]
    for place in ("a", "b/c"):
        export(iter(traces), out=tmp_path / place, program=program, split=HALVES, seed=4)
    assert files(tmp_path / "a") == files(tmp_path / "b" / "c")


def test_other_prompts_and_adapters_are_written_down(export, tmp_path, program, trace):
    """The manifest says how the prompts were made."""
    candidate = Candidate({"self": "Pick."}, {})
    for prompt, adapter, expected in (
        ("compiled", "json", "json"),
        ("sent", "json", None),
        ("bare", "xml", "xml"),
    ):
        out = tmp_path / prompt
        export([trace()], out=out, program=program, prompt=prompt, adapter=adapter, candidate=candidate)
        manifest = json.loads((out / "limbeck.json").read_text())
        assert (manifest["prompt"], manifest["adapter"]) == (prompt, expected)
        assert manifest["candidate"] == (candidate.id if prompt == "compiled" else None)


def test_rows_that_the_target_refuses_are_in_the_ledger(export, tmp_path, program, trace, read_lines):
    """The reason and the target's rule are written down."""
    blank = trace(steps=[trace().steps[0].__class__("self", {}, {"team": "tech"}, trace().steps[0].calls)])
    blank.steps[0].calls[0].messages[1]["content"] = " "
    result = export([blank], out=tmp_path / "out", program=program, prompt="sent")
    (entry,) = read_lines(tmp_path / "out" / "ledger.jsonl")
    assert (entry["item"], entry["reason"]) == (f"{blank.id}#0", "format check failed")
    assert "message 1: content is empty" in entry["detail"]
    assert result.rows == {"train": 0}


def test_text_that_is_no_unicode_costs_one_row(export, tmp_path, program, trace):
    """A lone surrogate cannot be written as JSON."""
    bad = trace(steps=[trace().steps[0].__class__("self", {"ticket": "\ud800"}, {"team": "tech"})])
    result = export([bad, trace()], out=tmp_path / "out", program=program)
    assert (result.emitted, result.dropped) == (1, {"cannot be written as JSON": 1})


def test_too_few_rows_are_warned_of(export, tmp_path, program, trace):
    """What a trainer would stumble over is said at once."""
    result = export([trace()], out=tmp_path / "out", program=program, split={"train": 0.999, "val": 0.001})
    assert result.warnings[-2:] == ("val: no rows", "train has 1: OpenAI refuses files with fewer than 10 lines")


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "nope"},
        {"prompt": "nope"},
        {"adapter": "nope"},
        {"predictor": "nope"},
        {"split": {"train": 0.5}},
        {"prompt": "compiled"},
    ],
)
def test_wrong_settings_are_refused_before_anything_is_read_or_written(export, wrong, tmp_path, program):
    """Exit code 2, and no directory."""

    def unread():
        pytest.fail("traces were read")
        yield

    with pytest.raises(UsageError):
        export(unread(), out=tmp_path / "out", program=program, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_nothing_and_can_be_run_again(export, tmp_path, program, trace):
    """Ctrl-C in the middle: no half-written dataset."""

    def interrupted():
        yield trace()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(interrupted(), out=tmp_path / "out", program=program)
    assert list(tmp_path.iterdir()) == []
    assert export([trace()], out=tmp_path / "out", program=program).emitted == 1


def test_a_dataset_is_not_written_over(export, tmp_path, program, trace):
    """The first export stays as it is."""
    export([trace()], out=tmp_path / "out", program=program)
    before = files(tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty"):
        export([trace("other")], out=tmp_path / "out", program=program)
    assert files(tmp_path / "out") == before


def test_traces_stream(export, tmp_path, program, trace):
    """A trace is let go before many more are read."""
    alive = []

    def stream():
        import weakref

        for n in range(50):
            made = trace(f"ticket {n}")
            alive.append(weakref.ref(made))
            yield made
            del made
            assert sum(ref() is not None for ref in alive) < 5

    assert export(stream(), out=tmp_path / "out", program=program).emitted == 50


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            st.sampled_from(["billing", "tech", "", "\u2028\r\n", None]),
            st.sampled_from(["passed", "rejected", "failed"]),
        ),
        max_size=15,
    ),
    st.sampled_from(["chat", "json", "xml"]),
    st.sampled_from(["bare", "sent"]),
)
def test_any_dataset_reads_back_whole_and_adds_up(export, program, trace, read_lines, drawn, adapter, prompt):
    """Any Unicode: as many rows as counted, each good by an independent reading, each text unchanged."""

    def make(n, text, team, kind):
        failure = Failure("lm", text) if kind == "failed" else None
        return trace(text, team, passed=kind == "passed", attempt=n, failure=failure)

    traces = [make(n, *item) for n, item in enumerate(drawn)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        result = export(traces, out=out, program=program, adapter=adapter, prompt=prompt, split=HALVES)
        rows = [row for name in HALVES for row in read_lines(out / f"{name}.jsonl")]
        origins, ledger = read_lines(out / "provenance.jsonl"), read_lines(out / "ledger.jsonl")
    assert result.read == len(traces) == len(rows) + len(ledger)
    assert result.emitted == len(rows) == len(origins)
    assert all(map(openai_accepts, rows))
    by_id = {t.id: t for t in traces}
    contents = {row["messages"][1]["content"] for row in rows}
    for origin in origins:
        text = by_id[origin["trace"]].example.inputs["ticket"]
        assert any(text in content for content in contents)


def test_stages_can_be_used_alone(trace):
    """A stage takes an iterator and gives one."""
    ledger = Ledger()
    record = Record(kind="sft", answers=[Answer(trace(), 0)], prompt=[{"role": "user", "content": "a"}])
    assert list(dataset.check([record], get_format("openai"), ledger)) == []
    assert ledger.reasons() == {"format check failed": 1}


def of_level(trace, number):
    """A passed trace of a level."""
    people, judge = Verdict("people", True, by="people"), Verdict("judge", True, by="model", evidence={"lm": "small"})
    fields = {
        1: {"origin": "written", "lm": "", "verdicts": [people]},
        2: {"origin": "written", "lm": ""},
        3: {"verdicts": [people]},
        4: {},
        5: {"verdicts": [judge], "lm": "small"},
        6: {"verdicts": [Verdict("game", True, by="environment")]},
        None: {"verdicts": [Verdict("check:short", True)]},
    }
    return trace(f"ticket {number}", **fields[number])


def test_rows_tell_their_level(export, tmp_path, program, trace, read_lines):
    """Provenance, manifest and card have what was derived."""
    result = export([of_level(trace, n) for n in (1, 2, 3, 4, 5, 6, None)], out=tmp_path / "out", program=program)
    levels = {"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "none": 1}
    assert result.levels == levels == json.loads((tmp_path / "out" / "limbeck.json").read_text())["levels"]
    assert [origin["level"] for origin in read_lines(tmp_path / "out" / "provenance.jsonl")] == [1, 2, 3, 4, 5, 6, None]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| 3: generated, verified by people | 1 |" in card
    assert "| none: nothing says | 1 |" in card


@pytest.mark.parametrize("highest", range(1, 7))
def test_rows_above_a_level_go_to_the_ledger(export, tmp_path, program, trace, read_lines, highest):
    """Those without a level, too; what is read still adds up."""
    made = [of_level(trace, n) for n in (1, 2, 3, 4, 5, 6, None)]
    result = export(made, out=tmp_path / "out", program=program, max_level=highest)
    assert result.levels == {str(n): 1 for n in range(1, highest + 1)}
    dropped = {f"level above {highest}": 6 - highest, "no level": 1}
    assert result.dropped == {reason: n for reason, n in dropped.items() if n}
    assert result.read == result.emitted + sum(result.dropped.values()) == 7
    details = [entry["detail"] for entry in read_lines(tmp_path / "out" / "ledger.jsonl")]
    assert len(details) == 7 - highest
    assert f"| highest level | {highest} |" in (tmp_path / "out" / "README.md").read_text()


def test_what_is_near_a_later_call_of_a_trace_is_on_its_side(export, tmp_path, trace, read_lines):
    """Each input of a predictor counts, not only the first one of a trace."""

    def calls(*texts):
        return [Step("self", {"query": text}, {"found": text[:9]}) for text in texts]

    texts = [" ".join(f"{n}w{word}" for word in range(40)) for n in range(40)]
    traces = [trace(f"first {n}", steps=calls(texts[n], texts[20 + n])) for n in range(20)]
    traces += [trace(f"second {n}", steps=calls(texts[20 + n])) for n in range(20)]
    export(traces, out=tmp_path / "out", program=dspy.Predict("query -> found"), split=HALVES, dedup="none")
    sides = Counter()
    for side in HALVES:
        sides.update({row["messages"][-1]["content"] for row in read_lines(tmp_path / "out" / f"{side}.jsonl")})
    assert (len(sides), set(sides.values())) == (40, {1})


@pytest.mark.parametrize("turn", [1, 2, 3, 7])
def test_an_export_that_is_stopped_after_reading_leaves_nothing(export, tmp_path, program, trace, turn):
    """Between stages, and between rows that are written."""
    turns = []

    def go_on():
        turns.append(None)
        if len(turns) == turn:
            raise KeyboardInterrupt

    source, choices = dataset.Source(program=program), make_choices({})
    with pytest.raises(KeyboardInterrupt):
        dataset.export([trace(f"t{n}") for n in range(4)], source, choices, out=tmp_path / "out", go_on=go_on)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path):
    """Also where the last bytes are refused only as files are closed."""
    child = CHILD.format(out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=False)
    assert done.stdout == "OutputError\n", done.stderr
    assert list(tmp_path.iterdir()) == []


CHILD = """
import resource
from pathlib import Path
import dspy
from limbeck.compiler.emit import dataset
from limbeck.compiler.emit.choices import Choices
from limbeck.errors import OutputError
from limbeck.records import Example, Step, Trace, Verdict

traces = [Trace(f"{{n:032x}}", "t", Example({{"q": "x" * 10_000}}), "c", "lm", prediction={{"a": str(n)}},
                steps=[Step("self", {{"q": "x" * 10_000}}, {{"a": str(n)}})], verdicts=[Verdict("metric", True, 1.0)])
          for n in range(200)]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    dataset.export(traces, dataset.Source(program=dspy.Predict("q -> a")), Choices(), out=Path({out!r}))
except OutputError:
    print("OutputError")
"""
