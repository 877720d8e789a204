"""The driver of generators: what it verifies, keeps, drops and counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import dspy
import pytest

import limbeck
from limbeck.compiler.generate.base import Bench, Dropped, Made, Provenance, Written, born
from limbeck.compiler.keep.level import level_of
from limbeck.errors import BudgetReached, DataError, MetricError, TargetError, UsageError
from limbeck.records import Example, Trace
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted, fields

ROWS = [{"text": f"row {n}", "label": "odd" if n % 2 else "even"} for n in range(6)]

Make = Callable[[Example], Made | Dropped]


class Mapped:
    """A generator that makes one thing of each seed with a function."""

    name = "mapped"
    judges = False

    def __init__(self, make: Make, *, judges: bool = False) -> None:
        self.program = dspy.Predict("text -> other")
        self.judges = judges
        self._make = make

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """In the order of the seeds."""
        for seed in bench.seeds:
            yield self._make(seed)


def exact(gold: Any, said: Any) -> bool:
    """Whether the label is right."""
    return bool(gold.label == said.label)


def shout(seed: Example) -> Made:
    """The seed in capitals, for the program to answer."""
    return Made(Example({"text": seed.inputs["text"].upper()}, seed.labels), Provenance("shout", seed.id))


def written(seed: Example, *, passed: bool = True, origin: Any = "synth", lm: str = "writer/lm") -> Made:
    """The seed with an answer that is right, and what its author thinks of it."""
    said = born("mine", passed=passed, score=0.9, by="model", evidence={"lm": "other/judge"})
    return Made(seed, Provenance("write", seed.id), Written({"label": seed.labels["label"]}, lm, origin),
                verdicts=[said], new=False)  # fmt: skip


@pytest.fixture
def lm() -> Scripted:
    """Says always ``even``."""
    return Scripted(lambda *_: fields(label="even"))


@pytest.fixture
def task() -> Task:
    """Even or odd."""
    return Task(dspy.Predict("text -> label"), metric=exact, name="numbers")


@pytest.fixture
def run(tmp_path: Path, lm: Scripted, task: Task) -> Callable[..., Any]:
    """Synthesize in a folder of its own."""

    def work(make: Make, *, judges: bool = False, **settings: Any) -> Any:
        given = {"data": ROWS, "lm": lm.lm, "store": tmp_path / "store.db", **settings}
        return limbeck.synthesize(given.pop("target", task), Mapped(make, judges=judges), **given)

    return work


def traces(folder: Path) -> list[Trace]:
    """What the store has."""
    with limbeck.open_store(folder / "store.db") as store:
        return list(store.traces(order="input"))


def test_what_passes_is_kept_and_the_rest_is_counted(run: Any, tmp_path: Path) -> None:
    """Half of the labels are right; all of them are in the store with where they come from."""
    result = run(shout)
    assert (result.asked, result.generated, result.kept, result.rejected) == (6, 6, 3, {"metric": 3})
    found = traces(tmp_path)
    assert len(found) == 6
    assert {t.meta["synth"]["operation"] for t in found} == {"shout"}
    assert {t.meta["source"] for t in found} == {"synth/mapped"}


def test_an_input_that_is_known_is_not_made_again(run: Any) -> None:
    """Neither that of a seed, nor one that was made before."""
    result = run(lambda seed: Made(Example({"text": "row 1"}), Provenance("copy", seed.id)))
    assert result.eliminated == {"input known already": 6}
    result = run(lambda seed: Made(Example({"text": "new"}, seed.labels), Provenance("copy", seed.id)))
    assert (result.generated, result.eliminated) == (1, {"input known already": 5})


def test_what_is_held_out_is_never_made(run: Any) -> None:
    """A test row of the task is no example to learn from, wherever it comes from."""
    test = [{"text": "ROW 1", "label": "odd"}]
    held = Task(dspy.Predict("text -> label"), metric=exact, name="numbers", train=ROWS, test=test)
    result = run(shout, target=held, data=None)
    assert result.eliminated == {"input known already": 1}


def test_it_ends_when_there_are_enough(run: Any, tmp_path: Path) -> None:
    """So many rows as were wanted are kept, in the order in which they were made."""
    result = run(shout, rows=2, out=tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert result.kept == 2
    assert rows == [{"text": "ROW 0", "label": "even"}, {"text": "ROW 2", "label": "even"}]


def test_rows_without_labels_are_written_with_the_verified_answer(run: Any, tmp_path: Path, task: Task) -> None:
    """The answer that was verified is the label to learn from."""
    judged = Task(task.program, metric=lambda gold, said: True, name="numbers")
    run(lambda seed: Made(Example({"text": "new " + seed.inputs["text"]}), Provenance("new", seed.id)),
        target=judged, rows=1, out=tmp_path / "rows.jsonl")  # fmt: skip
    assert json.loads((tmp_path / "rows.jsonl").read_text()) == {"text": "new row 0", "label": "even"}


def test_a_metric_that_needs_labels_is_told_from_the_rows_that_have_none(run: Any) -> None:
    """The error says what else could judge."""
    with pytest.raises(MetricError) as error:
        run(lambda seed: Made(Example({"text": "new " + seed.inputs["text"]}), Provenance("new", seed.id)))
    assert "--verifier agree" in str(error.value)


def test_a_run_that_was_cut_goes_on_where_it_was(run: Any, lm: Scripted) -> None:
    """What was reached is kept, and nothing is asked twice."""
    with pytest.raises(BudgetReached):
        run(shout, budget="2calls", concurrency=1)
    assert len(lm.asked) == 2
    assert run(shout).generated == 6
    assert len(lm.asked) == 6


def test_written_answers_are_judged_and_no_lm_is_asked(run: Any, lm: Scripted, tmp_path: Path) -> None:
    """The metric judges what a generator wrote, and the generator's own verdict stands before it."""
    result = run(written)
    assert (result.kept, lm.asked) == (6, [])
    told = [[v.verifier for v in t.verdicts] for t in traces(tmp_path)]
    assert told == [["synth:mine", "check:fields", "metric"]] * 6


