"""``steps``: labels of steps that land in the store, the best of N, and a sheet of what people should label next."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dspy
import orjson
import pytest
from pydantic import ValidationError

import limbeck
from limbeck.compiler.generate.registry import make_generator
from limbeck.compiler.generate.steps import Stepwise
from limbeck.compiler.generate.steps.rerank import Attempt, accuracy
from limbeck.errors import DataError, LimbeckError, OutputError, UsageError
from limbeck.records import Json, Trace
from limbeck.testing.scripted import Scripted, fields

Run = Callable[..., Any]
Stored = Callable[..., Any]

GOOD = "There are 3 boxes with 4 pens.\n3 x 4 = 12\nSo there are 12."
LONG = "4 + 4 = 8\n8 + 4 = 12\nSo there are 12."
WRONG = "There are 3 boxes with 4 pens.\n3 x 4 = 13\nSo there are 13."
MISREAD = "3 + 4 = 7\nSo there are 7."


def exact(gold: Any, said: Any) -> bool:
    return str(said.answer) == str(gold.gold)


def wrong(gold: Any, said: Any) -> bool:
    """Finds no answer right."""
    return False


def task(metric: Any = exact, **more: Any) -> limbeck.Task:
    return limbeck.Task(dspy.Predict("question -> reasoning, answer"), metric=metric, name="pens", **more)


def answer_of(reasoning: str) -> str:
    found = re.findall(r"\d+", reasoning)
    return found[-1] if found else "none"


@pytest.fixture
def stored(synth: Run, tmp_path: Path) -> Stored:
    """``stored({"q": [reasoning, ...]}, generator, ...)``: a synthesis from attempts that the store has."""

    def run(
        attempts: dict[str, Sequence[str]], generator: Stepwise, reply: Callable[[str], str] = lambda _: "", *,
        of: limbeck.Task | None = None, fresh: bool = True, **settings: Any,
    ) -> Any:  # fmt: skip
        made = of or task()
        if fresh:
            rows = [{"inputs": {"question": question}, "labels": {"gold": "12"}, "lm": "writer",
                     "outputs": {"reasoning": said, "answer": answer_of(said)}}
                    for question, several in attempts.items() for said in several]  # fmt: skip
            log = tmp_path / "log.jsonl"
            log.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
            limbeck.ingest(made, log, store=tmp_path / "store.db")
        return synth(generator, made, None, reply, **settings)

    return run


def made(ran: Any) -> list[Trace]:
    """What the method made, in the order of attempts."""
    return sorted((trace for trace in ran.traces if "synth" in trace.meta), key=lambda trace: trace.attempt)


def own(trace: Trace) -> Any:
    return next(verdict for verdict in trace.verdicts if verdict.born)


def rows(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]


def test_stored_attempts_become_rows_for_a_prm(stored: Stored, tmp_path: Path) -> None:
    """From labels by rule to TRL, PRM800K and Math-Shepherd; wrong ones land as refused, and are exported, too."""
    ran = stored({"q": [GOOD, WRONG]}, Stepwise())
    assert [(trace.outcome, own(trace).score) for trace in made(ran)] == [("passed", 1.0), ("rejected", 0.0)]
    out = {name: tmp_path / name for name in ("trl-stepwise", "prm800k", "math-shepherd")}
    for name, folder in out.items():
        limbeck.export(task(), folder, format=name, store=tmp_path / "store.db")
    trl = {tuple(row["completions"]): row["labels"] for row in rows(out["trl-stepwise"])}
    assert trl == {tuple(GOOD.splitlines()): [True] * 3, tuple(WRONG.splitlines()[:2]): [True, False]}
    prm = {tuple(step["completions"][0]["rating"] for step in row["label"]["steps"]): row["label"]["finish_reason"]
           for row in rows(out["prm800k"])}  # fmt: skip
    assert prm == {(0, 1, 0): "solution", (0, -1): "found_error"}
    assert sorted(row["label"][-1] for row in rows(out["math-shepherd"])) == ["+", "-"]


def test_the_neutral_policy_of_an_export_is_said(stored: Stored, tmp_path: Path) -> None:
    """With ``neutral=negative`` a neutral step is a wrong one for TRL; PRM800K keeps it apart."""
    stored({"q": [GOOD]}, Stepwise())
    limbeck.export(task(), tmp_path / "out", format="trl-stepwise", neutral="negative", store=tmp_path / "store.db")
    (row,) = rows(tmp_path / "out")
    assert row["labels"] == [False, True, False]


def test_reduction_and_policy_stand_beside_every_score(stored: Stored) -> None:
    """In the verdict's evidence, and in where the trace comes from."""
    (trace,) = made(stored({"q": [GOOD]}, Stepwise(reduction="mean", neutral="negative", min_score=0.3)))
    verdict = own(trace)
    said = {"by": "rule", "scorer": None, "reduction": "mean", "neutral": "negative"}
    assert said.items() <= verdict.evidence.items()
    assert said.items() <= trace.meta["synth"].items()
    assert verdict.score == pytest.approx(1 / 3)
    assert verdict.passed
    assert verdict.by == "rule"


