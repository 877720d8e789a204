"""What goes into the store comes out as it was, at once and in a settled order."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.compiler.keep.query import PAGE
from limbeck.compiler.keep.store import Store
from limbeck.errors import StoreError
from limbeck.records import Call, Candidate, Example, Failure, Step, Trace, Usage, Verdict

valid_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
column_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | valid_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(valid_text, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(valid_text, values, max_size=3)
small = st.integers(0, 2**31 - 1)
calls = st.builds(
    Call,
    lm=valid_text,
    messages=st.lists(objects, max_size=2),
    completion=st.none() | valid_text,
    config=objects,
    tool_calls=st.lists(objects, max_size=1),
    input_tokens=st.none() | small,
    output_tokens=st.none() | small,
    error=st.none() | valid_text,
)
steps = st.builds(
    Step,
    predictor=st.none() | valid_text,
    inputs=objects,
    outputs=st.none() | objects,
    calls=st.lists(calls, max_size=2),
    error=st.none() | valid_text,
)
verdicts = st.builds(
    Verdict,
    verifier=column_text,
    passed=st.booleans(),
    score=st.none() | finite,
    feedback=column_text,
    evidence=objects,
    fingerprint=column_text,
    error=st.none() | column_text,
)
failures = st.builds(Failure, reason=st.sampled_from(["parse", "lm"]), message=valid_text, final=st.booleans())
traces = st.builds(
    Trace,
    id=st.uuids().map(lambda uuid: uuid.hex),
    task=column_text,
    example=st.builds(Example, inputs=objects, labels=objects, source=st.none() | column_text),
    candidate=column_text,
    lm=column_text,
    attempt=small,
    prediction=st.none() | objects,
    steps=st.lists(steps, max_size=2),
    verdicts=st.lists(verdicts, max_size=3),
    failure=st.none() | failures,
    usage=st.builds(Usage, small, small, small, small, st.none() | st.floats(0, 1e9)),
    origin=st.sampled_from(["rollout", "import"]),
    adapter=column_text,
    program=column_text,
    meta=objects,
)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batch=st.lists(traces, min_size=1, max_size=3, unique_by=lambda trace: trace.id))
def test_traces_come_back_exactly(store: Store, batch: list[Trace]) -> None:
    """Every field of every trace survives, whatever JSON it holds."""
    for item in batch:
        store.add(item, run="r")
    store.flush()
    found = store.get([item.id for item in batch])
    assert list(found.values()) == batch
    assert [item.example.source for item in found.values()] == [item.example.source for item in batch]
    assert [item.outcome for item in found.values()] == [item.outcome for item in batch]


def test_odd_values_cost_nothing(store: Store, trace) -> None:
    """Lone surrogates, NUL, huge integers, NaN and objects are written as near as can be; nothing is lost."""
    odd = {"text": "a\ud800\0", "n": 2**80, "object": object}
    example = Example(odd, odd, "\ud800.jsonl:1")
    verdict = Verdict("metric", passed=True, score=float("nan"), feedback="\0\udfff", evidence=odd)
    store.add(trace(1, example=example, prediction=odd, verdicts=[verdict], meta=odd), run="r")
    store.add(trace(2), run="r")
    store.flush()
    first, second = store.traces()
    assert first.prediction == {"text": "a\ufffd\0", "n": 2**80, "object": str(object)}
    assert first.verdicts[0].feedback == "\0\ufffd"
    assert first.verdicts[0].score is None
    assert second == trace(2)


def test_seen_before_it_is_committed(store: Store, trace) -> None:
    """A trace can be read as soon as it was added, full or light."""
    for number in range(3):
        store.add(trace(number), run="r")
        assert store.get([trace(number).id]) == {trace(number).id: trace(number)}
        assert store.get([trace(number).id], light=True)[trace(number).id].steps == []


def test_get_keeps_the_order_of_the_ids(store: Store, trace) -> None:
    """Traces come in the order of the ids, over several chunks, without unknown ones and each once."""
    added = [trace(number) for number in range(2 * PAGE + 5)]
    for item in added:
        store.add(item, run="r")
    store.flush()
    ids = [item.id for item in reversed(added)]
    assert list(store.get([*ids, "unknown", ids[0]])) == ids
    assert store.get([]) == {}


def test_ids_are_sorted_numbers(store: Store, trace) -> None:
    """The first 64 bits of each id, the highest included; ids that are no fingerprints are left out."""
    numbers = [2**64 - 1, 7, 2**63, 0, 12]
    for number in numbers:
        store.add(trace(id=f"{number:016x}{'0' * 16}"), run="r")
    store.add(trace(id="mine"), run="r")
    assert list(store.ids()) == sorted(numbers)


def test_light_leaves_out_the_steps_only(store: Store, trace) -> None:
    """A light trace equals the full one but for its steps."""
    store.add(trace(1), run="r")
    store.flush()
    assert store.get([trace(1).id], light=True)[trace(1).id] == replace(trace(1), steps=[])
    assert list(store.traces(light=True)) == [replace(trace(1), steps=[])]


def test_added_again_it_is_replaced(store: Store, trace) -> None:
    """A trace that is made again replaces the old one with all its verdicts, in one batch or in two."""
    store.add(trace(1, verdicts=trace(1).verdicts * 3), run="r")
    store.flush()
    store.add(trace(1, passed=False), run="r")
    store.add(trace(1, prediction={"team": "sales"}), run="s")
    assert list(store.traces()) == [trace(1, prediction={"team": "sales"})]
    assert store.count("run") == {"s": 1}


@pytest.mark.parametrize("committed", [True, False])
def test_judged_again(store: Store, trace, committed: bool) -> None:
    """New verdicts replace the old ones and change outcome and score, and nothing else."""
    store.add(trace(1), run="r")
    if committed:
        store.flush()
    verdicts = [
        Verdict("metric", passed=False, score=0.25, fingerprint="v2"),
        Verdict("check:a", passed=True),
    ]
    light = store.get([trace(1).id], light=True)[trace(1).id]
    store.judged(replace(light, verdicts=verdicts))
    assert store.get([trace(1).id])[trace(1).id] == trace(1, verdicts=verdicts)
    assert list(store.traces(outcome="rejected")) == [trace(1, verdicts=verdicts)]
    assert store.count("outcome") == {"rejected": 1}
    assert store.count("run") == {"r": 1}


def test_judged_before_it_is_added_again(store: Store, trace) -> None:
    """Of a judgment and a later trace, the trace stays."""
    store.add(trace(1), run="r")
    store.flush()
    store.judged(trace(1, passed=False))
    store.add(trace(1, lm="b"), run="r")
    assert list(store.traces()) == [trace(1, lm="b")]


def test_judging_an_unknown_trace_leaves_nothing(store: Store, trace) -> None:
    """Verdicts of a trace that is not stored do not show up when it is added later."""
    store.judged(trace(1, passed=False))
    assert list(store.traces()) == []
    store.add(trace(1), run="r")
    assert list(store.traces()) == [trace(1)]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [0, 1, 2, 3]),
        ({"task": "other"}, [2]),
        ({"run": "s"}, [3]),
        ({"outcome": "rejected"}, [1]),
        ({"lm": "b"}, [1]),
        ({"candidate": "c2"}, [2]),
        ({"origin": "import"}, [3]),
        ({"attempt": 1}, [0]),
        ({"attempt": 0, "outcome": "passed"}, [2, 3]),
        ({"task": "none"}, []),
        ({"limit": 2}, [0, 1]),
        ({"limit": 0}, []),
    ],
)
def test_filters(store: Store, trace, filters: dict[str, object], numbers: list[int]) -> None:
    """Filters select by equality and combine."""
    store.add(trace(0, attempt=1), run="r")
    store.add(trace(1, lm="b", passed=False), run="r")
    store.add(trace(2, task="other", candidate="c2"), run="r")
    store.add(trace(3, origin="import"), run="s")
    found = [int(item.id, 16) for item in store.traces(**filters)]
    assert found == numbers
    if "limit" not in filters:
        assert sum(store.count("outcome", **filters).values()) == len(numbers)


@pytest.mark.parametrize("order", ["id", "input", "added"])
def test_orders(store: Store, trace, order: str) -> None:
    """Traces stream over several pages in each order, each of them once."""
    count = 2 * PAGE + 3
    numbers = [number * 7919 % count for number in range(count)]
    for number in numbers:
        store.add(trace(number, example=Example({"text": number % 10})), run="r")
    streamed = list(store.traces(order=order))
    keys = {
        "id": lambda item: item.id,
        "input": lambda item: (item.example.input_id, item.id),
        "added": lambda item: numbers.index(int(item.id, 16)),
    }
    assert streamed == sorted(streamed, key=keys[order])
    assert {item.id for item in streamed} == {trace(number).id for number in numbers}
    assert len(streamed) == count
    assert len(list(store.traces(order=order, limit=PAGE + 1))) == PAGE + 1


def test_a_stream_ends_while_others_add(store: Store, trace) -> None:
    """A reader that adds a trace for each that it reads comes to an end, and sees the first ones once."""
    for number in range(PAGE + 10):
        store.add(trace(number), run="r")
    seen = []
    for item in store.traces(order="added"):
        seen.append(item.id)
        store.add(trace(10_000 + len(seen)), run="r")
    assert seen == [trace(number).id for number in range(PAGE + 10)]
    assert sum(store.count().values()) == 2 * (PAGE + 10)


def test_count(store: Store, trace) -> None:
    """Counts are by the value of a column; what has none counts as the empty string."""
    store.add(trace(0), run="r")
    store.add(trace(1, passed=False), run="r")
    store.add(trace(2, prediction=None, verdicts=[], failure=Failure("parse", "no fields")), run="r")
    assert store.count() == {"failed": 1, "passed": 1, "rejected": 1}
    assert store.count("reason") == {"": 2, "parse": 1}
    assert store.count("attempt") == {"0": 3}


def test_used(store: Store, trace) -> None:
    """Usage is added up over what matches; one price that is not known leaves the sum unknown."""
    assert store.used() == (0, Usage())
    for number in range(3):
        store.add(trace(number, usage=Usage(2, 1, 10, 5, 0.5)), run="r")
    store.add(trace(3, usage=Usage(1, 0, 1, 1, None), program="other"), run="r")
    assert store.used(program="other") == (1, Usage(1, 0, 1, 1, None))
    assert store.used() == (4, Usage(7, 3, 31, 16, None))
    assert store.used(attempt=0, program=trace(0).program) == (3, Usage(6, 3, 30, 15, 1.5))


def test_candidates(store: Store) -> None:
    """A candidate comes back with the same id, added once or twice."""
    candidate = Candidate({"classify": "Do it. ü"}, {"classify": ({"text": "a", "augmented": True},)})
    store.add_candidate(candidate, "tickets")
    store.add_candidate(candidate, "tickets")
    found = store.candidate(candidate.id)
    assert found == candidate
    assert found.id == candidate.id
    assert store.candidate("unknown") is None


def test_evaluations(store: Store) -> None:
    """An evaluation that is made again replaces the old one of the run, candidate and split."""
    store.add_evaluation("r", "c", "val", mean=0.5, n=10)
    store.add_evaluation("r", "c", "val", mean=0.6, n=20, low=0.5, high=0.7, detail={"passed": 12})
    store.add_evaluation("r", "c", "test", mean=None, n=0)
    test, val = store.evaluations(run="r")
    assert (test.split, test.mean, test.n, test.detail) == ("test", None, 0, {})
    assert (val.mean, val.n, val.low, val.high, val.detail) == (0.6, 20, 0.5, 0.7, {"passed": 12})
    assert store.evaluations(candidate="other") == []


def test_runs(store: Store) -> None:
    """A run is running until it is finished; the latest comes first."""
    first = store.start_run("tickets", "compile", {"seed": 0})
    second = store.start_run("tickets", "import", {})
    store.finish_run(first, "budget", {"passed": 3})
    last, before = store.runs()
    assert (last.id, last.status, last.finished, last.summary) == (second, "running", None, None)
    assert (before.id, before.status, before.args, before.summary) == (
        first,
        "budget",
        {"seed": 0},
        {"passed": 3},
    )
    assert before.started <= before.finished
    assert before.started.utcoffset().total_seconds() == 0
    assert [run.id for run in store.runs(command="compile")] == [first]
    assert len(store.runs(limit=1)) == 1


def test_notes(store: Store) -> None:
    """The ledger streams a run's entries in order over several pages, and counts them by reason."""
    for number in range(PAGE + 5):
        store.note("r", "bootstrap", str(number), "rejected" if number % 2 else "failed", "why")
    store.note("s", "export", "x", "duplicate")
    entries = list(store.ledger("r"))
    assert [entry.item for entry in entries] == [str(number) for number in range(PAGE + 5)]
    assert store.ledger_counts("r") == dict(sorted(Counter(entry.reason for entry in entries).items()))
    assert [(entry.stage, entry.detail) for entry in store.ledger("s")] == [("export", "")]
    assert list(store.ledger("none")) == []


