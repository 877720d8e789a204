"""Inputs and outputs of plain DSPy programs."""

from typing import Annotated, Any, Literal

import dspy
import pytest
from annotated_types import Ge, Le

from limbeck.errors import TargetError
from limbeck.signatures.fields import (
    input_fields,
    input_names,
    optional_inputs,
    output_fields,
    own_signature,
    predictors,
)


class Route(dspy.Signature):
    """Route a ticket."""

    ticket: str = dspy.InputField()
    history: list[str] | None = dspy.InputField()
    lang: str = dspy.InputField(default="en")
    team: Literal["a", "b"] = dspy.OutputField()
    urgency: int = dspy.OutputField(ge=1, le=5)


class TwoSteps(dspy.Module):
    def __init__(self):
        super().__init__()
        self.search = dspy.Predict("question -> query")
        self.answer = dspy.ChainOfThought("context: list[str], question -> answer: int")

    def forward(self, question, k: int = 3):
        return self.answer(context=[self.search(question=question).query] * k, question=question)


class Starred(dspy.Module):
    def __init__(self, *predictors):
        super().__init__()
        self.steps = list(predictors)

    def forward(self, **kwargs):
        return self.steps[0](**kwargs)


class AsyncOnly(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("q -> a")

    async def aforward(self, q: str):
        return await self.p.acall(q=q)


class KeywordOnly(TwoSteps):
    def forward(self, *, question: str, hint: "Unknown | None" = None):  # noqa: F821
        return self.search(question=question)


class StarredWithSetting(Starred):
    def forward(self, k=3, **kwargs):
        return self.steps[0](**kwargs)


class PositionalOnly(TwoSteps):
    def forward(self, question, /):
        return self.search(question=question)


class Empty(dspy.Module):
    def forward(self, q):
        return q


class NoForward(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("q -> a")


def reward(_args, _pred):
    return 1.0


def tool(x: int) -> int:
    """Add one."""
    return x + 1


INPUTS = [
    (dspy.Predict(Route), ["ticket"], ["history", "lang"]),
    (dspy.ChainOfThought("question, context -> answer"), ["question", "context"], []),
    (dspy.ReAct("question -> answer", tools=[tool]), ["question"], []),
    (dspy.RLM("question -> answer"), ["question"], []),
    (dspy.BestOfN(dspy.ChainOfThought("q -> a"), N=2, reward_fn=reward, threshold=1.0), ["q"], []),
    (dspy.BestOfN(TwoSteps(), N=2, reward_fn=reward, threshold=1.0), ["question"], ["k"]),
    (TwoSteps(), ["question"], ["k"]),
    (Starred(dspy.Predict("x, y -> z")), ["x", "y"], []),
    (AsyncOnly(), ["q"], []),
    (StarredWithSetting(dspy.Predict("x -> y")), ["x"], ["k"]),
    (KeywordOnly(), ["question"], ["hint"]),
]


@pytest.mark.parametrize(("program", "required", "optional"), INPUTS)
def test_inputs(program, required, optional):
    """Inputs are the signature's, or the parameters of forward."""
    assert input_names(program) == required
    assert optional_inputs(program) == optional


OUTPUTS = [
    (dspy.Predict(Route), ["team", "urgency"]),
    (dspy.ChainOfThought("q -> a"), ["reasoning", "a"]),
    (dspy.ReAct("question -> answer", tools=[tool]), ["answer"]),
    (dspy.BestOfN(dspy.Predict("q -> a"), N=2, reward_fn=reward, threshold=1.0), ["a"]),
    (TwoSteps(), ["query", "reasoning", "answer"]),
]


@pytest.mark.parametrize(("program", "names"), OUTPUTS)
def test_outputs(program, names):
    """Outputs are those of the program's own signature, or of every predictor in it."""
    assert list(output_fields(program)) == names


def test_types_carry_constraints():
    """A constrained field's type says so, and an unconstrained one is as declared."""
    kinds = output_fields(dspy.Predict(Route))
    assert kinds["team"] == Literal["a", "b"]
    assert kinds["urgency"] == Annotated[int, Ge(1), Le(5)]


def test_types_of_inputs():
    """Parameters have the type of their hint, or of the predictor's field of that name."""
    assert input_fields(TwoSteps()) == {"question": Any, "k": int}
    assert input_fields(dspy.Predict(Route)) == {"ticket": str, "history": list[str] | None, "lang": str}
    assert input_fields(KeywordOnly()) == {"question": Any, "hint": Any}


def test_predictors_that_disagree():
    """A name that two predictors give different types has none."""
    program = Starred(dspy.Predict("x -> n: int"), dspy.Predict("x -> n: float"))
    assert output_fields(program) == {"n": Any}


def test_own_signature():
    """Only DSPy's own modules and those with an attribute `signature` answer for the whole program."""
    assert list(own_signature(dspy.ChainOfThought("q -> a")).output_fields) == ["reasoning", "a"]
    assert own_signature(Starred(dspy.Predict("x -> n"))) is None
    assert own_signature(TwoSteps()) is None


def test_predictors_by_name():
    """Predictors are known by their names in named_predictors()."""
    assert list(predictors(TwoSteps())) == ["search", "answer.predict"]


def frozen():
    program = Starred(dspy.ChainOfThought("x -> y"))
    program.steps[0]._compiled = True
    return program


FAULTS = [
    (Empty(), "the program Empty has no predictor that could be compiled"),
    (frozen(), "the program Starred has no predictor that could be compiled"),
    (NoForward(), "the program NoForward has neither forward nor aforward"),
    (PositionalOnly(), "PositionalOnly.forward takes positional-only parameters"),
    (
        Starred(dspy.Predict("a -> b"), dspy.Predict("b -> c")),
        "cannot tell what Starred.forward(**kwargs) takes as inputs",
    ),
]


@pytest.mark.parametrize(("program", "expected"), FAULTS)
def test_programs_that_do_not_tell(program, expected):
    """A program without predictors or with unknowable inputs is refused with a next step."""
    with pytest.raises(TargetError) as caught:
        input_names(program)
    assert caught.value.message == expected
    assert caught.value.hint
