"""Rollouts: every shape of DSPy program becomes a trace, and whatever goes wrong costs that one rollout."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import dspy
import orjson
import pytest
from dspy.utils import exceptions as dx

from limbeck.compiler.generate.rollout import classify, run_program
from limbeck.compiler.lm.model import gateway_lm, route_predictors
from limbeck.compiler.lm.wire import chat_messages
from limbeck.errors import BudgetReached, LMUnavailable, TargetError
from limbeck.signatures.program import apply, base_candidate
from limbeck.testing._stub_replies import hash_reply


def stub(request):
    """Answer any prompt of DSPy's adapters with values of the right types."""
    return hash_reply({"messages": chat_messages(request)})


@pytest.fixture
def roll(lab, tmp_path):
    """Run a program once, as the worker does, and give what came of it and the LM that it asked."""

    def rolled(program, reply=stub, attempt=0, budget=None, adapter=None, runs=1, **inputs):
        lm = lab.FakeLM(reply)

        async def run():
            async with lab.open(tmp_path, budget=budget) as gateway:
                with ThreadPoolExecutor(8) as threads:
                    applied = apply(program, base_candidate(program))
                    route_predictors(applied, gateway)
                    return [
                        await run_program(
                            applied, inputs, lm=gateway_lm(gateway, lm), adapter=adapter or dspy.ChatAdapter(),
                            attempt=attempt, threads=threads,
                        )
                        for _ in range(runs)
                    ]  # fmt: skip

        ran = asyncio.run(run())
        return (ran[0] if runs == 1 else ran), lm

    return rolled


def names(ran):
    return [step.predictor for step in ran.steps]


# Shapes of programs


class Two(dspy.Module):
    def __init__(self):
        super().__init__()
        self.plan = dspy.Predict("question -> plan")
        self.answer = dspy.ChainOfThought("question, plan -> answer: int")

    def forward(self, question):
        return self.answer(question=question, plan=self.plan(question=question).plan)


class TwoAsync(Two):
    async def aforward(self, question):
        return await self.answer.acall(question=question, plan=(await self.plan.acall(question=question)).plan)


@pytest.mark.parametrize("program", [Two(), TwoAsync()], ids=["sync", "async"])
def test_steps_of_a_pipeline(roll, program):
    """Each predictor call is a step with its name, inputs, outputs, messages and completion."""
    ran, lm = roll(program, question="why?")
    assert ran.failure is None
    assert names(ran) == ["plan", "answer.predict"]
    plan, answer = ran.steps
    assert plan.inputs == {"question": "why?"}
    assert answer.inputs == {"question": "why?", "plan": plan.outputs["plan"]}
    assert set(answer.outputs) == {"reasoning", "answer"}
    assert isinstance(answer.outputs["answer"], int)
    assert ran.prediction == answer.outputs
    assert [m["role"] for m in answer.messages] == ["system", "user"]
    assert "[[ ## answer ## ]]" in answer.completion
    assert ran.usage.calls == len(lm.sent) == 2
    assert (ran.usage.input_tokens, ran.usage.output_tokens) == (20, 10)


def test_sync_and_async_are_one_program(roll):
    """The same program gives the same trace as a task and in a thread, from the same two calls."""
    first, lm = roll(Two(), question="why?")
    second, more = roll(TwoAsync(), question="why?")
    assert (first.prediction, first.steps) == (second.prediction, second.steps)
    assert (len(lm.sent), len(more.sent)) == (2, 0)


class Loop(dspy.Module):
    def __init__(self):
        super().__init__()
        self.step = dspy.Predict("sofar -> more")
        self.end = dspy.Predict("sofar -> answer")

    def forward(self, question, times, short=False):
        sofar = question
        for _ in range(times):
            sofar += self.step(sofar=sofar).more
        return dspy.Prediction(answer=sofar) if short else self.end(sofar=sofar)


@pytest.mark.parametrize("times", [0, 1, 5])
def test_loops(roll, times):
    """A predictor that runs several times gives as many steps, in order."""
    ran, _ = roll(Loop(), question="q", times=times)
    assert names(ran) == ["step"] * times + ["end"]
    lengths = [len(step.inputs["sofar"]) for step in ran.steps]
    assert lengths == sorted(lengths)


def test_branches(roll):
    """Only what ran is in the trace."""
    ran, _ = roll(Loop(), question="q", times=1, short=True)
    assert names(ran) == ["step"]
    assert set(ran.prediction) == {"answer"}


