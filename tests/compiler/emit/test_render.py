"""The student's prompt: what export renders is what a program sends, under every adapter."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import dspy
import orjson
import pydantic
import pytest
from dspy.adapters.baml_adapter import BAMLAdapter

from limbeck.compiler.emit.record import PROGRAM
from limbeck.compiler.emit.render import NotRenderable, renderers, same_signatures
from limbeck.compiler.generate.rollout import run_program
from limbeck.compiler.lm.adapters import ADAPTERS, WRITERS, make_adapter
from limbeck.compiler.lm.model import gateway_lm, route_predictors
from limbeck.errors import UsageError
from limbeck.records import Candidate, Step
from limbeck.signatures.fields import own_signature, predictors
from limbeck.signatures.program import apply, base_candidate
from limbeck.testing.scripted import script

PLAIN = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter, "baml": BAMLAdapter}


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(pydantic.BaseModel):
    """Where someone lives."""

    street: str
    country: Literal["US", "CA"] = pydantic.Field(description="two letters")


class Item(pydantic.BaseModel):
    name: str
    price: float | None = None


class Order(pydantic.BaseModel):
    items: list[Item]
    address: Address | None


class Extract(dspy.Signature):
    """Take the order down."""

    note: str = dspy.InputField(desc="as it came in")
    known: list[Item] = dspy.InputField()
    day: dt.date = dspy.InputField()
    limit: int = dspy.InputField(default=3)
    order: Order = dspy.OutputField(desc="all of it")
    colour: Colour = dspy.OutputField()
    urgent: bool = dspy.OutputField()


class Talk(dspy.Module):
    """A conversation in one run."""

    def __init__(self):
        super().__init__()
        self.reply = dspy.Predict("history: dspy.History, question -> answer")

    def forward(self, questions):
        history = dspy.History(messages=[])
        for question in questions:
            answer = self.reply(question=question, history=history).answer
            history = dspy.History(messages=[*history.messages, {"question": question, "answer": answer}])
        return dspy.Prediction(answer=answer)


class Notes(dspy.Module):
    def __init__(self):
        super().__init__()
        self.sum_up = dspy.ChainOfThought(dspy.Signature("text -> summary", "Sum it up.\nBe short."))
        self.answer = dspy.Predict(dspy.Signature("summary, question -> answer: int", "Answer it."))

    def forward(self, text, question, hint="none"):
        summary = self.sum_up(text=text).summary
        return dspy.Prediction(answer=self.answer(summary=summary, question=question).answer, source="notes")


def search(query: str, k: int = 3) -> str:
    """Look it up.

    Slowly.
    """
    return f"{k} hits for {query}"


class Caller(dspy.Module):
    """Tools that are made while the program runs."""

    def __init__(self):
        super().__init__()
        self.call = dspy.Predict("question, tools: list[dspy.Tool] -> calls: dspy.ToolCalls")

    def forward(self, question):
        return self.call(question=question, tools=[dspy.Tool(search)])


def react(thought, tool, **args):
    return "react", {"next_thought": thought, "next_tool_name": tool, "next_tool_args": args}


ORDER = {"items": [{"name": "<pen> & ink", "price": 2.5}, {"name": "数", "price": None}],
         "address": {"street": "1 Main St", "country": "CA"}}  # fmt: skip
CALLS = dspy.ToolCalls.from_dict_list([{"name": "search", "args": {"query": "rain"}}])

RUNS = {
    "nested models": (
        dspy.Predict(Extract), {"note": "two pens\n", "known": [Item(name="pen")], "day": dt.date(2026, 5, 1)},
        [("self", {"order": Order.model_validate(ORDER), "colour": Colour.BLUE, "urgent": True})],
    ),
    "reasoning": (
        dspy.ChainOfThought("question -> answer: float"), {"question": "2+2?"},
        [("predict", {"reasoning": "2 and 2\nare 4", "answer": 4.0})],
    ),
    "two steps": (
        Notes(), {"text": "It rains.", "question": "1?"},
        [("sum_up.predict", {"reasoning": "r", "summary": "wet"}), ("answer", {"answer": 1})],
    ),
    "a conversation": (
        Talk(), {"questions": ["1?", "2?"]}, [("reply", {"answer": "one"}), ("reply", {"answer": "two"})],
    ),
    "react": (
        dspy.ReAct("question -> answer", tools=[search]), {"question": "Rain?"},
        [react("look", "search", query="rain"), react("done", "finish"),
         ("extract.predict", {"reasoning": "r", "answer": "yes"})],
    ),
    "best of n": (
        dspy.BestOfN(dspy.ChainOfThought("question -> answer"), N=2, threshold=1.0,
                     reward_fn=lambda _args, prediction: float(prediction.answer == "4")),
        {"question": "2+2?"},
        [("module.predict", {"reasoning": "r", "answer": text}) for text in ("5", "4")],
    ),
    "tools": (Caller(), {"question": "Rain?"}, [("call", {"calls": CALLS})]),
}  # fmt: skip


@pytest.fixture
def roll(lab, tmp_path):
    """Run a program once as limbeck does, its LM giving these answers; steps as they come out of the store."""

    def rolled(program, name, inputs, answers, candidate=None):
        signatures = {key: item.signature for key, item in predictors(program).items()}
        texts = iter([PLAIN[name]().format_assistant_message_content(signatures[key], out) for key, out in answers])
        lm = lab.FakeLM(lambda _: next(texts))

        async def run():
            async with lab.open(tmp_path) as gateway:
                with ThreadPoolExecutor(4) as threads:
                    applied = apply(program, candidate or base_candidate(program))
                    route_predictors(applied, gateway)
                    return await run_program(applied, inputs, lm=gateway_lm(gateway, lm), adapter=make_adapter(name),
                                             attempt=0, threads=threads)  # fmt: skip

        ran = asyncio.run(run())
        assert ran.failure is None, ran.failure
        steps = [Step(step.predictor, *orjson.loads(orjson.dumps([step.inputs, step.outputs])), step.calls)
                 for step in ran.steps if step.outputs is not None]  # fmt: skip
        return ran, steps

    return rolled


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", RUNS)
def test_a_bare_prompt_is_what_the_program_sends(roll, adapter, name):
    """Byte for byte, from the values that the store has; and the adapter reads the answer as the same values."""
    program, inputs, answers = RUNS[name]
    _, steps = roll(program, adapter, inputs, answers)
    renders = renderers(program, "bare", adapter)
    assert steps
    for step in steps:
        chat = renders[step.predictor](step)
        assert chat.prompt == step.messages
        signature = predictors(program)[step.predictor].signature
        read = PLAIN[adapter]().parse(signature, chat.completion[0]["content"])
        assert read == PLAIN[adapter]().parse(signature, step.completion)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", ["nested models", "two steps", "a conversation", "reasoning"])
def test_a_compiled_prompt_is_what_the_compiled_program_sends(roll, adapter, name):
    """With the candidate's instructions and demos, incomplete ones included."""
    program, inputs, answers = RUNS[name]
    given = orjson.loads(orjson.dumps({"text": "It snows.", "question": "0?", "note": "n", "known": [{"name": "a"}],
                                       "day": "2026-01-01", "summary": "white"}))  # fmt: skip
    outputs = {"answer": "7", "summary": "white", "reasoning": "w", "order": ORDER, "colour": "red", "urgent": False}
    demos = {}
    for key, item in predictors(program).items():
        demo = {field: {**given, **outputs}[field] for field in item.signature.fields if field in {**given, **outputs}}
        demos[key] = [{**demo, "augmented": True}, {field: demo[field] for field in list(demo)[1:]}]
    candidate = Candidate({key: f"Do {key}.\nWell." for key in demos}, demos)
    _, steps = roll(program, adapter, inputs, answers, candidate)
    renders = renderers(program, "compiled", adapter, candidate)
    for step in steps:
        assert renders[step.predictor](step).prompt == step.messages
        assert "Well." in step.messages[0]["content"]


