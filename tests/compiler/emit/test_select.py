"""From traces to records: what is picked, what is dropped, and that the counts add up."""

from __future__ import annotations

from dataclasses import replace

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.kinds import MAKERS
from limbeck.compiler.emit.kinds.base import Making
from limbeck.compiler.emit.render import names_of, renderers
from limbeck.compiler.emit.select import Wanted, select
from limbeck.compiler.keep.ledger import Ledger
from limbeck.errors import TargetError, UsageError
from limbeck.records import Call, Candidate, Example, Failure, Step


def emit(traces, program, *, prompt="bare", adapter="chat", candidate=None, predictor=None, held_out=(), **fields):
    ledger = Ledger()
    names = names_of(program, predictor, whole=fields.pop("whole", False))
    making = Making(renderers(program, prompt, adapter, candidate, **fields), ledger)
    groups = select(traces, Wanted(names, held_out=held_out), ledger)
    records = [record for answers in groups for record in MAKERS["sft"](answers, making)]
    for record in records:
        ledger.emitted(record.id)
    ledger.check()
    return records, ledger


def answer(text="x", **fields):
    return Step("answer", {"summary": "s", "question": text}, {"answer": text}, **fields)


def test_a_passed_trace_gives_prompt_and_answer(program, trace):
    """A record is the chat with the answer last, and knows where it comes from."""
    kept = trace()
    (record,), _ = emit([kept], program)
    assert [message["role"] for message in record.messages] == ["system", "user", "assistant"]
    assert "My invoice is wrong" in record.messages[1]["content"]
    assert record.messages[-1]["content"].startswith("[[ ## team ## ]]\nbilling")
    assert (record.id, record.first.step.predictor) == (f"{kept.id}#0", "self")


def test_traces_that_did_not_pass_are_dropped_with_their_reason(program, trace):
    """Failed, rejected and unverified traces are told apart."""
    traces = [
        trace(failure=Failure("parse", "no team in it"), steps=[]),
        trace(error="ZeroDivisionError"),
        trace(passed=False),
        trace(verdicts=[]),
    ]
    records, ledger = emit(traces, program)
    assert not records
    assert ledger.reasons() == {"failed: metric": 1, "failed: parse": 1, "not verified": 1, "rejected": 1}


def test_test_data_is_held_out(program, trace):
    """What the gate measures on must not be trained on, whatever the store holds."""
    kept = trace()
    records, ledger = emit([kept, trace("Screen is black", "tech")], program, held_out={kept.example.input_id})
    assert [record.first.trace.example.labels["team"] for record in records] == ["tech"]
    assert ledger.reasons() == {"held out": 1}


def test_every_step_of_a_loop_gives_a_row(two_steps, trace):
    """A predictor that is called three times is learned from three times."""
    steps = [answer("a"), answer("b"), answer("c")]
    records, _ = emit([trace(steps=steps)], two_steps)
    assert [record.first.index for record in records] == [0, 1, 2]


def test_all_predictors_are_emitted_unless_one_is_named(two_steps, trace):
    """Rows say whose they are."""
    steps = [Step("summarize", {"text": "t"}, {"summary": "s"}), answer()]
    assert [record.first.step.predictor for record in emit([trace(steps=steps)], two_steps)[0]] == [
        "summarize",
        "answer",
    ]
    only, ledger = emit([trace(steps=steps)], two_steps, predictor="answer")
    assert [record.first.step.predictor for record in only] == ["answer"]
    assert ledger.n_read == 1


def test_steps_that_cannot_be_learned_from_are_in_the_ledger(two_steps, trace):
    """A failed call, a predictor without a name and one that is gone cost their own rows only."""
    steps = [
        answer(),
        replace(answer("b"), outputs=None, error="parse"),
        Step(None, {"q": "x"}, {"a": "y"}),
        replace(answer("c"), outputs={}),
    ]
    records, ledger = emit([trace(steps=steps), trace(steps=[Step("gone", {}, {"a": 1})])], two_steps)
    assert len(records) == 1
    assert ledger.reasons() == {
        "no step of the predictor": 1,
        "output field without a value": 1,
        "predictor made at run time": 1,
        "step without outputs": 1,
    }


def test_compiled_has_the_candidates_instruction_and_demos(program, trace):
    """The student sees what the compiled program sends."""
    candidate = Candidate({"self": "Pick a team."}, {"self": [{"ticket": "No sound", "team": "tech"}]})
    (record,), _ = emit([trace()], program, prompt="compiled", candidate=candidate)
    assert "Pick a team." in record.messages[0]["content"]
    assert "Route the ticket" not in record.messages[0]["content"]
    assert [message["role"] for message in record.messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]