def test_labels_tell_the_parent(stored: Stored) -> None:
    """The answer is that of the stored trace, steps included, and costs nothing again."""
    ran = stored({"q": [GOOD]}, Stepwise())
    (trace,) = made(ran)
    parent = next(trace for trace in ran.traces if "synth" not in trace.meta)
    assert trace.meta["synth"]["parent"] == parent.id
    assert (trace.prediction, trace.lm, trace.steps) == (parent.prediction, parent.lm, parent.steps)
    assert trace.usage.calls == trace.usage.hits == 0


def test_the_best_of_n_passes_and_the_others_do_not(synth: Run, tmp_path: Path) -> None:
    """So that pairs prefer it where nothing else judges; each has its score and rank."""
    said = iter([WRONG, GOOD, MISREAD])

    def reply(_: str) -> str:
        reasoning = next(said)
        return fields(reasoning=reasoning, answer=answer_of(reasoning))

    ran = synth(Stepwise(n=3, scorer="rule"), task(None), [{"question": "q"}], reply, concurrency=1)
    told = [(own(trace).evidence["rank"], own(trace).evidence["of"], own(trace).score) for trace in made(ran)]
    assert told == [(3, 3, 0.0), (1, 3, 1.0), (2, 3, 1.0)]
    assert [trace.outcome for trace in made(ran)] == ["rejected", "passed", "rejected"]
    limbeck.export(task(None), tmp_path / "out", format="trl-preference", store=tmp_path / "store.db")
    assert ["3 x 4 = 12" in row["chosen"][0]["content"] for row in rows(tmp_path / "out")] == [True, True]


def test_a_right_answer_is_no_bad_one_for_not_being_the_best(stored: Stored) -> None:
    """It is dropped, not refused, and so is one that says the same as the best."""
    ran = stored({"q": [GOOD, LONG, WRONG, GOOD]}, Stepwise(scorer="rule"))
    assert ran.result.eliminated == {"right, but not the best": 1, "the same as the best": 1}
    assert [(trace.attempt, trace.outcome) for trace in made(ran)] == [(0, "passed"), (2, "rejected")]


def test_the_chosen_one_still_has_to_be_right(stored: Stored) -> None:
    """What the task judges by has the last word."""
    ran = stored({"q": [WRONG, MISREAD]}, Stepwise(scorer="rule"))
    assert ran.result.kept == 0
    assert ran.result.rejected == {"synth:best": 1, "metric": 1}


def test_how_often_each_way_to_choose_is_right_is_told(stored: Stored) -> None:
    """One attempt, majority, best by score and oracle, and the best of N."""
    generator = Stepwise(scorer="rule", shuffles=50)
    ran = stored({"a": [MISREAD, WRONG, WRONG], "b": [WRONG, GOOD]}, generator)
    assert ran.result.notes["accuracy"] == {
        "one attempt": {"right": 0.25}, "majority": {"right": 0.0}, "best by score": {"right": 0.5},
        "oracle": {"right": 0.5},
    }  # fmt: skip
    assert ran.result.notes["counts"]["problems"] == 2
    assert ran.result.notes["best of N"]["2"]["exact"] == 0.5
    assert generator.notes == ran.result.notes


def test_the_majority_scores_by_votes(stored: Stored) -> None:
    """Answers that are the same number are one; labels come from whoever is named beside."""
    ran = stored(
        {"q": [MISREAD, GOOD, LONG]}, Stepwise(scorer="majority", normalize="number", by="rule"), of=task(wrong)
    )
    verdicts = [own(trace) for trace in made(ran)]
    assert [verdict.score for verdict in verdicts] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [verdict.passed for verdict in verdicts] == [False, True, False]
    assert "reduction" not in verdicts[0].evidence
    assert [step["label"] for step in verdicts[1].evidence["steps"]] == ["neutral", "positive", "neutral"]


