"""Makes records of traces, kind by kind, and sees that the ledger adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from limbeck.compiler.emit.kinds import MAKERS
from limbeck.compiler.emit.kinds.base import Making
from limbeck.compiler.emit.record import Record
from limbeck.compiler.emit.render import names_of, renderers
from limbeck.compiler.emit.select import Wanted, select
from limbeck.compiler.keep.ledger import Ledger
from limbeck.records import Call, Example, Failure, Outcome, Step, Trace, Verdict, fingerprint

ABOUT = ("prompt", "adapter", "candidate", "reasoning")


def make_records(kind: Any, traces: Any, program: Any, *, whole: bool = False, lm: Any = None, **given: Any):
    ledger, maker = Ledger(), MAKERS[kind]
    failures = given.get("failures", False)
    about = {"prompt": "bare", "adapter": "chat", **{name: given.pop(name) for name in ABOUT if name in given}}
    raw = failures or maker.raw
    making = Making(renderers(program, **about, raw=raw), ledger, **given)
    wanted = Wanted(
        names_of(program, whole=whole), get_args(Outcome) if failures else maker.outcomes, lm=lm, raw=raw,
        unjudged=maker.unjudged,
    )  # fmt: skip
    records = [record for answers in select(traces, wanted, ledger) for record in maker(answers, making)]
    for record in records:
        ledger.emitted(record.id)
    ledger.check()
    return records, ledger


@pytest.fixture(scope="session")
def make() -> Callable[..., tuple[list[Record], Ledger]]:
    """Make records of one kind; the ledger is checked."""
    return make_records


@pytest.fixture(scope="session")
def tried() -> Callable[..., Trace]:
    """Make one attempt at one question; by default it passes with score 1.

    ``score`` is the number behind the metric's verdict, ``passed`` None leaves the trace unjudged, ``broken`` is the
    text of an answer that could not be parsed, ``steps`` are texts and labels that a verifier gave, ``calls`` the steps
    of the trace itself.
    """

    def trace(
        answer: Any = "4", *, n: int = 0, question: Any = "2+2?", passed: bool | None = True, score: Any = "same",
        broken: str | None = None, labels: Any = None, lm: str = "big", steps: Any = None,
        calls: Any = None, **fields: Any,
    ) -> Trace:  # fmt: skip
        inputs = {"question": question}
        call = Call(lm, [{"role": "user", "content": str(question)}], str(answer) if broken is None else broken)
        outputs = {"answer": answer} if broken is None else None
        number = (None if passed is None else float(passed)) if score == "same" else score
        verdicts = [] if passed is None or broken is not None else [Verdict("metric", passed, number)]
        if steps is not None:
            verdicts.append(Verdict("steps", all(label != "negative" for _, label in steps), evidence={
                "steps": [{"text": text, "label": label, "score": None, "why": ""} for text, label in steps],
            }))  # fmt: skip
        return Trace(**{
            "id": fingerprint("tried", repr(question), repr(answer), n, lm, repr(broken), passed, repr(score)),
            "task": "sums", "example": Example(inputs, {"answer": "4"} if labels is None else labels),
            "candidate": "c", "lm": lm, "attempt": n, "prediction": outputs,
            "steps": [Step("self", inputs, outputs, [call], None if broken is None else "no field")]
            if calls is None else calls,
            "verdicts": verdicts, "failure": None if broken is None else Failure("parse", "no field"), **fields,
        })  # fmt: skip

    return trace


@pytest.fixture(scope="session")
def sums() -> Any:
    """The program that answers the question."""
    import dspy

    return dspy.Predict("question -> answer")
