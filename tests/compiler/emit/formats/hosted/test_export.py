"""Whole exports for hosted services."""

from __future__ import annotations

import pytest

SFT = ("openai", "azure", "together", "fireworks", "gemini", "bedrock")
PREFERENCE = ("openai-dpo", "azure", "together", "fireworks", "gemini-preference", "nova-dpo")


def both(trace):
    """A passed and a rejected trace of each of some inputs, one of which holds what Amazon does not take."""
    tickets = [f"No sound {n} 🍏" for n in range(12)] + ["User: I pay twice"]
    return [
        one for ticket in tickets for one in (trace(ticket, "tech"), trace(ticket, "billing", passed=False, attempt=1))
    ]


@pytest.mark.parametrize("adapter", ["chat", "json", "xml", "baml"])
@pytest.mark.parametrize(
    ("name", "kind"), [*((name, "sft") for name in SFT), *((name, "preference") for name in PREFERENCE)]
)
def test_the_service_takes_what_is_exported(name, kind, adapter, trace, export, program, tmp_path, refusals):
    """Whatever the adapter; and what the service would not take stands in the ledger."""
    out = tmp_path / "out"
    made = export(both(trace), out=out, program=program, format=name, kind=kind, adapter=adapter, dedup="none")
    amazon = name in {"bedrock", "nova-dpo"}
    assert made.emitted == (12 if amazon else 13)
    assert made.dropped.get("format check failed", 0) == (1 if amazon else 0)
    assert refusals(name, out / "train.jsonl") == []


@pytest.mark.parametrize("name", SFT)
def test_demos_are_in_the_row_but_not_learned_where_that_can_be_said(
    name, trace, export, program, tmp_path, refusals, read_lines
):
    """Compiled prompts have answers in them; only the last one is this row's."""
    from limbeck.signatures.program import base_candidate

    demos = [{"ticket": "Paid twice", "team": "billing"}]
    candidate = base_candidate(program).with_demos({"self": demos})
    export(both(trace)[:24], out=tmp_path / "out", program=program, format=name, prompt="compiled",
           candidate=candidate, dedup="none")  # fmt: skip
    path = tmp_path / "out" / "train.jsonl"
    assert refusals(name, path) == []
    if name in {"openai", "together", "fireworks"}:
        weights = [message.get("weight") for message in read_lines(path)[0]["messages"]]
        assert weights == [None, None, 0, None, None]


def test_what_was_sent_is_exported_with_its_tools(trace, export, program, tmp_path, refusals, read_lines):
    """Calls that a trace recorded arrive at the service in its own form."""
    from limbeck.records import Call, Step

    call = {"id": "1", "name": "find", "arguments": {"word": "sound"}}
    tool = {"type": "function", "name": "find", "description": "Finds.",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}}}  # fmt: skip
    asked = [{"role": "user", "content": "No sound"}]
    step = Step("self", {}, {"team": "tech"}, [Call("teacher/big", asked, None, {"tools": [tool]}, [call])])
    traces = [trace(f"No sound {n}", "tech", steps=[step]) for n in range(10)]
    for name in ("openai", "azure", "together", "fireworks", "gemini"):
        out = tmp_path / name
        made = export(traces, out=out, program=program, format=name, prompt="sent", dedup="none")
        assert made.rows == {"train": 10}
        assert refusals(name, out / "train.jsonl") == []
    row = read_lines(tmp_path / "gemini" / "train.jsonl")[0]
    assert row["contents"][-1]["parts"] == [{"functionCall": {"name": "find", "args": {"word": "sound"}}}]
    made = export(traces, out=tmp_path / "bedrock", program=program, format="bedrock", prompt="sent", dedup="none")
    assert made.dropped == {"format check failed": 10}