def test_bare_has_neither(program, trace):
    """A candidate that is at hand does not slip into bare prompts."""
    candidate = Candidate({"self": "Pick a team."}, {"self": [{"ticket": "No sound", "team": "tech"}]})
    assert emit([trace()], program, candidate=candidate)[0][0].messages == emit([trace()], program)[0][0].messages


def test_compiled_without_a_candidate_is_refused(program):
    """There is nothing to put into the prompt."""
    with pytest.raises(UsageError, match="needs a compiled program"):
        emit([], program, prompt="compiled")


def test_sent_is_verbatim(program, trace):
    """Messages and completion are those of the call that counted."""
    kept = trace()
    (record,), _ = emit([kept], program, prompt="sent")
    assert record.messages[:-1] == kept.steps[0].calls[0].messages
    assert record.messages[-1] == {"role": "assistant", "content": "It is for billing."}


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ([], "no messages recorded"),
        ([Call("m", [], "raw")], "no messages recorded"),
        ([Call("m", [{"role": "user", "content": "x"}], None)], "no completion text recorded"),
    ],
)
def test_sent_needs_what_was_sent(calls, reason, program, trace):
    """A log without messages gives no such rows, and says so."""
    records, ledger = emit([trace(steps=[Step("self", {}, {"team": "tech"}, calls)])], program, prompt="sent")
    assert not records
    assert ledger.reasons() == {reason: 1}


def test_sent_keeps_tools_and_their_calls(program, trace):
    """An answer that calls a tool is one, and the student is told of the tools."""
    called = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    call = Call("m", [{"role": "user", "content": "x"}], None, config={"tools": [tool]}, tool_calls=[called])
    (record,), _ = emit([trace(steps=[Step("self", {}, {"team": "tech"}, [call])])], program, prompt="sent")
    assert record.completion == [{"role": "assistant", "content": None, "tool_calls": [called]}]
    assert record.tools == [tool]


def test_an_imported_trace_without_calls_is_rendered_from_its_values(program, trace):
    """A log of inputs and outputs is enough for bare prompts."""
    steps = [Step("self", {"ticket": "No sound"}, {"team": "tech"})]
    (record,), _ = emit([trace(steps=steps, origin="import")], program)
    assert "No sound" in record.messages[1]["content"]


def test_values_that_an_adapter_cannot_take_cost_one_row(trace):
    """The row is in the ledger with the adapter's own words; the others go on."""

    class Chat(dspy.Signature):
        history: dspy.History = dspy.InputField()
        answer: str = dspy.OutputField()

    bad = Step("self", {"history": "no conversation"}, {"answer": "x"})
    good = Step("self", {"history": {"messages": []}}, {"answer": "x"})
    records, ledger = emit([trace(steps=[bad, good])], dspy.Predict(Chat))
    assert len(records) == 1
    assert ledger.reasons() == {"cannot be rendered": 1}


def test_an_unknown_predictor_is_refused(two_steps):
    """A typo is answered with the nearest name and the whole list."""
    with pytest.raises(UsageError) as caught:
        names_of(two_steps, "anwser")
    assert str(caught.value).endswith("Did you mean 'answer'? Predictors: summarize, answer.")


def test_a_program_without_predictors_is_refused():
    """There is nothing to emit for."""
    with pytest.raises(TargetError):
        names_of(dspy.Module())


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
            st.sampled_from(["passed", "rejected", "failed", "empty", "hole"]),
            st.integers(0, 3),
        ),
        max_size=30,
    )
)
def test_rows_read_are_rows_emitted_and_rows_in_the_ledger(program, trace, drawn):
    """Whatever the store holds, the counts add up."""

    def make(text, kind, attempt):
        if kind == "failed":
            return trace(text, failure=Failure("lm", "down"), steps=[])
        if kind == "hole":
            return trace(text, team=None, attempt=attempt)
        steps = {"empty": []}.get(kind)
        return trace(text, passed=kind != "rejected", attempt=attempt, steps=steps)

    records, ledger = emit([make(*item) for item in drawn], program)
    assert ledger.n_read == len(drawn) == len(records) + ledger.n_dropped


def test_inputs_that_have_no_identity_cost_their_trace(program, trace):
    """A store keeps integers of any size; JSON as it is compared and written has 64 bits."""
    odd = replace(trace(), id="t0", example=Example({"ticket": 1 << 70}))
    records, ledger = emit([odd, trace("fine")], program)
    assert (len(records), ledger.reasons()) == (1, {"cannot be written as JSON": 1})