@pytest.mark.parametrize("prompt", ["bare", "compiled"])
def test_a_two_step_adapters_first_prompt_and_answer_are_written(prompt):
    """What its main LM is sent; the answer is written as in its demos. The LM that extracts is never asked."""
    program = dspy.Predict("question, day: int -> answer: float, why")
    candidate = Candidate({"self": "Answer."}, {"self": [{"question": "q", "day": 1, "answer": 2.0, "why": "w"}]})
    sent = apply(program, candidate) if prompt == "compiled" else program
    main, extract = script("It is 4, by the sum."), script({"answer": 4, "why": "sum"})
    with dspy.context(lm=main.lm, adapter=dspy.TwoStepAdapter(extract.lm)):
        assert sent(question="2+2?", day=3).toDict() == {"answer": 4.0, "why": "sum"}
    step = Step("self", {"question": "2+2?", "day": 3}, {"answer": 4.0, "why": "sum"})
    chat = renderers(program, prompt, "two_step", candidate)["self"](step)
    assert "\n\n".join(message["content"] for message in chat.prompt) == main.asked[0]
    assert len(main.asked) == 1
    assert chat.completion[0]["content"] == "answer: 4.0\n\nwhy: sum"


def test_a_program_cannot_run_with_a_two_step_adapter():
    """It says what else it can do."""
    with pytest.raises(UsageError) as caught:
        make_adapter("two_step")
    assert str(caught.value).splitlines()[1] == (
        "It can write datasets: limbeck export --adapter two_step. To run programs: chat, json, xml, baml."
    )