def test_one_without_an_answer_has_no_vote(stored: Stored) -> None:
    """It is dropped, and says why."""
    ran = stored({"q": ["Nothing to count.", GOOD]}, Stepwise(scorer="majority", normalize="number"))
    assert ran.result.eliminated == {"no score": 1}
    assert [entry.detail for entry in ran.ledger] == ["there is no number in the answer to count"]


def judge(text: str) -> str:
    """Finds fault with 13, and with nothing else."""
    step = text.rpartition("[[ ## step ## ]]\n")[2].partition("\n")[0]
    return fields(reason="I did the sum again.", label="negative" if "13" in step else "positive")


def test_an_lm_labels_steps(stored: Stored) -> None:
    """The verdict is a model's, and names it."""
    ran = stored({"q": [GOOD, WRONG]}, Stepwise(by="judge"), judge)
    verdicts = [own(trace) for trace in made(ran)]
    assert [verdict.passed for verdict in verdicts] == [True, False]
    assert verdicts[0].by == "model"
    assert verdicts[0].evidence["lm"] == "scripted/lm"
    assert verdicts[0].usage is not None
    assert len(ran.asked) == 4  # both begin with the same step, which is asked for once
    assert made(ran)[0].meta["synth"]["lm"] == "scripted/lm"


def test_a_compiled_judge_is_asked_as_it_was_compiled(stored: Stored) -> None:
    """Its program holds all that is asked, and can be set."""
    generator = Stepwise(by="judge")
    generator.program.judge.signature = generator.program.judge.signature.with_instructions("Be stern.")
    ran = stored({"q": [GOOD]}, generator, judge)
    assert all("Be stern." in text for text in ran.asked)
    assert len(dict(generator.program.named_predictors())) == 2


def test_the_program_judges_a_step_and_rates_the_solution() -> None:
    """So ``limbeck compile`` has traces of both predictors."""
    lm = Scripted(lambda text, _: fields(reason="fine", label="neutral") if "next step" in text else
                  fields(reason="fine", score="4"))  # fmt: skip
    with dspy.context(lm=lm.lm, adapter=dspy.ChatAdapter()):
        said = Stepwise().program(question="q", steps_before="a", step="b")
    assert (said.label, said.score) == ("neutral", "4")


def rates(score: object, reason: str = "I checked every line of it.") -> Callable[[str], str]:
    return lambda _: fields(reason=reason, score=score)


def test_an_lm_rates_the_whole_answer(stored: Stored) -> None:
    """From 1 to 5, which is 0 to 1; no steps are labelled."""
    ran = stored({"q": [GOOD]}, Stepwise(scorer="answer", answer="reasoning"), rates(4))
    (verdict,) = [own(trace) for trace in made(ran)]
    assert verdict.score == 0.75
    assert "steps" not in verdict.evidence
    assert GOOD.splitlines()[1] in ran.asked[0]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (rates(""), "missing"), (rates(7), "off the scale"), (rates(3, ""), "reason is missing"),
        (rates("very good"), "no number"), (rates(3, "I cannot rate this."), "refused"),
        (rates(3, GOOD), "repeats"), (lambda _: fields(score=1) + fields(reason="x", score=5), "no judgment"),
        (lambda _: "I'm sorry, but I can't help with that.", "refused"), (lambda _: "", "no judgment"),
    ],
)  # fmt: skip
def test_what_is_no_rating_is_no_score(stored: Stored, reply: Callable[[str], str], why: str) -> None:
    """A refusal, an echo, a score that is missing, off the scale or there twice."""
    ran = stored({"q": [GOOD]}, Stepwise(scorer="answer", answer="reasoning", retries=0), reply)
    assert ran.result.eliminated == {"no score": 1}
    assert why in ran.ledger[0].detail


def test_steps_that_cannot_be_labelled_are_told(stored: Stored) -> None:
    """A judge that refuses costs this one attempt."""
    ran = stored({"q": [GOOD, WRONG]}, Stepwise(by="judge", retries=0),
                 lambda text: "I cannot help with that." if "13" in text else judge(text))  # fmt: skip
    assert ran.result.eliminated == {"the steps were not labelled": 1}
    assert ran.result.kept == 1