class Nested(dspy.Module):
    def __init__(self):
        super().__init__()
        self.inner = Two()
        self.many = [dspy.Predict("question -> answer"), dspy.Predict("question -> answer")]
        self.by_name = {"last": dspy.Predict("question -> answer")}

    def forward(self, question):
        self.inner(question=question)
        for predictor in self.many:
            predictor(question=question)
        return self.by_name["last"](question=question)


def test_nested_modules(roll):
    """Predictors in modules, lists and dicts go by their names in named_predictors(), also where they are alike."""
    ran, lm = roll(Nested(), question="q")
    assert names(ran) == ["inner.plan", "inner.answer.predict", "many[0]", "many[1]", "by_name['last']"]
    assert len(lm.sent) == 3  # three of them ask the same


class MadeAtRunTime(dspy.Module):
    def __init__(self):
        super().__init__()
        self.known = dspy.Predict("question -> answer")

    def forward(self, question):
        made = dspy.Predict("question -> other")(question=question)
        return self.known(question=made.other)


def test_predictor_made_at_run_time(roll):
    """It has no name, and its step is there."""
    ran, _ = roll(MadeAtRunTime(), question="q")
    assert names(ran) == [None, "known"]
    assert set(ran.steps[0].outputs) == {"other"}


def lookup(word: str) -> str:
    """Look a word up."""
    return f"{word} means something"


def agent(request):
    """A model that uses the tool once and then finishes."""
    said = chat_messages(request)[-1]["content"]
    if "next_tool_name" not in said.rpartition("Respond with")[2]:
        return stub(request)
    tool, args = ("finish", {}) if "means something" in said else ("lookup", {"word": "limbeck"})
    return (
        f"[[ ## next_thought ## ]]\nhm\n\n[[ ## next_tool_name ## ]]\n{tool}\n\n"
        f"[[ ## next_tool_args ## ]]\n{orjson.dumps(args).decode()}\n\n[[ ## completed ## ]]"
    )


def test_react(roll):
    """An agent's loop: its steps by name, with what the tool said among the inputs."""
    ran, _ = roll(dspy.ReAct("question -> answer", tools=[lookup]), reply=agent, question="q")
    assert ran.failure is None, ran.failure
    assert names(ran) == ["react", "react", "extract.predict"]
    assert "limbeck means something" in ran.steps[1].inputs["trajectory"]


def failing(word: str) -> str:
    """Never works."""
    raise ValueError(f"no such word: {word}")


def test_react_with_a_failing_tool(roll):
    """A tool that raises is the agent's business."""
    failing.__name__ = "lookup"
    ran, _ = roll(dspy.ReAct("question -> answer", tools=[failing], max_iters=2), reply=agent, question="q")
    assert ran.failure is None
    assert "no such word" in ran.steps[1].inputs["trajectory"]


def numbered(_request):
    """Another answer at every call."""
    numbered.count += 1
    return f"[[ ## answer ## ]]\n{numbered.count}\n\n[[ ## completed ## ]]"


class Best(dspy.Module):
    def __init__(self, module):
        super().__init__()
        self.best = module


@pytest.mark.parametrize("kind", [dspy.BestOfN, dspy.Refine])
def test_best_of_n_and_refine(roll, kind):
    """Copies that DSPy makes keep their names; the chosen attempt has outputs, the others say why not."""
    numbered.count = 0

    def reply(request):
        return stub(request) if "advice" in chat_messages(request)[-1]["content"] else numbered(request)

    inner = dspy.Predict("question -> answer")
    program = kind(module=inner, N=3, reward_fn=lambda _args, pred: float(pred.answer == "2"), threshold=1.0)
    ran, _ = roll(program, reply=reply, question="q")
    assert ran.failure is None, ran.failure
    assert ran.prediction == {"answer": "2"}
    named = [step for step in ran.steps if step.predictor is not None]
    assert {step.predictor for step in named} == {"module"}
    assert [step.outputs for step in named] == [None, {"answer": "2"}]
    assert "did not use" in named[0].error


def test_best_of_n_samples_anew_and_pays_once(roll):
    """The attempts inside are different samples, the same ones in every run."""
    numbered.count = 0
    program = dspy.BestOfN(
        module=dspy.Predict("question -> answer"), N=3, reward_fn=lambda _args, _pred: 0.0, threshold=1.0
    )
    first, lm = roll(program, reply=numbered, question="q")
    again, more = roll(program, reply=numbered, question="q")
    assert len(lm.sent) == len(set(lm.sent)) == 3
    assert more.sent == []
    assert first.steps == again.steps


