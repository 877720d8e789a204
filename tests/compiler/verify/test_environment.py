"""A simulator of the user's rewards what a program did, and whatever it does costs one trace."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck import verifiers
from limbeck.compiler.keep.level import level_of
from limbeck.compiler.verify.environment import Environment
from limbeck.compiler.verify.registry import make_verifier, verifiers_of
from limbeck.errors import LMUnavailable, Stop, TargetError, UsageError
from limbeck.records import Example, Step, Trace, Verdict
from limbeck.signatures.task import Task
from limbeck.testing.conformance import FakePlace
from limbeck.testing.scripted import fields, script

TASK = Task(dspy.Predict("start: int -> moves: list[str]"), name="walk")


class Walk:
    """Steps to the right earn what ``earns`` says; it is over at 3, and a wall ends it."""

    def __init__(self, earns: float = 0.5) -> None:
        self.earns = earns

    def reset(self, example: Any) -> str:
        """Begin where the row says."""
        self.at = example.start
        return f"at {self.at}"

    def step(self, action: Any) -> tuple[str, float, bool]:
        """Go left or right."""
        if action not in ("left", "right"):
            raise ValueError(f"no way to go {action!r}")
        self.at += 1 if action == "right" else -1
        return f"at {self.at}", self.earns if action == "right" else 0.0, self.at in (0, 3)


def judged(kind: Any, moves: Any, task: Task = TASK, steps: Any = (), **options: Any) -> Verdict:
    """The verdict of a simulator on some moves."""
    trace = Trace("ab" * 16, "walk", Example({"start": 1}), "c", "lm", prediction={"moves": moves}, steps=list(steps))
    work = Environment(kind, **options).bind(FakePlace(task=task))
    return asyncio.run(work.verify(trace, trace.example))[0]


def test_the_actions_are_rewarded_one_by_one() -> None:
    """The reward is the sum, and the evidence has it by action."""
    verdict = judged(Walk, ["right", "right"])
    assert (verdict.passed, verdict.score, verdict.by, verdict.verifier) == (True, 1.0, "environment", "environment")
    assert verdict.evidence == {"rewards": [0.5, 0.5], "actions": 2, "taken": 2, "done": True,
                                "observations": ['"at 1"', '"at 2"', '"at 3"']}  # fmt: skip


def test_too_little_is_refused_with_words() -> None:
    """A wall ends it, whatever would have come after."""
    verdict = judged(Walk, ["left", "right", "right", "right"])
    assert (verdict.passed, verdict.score, verdict.error) == (False, 0.0, None)
    assert verdict.feedback == "reward 0 after 1 of 4 actions, when it was over"


@pytest.mark.parametrize("said", ["right\nright", "right\n\n  right \n"])
def test_a_text_is_split_into_actions(said: str) -> None:
    """By line unless said otherwise."""
    assert judged(Walk, said).evidence["rewards"] == [0.5, 0.5]


def test_calls_of_predictors_are_actions() -> None:
    """Then the outputs of each call are what the simulator gets."""
    seen = []

    class Sees(Walk):
        def step(self, action: Any) -> tuple[str, float, bool]:
            seen.append(action)
            return "", 1.0, False

    steps = [Step("go", {"at": 1}, {"move": "right"}), Step("go", {"at": 2}, None, error="lost")]
    assert judged(Sees, [], steps=steps, split="predictors").passed
    assert seen == [{"move": "right"}]


@pytest.mark.parametrize(("threshold", "passed"), [(None, False), (0.5, True), (0.51, False), (0.0, True)])
def test_the_threshold_decides(threshold: float | None, passed: bool) -> None:
    """One is needed where nothing was said, and 0 is a threshold."""
    assert judged(Walk, ["right"], threshold=threshold).passed is passed


def test_settings_are_the_arguments_of_the_class() -> None:
    """They are part of the version, too."""
    assert judged(Walk, ["right"], settings={"earns": 1.0}).passed
    assert Environment(Walk).fingerprints != Environment(Walk, settings={"earns": 1.0}).fingerprints


@pytest.mark.parametrize(
    ("answer", "passed", "score"),
    [(True, True, 1.0), (False, False, 0.0), (1, True, 1.0), (0.5, False, 0.5), ((1.0, "well done"), True, 1.0),
     ({"score": 0.25, "feedback": "no"}, False, 0.25)],
)  # fmt: skip
def test_a_whole_trace_is_rewarded_as_a_metric_scores(answer: Any, passed: bool, score: float) -> None:
    """``reward(example, prediction)`` sees what a metric sees."""

    class Whole:
        def reward(self, example: dspy.Example, prediction: dspy.Prediction) -> Any:
            assert (example.start, prediction.moves) == (1, ["right"])
            return answer

    verdict = judged(Whole, ["right"])
    assert (verdict.passed, verdict.score, verdict.by, verdict.error) == (passed, score, "environment", None)


def one(step: Any) -> type:
    """A simulator whose steps answer so."""
    return type("One", (), {"reset": lambda _, __: None, "step": lambda _, __: step})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (one((None, float("nan"), True)), "the reward of a step is"),
        (one((None, float("inf"), True)), "the reward of a step is"),
        (one((None, "1", True)), "the reward of a step is"),
        (one((None, None, True)), "the reward of a step is"),
        (one(1.0), "is not (observation, reward, done)"),
        (one(None), "is not (observation, reward, done)"),
        (Walk, "no way to go 'up'"),
        (type("Raises", (), {"reward": lambda *_: 1 / 0}), "division by zero"),
        (type("Nan", (), {"reward": lambda *_: float("nan")}), "the reward is"),
        (type("Text", (), {"reward": lambda *_: "good"}), "which is no judgment"),
        (type("Exits", (), {"reward": lambda *_: sys.exit(3)}), "3"),
        (type("Needy", (), {"__init__": lambda _, a: None, "reward": lambda *_: 1}), "missing 1 required"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_hostile_simulator_costs_one_trace(kind: Any, said: str) -> None:
    """There is an error instead of a verdict, and it is final: the same comes of it again."""
    verdict = judged(kind, ["up"])
    assert verdict.error is not None
    assert said in verdict.error
    assert (verdict.passed, verdict.score, verdict.final, verdict.by) == (False, None, True, "environment")


def test_five_values_are_gymnasiums() -> None:
    """Over is what is terminated or truncated."""
    verdict = judged(one(("seen", 0.25, False, True, {})), ["a", "b"])
    assert verdict.evidence["rewards"] == [0.25]
    assert judged(one(("seen", 0.25, False, False, {})), ["a", "b"]).evidence["rewards"] == [0.25, 0.25]


def test_a_simulator_that_hangs_is_left() -> None:
    """Its trace is judged again another time; after some no more are begun."""
    gate = threading.Event()

    class Hangs:
        begun = 0

        def reward(self, *_: Any) -> float:
            Hangs.begun += 1
            gate.wait(30)
            return 1.0

    trace = Trace("ab" * 16, "walk", Example({"start": 1}), "c", "lm", prediction={"moves": []})

    async def judge() -> list[Verdict]:
        work = Environment(Hangs, seconds=0.01).bind(FakePlace(task=TASK))
        return [(await work.verify(trace, trace.example))[0] for _ in range(10)]

    verdicts = asyncio.run(judge())
    gate.set()
    assert not any(v.final or v.passed for v in verdicts)
    assert "did not come back within 0.01 s" in str(verdicts[0].error)
    assert "no more are begun" in str(verdicts[-1].error)
    assert Hangs.begun == 8


def test_what_ends_the_run_ends_it() -> None:
    """A budget that is used up is no failure of the simulator."""

    class Asks:
        def reward(self, *_: Any) -> float:
            raise Stop(LMUnavailable("out of reach"))

    with pytest.raises(Stop):
        judged(Asks, [])


def test_actions_are_bounded() -> None:
    """Of an answer without end the first ones are taken."""
    assert judged(one((None, 1.0, False)), ["a"] * 50, max_steps=3).evidence["taken"] == 3


@given(st.lists(st.sampled_from(["left", "right"]), max_size=8))
def test_it_is_what_the_simulator_itself_says(moves: list[str]) -> None:
    """The rewards are those of playing it by hand."""
    hand, rewards = Walk(), []
    hand.reset(dspy.Example(start=1))
    for move in moves:
        _, reward, done = hand.step(move)
        rewards.append(reward)
        if done:
            break
    verdict = judged(Walk, moves)
    assert verdict.evidence["rewards"] == rewards
    assert verdict.passed is (sum(rewards) >= 1)


def test_a_file_names_the_class(tmp_path: Path) -> None:
    """Relative to the task's folder; what is in the class is its version."""
    code = "class Game:\n    def reward(self, example, prediction):\n        return {}\n"
    (tmp_path / "game.py").write_text(code.format(1))
    task = replace(TASK, verifiers=[Environment("game.py:Game")], base_dir=tmp_path)
    first = verifiers_of(task)[-1]
    (tmp_path / "game.py").write_text(code.format(0.5))
    second = verifiers_of(task)[-1]
    assert first.fingerprints != second.fingerprints