def test_a_refusal_of_the_method_is_for_ever(run: Any, tmp_path: Path, task: Task) -> None:
    """It is kept as rejected, asks nobody else, and judging again does not lift it."""
    assert run(lambda seed: written(seed, passed=False)).rejected == {"synth:mine": 6}
    again = limbeck.verify(task, store=tmp_path / "store.db")
    assert (again.judged, again.outcomes) == (0, {"rejected": 6})


def test_judging_again_leaves_the_verdict_of_the_method(run: Any, tmp_path: Path, task: Task) -> None:
    """Another metric judges anew; what the method said stays."""
    run(written)
    other = Task(task.program, metric=lambda gold, said: said.label == "even", name="numbers")
    assert limbeck.verify(other, store=tmp_path / "store.db").judged == 6
    verdicts = [t.verdicts for t in traces(tmp_path)]
    assert all(v[0].verifier == "synth:mine" and v[0].passed for v in verdicts)
    assert sum(v[2].passed for v in verdicts) == 3


def test_a_method_that_judges_needs_no_metric(run: Any, task: Task, tmp_path: Path) -> None:
    """Its own verdict decides."""
    bare = Task(task.program, name="numbers")
    assert run(written, target=bare, judges=True).kept == 6
    with pytest.raises(MetricError):
        run(written, target=bare)


def test_levels_tell_who_wrote(run: Any, tmp_path: Path) -> None:
    """What an LM wrote is 4 where another judged it; what a person wrote and an LM changed is 2."""
    run(written)
    run(lambda seed: written(seed, origin="written", lm="cleaner/lm"))
    assert sorted(level_of(t).number or 0 for t in traces(tmp_path)) == [2] * 6 + [4] * 6


def test_whole_answers_need_a_program_of_one_predictor(run: Any) -> None:
    """A program of two is refused with their names."""

    class Two(dspy.Module):  # type: ignore[misc]  # dspy is untyped
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = dspy.Predict("text -> note"), dspy.Predict("note -> label")

        def forward(self, text: str) -> Any:
            return self.second(note=self.first(text=text).note)

    two = Task(Two(), metric=exact, name="two", inputs=["text"])
    with pytest.raises(TargetError, match="first, second"):
        run(written, target=two)


def test_nothing_to_start_from_is_told(run: Any, task: Task) -> None:
    """Without data there is nothing to make something of."""
    with pytest.raises(DataError, match="nothing to start from"):
        run(shout, data=None)


@pytest.mark.parametrize(("method", "set_", "says"), [
    ("evolv", {}, "Did you mean evolve"),
    ("quux", {}, "There are "),
    ("evolve", {"epoch": 2}, "epochs"),
    ("evolve", {"epochs": 0}, "--set epochs=0"),
])  # fmt: skip
def test_a_wrong_method_or_option_is_told(task: Task, method: str, set_: dict[str, Any], says: str) -> None:
    """Before anything is opened, with what there is."""
    with pytest.raises(UsageError) as error:
        limbeck.synthesize(task, method, data=ROWS, set=set_)
    assert says in str(error.value)


def test_labels_are_counted_before_and_after(run: Any) -> None:
    """So that it is seen what a synthesis does to their distribution."""
    assert run(shout).labels == {"label": {"even": (3, 6), "odd": (3, 3)}}


def test_a_judged_result_is_json(run: Any) -> None:
    """All of it, with the cost of a row that was kept."""
    value = json.loads(json.dumps(run(shout).as_json()))
    assert value["cost_per_kept_row"]["calls"] == 2.0


class Choosy(Mapped):
    """Lets the program try twice at each seed, and yields the second attempt, or an answer of its own."""

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """The first attempt is never yielded; the second one at some."""
        for n, seed in enumerate(bench.seeds):
            tried = [Made(seed, Provenance("try", seed.id), attempt=at, new=False) for at in range(2)]
            for made in [*tried, tried[0]]:
                await bench.verify(made)
            yield tried[1] if n % 2 else written(seed)


def test_attempts_that_a_method_only_looked_at_count(lm: Scripted, task: Task, tmp_path: Path) -> None:
    """Each once, yielded or not, also in a run that finds all of it paid."""
    for _ in range(2):
        told = limbeck.synthesize(task, Choosy(shout), data=ROWS, lm=lm.lm, store=tmp_path / "store.db")
        assert told.needed["calls"] == 12 == len(lm.asked)


def test_a_class_that_does_not_say_what_it_is_is_told(task: Task, tmp_path: Path) -> None:
    """A method of one's own needs a name, and to say whether it judges."""
    (tmp_path / "own.py").write_text("class Own:\n    name = 'own'\n\n    async def generate(self, bench): ...\n")
    with pytest.raises(UsageError, match="does not say judges = True or False"):
        limbeck.synthesize(task, f"{tmp_path / 'own.py'}:Own", data=ROWS)
