"""Whole exports of traces full of private values: none stands in any file of the dataset, whatever the target."""

from __future__ import annotations

import json
import random
from pathlib import Path

import dspy
import pytest

from limbeck.compiler.emit.formats.base import BUILTINS, get_format
from limbeck.records import Call, Example, Failure, Step, Trace, Verdict, fingerprint

TARGETS = [(name, kind) for name in BUILTINS for kind in get_format(name).kinds]
_RNG = random.Random(7)


def _drawn(n: int) -> str:
    return "".join(_RNG.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789abcdefghijkmnopqrstuvwxyz") for _ in range(n))


PLANTED = {
    "mail": "tess.planted@example.org",
    "phone": "+44 20 7946 0958",
    "card": "4111 1111 1111 1111",
    "iban": "GB82 WEST 1234 5698 7654 32",
    "key": "gh" + "p_" + _drawn(34) + "7x",
    "password in an address": "s3cr3t" + _drawn(9),
    "address": "81.2.69.160",
    "number of a person": "536-22-8726",
    "token": "h" + "f_" + _drawn(32) + "aB",
    "number": "4242424242424242",
}
"""One value of each kind."""

TEXT = {
    **PLANTED,
    "password in an address": f"postgres://app:{PLANTED['password in an address']}@db.example.org/tickets",
}
LINES = {name: f"The {name} is {value} and please do not tell it to anybody else" for name, value in TEXT.items()}
ALL = "\n".join(LINES.values())
HELD_OUT = (
    f"On Monday the parcel came to the wrong door and the man there, {TEXT['mail']}, would not give it back to me"
)


class Solve(dspy.Signature):
    """Solve it."""

    question: str = dspy.InputField()
    reasoning: str = dspy.OutputField()
    answer: str = dspy.OutputField()


@pytest.fixture(scope="module")
def solve():
    return dspy.Predict(Solve)


@pytest.fixture(autouse=True)
def _libraries() -> None:
    for name in ("phonenumbers", "publicsuffixlist", "stdnum"):
        pytest.importorskip(name, reason="needs the extra privacy")


def made(question: str, answer: str, attempt: int = 0, *, failure: str | None = None) -> Trace:
    """A trace with the values in all that a dataset tells of one."""
    passed = attempt % 2 == 0
    inputs = {"question": question}
    outputs = {"reasoning": ALL, "answer": f"{answer} {PLANTED['mail']}"}
    arguments = {"who": PLANTED["mail"], "number": int(PLANTED["number"])}
    messages = [{"role": "system", "content": ALL}, {"role": "user", "content": question}]
    tool = {"type": "function", "function": {"name": "find", "description": ALL, "parameters": {"type": "object"}}}
    if attempt > 1:
        calls = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": json.dumps(arguments)}}]
        messages += [{"role": "assistant", "content": "", "tool_calls": calls}]
        messages += [{"role": "tool", "tool_call_id": "c1", "content": json.dumps({"found": ALL})}]
    call = Call("teacher", messages, f"{answer}\n{ALL}", {"tools": [tool]} if attempt > 1 else {})
    steps = [{"text": f"{ALL} {answer}", "label": "positive"}, {"text": f"so {PLANTED['mail']}", "label": "negative"}]
    verdicts = [
        Verdict("metric", passed, float(passed), feedback=ALL, error=ALL if attempt == 5 else None),
        Verdict("steps", passed, evidence={"steps": steps}, by="model", feedback=ALL),
    ]
    return Trace(
        id=fingerprint("whole", question, attempt, answer), task="tickets", candidate="c", lm="teacher",
        attempt=attempt,
        example=Example(inputs, {"answer": ALL}, f"exports of {PLANTED['mail']}.jsonl:{attempt}"),
        prediction=None if failure else outputs,
        steps=[Step("self", inputs, None if failure else outputs, [call], failure)],
        verdicts=[] if failure else verdicts,
        failure=Failure("parse", failure) if failure else None,
        meta={"customer": ALL, "card": int(PLANTED["number"]), "licence": f"by {PLANTED['mail']}"},
    )  # fmt: skip


def traces() -> list[Trace]:
    """Some with values in the input, some without, one that failed, one that is in the test data."""
    found = [made(f"{name}? {line}", f"answer {n}", n) for name, line in LINES.items() for n in range(3)]
    found += [made("What is in it?", f"answer {n}", n) for n in range(6)]
    found += [made("What is in it?", "x", 9, failure=f"no field in {ALL}")]
    found += [made(f"Call {PLANTED['phone']}. {HELD_OUT}", f"answer {n}", n) for n in range(3)]
    return found


def contents(folder: Path) -> dict[str, str]:
    """All text in all files, by name; that of tables as JSON."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            from pyarrow import parquet

            table = parquet.read_table(path)
            found[path.name] = json.dumps(table.to_pylist(), ensure_ascii=False) + str(table.schema.metadata)
        else:
            found[path.name] = path.read_text(encoding="utf-8-sig")
    return found


@pytest.mark.parametrize("policy", ["mask", "quarantine"])
@pytest.mark.parametrize(("name", "kind"), TARGETS)
@pytest.mark.parametrize("prompt", ["bare", "sent"])
def test_nothing_private_is_in_any_file(export, solve, tmp_path, name, kind, policy, prompt):
    """Rows, card, pictures, ledger, provenance, what was put aside, and texts of test data."""
    tests = tmp_path / "test.jsonl"
    tests.write_text(json.dumps({"q": HELD_OUT}))
    out = tmp_path / "out"
    failures = {"failures": True} if get_format(name).extra_columns else {}
    result = export(traces(), out=out, program=solve, format=name, kind=kind, private=policy, prompt=prompt,
                    against=(str(tests),), task="tickets", stratify="answer", **failures)  # fmt: skip
    said = contents(out)
    leaks = {(file, what) for file, text in said.items() for what, value in PLANTED.items() if value in text}
    assert not leaks
    aside = "contaminated.jsonl" if policy == "mask" else "private.jsonl"
    assert "_1]" in said[aside]
    assert policy == "quarantine" or (result.emitted and "_1]" in said["provenance.jsonl"])