def test_rollouts_label_by_what_can_still_be_reached(stored: Stored) -> None:
    """The metric judges the completions."""
    ran = stored({"q": [GOOD]}, Stepwise(by="rollouts", rollouts=2),
                 lambda _: fields(remaining_steps="So 12.", answer="12"))  # fmt: skip
    assert [step["score"] for step in own(made(ran)[0]).evidence["steps"]] == [1.0, 1.0, 1.0]


def test_a_prm_chooses_by_the_product_of_its_chances(stored: Stored) -> None:
    """All its steps count, also those after a low one; labels end there."""
    chances = {GOOD: [0.9, 0.2, 0.9], WRONG: [0.9, 0.6, 0.5]}

    def prm(question: str, steps: list[str]) -> list[float]:
        return chances["\n".join(steps)]

    ran = stored({"q": [GOOD, WRONG]}, Stepwise(scorer="prm", prm=prm), of=task(wrong))
    verdicts = [own(trace) for trace in made(ran)]
    assert [verdict.score for verdict in verdicts] == pytest.approx([0.162, 0.27])
    assert [verdict.passed for verdict in verdicts] == [False, True]
    assert [step["score"] for step in verdicts[0].evidence["steps"]] == [0.9, 0.2]
    assert verdicts[0].evidence["lm"] == "prm"
    assert verdicts[0].by == "model"


def attempts(text: str) -> str:
    """An answer to each question, another one the second time that it is asked for."""
    return fields(reasoning=GOOD if "first" in text else WRONG, answer="12" if "first" in text else "13")


def test_new_attempts_are_made_and_paid_once(synth: Run) -> None:
    """As many at each seed as are wanted; begun again nothing is asked."""
    seeds = [{"question": "first", "gold": "12"}, {"question": "second", "gold": "12"}]
    ran = synth(Stepwise(n=3), task(), seeds, attempts)
    assert ran.result.asked == 6
    assert [trace.attempt for trace in made(ran)] == [0, 0, 1, 1, 2, 2]
    assert ran.result.kept == 3
    assert made(ran)[0].steps[0].calls
    again = synth(Stepwise(n=3), task(), seeds, attempts)
    assert not again.asked
    assert [trace.id for trace in again.traces] == [trace.id for trace in ran.traces]


def test_an_attempt_that_fails_costs_itself_alone(synth: Run) -> None:
    """It is counted, and the others are not held up."""
    seeds = [{"question": "first", "gold": "12"}, {"question": "second", "gold": "12"}]
    ran = synth(Stepwise(n=1), task(), seeds, lambda text: attempts(text) if "first" in text else "nothing of use")
    assert ran.result.eliminated == {"the attempt failed": 1}
    assert ran.result.kept == 1


def test_a_seed_that_is_there_twice_is_attempted_once(synth: Run) -> None:
    """Else the same traces would be counted twice, and stored once."""
    ran = synth(Stepwise(n=2), task(), [{"question": "first", "gold": "12"}] * 2, attempts)
    assert ran.result.eliminated == {"same row twice": 1}
    assert ran.result.generated == len(made(ran)) == 2


def test_more_attempts_than_are_looked_at_are_told(stored: Stored) -> None:
    """The first ones are."""
    ran = stored({"q": [GOOD, LONG, WRONG]}, Stepwise(most=2))
    assert ran.result.eliminated == {"over the most attempts": 1}
    assert ran.result.generated == 2


@pytest.mark.parametrize(("held_out", "problems"), [("drop", 1), ("count", 2)])
def test_held_out_rows_never_land(stored: Stored, held_out: Any, problems: int) -> None:
    """They are left alone, or counted in the accuracies where that is asked for."""
    of = task(test=[{"question": "b", "gold": "12"}])
    ran = stored({"a": [GOOD], "b": [GOOD]}, Stepwise(held_out=held_out), of=of)
    assert ran.result.eliminated == {"held out": 1}
    assert ran.result.notes["counts"]["problems"] == problems
    assert [trace.example.inputs["question"] for trace in made(ran)] == ["a"]


