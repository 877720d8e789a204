"""Who wrote a row of a log, and what follows from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import limbeck
from limbeck.compiler.keep.level import level_of
from limbeck.errors import DataError, UsageError
from limbeck.records import Trace

ROW = {"inputs": {"q": "2+2"}, "outputs": {"a": "4"}}


def imported(folder: Path, *rows: Any, **given: Any) -> list[Trace]:
    """The traces of a log."""
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = limbeck.Task(program=dspy.Predict("q -> a"), metric=lambda example, pred: True, name="t")
    limbeck.ingest(task, folder / "log.jsonl", store=folder / "s.db", **given)
    with limbeck.open_store(folder / "s.db") as store:
        return list(store.traces(order="added"))


@pytest.mark.parametrize(
    ("who", "origin", "lm", "level"),
    [
        ({}, "import", "unknown", 4),
        ({"lm": "m"}, "import", "m", 4),
        ({"person": "ann"}, "written", "", 2),
        ({"person": "ann", "lm": "m"}, "written", "m", 2),
        ({"person": None, "lm": "m"}, "import", "m", 4),
    ],
    ids=["nobody", "an LM", "a person", "a person and an LM", "an LM and no person"],
)
def test_who_wrote_a_row(tmp_path: Path, who: Any, origin: str, lm: str, level: int) -> None:
    """A person, where the row says so, who is kept with the trace; otherwise an LM, known or not."""
    (trace,) = imported(tmp_path, {**ROW, **who, "meta": {"person": "bob", "row": 7}})
    assert (trace.origin, trace.lm, level_of(trace).number) == (origin, lm, level)
    assert trace.meta == {"person": who.get("person") or "bob", "row": 7}


def test_the_same_answer_of_two_people_is_two_traces(tmp_path: Path) -> None:
    """Even where the log numbers its rows."""
    rows = [{**ROW, "attempt": 0, "person": who} for who in ("ann", "bob", "bob")]
    assert [trace.meta["person"] for trace in imported(tmp_path, *rows)] == ["ann", "bob"]


@pytest.mark.parametrize("person", [7, True, " ", ["ann"]])
def test_a_person_has_a_name(tmp_path: Path, person: Any) -> None:
    """What is no name is told with its line."""
    with pytest.raises(DataError, match=r"log.jsonl:1: the row has the person"):
        imported(tmp_path, {**ROW, "person": person})


FACTS = st.dictionaries(
    st.sampled_from(["level", "origin", "person", "by", "people", "x"]), st.sampled_from([1, "1", "written", "people"])
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(meta=FACTS, labels=FACTS)
def test_no_column_and_no_meta_key_says_that_a_person_wrote_it(
    tmp_path_factory: pytest.TempPathFactory, meta: Any, labels: Any
) -> None:
    """A model's log stays one, whatever its columns are called."""
    (trace,) = imported(tmp_path_factory.mktemp("log"), {**ROW, "lm": "m", "meta": meta, "labels": labels})
    assert (trace.origin, level_of(trace).number) == ("import", 4)


def test_source_and_licence_of_a_log_are_kept_with_each_trace(tmp_path: Path) -> None:
    """What a row says of itself goes before, whichever way it spells the licence."""
    rows = [
        ROW,
        {**ROW, "attempt": 1, "meta": {"row": 7}},
        {**ROW, "attempt": 2, "meta": {"license": "mit", "source": "other"}},
        {**ROW, "attempt": 3, "meta": {"licence": "mit"}, "person": "ann"},
    ]
    said = {"source": "crm", "licence": "cc-by-4.0"}
    assert [trace.meta for trace in imported(tmp_path, *rows, **said)] == [
        said,
        {"row": 7, **said},
        {"license": "mit", "source": "other"},
        {"licence": "mit", "person": "ann", "source": "crm"},
    ]


@pytest.mark.parametrize("name", ["source", "licence"])
def test_a_blank_source_or_licence_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is imported."""
    with pytest.raises(UsageError, match=f"The {name} of the rows is ' '"):
        imported(tmp_path, ROW, **{name: " "})
    assert not (tmp_path / "s.db").exists()


def test_the_licence_of_a_log_is_no_part_of_its_traces_identity(tmp_path: Path) -> None:
    """Importing again with one adds nothing."""
    before = imported(tmp_path, ROW)
    assert [trace.id for trace in imported(tmp_path, ROW, licence="mit")] == [trace.id for trace in before]
