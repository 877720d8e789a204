"""The autonomous loop: what it keeps, when it goes on, what it never does."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck import verifiers
from limbeck.compiler.generate.improve import Improve
from limbeck.compiler.generate.improve.pool import Pool, Setting, number
from limbeck.compiler.generate.improve.rewards import Crediting, reward_of
from limbeck.compiler.generate.registry import make_generator
from limbeck.compiler.keep.level import level_of
from limbeck.compiler.yields import Synthesized
from limbeck.errors import LimbeckError, UsageError
from limbeck.records import METRIC, Candidate, Example, Failure, Json, Trace, Verdict
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted, fields

_CASE = Path(__file__).with_name("cases") / "improve.py"
_SPEC = importlib.util.spec_from_file_location("improve_case", _CASE)
assert _SPEC is not None
assert _SPEC.loader is not None
parity = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(parity)

Answer = Callable[[str, int], str]


@dataclass
class Loop:
    """What came of a run."""

    result: Synthesized
    asked: list[str]
    traces: list[Trace]
    ledger: list[tuple[str, str]]

    @property
    def notes(self) -> Json:
        """What the method tells."""
        return self.result.notes

    @property
    def made(self) -> list[Trace]:
        """Rollouts of the loop, without those on held-out rows."""
        return [trace for trace in self.traces if "synth" in trace.meta]


def run(
    folder: Path, method: Improve, task: Task, seeds: Sequence[Json] | None, answer: Answer, **settings: Any
) -> Loop:
    """Run the loop with an LM that is a function of the text and of how often it was asked that."""
    asked = Counter[str]()

    def reply(text: str, _: int) -> str:
        asked[text] += 1
        return answer(text, asked[text] - 1)

    lm, store = Scripted(reply), folder / "store.db"
    result = limbeck.synthesize(task, method, data=seeds, lm=lm.lm, store=store, concurrency=1, **settings)
    with limbeck.open_store(store) as kept:
        ledger = [(entry.item, entry.reason) for entry in kept.ledger(result.run)]
        return Loop(result, lm.asked, list(kept.traces(order="input")), ledger)


def know(text: str, _: int) -> str:
    """The LM of the conformance case."""
    return str(parity.reply(text))


SEEDS = parity.rows(0, 6)


def test_it_goes_on_while_a_gain_is_proven(tmp_path: Path) -> None:
    """The first round is proven on the held-out rows and adopted, the second is not, and ends it."""
    loop = run(tmp_path, Improve(rounds=3, attempts=2, demos=4), parity.task(), SEEDS, know)
    first, second = loop.notes["rounds"].values()
    assert (first["after"], first["gain"], first["proven"]) == (1.0, 0.6667, True)
    assert (first["rollouts"], first["kept"], first["reward"]) == (12, 4, 0.3333)
    assert (second["gain"], second["kept"], second["proven"]) == (0.0, 12, False)
    assert [about["before"] for about in loop.notes["programs"].values()] == [0.3333, 1.0]
    assert [about["inputs"] for about in loop.notes["programs"].values()] == [2, 6]
    assert loop.notes["ended"] == "round 2 proved no gain"
    assert loop.notes["held-out score"].startswith("1 [")
    assert loop.notes["candidate"] == loop.notes["programs"]["1"]["candidate"]
    with limbeck.open_store(tmp_path / "store.db") as store:
        kept = store.candidate(loop.notes["candidate"])
        held_out = {e.candidate: e.mean for e in store.evaluations() if e.split == "val"}
    assert kept is not None
    assert [len(demos) for demos in kept.demos.values()] == [2]
    assert held_out[kept.id] == 1.0


def test_failures_are_kept_with_their_rewards(tmp_path: Path) -> None:
    """Every attempt is in the store, with its round, its parent and its score."""
    loop = run(tmp_path, Improve(rounds=1, attempts=2), parity.task(), SEEDS, know)
    assert Counter(trace.outcome for trace in loop.made) == {"passed": 4, "rejected": 8}
    assert {reward_of(trace) for trace in loop.made} == {0.0, 1.0}
    assert {trace.meta["synth"]["parent"] for trace in loop.made} == {trace.example.id for trace in loop.made}
    assert {trace.meta["synth"]["round"] for trace in loop.made} == {1}


def test_a_seed_never_sees_itself(tmp_path: Path) -> None:
    """Demos of an input are left out of its own prompt, which has the others still."""
    loop = run(tmp_path, Improve(rounds=2, attempts=2), parity.task(), SEEDS, know)
    seen = []
    for text in loop.asked:
        shown = re.findall(r"word (\d+) of many", text)
        if int(shown[-1]) < 100 and len(shown) > 1:
            assert shown[-1] not in shown[:-1]
            seen.append(int(shown[-1]))
    assert set(seen) == set(range(6))


def test_held_out_rows_and_twins_are_no_seeds(tmp_path: Path) -> None:
    """Rows to choose or to prove by are never rolled out as seeds, and an input counts once."""
    task = replace(parity.task(), test=parity.rows(200, 204))
    seeds = [*SEEDS, SEEDS[0], *parity.rows(100, 101), *parity.rows(200, 201)]
    loop = run(tmp_path, Improve(rounds=1, attempts=1), task, seeds, know)
    assert loop.result.eliminated == {"held out": 2, "input of an earlier seed": 1}
    assert not any("word 20" in text for text in loop.asked)
    assert Counter(reason for _, reason in loop.ledger) == loop.result.eliminated


def test_seeds_are_drawn_apart_from_what_proves(tmp_path: Path) -> None:
    """A task that has but ``data`` gives training rows, rows to choose by and rows that nobody touches."""
    task = Task(parity.task().program, metric=parity.task().metric, data=parity.rows(0, 40), name="parity")
    loop = run(tmp_path, Improve(rounds=1, attempts=1), task, None, know)
    held_out = {t.example.input_id for t in loop.traces} - {t.example.input_id for t in loop.made}
    assert (len(held_out), len({t.example.input_id for t in loop.made})) == (8, 20)


@pytest.mark.parametrize(("answer", "why"), [("maybe", "nothing was kept"), ("", "nothing was kept")])
def test_nothing_kept_ends_it(tmp_path: Path, answer: str, why: str) -> None:
    """There is nothing to make the program better of."""
    loop = run(tmp_path, Improve(attempts=2), parity.task(), SEEDS, lambda *_: fields(label=answer))
    assert (loop.notes["ended"], list(loop.notes["rounds"])) == (why, ["1"])


def test_the_same_program_again_ends_it(tmp_path: Path) -> None:
    """Without demos and without new words there is nothing to try."""
    loop = run(tmp_path, Improve(demos=0), parity.task(), SEEDS, know)
    assert loop.notes["ended"] == "what was kept made the same program"


@pytest.mark.parametrize("val", [None, parity.rows(100, 104)])
def test_without_rows_to_prove_by_it_does_not_begin(tmp_path: Path, val: Any) -> None:
    """It says what to give."""
    with pytest.raises(UsageError, match="improve needs rows to prove a gain by"):
        run(tmp_path, Improve(), replace(parity.task(), val=val), SEEDS, know)


def test_many_looks_need_more_to_prove(tmp_path: Path) -> None:
    """The confidence is shared out among the rounds, so the interval of each is wider where there may be more."""

    def width(rounds: int) -> float:
        (tmp_path / str(rounds)).mkdir()
        loop = run(tmp_path / str(rounds), Improve(rounds=rounds, attempts=1), parity.task(), SEEDS, know)
        first = loop.notes["rounds"]["1"]
        return float(first["high"] - first["low"])

    assert width(1) < width(20)


@pytest.mark.parametrize(
    ("said", "used"),
    [(fields(better=" Even or odd? "), True), (fields(better=""), False), ("I'm sorry, but I can't.", False),
     (fields(better="I'm sorry, but I can't help with that."), False), (fields(better="so on " * 2_000), False),
     (fields(better="x") + fields(better="y"), False)],
    ids=["words", "nothing", "refusal", "polite refusal", "too long", "two answers"],
)  # fmt: skip
def test_instructions_are_written_anew(tmp_path: Path, said: str, used: bool) -> None:
    """Out of kept and refused attempts; what is no instruction changes nothing, and the demos are still tried."""

    def answer(text: str, n: int) -> str:
        return said if "Improve the instructions" in text else know(text, n)

    loop = run(tmp_path, Improve(rounds=1, attempts=1, instruct=True), parity.task(), SEEDS, answer)
    with limbeck.open_store(tmp_path / "store.db") as store:
        candidate = store.candidate(loop.notes["candidate"])
    assert candidate is not None
    assert list(candidate.instructions.values()) == ["Even or odd?" if used else "Is it even?"]
    asked = next(text for text in loop.asked if "Improve the instructions" in text)
    assert asked.count("reward: 1") == 2
    assert asked.count("reward: 0") == 4


def test_the_program_is_saved_for_dspy(tmp_path: Path) -> None:
    """Its state is there whole, without an LM, and again after another run."""
    for _ in range(2):
        run(tmp_path, Improve(rounds=1, save=tmp_path / "new" / "best.json"), parity.task(), SEEDS, know)
        program = dspy.Predict("text -> label")
        program.load(tmp_path / "new" / "best.json")
        assert [demo["label"] for demo in program.demos] == ["even", "odd"]
        assert program.lm is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["best.json"]


TRAIN = """
import sys, pathlib
dataset, out = map(pathlib.Path, sys.argv[1:3])
log = pathlib.Path(__file__).with_name("log")
log.write_text((log.read_text() if log.exists() else "") + dataset.read_text() + "--\\n")
print("loss 0.1")
print("embedded/analogy")
"""


def trainer(folder: Path, code: str = TRAIN, **options: Any) -> Improve:
    """The loop with a trainer."""
    (folder / "train.py").write_text(code)
    command = f"{sys.executable} '{folder / 'train.py'}' {{dataset}} {{out}}"
    return Improve(rounds=1, attempts=2, trainer=command, models=folder / "models", **options)


def test_a_trainer_gets_what_was_kept(tmp_path: Path) -> None:
    """In a prompt without demos; the LM that it names is measured, and a run again does not train again."""
    folder = tmp_path / "with a space"
    folder.mkdir()
    for _ in range(2):
        loop = run(folder, trainer(folder), parity.task(), SEEDS, know)
        assert loop.notes["programs"]["1"]["lm"] == "embedded/analogy"
        assert {t.lm for t in loop.traces if "synth" not in t.meta} == {"scripted/lm", "embedded/analogy"}
    *rows, end = (folder / "log").read_text().splitlines()
    assert end == "--"
    last = [json.loads(row)["messages"][-1]["content"] for row in rows]
    assert sorted(text.strip() for text in last) == [fields(label="even"), fields(label="odd")]
    assert [len(json.loads(row)["messages"]) for row in rows] == [3, 3]


def test_a_trained_lm_rolls_out_the_next_round(tmp_path: Path) -> None:
    """Once it is adopted, attempts are its own."""

    def things(start: int, count: int) -> list[Json]:
        names = [("sweet fruit", "fruit"), ("green vegetable", "vegetable")]
        return [{"text": f"{names[n % 2][0]} {n}", "label": names[n % 2][1]} for n in range(start, start + count)]

    def answer(text: str, _: int) -> str:
        kind, number = re.findall(r"(fruit|vegetable) (\d+)", text)[-1]
        return fields(label="stone" if int(number) >= 100 else kind)

    program = dspy.Predict("text -> label: Literal['fruit', 'vegetable', 'stone']")
    task = replace(parity.task(), program=program, val=things(100, 10))
    loop = run(tmp_path, replace(trainer(tmp_path), rounds=2), task, things(0, 6), answer)
    assert loop.notes["rounds"]["1"]["proven"]
    assert {t.lm for t in loop.made if t.meta["synth"]["round"] == 2} == {"embedded/analogy"}
    assert {t.meta["synth"]["lm"] for t in loop.made} == {"scripted/lm", "embedded/analogy"}


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        ("import sys; print('step 1'); sys.exit('no GPU here')", {}, "(?s)ended with 1.*step 1.*no GPU here"),
        ("print('done at last')", {}, "'done at last' last"),
        ("", {}, "printed 'nothing' last"),
        ("import time; time.sleep(60)", {"trainer_seconds": 0.3}, "did not end within 0.3 s"),
    ],
    ids=["fails", "talks", "silent", "hangs"],
)
def test_a_trainer_that_fails_is_told(tmp_path: Path, code: str, options: Json, said: str) -> None:
    """With what it printed."""
    with pytest.raises(LimbeckError, match=said):
        run(tmp_path, trainer(tmp_path, code, **options), parity.task(), SEEDS, know)


def test_the_lm_is_named_by_a_template(tmp_path: Path) -> None:
    """Where the command does not print it; here there is no such provider, and the user is told its name."""
    method = trainer(tmp_path, lm_after="nowhere/{round}{out}")
    with pytest.raises(LimbeckError, match=f"nowhere/1{re.escape(str(tmp_path))}/models/[0-9a-f]{{32}}"):
        run(tmp_path, method, parity.task(), SEEDS, know)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trainer": "python train.py"}, "is not given the {dataset}"),
        ({"trainer": "python 'x {dataset}"}, "is no command line"),
        ({"lm_after": "a/b"}, "without a trainer"),
        ({"trainer": "x {dataset}", "format": "trl-preference"}, "no rows of kind 'sft'"),
        ({"rounds": 0}, "rounds=0"), ({"attempts": 0}, "attempts=0"), ({"confidence": 1}, "confidence=1"),
        ({"steps": "words"}, "steps=words"), ({"surely": 1}, "surely"),
    ],
)  # fmt: skip
def test_options_are_checked(options: Json, said: str) -> None:
    """Before anything runs."""
    with pytest.raises(UsageError, match=said):
        make_generator("improve", options)


def test_a_trainer_that_is_not_there() -> None:
    """It is said before anything is paid for."""
    with pytest.raises(UsageError, match="'no-such-program' cannot be started"):
        Improve(trainer="no-such-program {dataset}")


def test_a_trainer_that_cannot_be_started(tmp_path: Path) -> None:
    """What turns out only then is said, too."""
    script = tmp_path / "train"
    script.write_text("#!/no/such/interpreter")
    script.chmod(0o755)
    with pytest.raises(UsageError, match="cannot be started: No such file"):
        run(tmp_path, Improve(trainer=f"{script} {{dataset}}", models=tmp_path), parity.task(), SEEDS, know)


# An environment, steps and their credit


class Climb:
    """Two steps up earn one; a step down ends it."""

    def reset(self, example: Any) -> str:
        """At the bottom."""
        self.at = 0
        return example.hill

    def step(self, action: Any) -> tuple[int, float, bool]:
        """Up or down."""
        self.at += 1 if action == "up" else -1
        return self.at, 0.5 if action == "up" else 0.0, self.at < 0


WAYS = ["up\nup", "up\ndown", "down\nup", "up\nup\ndown"]


def climb(**given: Any) -> Task:
    """Climb a hill."""
    val = [{"hill": f"hill {n}"} for n in range(100, 106)]
    return Task(dspy.Predict("hill -> way"), verifiers=[verifiers.Environment(Climb)], val=val, name="climb", **given)


def ways(_: str, n: int) -> str:
    """Another way each time."""
    return fields(way=WAYS[n % len(WAYS)])


HILLS = [{"hill": f"hill {n}"} for n in range(3)]


def test_an_environment_alone_gives_level_6(tmp_path: Path) -> None:
    """The credit of steps, which rests on it, changes nothing of that."""
    loop = run(tmp_path, Improve(rounds=1), climb(), HILLS, ways)
    assert {level_of(trace).number for trace in loop.made if trace.outcome == "passed"} == {6}
    assert Counter(reward_of(trace) for trace in loop.made) == {1.0: 6, 0.5: 3, 0.0: 3}


def test_tests_that_run_are_an_environment(tmp_path: Path, sandboxed: None) -> None:
    """Code is run in the sandbox, what fails is kept with its reward, and people are said to have had no part."""

    def rows(start: int, count: int) -> list[Json]:
        return [{"ask": f"add {n}", "tests": [f"assert add(1) == {n + 1}", f"assert add(5) == {n + 5}"]}
                for n in range(start, start + count)]  # fmt: skip

    def answer(text: str, n: int) -> str:
        number = re.findall(r"add (\d+)", text)[-1]
        return fields(code=f"def add(x):\n    return x {'+' if n == 1 else '-'} {number}")

    task = Task(dspy.Predict("ask -> code"), verifiers=[verifiers.Execute(tests="tests", check_tests="off")],
                val=rows(10, 5), name="adders")  # fmt: skip
    loop = run(tmp_path, Improve(rounds=1, attempts=2), task, rows(1, 2), answer)
    made = sorted(loop.made, key=lambda trace: trace.attempt)
    assert [(t.attempt, t.outcome, reward_of(t), level_of(t).number) for t in made] == [
        (0, "rejected", 0.0, None), (0, "rejected", 0.0, None), (1, "passed", 1.0, 4), (1, "passed", 1.0, 4),
    ]  # fmt: skip
    assert {v.by for t in loop.made for v in t.verdicts if v.verifier in ("execute", "synth:credit")} == {"tests"}


def credit_of(loop: Loop, hill: str) -> dict[int, Json]:
    """What is said of the steps of the attempts at a hill."""
    return {trace.attempt: verdict.evidence for trace in loop.made for verdict in trace.verdicts
            if verdict.verifier == "synth:credit" and trace.example.inputs["hill"] == hill}  # fmt: skip


def test_steps_get_credit(tmp_path: Path) -> None:
    """A step is worth the best that followed it, in whichever attempt, and is stored with the trace."""
    found = credit_of(run(tmp_path, Improve(rounds=1, sure=1), climb(), HILLS, ways), "hill 0")
    values = {n: [step["value"] for step in evidence["credit"]] for n, evidence in found.items()}
    assert values == {0: [1.0, 0.5], 1: [1.0, 0.0], 2: [0.0, 0.0], 3: [1.0, 0.5, 0.0]}
    labels = {n: [step["label"] for step in evidence["steps"]] for n, evidence in found.items()}
    assert labels == {0: ["positive"] * 2, 1: ["positive", "negative"], 2: ["negative"], 3: ["positive"] * 3}


def test_more_attempts_change_the_credit_of_the_first(tmp_path: Path) -> None:
    """What is stored already says then what is known now, and nothing is paid twice."""
    later = ["up\ndown", "up\nup"]

    def answer(_: str, n: int) -> str:
        return fields(way=later[n % 2])

    before = run(tmp_path, Improve(rounds=1, attempts=1, sure=1), climb(), HILLS, lambda *_: fields(way=later[0]))
    assert [s["value"] for s in credit_of(before, "hill 0")[0]["credit"]] == [0.5, 0.0]
    after = run(tmp_path, Improve(rounds=1, attempts=2, sure=1), climb(), HILLS, lambda *_: fields(way=later[1]))
    assert [s["value"] for s in credit_of(after, "hill 0")[0]["credit"]] == [1.0, 0.0]
    again = run(tmp_path, Improve(rounds=1, attempts=2, sure=1), climb(), HILLS, answer)
    assert (credit_of(again, "hill 0"), again.asked) == (credit_of(after, "hill 0"), [])


@pytest.mark.parametrize(
    ("kind", "format_", "rows"),
    [("preference", "trl-preference", 12), ("unpaired", "trl-unpaired", 12), ("stepwise", "trl-stepwise", 12)],
)
def test_what_failed_is_exported_too(tmp_path: Path, kind: Any, format_: str, rows: int) -> None:
    """Pairs of what was rewarded and what was not, answers good and bad, and steps by their credit."""
    run(tmp_path, Improve(rounds=1, sure=1), climb(), HILLS, ways)
    made = limbeck.export(climb(), out=tmp_path / "data", format=format_, kind=kind, store=tmp_path / "store.db",
                          failures=kind != "stepwise", dedup="none", margin=0.5)  # fmt: skip
    written = [json.loads(line) for line in (tmp_path / "data" / "train.jsonl").read_text().splitlines()]
    own = [row for row in written if any(f"hill {n}\n" in json.dumps(row).replace("\\n", "\n") for n in range(3))]
    assert sum(made.rows.values()) == len(written)
    assert len(own) == rows
    if kind == "preference":
        assert {row["rejected_outcome"] for row in own} == {"rejected"}
    if kind == "unpaired":
        assert Counter(row["label"] for row in own) == {True: 6, False: 6}
    if kind == "stepwise":
        found = Counter(tuple(row["labels"]) for row in own)
        assert found == {(True, True): 3, (True, False): 3, (False,): 3, (True, True, True): 3}


def said(outcome: str = "passed", *verdicts: Verdict, way: str = "a\nb") -> Trace:
    """A trace that the metric judged so."""
    failure = Failure("parse", "no") if outcome == "failed" else None
    given = verdicts or (Verdict(METRIC, outcome == "passed", float(outcome == "passed")),)
    prediction = None if failure else {"way": way}
    return Trace("ab" * 16, "t", Example({"q": "x"}), "c", "lm", prediction=prediction, verdicts=list(given),
                 failure=failure)  # fmt: skip


@pytest.mark.parametrize(
    ("trace", "reward"),
    [
        (said("passed"), 1.0), (said("rejected"), 0.0), (said("failed"), 0.0),
        (said("", Verdict("environment", False, 0.4, by="environment")), 0.4),
        (said("", Verdict("environment", True, 2.0, by="environment"), Verdict("rules", False)), 0.0),
        (said("", Verdict(METRIC, True, 0.7), Verdict("environment", True, 2.0, by="environment")), 0.7),
        (said("", Verdict("execute", True, by="tests")), 1.0),
        (said("", Verdict("environment", False, error="it raised", by="environment")), 0.0),
    ],
)  # fmt: skip
def test_the_reward_of_a_trace(trace: Trace, reward: float) -> None:
    """The metric's score, else the environment's reward, else whether it was kept."""
    assert reward_of(trace) == reward


def labels(sure: int, *traces: Trace, split: Any = "lines") -> list[list[str]]:
    """Labels of the steps of some attempts."""
    found = Crediting(split, None, sure, ["way"])(traces)
    return [[step["label"] for verdict in own for step in verdict.evidence["steps"]] for own in found]


def test_a_step_is_wrong_where_enough_have_failed_by_it() -> None:
    """One attempt that failed says nothing of its steps but the last, which the environment has judged."""
    tried = [said("rejected", way=f"a\nb\n{n}") for n in range(3)]
    assert labels(4, *tried) == [["neutral", "neutral", "negative"]] * 3
    assert labels(3, *tried) == [["negative"]] * 3
    assert labels(3, *tried, said("passed", way="a\nc")) == [["positive", "negative"]] * 3 + [["positive", "positive"]]


def test_what_has_no_steps_gets_no_credit() -> None:
    """One step, a failed attempt, nothing at all, and where it is off."""
    tried = [said("passed", way="a"), said("failed"), said("passed", way=""), said("rejected", way=" \n")]
    assert labels(1, *tried) == [[], [], [], []]
    assert labels(1, said("passed"), split="off") == [[]]


def test_labels_of_the_task_itself_go_first() -> None:
    """An export takes the first that a trace has, so credit then has none."""
    own = Verdict("steps", True, 1.0, evidence={"steps": [{"text": "a", "label": "positive"}]})
    ((credit,),) = Crediting("lines", None, 1, ["way"])([said("", own)])
    assert "steps" not in credit.evidence
    assert len(credit.evidence["credit"]) == 2


def test_credit_rests_on_what_the_reward_rests_on() -> None:
    """A judge of the student's own leaves a trace on level 5, with credit as without."""
    judge = Verdict("judge", True, 5.0, by="model", evidence={"lm": "lm", "is_student": True})
    trace = said("", judge)
    ((credit,),) = Crediting("lines", None, 1, ["way"])([trace])
    assert (credit.by, credit.evidence["lm"], credit.born) == ("model", "lm", True)
    assert level_of(trace).number == level_of(trace.with_verdicts([credit, judge])).number == 5