def test_chain_of_thought_alone(roll):
    """A bare predictor is a program."""
    ran, _ = roll(dspy.ChainOfThought("question -> answer"), question="q")
    assert names(ran) == ["predict"]
    assert set(ran.prediction) == {"reasoning", "answer"}


def test_predict_alone(roll):
    """A predictor itself is a program, whose one predictor is called self."""
    ran, _ = roll(dspy.Predict("question -> answer"), question="q")
    assert names(ran) == ["self"]


# Concurrency inside a program


def slowly(seed):
    """An LM whose answers take longer or shorter in every run."""
    draw = random.Random(seed)

    async def reply(request):
        await asyncio.sleep(draw.choice([0, 0.001, 0.004]))
        return stub(request)

    return reply


class Gather(dspy.Module):
    """Branches of two steps each, at once, between two steps of its own."""

    def __init__(self):
        super().__init__()
        self.first = dspy.Predict("question -> parts")
        self.zeta = dspy.Predict("part -> draft")
        self.alpha = dspy.Predict("draft -> final")
        self.last = dspy.Predict("question -> answer")

    async def branch(self, n, parts):
        draft = (await self.zeta.acall(part=f"{n} of {parts}")).draft
        return (await self.alpha.acall(draft=draft)).final

    async def aforward(self, question):
        parts = (await self.first.acall(question=question)).parts
        finals = await asyncio.gather(*(self.branch(n, parts) for n in (3, 1, 2)))
        return await self.last.acall(question=str(finals))


class Parallel(dspy.Module):
    def __init__(self):
        super().__init__()
        self.first = dspy.Predict("question -> parts")
        self.each = dspy.Predict("part -> draft")
        self.last = dspy.Predict("question -> answer")

    def forward(self, question):
        parts = self.first(question=question).parts
        pairs = [(self.each, dspy.Example(part=f"{n} of {parts}").with_inputs("part")) for n in (3, 1, 2)]
        drafts = dspy.Parallel(num_threads=3, disable_progress_bar=True)(pairs)
        return self.last(question=str([d.draft for d in drafts]))


@pytest.mark.parametrize("program", [Gather(), Parallel()], ids=["gather", "parallel"])
def test_order_of_concurrent_steps(roll, program):
    """Steps that ran at once have the same order in every run: fresh, slow, quick, or answered from the cache."""
    orders = []
    for seed in range(6):
        ran, _ = roll(program, reply=slowly(seed), question=f"q{seed // 3}")
        assert ran.failure is None, ran.failure
        assert names(ran)[0] == "first"
        assert names(ran)[-1] == "last"
        assert len(ran.steps) == (8 if isinstance(program, Gather) else 5)
        orders.append([(s.predictor, s.inputs) for s in ran.steps])
    assert orders[0] == orders[1] == orders[2]
    assert [n for n, _ in orders[0]] == [n for n, _ in orders[3]]


@pytest.mark.parametrize("seed", range(5))
def test_order_does_not_depend_on_time(lab, tmp_path, seed):
    """The same concurrent program on cold caches gives the same trace, whatever came first."""
    traces = []
    for turn in range(2):
        lm = lab.FakeLM(slowly(seed * 2 + turn))

        async def run(lm=lm, turn=turn):
            async with lab.open(tmp_path / str(turn)) as gateway:
                with ThreadPoolExecutor(2) as threads:
                    program = apply(Gather(), base_candidate(Gather()))
                    return await run_program(
                        program, {"question": "q"}, lm=gateway_lm(gateway, lm), adapter=dspy.ChatAdapter(), attempt=0,
                        threads=threads,
                    )  # fmt: skip

        traces.append(asyncio.run(run()).steps)
    assert traces[0] == traces[1]
    assert [s.predictor for s in traces[0]] == ["first", *["zeta", "alpha"] * 3, "last"]
    assert [s.inputs["part"][0] for s in traces[0] if s.predictor == "zeta"] == ["3", "1", "2"]


class Waits(dspy.Module):
    """One call after the other, each in a task of its own."""

    def __init__(self):
        super().__init__()
        self.zeta = dspy.Predict("question -> answer")
        self.alpha = dspy.Predict("question -> answer")

    async def aforward(self, question):
        for _ in range(2):
            question = (await asyncio.wait_for(self.zeta.acall(question=question), 10)).answer
            question = (await asyncio.wait_for(self.alpha.acall(question=question), 10)).answer
        return dspy.Prediction(answer=question)


