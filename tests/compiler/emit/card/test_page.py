"""The card of a dataset that was exported: what Hugging Face makes of it, and what stands in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from limbeck.compiler.emit.card import dataset_card, pictures
from limbeck.compiler.emit.formats.base import format_names, get_format
from limbeck.records import Usage, Verdict

GIVEN = {"sft", "preference", "unpaired", "prompts"}  # kinds of rows that traces of one step give
HALVES = {"train": 0.5, "val": 0.5}
MARKDOWN = MarkdownIt("commonmark").enable("table")
hostile = st.text(
    st.one_of(st.sampled_from("|`*_<>&[]#-\n\"'\x00\u2028\u202e\ud800\uffff"), st.characters()), max_size=40
)


def tables(text):
    """Tables of a page by the heading above them: rows of texts."""
    found, heading = {}, ""
    for before, token in pairwise(MARKDOWN.parse(text)):
        if before.type == "heading_open":
            heading = token.content
        elif before.type == "tr_open":
            found.setdefault(heading, []).append([])
        if before.type in {"th_open", "td_open"}:
            found[heading][-1].append("".join(child.content for child in token.children))
    return found


def body(path):
    """The card without its header."""
    return path.read_text().split("\n---\n", 1)[1]


@pytest.fixture
def exported(export, tmp_path, program, trace):
    """A dataset of 24 rows of both labels, and of one that was rejected."""
    traces = [
        trace(f"ticket {n}", ("billing", "tech")[n % 2], attempt=m, usage=Usage(1, 0, 100, 10, 0.001), passed=m < 2)
        for n in range(24)
        for m in range(1 + n % 3)
    ]
    export(
        traces, out=tmp_path / "out", program=program, task="tickets", format="trl-sft", split=HALVES,
        licence="cc-by-4.0", command="limbeck export task.py:task --out DIR",
    )  # fmt: skip
    return tmp_path / "out"


def test_tables_have_the_numbers_of_the_rows(exported):
    """Counts are of what was written, and those of each table add up to it."""
    found = tables(body(exported / "README.md"))
    assert found["Rows"][1:] == [["train.jsonl", str(lines(exported / "train.jsonl"))],
                                 ["val.jsonl", str(lines(exported / "val.jsonl"))]]  # fmt: skip
    assert {row[0]: row[1] for row in found["Labels"][1:]} == {"billing": "12", "tech": "12"}
    assert found["Teachers"][1:] == [["teacher/big", "24"]]
    assert found["Verifiers"][1:] == [["metric", "a rule", "24", "v1"]]
    assert found["Cost"][1:] == [["calls", "24"], ["prompt tokens", "2,400"], ["completion tokens", "240"],
                                 ["US dollars", "0.0240"]]  # fmt: skip
    assert found["Levels"][1:] == [["4: generated, rated by a machine", "24"]]
    assert found["Sources and licences"][1:] == [["tickets.jsonl", "24", "unknown"]]
    assert [row[:2] for row in found["Not emitted"][1:]] == [["duplicate", "16"], ["rejected", "8"]]


def lines(path):
    return len(path.read_bytes().splitlines())


def test_pictures_are_there_and_have_the_same_numbers(exported):
    """Each one that the page shows is a file beside it, and no other is."""
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", body(exported / "README.md"))
    assert set(shown) == {f"card/{path.name}" for path in (exported / "card").iterdir()}
    assert {"card/rows.svg", "card/labels.svg", "card/lengths.svg", "card/difficulty.svg", "card/levels.svg"} == set(
        shown
    )
    words = [text.text for text in ET.parse(exported / "card" / "labels.svg").iter() if text.tag.endswith("text")]
    assert words[-4:] == ["billing", "12 (50.0%)", "tech", "12 (50.0%)"]


def test_an_example_of_each_reason_is_in_the_ledger(exported):
    """It can be asked for."""
    told = [json.loads(line) for line in (exported / "ledger.jsonl").read_text().splitlines()]
    for reason, _, item in tables(body(exported / "README.md"))["Not emitted"][1:]:
        assert {"item": item, "reason": reason}.items() <= next(t for t in told if t["item"] == item).items()


def test_the_command_stands_in_it(exported):
    """To be copied."""
    assert "```sh\nlimbeck export task.py:task --out DIR\n```" in body(exported / "README.md")


def test_a_program_from_python_has_a_call(export, tmp_path, program, trace):
    """There is no command for it."""
    export([trace()], out=tmp_path / "out", program=program, seed=3)
    assert '```python\nlimbeck.export(task, "DIR", seed=3)\n```' in (tmp_path / "out" / "README.md").read_text()


def test_hugging_face_reads_the_header(exported):
    """Its own code finds the licence, the size and where the rows are."""
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub, which reads cards, is not installed")
    facts = hub.DatasetCard.load(exported / "README.md").data
    assert (facts.license, facts.size_categories, facts.pretty_name) == ("cc-by-4.0", ["n<1K"], "Dataset of tickets")
    assert facts.to_dict()["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"},
        {"split": "val", "path": "val.jsonl"},
    ]


@pytest.mark.parametrize("name", [name for name in format_names() if GIVEN & set(get_format(name).kinds)])
def test_datasets_loads_the_rows_and_nothing_else(name, export, tmp_path, program, trace):
    """The directory itself is enough: the header says which of its files are rows."""
    datasets = pytest.importorskip("datasets", reason="datasets, which reads what is written, is not installed")
    kind = next(kind for kind in get_format(name).kinds if kind in GIVEN)
    traces = [
        trace(f"ticket {n}", team, passed=passed)
        for n in range(20)
        for team, passed in (("billing", True), ("tech", False))
    ]
    result = export(traces, out=tmp_path / "out", program=program, format=name, kind=kind, split=HALVES)
    datasets.disable_progress_bars()
    found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: found[split].num_rows for split in found} == dict(result.rows)


@settings(max_examples=30)
@given(hostile, hostile, hostile, hostile)
def test_names_of_any_kind_leave_the_page_as_it_is(tmp_path_factory, export, program, trace, name, lm, source, said):
    """Same headings, same tables, valid pictures, whatever tasks, LMs, sources and verifiers are called."""
    verdict = Verdict(said or "m", True, 1.0, fingerprint="v", feedback=said)
    step = trace().steps[0]
    step = replace(step, calls=[replace(step.calls[0], lm=lm)])
    made = trace(lm=lm, meta={"source": source}, steps=[step], verdicts=[verdict])
    out = tmp_path_factory.mktemp("d") / "out"
    export([made], out=out, program=program, task=name)
    page = body(out / "README.md")
    headings = [token.content for before, token in pairwise(MARKDOWN.parse(page)) if before.type == "heading_open"]
    known = {"Rows", "Labels", "Lengths", "Difficulty", "Levels", "Teachers", "Verifiers", "Sources and licences"}
    assert set(headings[1:]) <= known | {"Cost", "Not emitted", "Make it again", "Files"}
    assert len(headings) == len(set(headings))
    for picture in (out / "card").glob("*.svg"):
        ET.parse(picture)
    assert (out / "README.md").read_text().encode()


def test_an_empty_dataset_has_a_card(export, tmp_path, program, trace):
    """With nothing but its reasons in it."""
    export([trace(passed=False)], out=tmp_path / "out", program=program, task="tickets")
    found = tables(body(tmp_path / "out" / "README.md"))
    assert [row[:2] for row in found["Not emitted"][1:]] == [["rejected", "1"]]
    assert "Labels" not in found


def test_weights_for_kto(export, tmp_path, program, trace):
    """As many good as bad rows count, within what TRL recommends."""
    traces = [trace(f"t{n}", passed=n < 4) for n in range(12)]
    export(traces, out=tmp_path / "out", program=program, format="trl-unpaired")
    rows = tables(body(tmp_path / "out" / "README.md"))["Weights for KTO"][1:]
    (good, n_good, _, more), (bad, n_bad, _, less) = rows
    assert (good, n_good, bad, n_bad) == ("good", "4", "bad", "8")
    assert 1 <= 4 * float(more) / (8 * float(less)) <= 4 / 3


def test_a_manifest_without_counts_still_has_a_card():
    """Those of an older limbeck have none."""
    manifest = {"rows_of": "sft", "task": "", "format": "openai", "prompt": "bare", "adapter": "chat", "seed": 0,
                "predictors": ["self"], "max_level": None, "read": 1, "combined": 0, "formed": 0, "rows": {"train": 1},
                "paths": {"train": "train.jsonl"}, "dropped": {}, "levels": {"4": 1}, "warnings": []}  # fmt: skip
    page = dataset_card(manifest)
    assert "# Dataset\n" in page
    assert set(pictures(manifest)) == {"card/levels.svg"}


def test_what_other_stages_found_is_shown():
    """Numbers of contamination and of personal data, as deep as they go."""
    manifest = {"rows_of": "sft", "task": "", "format": "openai", "prompt": "bare", "adapter": None, "seed": 0,
                "predictors": ["self"], "max_level": None, "read": 1, "combined": 0, "formed": 0, "rows": {"train": 1},
                "paths": {"train": "train.jsonl"}, "dropped": {}, "levels": {}, "warnings": ["a | b"],
                "contamination": {"contaminated": 3}, "privacy": {"masked": 2, "rows": {"email": 2}}}  # fmt: skip
    found = tables(dataset_card(manifest).split("\n---\n", 1)[1])
    assert found["Contamination"][1:] == [["contaminated", "3"]]
    assert found["Secrets and personal data"][1:] == [["masked", "2"], ["rows: email", "2"]]


def test_a_long_warning_is_whole(export, tmp_path, program, trace):
    """What is wrong stands at its end."""
    licence = "a licence of our own that allows whatever is allowed by nobody else, for as long as it is not forbidden"
    export([trace(meta={"licence": licence})], out=tmp_path / "out", program=program)
    assert f"- licence '{licence}' of 1 row is no known id; it is kept as it stands" in body(tmp_path / "out/README.md")


def test_numbers_fit_their_words(export, tmp_path, program, trace):
    """Thousands are told apart, and one input is one."""
    traces = [trace(attempt=n, passed=n == 0) for n in range(1001)]
    export(traces, out=tmp_path / "out", program=program)
    words = body(tmp_path / "out/README.md")
    assert "1,001 rows read = 1 emitted + 1,000 not emitted." in words
    assert "All have one input. All rows of one input are on one side." in words
    assert "Where the store is not `.limbeck/store.db`, name it with `--store`" in words