class Tree(pydantic.BaseModel):
    children: list[Tree]


def test_an_adapter_that_cannot_write_a_type_says_so():
    """BAML knows no models that hold themselves; that is no traceback."""
    program = dspy.Predict(dspy.Signature({"q": (str, dspy.InputField()), "tree": (Tree, dspy.OutputField())}))
    with pytest.raises(UsageError, match=r"Adapter 'baml' cannot write q -> tree: .*recursive"):
        renderers(program, "bare", "baml")


# The whole program


def whole(program, inputs, outputs, prompt="bare", candidate=None, adapter="chat", **fields):
    return renderers(program, prompt, adapter, candidate, **fields)[PROGRAM](Step(PROGRAM, inputs, outputs))


def text(chat):
    return "\n".join(message["content"] for message in chat.prompt)


@pytest.mark.parametrize("adapter", WRITERS)
@pytest.mark.parametrize("name", RUNS)
def test_a_whole_program_is_written_from_what_went_in_to_what_came_out(roll, adapter, name):
    """All inputs are in the prompt; the adapter reads the answer as the prediction."""
    program, inputs, answers = RUNS[name]
    ran, _ = roll(program, "chat" if adapter == "two_step" else adapter, inputs, answers)
    inputs, prediction = orjson.loads(orjson.dumps([ran.steps[0].inputs if name == "nested models" else inputs,
                                                    ran.prediction]))  # fmt: skip
    chat = whole(program, inputs, prediction, adapter=adapter)
    for key, value in inputs.items():
        assert key in chat.prompt[0]["content"]
        assert not isinstance(value, str) or value in chat.prompt[-1]["content"]
    assert [message["role"] for message in chat.prompt] == ["system", "user"]
    if adapter != "two_step":
        own = own_signature(program) or predictors(program)[answers[-1][0]].signature
        assert PLAIN[adapter]().parse(own, chat.completion[0]["content"]) == {
            field: dict(answers[-1][1])[field] for field in own.output_fields
        }


def test_inputs_that_no_predictor_has_are_inputs_of_the_whole():
    """What a retriever finds is none: forward does not take it."""

    class Rag(dspy.Module):
        def __init__(self):
            super().__init__()
            self.answer = dspy.Predict(dspy.Signature("context, question -> answer", "Use the context."))

        def forward(self, query: str, place: str, year: int = 2000):
            return self.answer(context="c", question=query)

    chat = whole(Rag(), {"query": "Who?", "place": "Rome"}, {"answer": "Nero"})
    assert chat.prompt[0]["content"].startswith(
        "Your input fields are:\n1. `query` (str): \n2. `place` (str):\nYour output fields are:\n1. `answer` (str):"
    )
    assert chat.prompt[0]["content"].endswith("Use the context.")
    assert "Rome" in chat.prompt[-1]["content"]
    assert "`year` (int)" in text(whole(Rag(), {"query": "Who?", "place": "Rome", "year": 64}, {"answer": "Nero"}))


def test_outputs_are_what_the_program_returned_of_what_predictors_make():
    """Not what lies between, nor what the program adds."""
    chat = whole(Notes(), {"text": "t", "question": "q"}, {"answer": 1, "source": "notes"})
    assert chat.completion[0]["content"] == "[[ ## answer ## ]]\n1\n\n[[ ## completed ## ]]\n"
    assert "summary" not in text(chat)


def test_outputs_that_no_predictor_makes_are_learned_where_there_are_no_others():
    """A program may count, compare or look up what it returns."""
    chat = whole(Notes(), {"text": "t", "question": "q"}, {"same": True, "found": ["a"]})
    assert "`same` (bool)" in text(chat)
    assert '[[ ## found ## ]]\n["a"]' in chat.completion[0]["content"]