@given(st.lists(st.text(max_size=6) | st.none(), max_size=5), st.sampled_from(["lines", "numbered", "predictors"]))
def test_any_answer_can_be_given_credit(texts: list[str | None], split: Any) -> None:
    """Whatever a model wrote."""
    tried = [replace(said("rejected"), prediction={"way": text}) for text in texts]
    assert len(Crediting(split, None, 1, ["way"])(tried)) == len(tried)


@given(st.permutations(range(12)))
def test_a_full_pool_does_not_depend_on_the_order(order: list[int]) -> None:
    """Of too many inputs the same are held."""
    from limbeck.compiler.generate.improve import pool as module

    most, module._MOST = module._MOST, 5
    try:
        pool = Pool(parity.task(), Candidate({"self": ""}))
        for n in order:
            pool.add(replace(said("passed"), id=f"{n:032x}", example=Example({"q": n})))
        held = {trace.example.inputs["q"] for trace in pool.kept}
    finally:
        module._MOST = most
    assert held == set(sorted(range(12), key=lambda n: number(Example({"q": n})))[:5])


def test_demos_that_were_there_before_are_left_out_by_their_values() -> None:
    """Of a compiled program nothing else is known."""
    demos = {"self": [{"q": "x", "a": "1"}, {"q": "y", "a": "2"}]}
    setting = Setting(Candidate({"self": ""}, demos))
    assert setting.without(Example({"q": "x"})).demos == {"self": (demos["self"][1],)}
    assert setting.without(Example({"q": "z"})) is setting.candidate