def test_order_of_awaited_tasks(roll):
    """Calls that each ran in a task of its own, one after the other, stay in that order."""
    ran, _ = roll(Waits(), question="q")
    assert names(ran) == ["zeta", "alpha", "zeta", "alpha"]


class OwnLoop(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    def forward(self, question):
        async def both():
            return await asyncio.gather(self.p.acall(question=question), self.p.acall(question=question + "!"))

        return asyncio.run(both())[0]


def test_program_with_its_own_event_loop(roll):
    """A program that runs asyncio in its thread is answered there."""
    ran, lm = roll(OwnLoop(), question="q")
    assert ran.failure is None, ran.failure
    assert names(ran) == ["p", "p"]
    assert len(lm.sent) == 2


# LMs of the program's own


class CallsLM(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    def forward(self, question):
        first = dspy.settings.lm(question)[0]
        second = dspy.settings.lm(messages=[{"role": "user", "content": first}])[0]
        return self.p(question=second)


def test_program_that_calls_the_lm_itself(roll):
    """Its calls go through the gateway and are steps without a predictor, one each."""
    ran, lm = roll(CallsLM(), question="q")
    assert ran.failure is None, ran.failure
    assert names(ran) == [None, None, "p"]
    assert [len(s.calls) for s in ran.steps] == [1, 1, 1]
    assert ran.steps[0].messages == [{"role": "user", "content": "q"}]
    assert len(lm.sent) == 3


class Recorder:
    """An engine of the user's own."""

    def __init__(self):
        self.count = 0

    def complete(self, request):
        from dspy.lm15 import Message, Response, Usage

        self.count += 1
        text = "[[ ## answer ## ]]\nmine\n\n[[ ## completed ## ]]"
        return Response(
            id=None, model=request.model, message=Message.assistant(text), finish_reason="stop", usage=Usage()
        )


class OwnLM(dspy.Module):
    def __init__(self, lm):
        super().__init__()
        self.p = dspy.Predict("question -> answer")
        self.p.lm = lm
        self.q = dspy.Predict("question -> answer")

    def forward(self, question):
        self.q(question=question)
        return self.p(question=question)


def test_lm_set_on_a_predictor(roll):
    """It is used, through the gateway: cached, counted, recorded under its own name."""
    engine = Recorder()
    program = OwnLM(dspy.LM("own/lm", engine=engine, cache=False))
    (first, second), lm = roll(program, question="q", runs=2)
    assert first.failure is None, first.failure
    assert first.prediction == second.prediction == {"answer": "mine"}
    assert [s.calls[0].lm for s in first.steps] == ["fake/lm", "own/lm"]
    assert (engine.count, len(lm.sent)) == (1, 1)
    assert isinstance(program.p.lm.engine, Recorder)  # the user's program is as it was


class OwnAttribute(dspy.Module):
    def __init__(self, lm):
        super().__init__()
        self.judge = lm
        self.p = dspy.Predict("question -> answer")

    def forward(self, question):
        said = self.judge(question)[0]
        return self.p(question=said[-5:])


def test_lm_kept_on_the_program(roll):
    """An LM that the program keeps for its own calls goes through the gateway, too."""
    ran, _ = roll(OwnAttribute(dspy.LM("own/lm", engine=Recorder(), cache=False)), question="q", runs=2)
    assert ran[0].failure is None, ran[0].failure
    assert names(ran[0]) == [None, "p"]
    assert ran[0].steps == ran[1].steps
    assert ran[0].steps[0].calls[0].lm == "own/lm"


class SetsLM(dspy.Module):
    def __init__(self, how, lm):
        super().__init__()
        self.how = how
        self.make = lambda: lm
        self.p = dspy.Predict("question -> answer")

    def forward(self, question):
        if self.how == "argument":
            return self.p(question=question, lm=self.make())
        if self.how == "context":
            with dspy.context(lm=self.make()):
                return self.p(question=question)
        self.p.lm = self.make()
        return self.p(question=question)


@pytest.mark.parametrize("how", ["argument", "context", "attribute"])
def test_lm_set_inside_forward(roll, how):
    """An LM that comes from nowhere ends the run with the place to set it: its calls would not be counted."""
    ran, _ = roll(SetsLM(how, dspy.LM("own/lm", engine=Recorder(), cache=False)), question="q")
    assert ran.prediction is None
    assert isinstance(ran.stop.error, TargetError)
    assert "__init__" in ran.stop.error.hint
    assert not ran.failure.final


class SyncInAsync(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    async def aforward(self, question):
        return self.p(question=question)


def test_aforward_that_calls_synchronously(roll):
    """It would block everybody: the failure says what to write instead."""
    ran, lm = roll(SyncInAsync(), question="q")
    assert (ran.failure.reason, ran.failure.final) == ("program", True)
    assert "acall" in ran.failure.message
    assert lm.sent == []


# What goes wrong


class Raises(dspy.Module):
    def __init__(self, error):
        super().__init__()
        self.p = dspy.Predict("question -> answer")
        self.error = error

    def forward(self, question):
        self.p(question=question)
        return self.error()


def throw(error):
    raise error


def recurse():
    return recurse()


def cancel():
    raise asyncio.CancelledError


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def ring():
    try:
        throw(ValueError("itself"))
    except ValueError as error:
        raise error from error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (lambda: throw(ValueError("bad value")), "ValueError: bad value"),
        (lambda: {}["missing"], "KeyError: 'missing'"),
        (recurse, "RecursionError"),
        (lambda: sys.exit(3), "SystemExit: 3"),
        (cancel, "cancelled itself"),
        (lambda: throw(Unprintable()), "Unprintable"),
        (lambda: throw(TimeoutError()), "TimeoutError"),
        (ring, "itself"),
        (lambda: throw(ExceptionGroup("several", [ValueError("one")])), "several"),
        (lambda: "just text", "returned str"),
        (lambda: None, "returned NoneType"),
        (lambda: 42, "returned int"),
    ],
)
def test_program_failures(roll, error, says):
    """Whatever a program raises or returns costs its rollout only; the steps up to there are kept."""
    ran, _ = roll(Raises(error), question="q")
    assert ran.stop is None
    assert ran.prediction is None
    assert (ran.failure.reason, ran.failure.final) == ("program", True)
    assert says in ran.failure.message
    assert "\n" not in ran.failure.message
    assert names(ran) == ["p"]
    assert ran.steps[0].outputs is not None


class CancelsItself(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    async def aforward(self, question):
        task = asyncio.ensure_future(self.p.acall(question=question))
        task.cancel()
        return await task


def test_async_program_that_cancels_its_own_task(roll):
    """That is a failure of the program, not the end of the run."""
    ran, _ = roll(CancelsItself(), question="q")
    assert ran.failure.reason == "program"


def test_cancelling_the_rollout_itself(lab, tmp_path):
    """A rollout that is cancelled from outside stops, and leaves no trace."""

    async def run():
        async def slow(_request):
            await asyncio.sleep(30)

        async with lab.open(tmp_path) as gateway:
            with ThreadPoolExecutor(2) as threads:
                lm = gateway_lm(gateway, lab.FakeLM(slow))
                program = apply(TwoAsync(), base_candidate(TwoAsync()))
                rollout = run_program(
                    program, {"question": "q"}, lm=lm, adapter=dspy.ChatAdapter(), attempt=0, threads=threads
                )
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(rollout, 0.05)

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 20


class Returns(dspy.Module):
    def __init__(self, value):
        super().__init__()
        self.p = dspy.Predict("question -> answer")
        self.value = value

    def forward(self, question):
        return self.value


def test_program_that_returns_a_dict(roll):
    """A dict is a prediction, without a step if no predictor ran."""
    ran, lm = roll(Returns({"answer": {1, 2}, "n": float("nan")}), question="q")
    assert ran.prediction == {"answer": [1, 2], "n": "NaN"}
    assert (ran.steps, lm.sent) == ([], [])


def test_program_that_returns_what_never_ends(roll):
    """A value that contains itself is a failure."""
    value = {}
    value["answer"] = value
    ran, _ = roll(Returns(value), question="q")
    assert ran.failure.reason == "program"


def test_parse_failure(roll):
    """An answer that cannot be read fails the rollout; ChatAdapter's second try as JSON is a call of the same step."""
    ran, lm = roll(Two(), reply=lambda _: "I would rather not say. { ]]", question="q")
    assert (ran.failure.reason, ran.failure.final) == ("parse", True)
    assert "plan" in ran.failure.message
    assert "rather not say" in ran.failure.message
    (step,) = ran.steps
    assert (step.predictor, step.outputs) == ("plan", None)
    assert [c.completion for c in step.calls] == ["I would rather not say. { ]]"] * 2
    assert "JSON" in step.calls[1].messages[-1]["content"]
    assert len(lm.sent) == 2


def test_json_fallback_that_works(roll):
    """Where the second try can be read, the step has both calls, and the last one is what counted."""

    def reply(request):
        asked = chat_messages(request)[-1]["content"]
        return '{"answer": "42"}' if "JSON" in asked else "42, I guess"

    ran, _ = roll(dspy.Predict("question -> answer"), reply=reply, question="q")
    assert ran.prediction == {"answer": "42"}
    (step,) = ran.steps
    assert [c.completion for c in step.calls] == ["42, I guess", '{"answer": "42"}']
    assert step.completion == '{"answer": "42"}'
    assert ran.usage.calls == 2


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (dx.LMInvalidRequestError("bad request", status=400), True),
        (dx.ContextWindowExceededError(model="fake/lm"), True),
        (dx.LMServerError("down", status=500), False),
        (dx.LMRateLimitError("slow", status=429), False),
    ],
)
def test_lm_failures(roll, error, final):
    """A call that cannot be answered fails the rollout; one that may be answered later is not final."""
    ran, _ = roll(dspy.Predict("question -> answer"), reply=lambda _: error, question="q")
    assert (ran.failure.reason, ran.failure.final) == ("lm", final)
    assert ran.steps[0].calls[0].error