def test_the_instruction_of_several_predictors_lists_theirs():
    """Compiled ones where the prompt is the compiled one; no demos, for they are of other fields."""
    values = ({"text": "t", "question": "q"}, {"answer": 1})
    objective = whole(Notes(), *values).prompt[0]["content"].split("your objective is:")[1]
    assert " ".join(objective.split()) == (
        "Given the fields `text`, `question`, produce the fields `answer`. "
        "This is what has to be done: 1. Sum it up. Be short. 2. Answer it."
    )
    candidate = Candidate({"answer": "Count."}, {"answer": [{"summary": "s", "question": "q", "answer": 3}]})
    compiled = whole(Notes(), *values, prompt="compiled", candidate=candidate)
    assert "2. Count." in text(compiled)
    assert len(compiled.prompt) == 2


def test_one_predictors_demos_are_the_programs():
    """A program of one predictor is that predictor."""
    program = dspy.ChainOfThought("question -> answer")
    demos = [{"question": "1+1?", "reasoning": "because", "answer": "2"}]
    candidate = Candidate({"predict": "Sum."}, {"predict": demos})
    step = Step("predict", {"question": "2+2?"}, {"reasoning": "so", "answer": "4"})
    for reasoning in (True, False):
        renders = renderers(program, "compiled", "chat", candidate, reasoning=reasoning)
        assert renders[PROGRAM](step) == renders["predict"](step)
        assert len(renders["predict"](step).prompt) == 4


# Reasoning


@pytest.mark.parametrize("adapter", WRITERS)
@pytest.mark.parametrize("name", ["question -> answer", "question -> reasoning: dspy.Reasoning, answer"])
def test_reasoning_that_is_dropped_is_nowhere(adapter, name):
    """Not in the fields, the demos, the past turns, the answer."""
    program = dspy.ChainOfThought(name) if "Reasoning" not in name else dspy.Predict(name)
    (key,) = predictors(program)
    demos = [{"question": "1+1?", "reasoning": "because", "answer": "2", "augmented": True}]
    candidate = Candidate({key: "Sum."}, {key: demos})
    step = Step(key, {"question": "2+2?"}, {"reasoning": "so it is", "answer": "4"})
    kept = renderers(program, "compiled", adapter, candidate)[key](step)
    assert "because" in text(kept)
    assert "so it is" in kept.completion[0]["content"]
    dropped = renderers(program, "compiled", adapter, candidate, reasoning=False)[key](step)
    assert [m["role"] for m in dropped.prompt] == ["system", "user", "assistant", "user"]
    assert not any(word in text(dropped) + dropped.completion[0]["content"] for word in ("because", "so it", "reason"))


def test_past_turns_lose_their_reasoning_too():
    """A history has the fields of the turns before."""
    program = dspy.ChainOfThought("history: dspy.History, question -> answer")
    history = {"messages": [{"question": "1+1?", "reasoning": "because", "answer": "2"}]}
    step = Step("predict", {"history": history, "question": "2+2?"}, {"reasoning": "so", "answer": "4"})
    assert "because" in text(renderers(program, "bare", "chat")["predict"](step))
    assert "because" not in text(renderers(program, "bare", "chat", reasoning=False)["predict"](step))


def test_reasoning_stays_where_nothing_else_is_left():
    """There would be nothing to learn."""
    chat = renderers(dspy.Predict("question -> reasoning"), "bare", "chat", reasoning=False)["self"](
        Step("self", {"question": "q"}, {"reasoning": "so"})
    )
    assert "so" in chat.completion[0]["content"]


def test_sent_prompts_keep_their_reasoning():
    """What was sent cannot be taken apart."""
    with pytest.raises(UsageError, match="'sent' keeps completions"):
        renderers(dspy.Predict("q -> a"), "sent", "chat", reasoning=False)


def test_an_answer_that_could_not_be_parsed_is_its_text_where_it_is_wanted(lab):
    """And gives no row where it is not."""
    from limbeck.records import Call

    step = Step("self", {"q": "x"}, None, [Call("m", [], "no fields here")], "parse")
    assert renderers(dspy.Predict("q -> a"), "bare", "chat", raw=True)["self"](step).completion == [
        {"role": "assistant", "content": "no fields here"}
    ]
    with pytest.raises(NotRenderable, match="output field without a value"):
        renderers(dspy.Predict("q -> a"), "bare", "chat")["self"](step)


def test_predictors_with_one_signature_are_known_by_the_first():
    """Voters, as of an ensemble; another instruction is another signature."""
    program = dspy.Module()
    program.voters = [dspy.Predict("q -> a"), dspy.Predict("q -> a")]
    program.other = dspy.Predict(dspy.Signature("q -> a", "Say it backwards."))
    program.third = dspy.Predict("q -> b")
    assert same_signatures(program) == {
        "voters[0]": "voters[0]", "voters[1]": "voters[0]", "other": "other", "third": "third",
    }  # fmt: skip