@pytest.mark.parametrize("simulator", [Walk(), int, "walk", print, lambda: 1])
def test_what_is_no_simulator_is_refused(simulator: Any) -> None:
    """Before anything is run."""
    with pytest.raises(UsageError):
        _ = Environment(simulator).fingerprints
    with pytest.raises(UsageError):
        verifiers_of(replace(TASK, verifiers=[Environment(simulator)]))


def test_options_are_checked(tmp_path: Path) -> None:
    """With what was given."""
    with pytest.raises(UsageError, match="seconds"):
        make_verifier("environment", {"simulator": Walk, "seconds": 0})
    with pytest.raises(TargetError, match=r"nowhere\.py"):
        make_verifier("environment", {"simulator": f"{tmp_path}/nowhere.py:Game"})
    with pytest.raises(UsageError, match="no output 'move'"):
        Environment(Walk, field="move").bind(FakePlace(task=TASK))


def test_kept_traces_are_of_level_6(tmp_path: Path) -> None:
    """What an environment alone rewarded was judged by no person and no other machine."""
    task = replace(TASK, verifiers=[verifiers.Environment(Walk)], test=[{"start": 1}, {"start": 0}])
    lm = script({"moves": '["right", "right"]'})
    result = limbeck.evaluate(task, lm=lm.lm, store=tmp_path / "store.db")
    with limbeck.open_store(tmp_path / "store.db") as store:
        levels = {level_of(trace).number for trace in store.traces()}
    assert (result.score, levels) == (1.0, {6})


def test_a_simulator_that_asks_an_lm_is_a_model(tmp_path: Path) -> None:
    """Its verdict then is that of a model, with what it cost, and the level follows from that."""

    class Asks:
        def reward(self, example: Any, prediction: Any) -> bool:
            said = dspy.Predict("moves -> good: bool")(moves=str(prediction.moves))
            return bool(said.good)

    task = replace(TASK, verifiers=[Environment(Asks)], test=[{"start": 1}])
    lm = script({"moves": '["right"]'}, fields(good="true"))
    limbeck.evaluate(task, lm=lm.lm, store=tmp_path / "store.db")
    with limbeck.open_store(tmp_path / "store.db") as store:
        (trace,) = store.traces()
    verdict = next(verdict for verdict in trace.verdicts if verdict.verifier == "environment")
    assert (verdict.by, level_of(trace).number) == ("model", 5)
    assert verdict.usage is not None