def test_context_window(roll):
    """A prompt that is too long is one failed call: no second try as JSON, no retry."""
    error = dx.ContextWindowExceededError(model="fake/lm")
    ran, lm = roll(dspy.Predict("question -> answer"), reply=lambda _: error, question="q")
    assert "ontext window" in ran.failure.message
    assert len(lm.sent) == 1


class Swallows(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")

    def forward(self, question):
        try:
            return self.p(question=question)
        except Exception as error:
            raise RuntimeError("something went wrong") from error


def test_wrapped_errors(roll):
    """A program that wraps an error does not hide what it was."""
    ran, _ = roll(Swallows(), reply=lambda _: "no", question="q")
    assert ran.failure.reason == "parse"


def test_budget_cannot_be_swallowed(roll):
    """A program that catches every Exception does not catch the end of the budget."""
    ran, _ = roll(Two(), budget="1call", question="q")
    assert isinstance(ran.stop.error, BudgetReached)
    assert (ran.failure.reason, ran.failure.final) == ("budget", False)
    assert names(ran) == ["plan"]
    swallowed, _ = roll(Swallows(), budget="1call", reply=lambda _: dx.LMAuthError("no", status=401), question="other")
    assert isinstance(swallowed.stop.error, LMUnavailable)


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
def test_adapters(roll, adapter):
    """Every adapter that can be chosen works."""
    ran, _ = roll(Two(), adapter=adapter, question="q")
    assert ran.failure is None, ran.failure
    assert names(ran) == ["plan", "answer.predict"]


class Mutates(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("docs: list[str], options: dict -> answer")

    def forward(self, docs, options):
        first = self.p(docs=docs, options=options)
        docs.append("more")
        options["deep"].clear()
        return first


def test_program_that_changes_its_inputs(roll):
    """The example is as it was, and so is what the step recorded."""
    docs, options = ["one"], {"deep": [1]}
    ran, _ = roll(Mutates(), docs=docs, options=options)
    assert (docs, options) == (["one"], {"deep": [1]})
    assert ran.steps[0].inputs == {"docs": ["one"], "options": {"deep": [1]}}


def test_attempts_differ(roll):
    """A second attempt samples anew, the same one does not."""
    program = dspy.Predict("question -> answer")
    _, first = roll(program, question="q")
    _, second = roll(program, question="q", attempt=1)
    _, again = roll(program, question="q", attempt=1)
    assert (len(first.sent), len(second.sent), len(again.sent)) == (1, 1, 0)


def test_classify_scrubs():
    """What goes into a failure is scrubbed."""
    assert "sk-1" not in classify(ValueError("key sk-1"), lambda text: text.replace("sk-1", "*")).message


def test_where_it_failed():
    """A program's failure names file and line, not a path of this machine."""
    try:
        throw(ValueError("x"))
    except ValueError as error:
        message = classify(error).message
    assert "(test_rollout.py:" in message
    assert "/" not in message