def test_other_verdicts_make_another_trace(stored: Stored) -> None:
    """Scored by something else, the same attempt does not keep its old verdict."""
    stored({"q": [GOOD, WRONG]}, Stepwise(scorer="rule"), of=task(wrong))
    ran = stored({}, Stepwise(scorer="majority"), of=task(wrong), fresh=False)
    assert ran.result.generated == 2
    assert len(made(ran)) == 4


@pytest.mark.parametrize("name", ["sheet.jsonl", "sheet.csv"])
def test_people_label_what_the_sheet_has(stored: Stored, tmp_path: Path, name: str) -> None:
    """The whole way: a sheet with the most convincing wrong one, filled in, read, and exported."""
    sheet = tmp_path / name
    stored({"q": [MISREAD, WRONG, GOOD]}, Stepwise(sheet=sheet, ask=1))
    found = _read(sheet)
    assert [found[0]["trace"] is not None, _value(found[0]["step_texts"])] == [True, MISREAD.splitlines()]
    _write(sheet, [{**found[0], "steps": "negative", "who": "ann"}])
    ran = stored({}, Stepwise(by="people", file=sheet), fresh=False)
    labelled = [own(trace) for trace in made(ran) if own(trace).by == "people"]
    assert [verdict.evidence["steps"][0]["label"] for verdict in labelled] == ["negative"]
    assert ran.result.eliminated == {"the steps were not labelled": 2}
    again = tmp_path / f"again-{name}"
    stored({}, Stepwise(sheet=again, file=sheet, ask=10), fresh=False)
    assert len(_read(again)) == 2  # people have had their say of the third


def test_a_sheet_of_new_attempts_knows_them_by_what_they_say(synth: Run, tmp_path: Path) -> None:
    """They are not in the store under an id of their own."""
    seeds, sheet = [{"question": "first", "gold": "12"}], tmp_path / "sheet.jsonl"
    synth(Stepwise(n=1, sheet=sheet), task(), seeds, attempts)
    (row,) = _read(sheet)
    assert row["trace"] is None
    _write(sheet, [{**row, "steps": ["neutral", "positive", "positive"]}])
    ran = synth(Stepwise(n=1, by="people", file=sheet), task(), seeds, attempts)
    assert {own(trace).by for trace in made(ran)} == {"rule", "people"}


@pytest.mark.parametrize(
    ("steps", "why"),
    [(["positive"], "1 labels for 3 steps"), (["positive"] * 4, "4 labels"), (None, "nobody"),
     (["positive", "neutral", "positive", "negative"], "4 labels")],
)  # fmt: skip
def test_labels_of_people_that_do_not_fit_are_told(stored: Stored, tmp_path: Path, steps: Any, why: str) -> None:
    """They may end early at a wrong step alone."""
    sheet = tmp_path / "sheet.jsonl"
    _write(sheet, [{"inputs": {"question": "q"}, "outputs": {"answer": "12"}, "passed": True, "steps": steps}])
    ran = stored({"q": [GOOD]}, Stepwise(by="people", file=sheet))
    assert ran.result.eliminated == {"the steps were not labelled": 1}
    assert why in ran.ledger[0].detail


def test_people_who_disagree_label_nothing(stored: Stored, tmp_path: Path) -> None:
    """Unless it is about what follows the first wrong step."""
    row = {"inputs": {"question": "q"}, "outputs": {"answer": "12"}, "passed": False}
    sheet = tmp_path / "sheet.jsonl"
    _write(
        sheet, [{**row, "who": "ann", "steps": ["negative", "positive"]}, {**row, "who": "bob", "steps": ["negative"]}]
    )
    assert stored({"q": [GOOD]}, Stepwise(by="people", file=sheet)).result.generated == 1
    _write(sheet, [{**row, "who": "ann", "steps": ["negative"]}, {**row, "who": "bob", "steps": ["positive"] * 3}])
    ran = stored({}, Stepwise(by="people", file=sheet), fresh=False)
    assert "disagree" in ran.ledger[0].detail


def _read(path: Path) -> list[Json]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, given: list[Json]) -> None:
    with path.open("w", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in given)
            return
        writer = csv.DictWriter(file, given[0])
        writer.writeheader()
        writer.writerows(given)


