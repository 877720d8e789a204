"""Checks on outputs: fields' constraints and the user's callables."""

# what checks return is tested here, not what they use

from typing import Literal

import dspy
import numpy as np
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from limbeck.errors import BudgetReached, Stop
from limbeck.records import Example
from limbeck.signatures import Task
from limbeck.signatures.checks import Checks, run_checks
from limbeck.signatures.values import jsonable


class Item(BaseModel):
    name: str
    qty: int = Field(ge=1, default=1)


class Order(dspy.Signature):
    """Read an order."""

    text: str = dspy.InputField()
    urgency: int = dspy.OutputField(ge=1, le=5)
    team: Literal["a", "b"] = dspy.OutputField()
    items: list[Item] = dspy.OutputField(max_length=2)


class Wrapped(dspy.Module):
    def __init__(self):
        super().__init__()
        self.read = dspy.Predict(Order)

    def forward(self, text):
        return self.read(text=text)


GOOD = {"urgency": 3, "team": "a", "items": [{"name": "x"}]}


def fields(values, program=None):
    (verdict,) = run_checks(Task(program or dspy.Predict(Order)), values)
    assert verdict.verifier == "check:fields"
    assert verdict.fingerprint
    return verdict


def check(function, example=None):
    (verdict,) = run_checks(Task(dspy.Predict("q -> a"), checks=[function]), {"a": "y"}, example)[-1:]
    return verdict


def test_fields_that_fit():
    """Values within their types and constraints pass, as JSON or as objects."""
    assert fields(GOOD).passed
    assert fields(dspy.Prediction(urgency=3, team="a", items=[Item(name="x")])).passed


BAD = [
    ({"urgency": 9}, "urgency is 9: Input should be less than or equal to 5"),
    (
        {"urgency": "soon"},
        'urgency is "soon": Input should be a valid integer, unable to parse string as an integer',
    ),
    ({"team": "c"}, "team is \"c\": Input should be 'a' or 'b'"),
    ({"items": [{"qty": 1}]}, 'items is [{"qty":1}]: 0.name: Field required'),
    (
        {"items": [{"name": "x"}] * 3, "team": "x"},
        (
            "team is \"x\": Input should be 'a' or 'b'; "
            'items is [{"name":"x"},{"name":"x"},{"name":"x"}]: '
            "List should have at most 2 items after validation, not 3"
        ),
    ),
]


@pytest.mark.parametrize(("values", "feedback"), BAD)
def test_fields_that_do_not_fit(values, feedback):
    """A value outside its type or constraint is a rejection that says which."""
    verdict = fields({**GOOD, **values})
    assert (verdict.passed, verdict.error, verdict.feedback) == (False, None, feedback)


class Aliased(BaseModel):
    name: str = Field(alias="Name")


class Read(dspy.Signature):
    """Read an item."""

    text: str = dspy.InputField()
    item: Aliased = dspy.OutputField()


@pytest.mark.parametrize("item", [Aliased(Name="x"), jsonable(Aliased(Name="x"))])
def test_models_with_an_alias_fit(item):
    """What an LM answers by alias passes, as an object and as it is stored."""
    assert fields({"item": item}, dspy.Predict(Read)).passed


def test_a_program_may_return_what_it_likes():
    """Under a user's own forward, a value of another type is its own; a constraint on the same type holds."""
    assert fields({"urgency": [9], "team": None, "items": "many"}, Wrapped()).passed
    assert not fields({"urgency": 9}, Wrapped()).passed
    assert not fields({"team": "c"}, Wrapped()).passed


def test_outputs_that_are_not_there_are_not_checked():
    """A program need not return all that its predictors say."""
    assert fields({"team": "a"}).passed


def test_no_checks_no_verdicts():
    """A task without constraints and checks has no verdicts."""

    class Free(dspy.Module):
        def __init__(self):
            super().__init__()
            self.p = dspy.Predict("q -> a")

        def forward(self, q):
            return self.p(q=q)

    assert run_checks(Task(Free()), {"a": "y"}) == []


def raises(error):
    def function(prediction):
        raise error

    return function


def invalid(prediction):
    TypeAdapter(list[Item]).validate_python([{}, {}])


PASSING = [
    lambda prediction: True,
    lambda prediction: None,
    lambda prediction: (True, "fine"),
    lambda prediction: np.bool_(True),
    lambda prediction: prediction.a == "y",
    lambda prediction, example: example.b == 1,
    lambda prediction, strict=False: strict is False,
]


@pytest.mark.parametrize("function", PASSING)
def test_checks_that_pass(function):
    """True, None, and a pair that begins with True are fine."""
    verdict = check(function, Example({"q": "x"}, {"b": 1}))
    assert (verdict.passed, verdict.error) == (True, None)


FAILING = [
    (lambda prediction: False, "check:lambda failed"),
    (lambda prediction: (False, "too long"), "too long"),
    (raises(ValueError("too short")), "too short"),
    (raises(AssertionError("not so")), "not so"),
    (invalid, "0.name: Field required; 1.name: Field required"),
]


@pytest.mark.parametrize(("function", "feedback"), FAILING)
def test_checks_that_fail(function, feedback):
    """False and the three exceptions are rejections with their words."""
    verdict = check(function)
    assert (verdict.passed, verdict.error, verdict.feedback) == (False, None, feedback)


def test_a_bare_assert_says_where():
    """An assertion without words is named by its line."""
    assert check(raises(AssertionError)).feedback.startswith("AssertionError (test_checks.py:")


async def later(prediction):
    return True


BROKEN = [
    (raises(KeyError("k")), "KeyError: 'k' (test_checks.py:"),
    (
        lambda prediction: 1,
        "check:lambda returned 1; return a bool, (bool, message) or None, or raise ValueError",
    ),
    (lambda prediction: "no", 'check:lambda returned "no"; return a bool'),
    (later, "check:later is async; write it as a plain function"),
]


@pytest.mark.parametrize(("function", "error"), BROKEN)
def test_checks_that_break(function, error):
    """Anything else is an error: the check could not judge."""
    verdict = check(function)
    assert not verdict.passed
    assert verdict.error.startswith(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop(BudgetReached("spent"))])
def test_what_is_no_exception_passes_through(error):
    """Interrupts and the budget are not a check's to swallow."""
    with pytest.raises(type(error)):
        check(raises(error))


def test_names():
    """Verdicts are named by the check, and told apart where two have one name."""
    checks = Checks(Task(dspy.Predict(Order), checks=[later, lambda p: True, lambda p: False]))
    assert checks.names == ["check:fields", "check:later", "check:lambda", "check:lambda-2"]
    assert [verdict.verifier for verdict in checks(GOOD)] == checks.names


def test_versions():
    """Each verdict carries the version of its own check."""
    one, two = run_checks(Task(dspy.Predict("q -> a"), checks=[PASSING[0], PASSING[1]]), {"a": "y"})[-2:]
    assert one.fingerprint != two.fingerprint
    assert check(PASSING[0]).fingerprint == one.fingerprint


def test_checks_see_typed_values():
    """A check works with the models that the signature declares."""
    task = Task(dspy.Predict(Order), checks=[lambda prediction: prediction["items"][0].qty == 1])
    assert all(verdict.passed for verdict in run_checks(task, GOOD))
