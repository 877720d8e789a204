"""Tests that an LM writes: what verifies nothing is eliminated, and answers are judged by what is left."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dspy
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import limbeck
from limbeck import verifiers
from limbeck.compiler.generate.unittests import UnitTests
from limbeck.compiler.generate.unittests.joined import joined
from limbeck.compiler.generate.unittests.trial import Trial, Tried
from limbeck.compiler.generate.unittests.written import LONGEST, Unreadable, read_tests
from limbeck.compiler.verify.base import Answer
from limbeck.compiler.verify.execute import Execute
from limbeck.compiler.verify.execute.executor import Infrastructure
from limbeck.compiler.verify.execute.suites import Finding
from limbeck.compiler.verify.sandbox import Ran, probe
from limbeck.errors import UsageError
from limbeck.records import Example, Failure, Usage
from limbeck.testing.scripted import fields

Run = Callable[..., Any]

SPEC = "Write larger(a, b): the larger of two numbers."
RIGHT = "def larger(a, b):\n    return a if a > b else b\n"
RIGHT_TOO = "def larger(a, b):\n    if a < b:\n        return b\n    return a\n"
WRONG = "def larger(a, b):\n    return a\n"
SMALLER = "def larger(a, b):\n    return a if a < b else b\n"
GOOD = "assert larger(1, 2) == 2\nassert larger(5, 3) == 5\nassert larger(-1, -4) == -1"
GOOD_TOO = "def test_first():\n    assert larger(9, 4) == 9\n\ndef test_last():\n    assert larger(4, 9) == 9"
CHECK = "def check(candidate):\n    assert candidate(2, 7) == 7\n    assert candidate(7, 2) == 7"


@pytest.fixture
def written(synth: Run, sandboxed: None) -> Run:
    """``written([suite, ...], [code, ...])``: one specification, for which these tests and answers are written."""

    def run(
        suites: Sequence[str], codes: Sequence[str], *, labels: Any = None, solutions: int = 0, **options: Any
    ) -> Any:
        turns = {True: itertools.cycle(suites), False: itertools.cycle(codes)}

        def answer(text: str) -> str:
            tests = "Write unit tests" in text
            said = next(turns[tests])
            return said if said.startswith("[[") else fields(**{"tests" if tests else "code": said})

        execute = Execute(**{"tests": "tests", "seconds": 5.0, **options})
        task = limbeck.Task(dspy.Predict("task -> code"), verifiers=[execute], name="t")
        method = UnitTests(suites=len(suites), solutions=solutions or len(codes))
        return synth(method, task, [{"task": SPEC, **(labels or {})}], answer, concurrency=1)

    return run


def answered(tests: Any, completion: str | None = None, failure: Failure | None = None) -> Answer:
    """What an LM gave."""
    prediction = None if failure else {"tests": tests}
    return Answer(prediction, str(tests) if completion is None else completion, failure, Usage(), "lm")


# Reading


UNREADABLE = {
    "I'm sorry, but I cannot help with writing tests.": "refused to write tests",
    "": "unreadable answer",
    " \n\t": "unreadable answer",
    "Here are the tests you asked for!": "tests are no Python",
    "assert larger(1, 2) ==": "tests are no Python",
    "assert larger('\ud800', 1) == 1": "tests are no Python",
    "assert larger(1, 2) == 2\0": "tests are no Python",
    "print(larger(1, 2))": "tests assert nothing",
    "larger(1, 2)": "tests assert nothing",
    SPEC: "tests are no Python",
    f"{RIGHT}\nassert larger(1, 2) == 2": "tests define what they test",
    "assert True": "tests call nothing of the program",
    "assert max(1, 2) == 2": "tests call nothing of the program",
    "assert larger": "tests call nothing of the program",
    "assert larger(1, 2) == 2\n" * LONGEST: "tests too long",
}


@pytest.mark.parametrize("said", UNREADABLE)
def test_what_is_no_tests_is_told_apart(said: str) -> None:
    """Before anything is run."""
    entry = "larger" if "define" in UNREADABLE[said] else None
    with pytest.raises(Unreadable) as told:
        read_tests(answered(said), entry)
    assert told.value.rule == UNREADABLE[said]


@pytest.mark.parametrize(
    ("failure", "completion", "rule"),
    [
        (Failure("lm", "rate limit"), None, "no answer"),
        (Failure("parse", "no field tests"), "tests?", "unreadable answer"),
        (Failure("parse", "no field tests"), "I'm sorry, I can't assist with that.", "refused to write tests"),
    ],
)
def test_an_lm_that_fails_costs_one_suite(failure: Failure, completion: str | None, rule: str) -> None:
    """And what happened is told."""
    with pytest.raises(Unreadable) as told:
        read_tests(answered("", completion or "", failure), None)
    assert told.value.rule == rule


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        GOOD_TOO,
        CHECK,
        f"Sure, here they are:\n```python\n{GOOD_TOO}\n```\nThey cover the edges.",
        "if larger(1, 2) != 2:\n    raise AssertionError('larger')",
        "assert Solution().larger(1, 2) == 2",
        "import math\nfor a, b in [(1, 2), (3, 2)]:\n    assert larger(a, b) == max(a, b), 'größer'",
    ],
)
def test_tests_are_read_however_they_are_written(said: str) -> None:
    """Assertions, functions, a check of a candidate, in fences or bare."""
    assert "assert" in read_tests(answered(said), None).casefold()


@given(st.text() | st.none() | st.lists(st.integers()) | st.dictionaries(st.text(), st.text()))
@example("(" * 5000)
@example("assert " + "-" * 50_000 + "f(1)")
@example("\ud800")
def test_whatever_an_lm_writes_is_tests_or_a_reason(said: Any) -> None:
    """Nothing else is raised, and nothing is run."""
    try:
        found = read_tests(answered(said), None)
    except Unreadable as problem:
        found = f"{problem.rule}\n"
    assert found.strip()
    assert found.endswith("\n")


# Several suites as one


def test_suites_are_put_together_without_their_names_meeting() -> None:
    """Functions of the same name, and a check of a candidate, are all called."""
    module: dict[str, Any] = {}
    called: list[int] = []
    suites = ["def test_it():\n    assert f(1)", "def test_it():\n    assert f(2)", "def check(g):\n    assert g(3)"]
    exec(joined(suites, ["f"]), {"f": lambda n: called.append(n) or True}, module)
    assert called == [1, 2, 3]
    assert joined(["assert f(1)"], ["f"]) == "assert f(1)"
    with pytest.raises(ValueError, match="import \\*"):
        joined(["from math import *\nassert f(1)", "assert f(2)"], ["f"])


# From a specification to rows


def test_what_passes_is_kept_and_what_does_not_becomes_a_negative(written: Run, tmp_path: Path) -> None:
    """Pairs of the answers to one prompt for preference, the passing ones for SFT."""
    ran = written([GOOD, GOOD_TOO, CHECK], [RIGHT, WRONG, RIGHT_TOO, SMALLER])
    assert (ran.result.asked, ran.result.kept, ran.result.rejected) == (4, 2, {"execute": 2})
    assert {trace.prediction["code"].strip() for trace in ran.kept} == {RIGHT.strip(), RIGHT_TOO.strip()}
    task = limbeck.Task(dspy.Predict("task -> code"), verifiers=[Execute(tests="tests", seconds=5.0)], name="t")
    rows = {}
    for kind, form in (("preference", "trl-preference"), ("sft", "trl-sft")):
        limbeck.export(task, tmp_path / kind, kind=kind, format=form, store=tmp_path / "store.db")
        rows[kind] = [orjson.loads(line) for line in (tmp_path / kind / "train.jsonl").read_bytes().splitlines()]
    for row in rows["preference"]:
        assert any(code.strip() in row["chosen"][0]["content"] for code in (RIGHT, RIGHT_TOO))
        assert any(code.strip() in row["rejected"][0]["content"] for code in (WRONG, SMALLER))
    assert len(rows["preference"]) == 4
    assert len(rows["sft"]) == 2
    assert SPEC in str(rows["sft"][0])


def test_a_verdict_is_that_of_the_verifier_of_the_task(written: Run) -> None:
    """With its evidence and its version; what is known of the tests stands in the provenance."""
    ran = written([GOOD, GOOD_TOO], [RIGHT, WRONG])
    [kept] = ran.kept
    verdict = kept.verdicts[-1]
    assert (verdict.verifier, verdict.by, verdict.born) == ("execute", "tests", False)
    assert {"outcome", "limits", "versions", "program_sha256", "stdout_sha256", "tests"} <= verdict.evidence.keys()
    assert verdict.evidence["tests"]["weak"] is False
    synth = kept.meta["synth"]
    assert (synth["method"], synth["operation"], synth["reference"]) == ("tests", "solve", False)
    assert [suite["attempt"] for suite in synth["tests"]] == [0, 1]
    assert all(suite["killed"].startswith("line ") and suite["passed"] == 1 for suite in synth["tests"])
    assert synth["parent"] == Example({"task": SPEC}).id
    assert "larger(9, 4)" in kept.example.labels["tests"]


def test_running_again_pays_nothing(written: Run) -> None:
    """Answers and tests are known, and so are the verdicts."""
    first, second = (written([GOOD], [RIGHT, WRONG]) for _ in range(2))
    assert second.asked == []
    assert [trace.id for trace in first.traces] == [trace.id for trace in second.traces]
    assert first.result.needed == second.result.needed
    assert first.result.needed["calls"] == 3


ELIMINATED = [
    ("a stub passes", "assert larger(1, 2) != 3"),
    ("a stub passes", "assert larger(1, 2) or True"),
    ("a stub passes", "assert larger(0, 1) == 1\nassert larger(1, 0) == 1"),
    ("tests call nothing of the program", "def check(candidate):\n    assert True"),
    ("tests cannot run", "import requests\nassert larger(1, 2) == 2"),
    ("tests cannot run", "assert larger(1, two()) == 2\ntwo = None"),
    ("no solution passes", "assert larger(1, 2) == 3\nassert larger(4, 2) == 4"),
    ("no mutant fails", "assert isinstance(larger(3, 4), int) and larger(3, 4) > 2"),
    ("tests assert nothing", "print(larger(1, 2))"),
    ("the same tests again", "assert larger(1, 2) == 3\nassert larger(4, 2) == 4"),
]


def test_tests_that_verify_nothing_are_eliminated(written: Run) -> None:
    """Each by the rule that it breaks; the good suite beside them is what answers are judged by."""
    ran = written([*(tests for _, tests in ELIMINATED), GOOD], [RIGHT, WRONG])
    told = {entry.item.partition(" ")[2]: entry.reason for entry in ran.ledger if entry.stage == "synth"}
    assert told == {f"tests {n}": rule for n, (rule, _) in enumerate(ELIMINATED)}
    assert ran.result.eliminated == Counter(told.values())
    assert [trace.prediction["code"].strip() for trace in ran.kept] == [RIGHT.strip()]


HOSTILE = {
    "leaves": "import sys\nsys.exit(0)\nassert larger(1, 2) == 2",
    "ends the process": "import os\nlarger(1, 2)\nos._exit(0)\nassert False",
    "always true": "try:\n    assert larger(1, 2) == 2\nexcept BaseException:\n    pass",
    "patches builtins": "import builtins\nbuiltins.AssertionError = KeyError\nlarger(1, 2)\nassert larger",
    "reads files": "assert larger(open('/etc/passwd').read(), 1)",
    "opens sockets": "import socket\nsocket.create_connection(('127.0.0.1', 1))\nassert larger(1, 2) == 2",
    "looks into frames": "import sys\nf = sys._getframe()\nwhile f.f_back:\n    f = f.f_back\n"
    "larger(1, 2)\nassert f is not None",
    "starts processes": "import os\nassert os.system('touch /tmp/planted') == 0 and larger(1, 2)",
}


def test_hostile_tests_are_eliminated_and_harmless(written: Run) -> None:
    """None of them passes a stub unnoticed, reaches the host, or keeps a wrong answer."""
    ran = written([*HOSTILE.values(), GOOD], [RIGHT, WRONG])
    assert sum(ran.result.eliminated.values()) == len(HOSTILE), ran.result.eliminated
    assert [trace.prediction["code"].strip() for trace in ran.kept] == [RIGHT.strip()]
    assert not Path("/tmp/planted").exists()


def test_tests_without_an_end_are_stopped_at_the_first_stub(written: Run) -> None:
    """They cost two time limits at most, and not one for every answer."""
    ran = written(["while True:\n    assert larger(1, 2) != larger", GOOD], [RIGHT, WRONG], seconds=0.5)
    assert ran.result.eliminated == {"tests go over the limits": 1}
    assert ran.result.kept == 1


def test_a_reference_decides_which_tests_are_right(written: Run) -> None:
    """Even where every answer is wrong in the way in which the tests are."""
    wrong = "assert larger(1, 2) == 1\nassert larger(5, 3) == 3"
    ran = written([wrong, GOOD], [SMALLER, WRONG], labels={"code": RIGHT})
    assert ran.result.eliminated == {"the reference fails": 1}
    assert (ran.result.kept, ran.result.rejected) == (0, {"execute": 2})


def test_without_a_reference_nobody_can_tell(written: Run) -> None:
    """Answers and tests with the same mistake agree; that is told in the docs, and not hidden."""
    assert written(["assert larger(1, 2) == 1\nassert larger(5, 3) == 3"], [SMALLER, WRONG]).result.kept == 1


def test_tests_that_contradict_each_other_are_not_believed(written: Run) -> None:
    """Nobody can tell which of them is right, so that the answers are neither rows nor negatives."""
    wrong = "assert larger(1, 2) == 1\nassert larger(5, 3) == 3"
    ran = written([wrong, GOOD, GOOD_TOO], [SMALLER, RIGHT, RIGHT_TOO])
    assert ran.result.eliminated == {"other tests contradict it": 3}
    assert (ran.result.kept, ran.result.failed) == (0, {"verifier": 3})
    ran = written([wrong, GOOD, GOOD_TOO], [SMALLER, RIGHT, RIGHT_TOO], labels={"code": RIGHT})
    assert (ran.result.eliminated, ran.result.kept) == ({"the reference fails": 1}, 2)


def test_suites_that_cannot_stand_together_leave_one(written: Run) -> None:
    """The first of the strictest."""
    starred = "from math import *\nassert larger(1, 2) == 2\nassert larger(5, 3) == floor(5.5)"
    ran = written([GOOD, starred], [RIGHT, WRONG])
    assert ran.result.eliminated == {"cannot stand beside the others": 1}
    assert ran.kept[0].example.labels["tests"].strip() == GOOD


def test_the_same_tests_count_once(written: Run) -> None:
    """A second time they say nothing new."""
    assert written([GOOD, GOOD], [RIGHT, WRONG]).result.eliminated == {"the same tests again": 1}


def test_answers_without_tests_are_kept_as_failed(written: Run) -> None:
    """They were paid for, nobody knows what they are worth, and they are neither rows nor negatives."""
    ran = written(["assert larger(1, 2) == 3\nassert larger(4, 2) == 4"], [RIGHT, WRONG])
    assert (ran.result.kept, ran.result.rejected, ran.result.failed) == (0, {}, {"verifier": 2})
    assert ran.result.needed["calls"] == 3
    assert {trace.verdicts[0].error for trace in ran.traces} == {"it has no tests that could be believed"}


def test_nothing_is_asked_of_the_program_where_no_tests_are_left(written: Run) -> None:
    """A stub costs no LM call."""
    ran = written(["assert larger(1, 2) or True"], [RIGHT, WRONG])
    assert (len(ran.asked), ran.result.asked, ran.result.eliminated) == (1, 1, {"a stub passes": 1})


def test_answers_that_are_no_programs_are_wrong_answers(written: Run) -> None:
    """Prose is rejected, what does not parse is a failed rollout, and neither harms the others."""
    nothing = ["[[ ## nothing ## ]]"] * 2  # what does not parse is asked for once more
    ran = written([GOOD], [RIGHT, "I'd rather not.", *nothing, WRONG], solutions=4)
    assert (ran.result.kept, ran.result.rejected, ran.result.failed) == (1, {"execute": 2}, {"parse": 1})


def test_examples_that_have_tests_are_left_alone(written: Run) -> None:
    """People may have written them."""
    ran = written([GOOD], [RIGHT], labels={"tests": "assert larger(1, 2) == 2"})
    assert (ran.result.eliminated, ran.asked) == ({"there are tests already": 1}, [])


def test_a_specification_counts_once_and_none_that_is_held_out(synth: Run, sandboxed: None) -> None:
    """The store has one trace of an answer, and what a task proves by is not answered for training."""
    code = [{"task": "last", "tests": GOOD}, {"task": "new", "tests": GOOD}]
    task = limbeck.Task(dspy.Predict("task -> code"), verifiers=[Execute(tests="tests")], name="t",
                        train=code[1:], test=code[:1])  # fmt: skip
    seeds = [{"task": SPEC}, {"task": "last"}, {"task": SPEC}]
    ran = synth(UnitTests(suites=1, solutions=1), task, seeds,
                lambda text: fields(tests=GOOD) if "Write unit tests" in text else fields(code=RIGHT))  # fmt: skip
    assert ran.result.eliminated == {"held out": 1, "input of an earlier seed": 1}
    assert ran.result.kept == len(ran.traces) == 1


# What is flaky, and what is not the program's fault


class Turns:
    """Stands for the executor: what runs give, one after the other."""

    options = Execute(tests="tests")

    def __init__(self, *turns: bool | Exception) -> None:
        self.turns = itertools.cycle(turns)

    async def run(self, suite: Any, code: str) -> tuple[Finding, Ran]:
        """The next one."""
        turn = next(self.turns)
        if isinstance(turn, Exception):
            raise turn
        return Finding(turn), Ran("passed" if turn else "wrong", calls=1)


@pytest.mark.parametrize(
    ("turns", "rule"),
    [((True, False), "flaky"), ((Infrastructure("gone"),), "the sandbox failed"), ((True, True, False, False), None)],
)
def test_a_suite_that_says_this_and_that_says_nothing(turns: Any, rule: str | None) -> None:
    """And a sandbox that fails says nothing of tests or programs."""
    tried = Tried(0, GOOD)
    trial = Trial(Turns(*turns), "tests")  # type: ignore[arg-type]
    asyncio.run(trial.programs(Example({"task": SPEC}), tried, [RIGHT, WRONG]))
    assert (tried.weak.rule if tried.weak else None) == rule
    assert rule is not None or tried.passes == [True, False]


# What cannot work is told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "verifier execute, which this task has not"),
        ([Execute(stdin="input", stdout="output")], "stdin='input': it does not judge Python functions by tests"),
        ([Execute(answer="value", inputs="code")], "inputs='code': it does not"),
        ([Execute(answer="value")], "answer='value'"),
        ([Execute(tests=("assert f(1)",))], "tests for all examples already"),
        ([Execute(tests="task")], "an input of the program"),
    ],
)
def test_a_task_that_runs_no_tests_is_told_so(synth: Run, sandboxed: None, given: Any, told: str) -> None:
    """Before anything is paid."""
    task = limbeck.Task(dspy.Predict("task -> code"), metric=lambda e, p: True, verifiers=given, name="t")
    with pytest.raises(UsageError, match=told.replace("(", "\\(")):
        synth(UnitTests(), task, [{"task": SPEC}], lambda _: pytest.fail("nothing is asked"))


def test_a_field_that_is_no_input_is_told(synth: Run, sandboxed: None) -> None:
    """With those that there are."""
    task = limbeck.Task(dspy.Predict("task -> code"), verifiers=["execute"], name="t")
    with pytest.raises(UsageError, match="--set field=spec: the task has no such input"):
        synth(UnitTests(field="spec"), task, [{"task": SPEC}], lambda _: "")


def test_without_a_sandbox_nothing_is_asked_or_run(synth: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    task = limbeck.Task(dspy.Predict("task -> code"), verifiers=["execute"], name="t")
    try:
        with pytest.raises(UsageError, match="apt install bubblewrap"):
            synth(UnitTests(), task, [{"task": SPEC}], lambda _: pytest.fail("nothing is asked"))
    finally:
        probe.cache_clear()


def test_the_function_may_be_named_by_the_example(written: Run) -> None:
    """Then tests that do not call it, or define it, are told apart."""
    ran = written(["assert bigger(1, 2) == 2", f"{RIGHT}\n{GOOD}", GOOD], [RIGHT, WRONG], entry="name",
                  labels={"name": "larger"})  # fmt: skip
    assert Counter(ran.result.eliminated) == {"tests call nothing of the program": 1, "tests define what they test": 1}
    assert ran.result.kept == 1


def test_the_program_that_writes_tests_is_a_program_like_any_other() -> None:
    """One predictor with a signature, so that ``limbeck compile`` works on it."""
    [(_, predictor)] = UnitTests().program.named_predictors()
    assert list(predictor.signature.input_fields) == ["specification"]
    assert list(predictor.signature.output_fields) == ["tests"]
    assert verifiers.Execute is Execute