def _value(given: Any) -> Any:
    return json.loads(given) if isinstance(given, str) else given


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scorer": "prm"}, "no PRM"), ({"by": "prm"}, "no PRM"), ({"by": "people"}, "column or from a sheet"),
        ({"by": "people", "labels": "l", "file": "x.jsonl"}, "one of the two"), ({"sheet": "x.txt"}, "neither .jsonl"),
        ({"scorer": "prm", "prm": "nowhere.py:f"}, "no such file"), ({"n": 0}, "greater than"),
        ({"rules": "game24,poetry"}, "rules"), ({"scorer": "oracle"}, "scorer"), ({"depth": 1}, "no such option"),
        ({"by": "people", "file": "none.jsonl"}, "none.jsonl"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_told(options: Json, says: str, tmp_path: Path, monkeypatch: Any) -> None:
    """Before anything is paid for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        make_generator("steps", options)


def test_options_come_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As texts and numbers; files are looked for where the command runs."""
    monkeypatch.chdir(tmp_path)
    made: Any = make_generator("steps", {"n": 16, "scorer": "rule", "rules": "game24, arithmetic", "sheet": "a.csv"})
    assert (made.n, list(made.rules), made.sheet) == (16, ["game24", "arithmetic"], tmp_path / "a.csv")
    with pytest.raises(ValidationError):
        Stepwise(reduction="sum")  # type: ignore[arg-type]


def test_a_sheet_that_is_there_is_not_written_over(stored: Stored, tmp_path: Path) -> None:
    """What people wrote into it is not lost; and with --rows there might be none."""
    sheet = tmp_path / "sheet.jsonl"
    sheet.write_text("{}\n")
    with pytest.raises(OutputError, match="there already"):
        stored({"q": [GOOD]}, Stepwise(sheet=sheet))
    with pytest.raises(UsageError, match="--rows 1"):
        stored({}, Stepwise(sheet=tmp_path / "other.jsonl"), rows=1, fresh=False)


def test_an_output_that_is_not_there_is_told(stored: Stored) -> None:
    """Or no attempt would have a vote."""
    with pytest.raises(UsageError, match="no output 'total'"):
        stored({"q": [GOOD]}, Stepwise(scorer="majority", answer="total"))


def test_of_very_many_steps_no_lm_is_asked(stored: Stored) -> None:
    """The bound of the verifier holds here, too."""
    ran = stored({"q": ["a\n" * 101]}, Stepwise(by="judge"), judge)
    assert ran.result.eliminated == {"the steps were not labelled": 1}
    assert not ran.asked


def test_without_attempts_it_says_how_to_get_some(synth: Run) -> None:
    """An empty store is no success."""
    with pytest.raises(UsageError, match="no attempts") as failed:
        synth(Stepwise(), task(), None, attempts)
    assert "n=16" in str(failed.value.hint)
    with pytest.raises(DataError):
        synth(Stepwise(n=2), task(), [], attempts)


@pytest.mark.parametrize("text", ["", " \n ", "\x00", "é" * 10, "= = =\n\n=", "1 = 2 = 3", "x" * 50_000, "٣ x ٤ = ١٣"])
def test_whatever_stands_in_an_attempt_there_is_a_count_of_it(stored: Stored, text: str) -> None:
    """Asked is eliminated and generated, for labels and for choices."""
    for generator in (Stepwise(), Stepwise(scorer="rule")):
        try:
            ran = stored({"q": [text, GOOD]}, generator, of=task(wrong))
        except LimbeckError:
            continue
        result = ran.result
        assert result.asked == sum(result.eliminated.values()) + result.generated == 2


def recorded(data: Path) -> Iterator[list[Attempt]]:
    """Recorded attempts at Game of 24, by chain of thought; a solution with a wrong step scores 0."""
    problems: dict[str, list[Attempt]] = {}
    with gzip.open(data / "game24" / "outputs.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["mode"] == "cot":
                one = Attempt(float(row["first_bad_step"] is None), row["passed"], row["output"].rpartition("\n")[2])
                problems.setdefault(row["id"], []).append(one)
    yield from problems.values()


def test_recorded_rates_of_game_of_24(shared_data: Path) -> None:
    """One attempt and the oracle as the source of the data states them; the rest is in the benchmark."""
    told = accuracy(list(recorded(shared_data)), shuffles=10)
    right = {name: row["right"] for name, row in told["accuracy"].items()}
    assert (round(100 * right["one attempt"], 2), round(100 * right["oracle"], 1)) == (4.78, 53.3)
    assert right["one attempt"] < right["best by score"] < right["oracle"]
    assert told["counts"]["attempts"] == 6000
