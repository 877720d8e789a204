"""Programs and traces to emit from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import dspy
import pytest

from limbeck.compiler.emit import dataset
from limbeck.compiler.emit.choices import make_choices
from limbeck.compiler.emit.dataset import Source
from limbeck.compiler.emit.record import Answer, Record
from limbeck.compiler.emit.result import DatasetResult
from limbeck.compiler.emit.spool import Item, Spool
from limbeck.compiler.keep.ledger import Ledger
from limbeck.records import Call, Example, Failure, Step, Trace, Verdict, fingerprint


class Route(dspy.Signature):
    """Route the ticket to a team."""

    ticket: str = dspy.InputField()
    team: Literal["billing", "tech"] = dspy.OutputField(desc="who answers")


class TwoSteps(dspy.Module):
    def __init__(self):
        super().__init__()
        self.summarize = dspy.Predict("text -> summary")
        self.answer = dspy.Predict("summary, question -> answer")

    def forward(self, text, question):
        return self.answer(summary=self.summarize(text=text).summary, question=question)


def make_trace(
    ticket: Any = "My invoice is wrong",
    team: Any = "billing",
    *,
    passed: bool = True,
    attempt: int = 0,
    steps: list[Step] | None = None,
    failure: Failure | None = None,
    error: str | None = None,
    sent: bool = True,
    **fields: Any,
) -> Trace:
    example = Example({"ticket": ticket}, {"team": team}, source="tickets.jsonl:1")
    messages = [{"role": "system", "content": "Route."}, {"role": "user", "content": f"Ticket: {ticket}"}]
    call = Call("teacher/big", messages if sent else [], f"It is for {team}.")
    step = Step("self", {"ticket": ticket}, {"team": team}, [call])
    verdict = Verdict("metric", passed and error is None, float(passed), fingerprint="v1", error=error)
    return Trace(
        **{
            "id": fingerprint("trace", ticket, team, attempt, passed),
            "task": "tickets",
            "example": example,
            "candidate": "c0",
            "lm": "teacher/big",
            "attempt": attempt,
            "prediction": None if failure else {"team": team},
            "steps": [step] if steps is None else steps,
            "verdicts": [] if failure else [verdict],
            "failure": failure,
            **fields,
        }
    )


@pytest.fixture(scope="session")
def route() -> type[dspy.Signature]:
    return Route


@pytest.fixture(scope="session")
def program() -> dspy.Module:
    return dspy.Predict(Route)


@pytest.fixture(scope="session")
def two_steps() -> dspy.Module:
    return TwoSteps()


@pytest.fixture(scope="session")
def trace() -> Callable[..., Trace]:
    """Make a trace of the routing program; a passed one by default."""
    return make_trace


@pytest.fixture(scope="session")
def read_lines() -> Callable[[Path], list[Any]]:
    """Read JSONL with the standard library alone, as any consumer might."""

    def read(path: Path) -> list[Any]:
        with path.open(encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file]

    return read


@pytest.fixture(scope="session")
def export() -> Callable[..., DatasetResult]:
    """Write traces as a dataset, with settings by name."""

    def write(traces: Any, *, out: Path, program: dspy.Module, **given: Any) -> DatasetResult:
        about = {item.name for item in fields(Source)} & set(given)
        source = Source(program=program, **{name: given.pop(name) for name in about})
        return dataset.export(traces, source, make_choices(given), out=out)

    return write


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    """Make a record of messages, the last of which is the answer; or of fields by name."""

    def make(messages: Any = (), **given: Any) -> Record:
        *prompt, answer = messages or [
            {"role": "user", "content": "No sound"},
            {"role": "assistant", "content": "tech"},
        ]
        base = {"kind": "sft", "answers": (Answer(make_trace(), 0),), "prompt": prompt, "completion": [answer]}
        return Record(**{**base, **given})

    return make


@pytest.fixture(scope="session")
def spooled() -> Callable[..., AbstractContextManager[Spool]]:
    """Put rows into a spool, each given by arguments of ``_spool_row``; equal ones are several rows."""

    @contextmanager
    def make(rows: Iterable[dict[str, Any]]) -> Iterator[Spool]:
        with TemporaryDirectory() as folder, Spool(Path(folder), Ledger()) as spool:
            for number, row in enumerate(rows):
                _spool_row(spool, number, **row)
            spool.seal()
            yield spool

    return make


def _spool_row(
    spool: Spool, number: int, *, ticket: str = "t", team: str = "tech", label: str = "", source: str = "s",
    level: int = 0, passes: int = 1, attempts: int = 1, score: float = 1.0, lm: str = "teacher/big",
    characters: int = 10,
) -> None:  # fmt: skip
    step = Step("self", {"ticket": ticket}, {"team": team})
    made = make_trace(ticket, team, steps=[step], lm=lm, verdicts=[Verdict("metric", True, score)])
    record = Record(kind="sft", answers=[Answer(made, 0, attempts, passes)], prompt=[], answer_text="x" * characters)
    digest = hashlib.blake2b(f"{ticket}\0{team}".encode(errors="replace"), digest_size=16).digest()
    origin = json.dumps({"row": f"row {number}"}).encode()
    spool.add(Item(record, b"{}"), origin=origin, digest=digest, level=level, label=label, source=source)
    spool.ledger.read()


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