def test_threads_add_and_read(store: Store, trace) -> None:
    """Threads that add and read at once lose nothing and see what they added."""
    unseen: list[int] = []

    def work(thread: int) -> None:
        for number in range(thread * 1000, thread * 1000 + 100):
            store.add(trace(number), run="r")
            if not store.get([trace(number).id], light=True):
                unseen.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unseen == []
    assert store.count() == {"passed": 600}


def test_nothing_waits_after_a_flush(store: Store, trace) -> None:
    """What is committed is no longer held in memory."""
    for number in range(20):
        store.add(trace(number % 7), run="r")
        store.judged(trace(number % 5, passed=False))
    store.flush()
    assert store._batches._unwritten == {}


def test_closing(tmp_path: Path, trace) -> None:
    """Closing commits, can be done twice, and ends all use."""
    store = Store.open(tmp_path / "s.db")
    store.add(trace(1), run="r")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.add(trace(2), run="r")
    with pytest.raises(StoreError, match="closed"):
        store.get([trace(1).id])
    with Store.open(tmp_path / "s.db") as again:
        assert list(again.traces()) == [trace(1)]


def test_a_program_that_forgets_to_close(tmp_path: Path) -> None:
    """What was added is committed when the interpreter ends."""
    code = (
        "from limbeck.compiler.keep.store import Store\n"
        "store = Store.open('s.db')\n"
        "for n in range(700): store.note('r', 'stage', str(n), 'reason')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    with Store.open(tmp_path / "s.db") as store:
        assert store.ledger_counts("r") == {"reason": 700}
