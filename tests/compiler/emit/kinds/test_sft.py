"""Supervised fine-tuning: turns of one conversation are one row, failures are rows where they are wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limbeck.records import Call, Failure, Step


def said(role, content, **more):
    return {"role": role, "content": content, **more}


def talk(*turns):
    """Steps of a conversation: each sends what was said so far."""
    steps, messages = [], [said("system", "Be kind.")]
    for question, answer in turns:
        messages = [*messages, said("user", question)]
        steps.append(Step("self", {"question": question}, {"answer": answer}, [Call("m", messages, answer)]))
        messages = [*messages, said("assistant", answer)]
    return steps


def test_turns_of_a_conversation_are_one_row(make, tried, sums):
    """Each answer is learned once, with what came before it."""
    one = tried(calls=talk(("1?", "one"), ("2?", "two "), ("3?", "three")))
    (record,), ledger = make("sft", [one], sums, prompt="sent")
    assert record.prompt == [said("system", "Be kind."), said("user", "1?")]
    assert [(m["role"], m["content"].strip()) for m in record.completion] == [
        ("assistant", "one"), ("user", "2?"), ("assistant", "two"), ("user", "3?"), ("assistant", "three"),
    ]  # fmt: skip
    assert record.id == f"{one.id}#2"
    assert record.answer_text.split() == ["one", "two", "three"]
    assert (ledger.n_read, ledger.n_combined, ledger.n_formed, ledger.n_emitted) == (3, 3, 1, 1)


def test_turns_are_rows_of_their_own_where_a_target_has_no_place_for_conversations(make, tried, sums):
    """Each with what was said before in its prompt."""
    one = tried(calls=talk(("1?", "one"), ("2?", "two")))
    records, ledger = make("sft", [one], sums, prompt="sent", turns=False)
    assert [(len(record.prompt), len(record.completion)) for record in records] == [(2, 1), (4, 1)]
    assert ledger.n_combined == 0


def test_a_turn_that_is_told_otherwise_later_has_a_row_of_its_own(make, tried, sums):
    """What the LM wrote is not what the program made of it."""
    steps = talk(("1?", "one"), ("2?", "two"))
    steps[0].calls[0] = Call("m", steps[0].messages, "Sure! one")
    records, ledger = make("sft", [tried(calls=steps)], sums, prompt="sent")
    assert [len(record.completion) for record in records] == [1, 1]
    assert ledger.n_combined == 0


def test_two_conversations_of_one_trace_stay_apart(make, tried, sums):
    """Also where they begin alike."""
    steps = [*talk(("1?", "one"), ("2?", "two")), *talk(("1?", "uno"), ("2?", "due")), *talk(("3?", "three"))]
    records, _ = make("sft", [tried(calls=steps)], sums, prompt="sent")
    assert [record.answer_text.split() for record in records] == [["one", "two"], ["uno", "due"], ["three"]]


def test_conversations_of_different_traces_are_different_rows(make, tried, sums):
    """They may have been judged differently."""
    one, other = tried(calls=talk(("1?", "one"))), tried(n=1, calls=talk(("1?", "one"), ("2?", "two")))
    assert len(make("sft", [one, other], sums, prompt="sent")[0]) == 2


def test_calls_of_tools_and_what_they_gave_are_in_the_conversation(make, tried, sums):
    """The answer that calls a tool is learned too, and the tools are at hand."""
    called = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    asked, config = [said("user", "Rain?")], {"tools": [tool]}
    more = [*asked, said("assistant", None, tool_calls=[called]), said("tool", "no", tool_call_id="1")]
    steps = [Step("self", {}, {"answer": "x"}, [Call("m", asked, None, config, tool_calls=[called])]),
             Step("self", {}, {"answer": "no"}, [Call("m", more, "No.", config)])]  # fmt: skip
    (record,), _ = make("sft", [tried(calls=steps)], sums, prompt="sent")
    assert [message["role"] for message in record.messages] == ["user", "assistant", "tool", "assistant"]
    assert record.tools == [tool]


def test_failures_are_rows_with_outcome_and_reward_where_they_are_wanted(make, tried, sums):
    """An answer that could not be parsed is its raw text."""
    traces = [tried("4"), tried("5", passed=False, score=0.25), tried(broken="four!")]
    assert len(make("sft", traces, sums)[0]) == 1
    records, ledger = make("sft", traces, sums, failures=True)
    assert [record.columns for record in records] == [
        {"outcome": "passed", "reward": 1.0}, {"outcome": "rejected", "reward": 0.25},
        {"outcome": "failed", "reward": 0.0},
    ]  # fmt: skip
    assert records[2].completion == [said("assistant", "four!")]
    assert not ledger.reasons()


def test_a_failure_without_an_answer_is_in_the_ledger(make, tried, sums):
    """There is nothing to write down where the LM was out of reach."""
    down = tried(failure=Failure("lm", "out of reach"), calls=[], verdicts=[], prediction=None)
    records, ledger = make("sft", [down], sums, failures=True)
    assert not records
    assert ledger.reasons() == {"failed: lm": 1}


def test_of_a_whole_program_only_its_own_answer_is_one(make, trace, two_steps):
    """What a step in the middle wrote is no answer to what went in."""
    steps = [Step("summarize", {"text": "t"}, {"summary": "s"}),
             Step("answer", {"summary": "s", "question": "q"}, None, [Call("m", [], "??")], "no field")]  # fmt: skip
    failed = trace(steps=steps, failure=Failure("parse", "no field"))
    assert make("sft", [failed], two_steps, whole=True, failures=True)[1].reasons() == {"step without outputs": 1}
    assert len(make("sft", [failed], two_steps, failures=True)[0]) == 2


WORDS = st.sampled_from(["a", "b", "", " a"])


@given(st.lists(st.lists(st.lists(st.tuples(WORDS, WORDS), max_size=4), max_size=3), max_size=4))
def test_the_counts_add_up(make, tried, sums, drawn):
    """Whatever begins with what; and every answer is in one row."""
    traces = [tried(n=n, calls=[step for turns in talks for step in talk(*turns)]) for n, talks in enumerate(drawn)]
    records, ledger = make("sft", traces, sums, prompt="sent")
    steps = sum(len(turns) for talks in drawn for turns in talks)
    lost = sum(reason != "no step of the predictor" for reason in ledger.reasons())
    if not lost:
        assert sum(len(record.answers) for record in records) == steps
