"""limbeck's own verifiers pass the conformance suite, and what is wrong does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dspy
import pytest

from limbeck.compiler.verify.agree import Agree
from limbeck.compiler.verify.base import ASKING, FREE, Place
from limbeck.compiler.verify.environment import Environment
from limbeck.compiler.verify.execute import Execute
from limbeck.compiler.verify.judge import LMJudge
from limbeck.compiler.verify.metric import CheckVerifier, MetricVerifier
from limbeck.compiler.verify.people import People
from limbeck.compiler.verify.rules import Rules
from limbeck.compiler.verify.steps import Steps
from limbeck.records import Example, Json, Trace, Verdict, fingerprint
from limbeck.testing import conformance
from limbeck.testing.conformance import FakePlace, check_verifier

PASSING, WRONG = conformance.example_trace("fruit"), conformance.example_trace("vegetable")


def test_the_metric_and_the_checks() -> None:
    """What every task has conforms."""
    task = conformance.task()
    other = MetricVerifier(replace(task, threshold=0.5))
    check_verifier(MetricVerifier(task), PASSING, WRONG, others=[other])
    check_verifier(CheckVerifier(task), PASSING, conformance.example_trace("stone"))


def test_people(tmp_path: Path) -> None:
    """Judgments of people conform; another file or option is another version."""
    rows = '{"inputs": {"text": "apple number 0"}, "outputs": {"label": "%s"}, "passed": %s, "who": "ann"}\n'
    (tmp_path / "a.jsonl").write_text(rows % ("fruit", "true") + rows % ("vegetable", "false"))
    (tmp_path / "b.jsonl").write_text(rows % ("fruit", "true"))
    file = tmp_path / "a.jsonl"
    others = [People(tmp_path / "b.jsonl"), People(file, at_least=2), People(file, missing="fail"), People(file, 0.5)]
    check_verifier(People(file), PASSING, WRONG, others=others)


def test_judge() -> None:
    """So does an LM that judges."""

    def reply(inputs: Json) -> Json:
        good = "fruit" in inputs["answer"]
        return {"reason": "Apples are fruit, and it says that." if good else "It is wrong.", "score": 5 if good else 1}

    others = [LMJudge(rubric="Be strict."), LMJudge(threshold=2), LMJudge(lm="other/lm")]
    check_verifier(LMJudge(), PASSING, WRONG, place=FakePlace(reply=reply), others=others)


def test_rules() -> None:
    """So does a constitution."""

    def reply(inputs: Json) -> Json:
        good = "fruit" in inputs["answer"]
        return {"reason": "Nothing speaks against it." if good else "It names none.", "breaks": "no" if good else "yes"}

    made = Rules(principles=["Name the fruit."], ask="each")
    others = [Rules(principles=["Name it."], ask="each"), Rules(principles=["Name the fruit."])]
    check_verifier(made, PASSING, WRONG, place=FakePlace(reply=reply), others=others)


def test_agree() -> None:
    """So does the majority of the attempts."""
    attempts = [PASSING, replace(PASSING, id="b", attempt=1), replace(WRONG, id="c", attempt=2)]
    others = [Agree(k=4), Agree(k=3, min_margin=0.5)]
    check_verifier(Agree(k=3), PASSING, attempts[2], place=FakePlace(siblings=attempts), others=others)


def test_execute(sandboxed: None) -> None:
    """So does what runs code."""

    def wrote(code: str) -> Trace:
        example = Example({"text": "Add."}, {"tests": "assert add(1, 2) == 3\nassert add(2, 2) == 4"})
        return replace(PASSING, example=example, prediction={"label": code})

    right, wrong = (wrote(f"def add(a, b):\n    return a {sign} b\n") for sign in "+-")
    check_verifier(Execute(), right, wrong, others=[Execute(seconds=2.0), Execute(check_tests="off")])


def test_steps() -> None:
    """So do steps of reasoning, by the rules of arithmetic."""
    right, wrong = (
        replace(PASSING, prediction={"reasoning": f"2 + 2 = {n}\n{n} + 1 = {n + 1}", "label": "fruit"}) for n in (4, 5)
    )
    check_verifier(Steps(), right, wrong, others=[Steps(reduction="min")])


class Sorts:
    """A simulator that rewards the word ``fruit``."""

    def reset(self, example: Any) -> None:
        """Nothing to begin with."""

    def step(self, action: Any) -> tuple[None, float, bool]:
        """Every action counts."""
        return None, float(action == "fruit"), False


def test_environment() -> None:
    """So does a simulator."""
    others = [Environment(Sorts, threshold=2), Environment(Sorts, split="sentences"), Environment(Sorts, max_steps=3)]
    check_verifier(Environment(Sorts), PASSING, WRONG, others=others)


@dataclass
class Odd:
    """A verifier that does one thing wrong."""

    judge: Callable[[Odd, Trace], Any]
    name: str = "odd"
    tier: int = FREE
    grouped: bool = False
    version: str = "1"
    place: Place | None = None
    bound: int = 0
    closed: int = 0
    seen: list[Trace] = field(default_factory=list)

    @property
    def fingerprints(self) -> Sequence[str]:
        return [fingerprint("odd", self.version)]

    def calls(self, rollout: float) -> float:
        return 0

    def bind(self, place: Place) -> Odd:
        self.bound += 1
        return replace(self, place=place, seen=[])

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        made = self.judge(self, trace)
        made = await made if asyncio.iscoroutine(made) else made
        return [made] if isinstance(made, Verdict) else made

    async def aclose(self) -> None:
        self.closed += 1
        if self.judge is once and self.closed > 1:
            raise ValueError("it is closed")


def says(odd: Odd, trace: Trace, **more: Any) -> Verdict:
    """A verdict that is right."""
    prediction = trace.prediction or {}
    return Verdict("odd", prediction.get("label") == "fruit", fingerprint=odd.fingerprints[0], **more)


def fine(odd: Odd, trace: Trace) -> Verdict:
    """Does nothing wrong."""
    return says(odd, trace)


def lenient(odd: Odd, trace: Trace) -> Verdict:
    """Passes everything."""
    return replace(says(odd, trace), passed=True)


def strict(odd: Odd, trace: Trace) -> Verdict:
    """Passes nothing."""
    return replace(says(odd, trace), passed=False)


def helpless(odd: Odd, trace: Trace) -> Verdict:
    """Has an error where it should refuse."""
    made = says(odd, trace)
    return made if made.passed else replace(made, error="it is wrong")


def forgiving(odd: Odd, trace: Trace) -> Verdict:
    """Passes what it could not judge."""
    made = says(odd, trace)
    return replace(made, passed=True, error="no label") if not trace.prediction else made


def unsigned(odd: Odd, trace: Trace) -> Verdict:
    """Forgets its fingerprint."""
    return replace(says(odd, trace), fingerprint="")


def silent(odd: Odd, trace: Trace) -> list[Verdict]:
    """Gives no verdict on odd traces."""
    return [says(odd, trace)] if trace.prediction else []


def not_a_number(odd: Odd, trace: Trace) -> Verdict:
    """Scores nothing with NaN."""
    return replace(says(odd, trace), score=float("nan") if not trace.prediction else 1.0)


def timed(odd: Odd, trace: Trace) -> Verdict:
    """Says when it judged."""
    return says(odd, trace, evidence={"at": time.perf_counter_ns()})


def boxed(odd: Odd, trace: Trace) -> Verdict:
    """Has objects for evidence."""
    return says(odd, trace, evidence={"trace": {"labels": {1, 2}}})


def numbered(odd: Odd, trace: Trace) -> Verdict:
    """Has keys that are no text."""
    return says(odd, trace, evidence={"votes": {1: 2}})


def truthy(odd: Odd, trace: Trace) -> Verdict:
    """Passes with something that is no bool."""
    return replace(says(odd, trace), passed=says(odd, trace).passed and "yes")


def brittle(odd: Odd, trace: Trace) -> Verdict:
    """Takes every output for a text."""
    return says(odd, trace, feedback=(trace.prediction or {}).get("label", "").strip())


def vain(odd: Odd, trace: Trace) -> Verdict:
    """Writes into the trace."""
    (trace.prediction or {})["judged"] = True
    return says(odd, trace)


def remembering(odd: Odd, trace: Trace) -> Verdict:
    """Knows how often it was bound."""
    return says(odd, trace, feedback=f"binding {odd.bound}")


async def sharing(odd: Odd, trace: Trace) -> Verdict:
    """Keeps the trace at hand in itself while it waits."""
    odd.seen[:] = [trace]
    await asyncio.sleep(0)
    return says(odd, odd.seen[0])


def once(odd: Odd, trace: Trace) -> Verdict:
    """Can be closed only once."""
    return says(odd, trace)


async def _ask(odd: Odd, trace: Trace) -> Any:
    assert odd.place is not None
    return await odd.place.ask(dspy.Predict("text -> label"), {"text": str(trace.prediction)})


async def stingy(odd: Odd, trace: Trace) -> Verdict:
    """Does not tell what it spent."""
    await _ask(odd, trace)
    return says(odd, trace)


async def posing(odd: Odd, trace: Trace) -> Verdict:
    """Asks an LM and calls that a rule."""
    return says(odd, trace, usage=(await _ask(odd, trace)).usage)


async def hasty(odd: Odd, trace: Trace) -> Verdict:
    """Refuses where no LM can be reached."""
    answer = await _ask(odd, trace)
    return replace(
        says(odd, trace, usage=answer.usage, by="model"), passed=says(odd, trace).passed and not answer.failure
    )


async def final(odd: Odd, trace: Trace) -> Verdict:
    """Gives up for good where no LM can be reached."""
    answer = await _ask(odd, trace)
    made = says(odd, trace, usage=answer.usage, by="model")
    return replace(made, passed=False, error=answer.failure.message) if answer.failure else made


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lenient, "what is wrong was passed"),
        (strict, "what is right was not passed"),
        (helpless, "could not be judged"),
        (forgiving, "a verdict with an error must not pass"),
        (unsigned, "must carry the fingerprints"),
        (silent, "must carry the fingerprints"),
        (not_a_number, "a score must be a number"),
        (timed, "the same trace got another verdict"),
        (boxed, r"evidence.trace.labels is \{1, 2\}, no JSON"),
        (numbered, "evidence.votes has the key 1"),
        (truthy, "no bool"),
        (brittle, "it raised AttributeError"),
        (vain, "it changed the trace"),
        (remembering, "another binding gave other verdicts"),
        (sharing, "depend on what else is judged at the same time"),
        (once, "closed again, it raised ValueError"),
        (stingy, "the verdicts tell of 0"),
        (posing, "must be by model"),
        (hasty, "no LM could be reached, and it judged"),
        (final, "must not be final"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_what_is_wrong_is_found(wrong: Any, said: str) -> None:
    """Each promise is one that a verifier can break."""
    tier = ASKING if asyncio.iscoroutinefunction(wrong) else FREE
    with pytest.raises(AssertionError, match=said):
        check_verifier(Odd(wrong, tier=tier), PASSING, WRONG, place=FakePlace(reply=lambda _: {"label": "fruit"}))


def test_what_is_right_passes() -> None:
    """The verifier that the wrong ones are made of does nothing wrong."""
    check_verifier(Odd(fine), PASSING, WRONG, others=[Odd(fine, version="2")])


def test_options_that_change_no_version_are_found() -> None:
    """Verdicts of another threshold must not be taken for these."""
    with pytest.raises(AssertionError, match="has the fingerprint of"):
        check_verifier(Odd(fine), PASSING, WRONG, others=[Odd(lenient)])
