"""The task: what is accepted, and what is refused when it is declared."""

import math
from pathlib import Path
from typing import Any

import dspy
import pytest

from limbeck.errors import DataError, MetricError, TargetError
from limbeck.signatures import Task
from limbeck.signatures.splits import load_data


class Sig(dspy.Signature):
    """Answer."""

    q: str = dspy.InputField()
    a: str = dspy.OutputField()
    n: int = dspy.OutputField()


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.one = dspy.Predict("x -> y")
        self.two = dspy.Predict("y -> z")

    def forward(self, **kwargs):
        return self.two(y=self.one(**kwargs).y)


def exact(example, pred):
    return example.a == pred.a


def test_names_and_types_come_from_the_program():
    """A task knows what its program takes and gives."""
    task = Task(dspy.Predict(Sig), exact)
    assert task.input_names == ["q"]
    assert list(task.output_fields) == ["a", "n"]


def test_inputs_may_be_named():
    """Where a program does not tell, the task says what goes in."""
    task = Task(Program(), inputs=["x"])
    assert task.input_names == ["x"]
    assert task.optional_inputs == []
    assert task.input_fields == {"x": Any}


@pytest.mark.parametrize("gold", ["Paris", 5, 5.5, True, ["Paris", "paris"]])
def test_a_text_may_be_labelled_with_a_number_or_a_list(gold):
    """Gold values of a text output need not be text; what fits is up to the metric."""
    (example,) = load_data(Task(dspy.Predict("q -> a")), [{"q": "x", "a": gold}])
    assert example.labels["a"] == gold


def test_a_text_is_not_labelled_with_an_object():
    """But an object or null in the place of a text is a mistake."""
    with pytest.raises(DataError, match=r"data\[0\]: the label 'a' is null, not of type text"):
        load_data(Task(dspy.Predict("q -> a")), [{"q": "x", "a": None}])


def test_a_list_of_strings_goes_where_dspy_takes_one():
    """DSPy formats a list given for a str input as a numbered list."""
    (example,) = load_data(Task(dspy.Predict(Sig)), [{"q": ["x", "y"], "a": "b", "n": 1}])
    assert example.inputs == {"q": ["x", "y"]}


def test_paths_are_relative_to_the_base_dir(tmp_path):
    """A declared path is relative to the file that declares it."""
    assert Task(dspy.Predict(Sig), base_dir=tmp_path).resolve("a/b.jsonl") == tmp_path / "a" / "b.jsonl"
    assert Task(dspy.Predict(Sig)).resolve("b.jsonl") == Path.cwd() / "b.jsonl"
    assert Task(dspy.Predict(Sig)).resolve(tmp_path / "x") == tmp_path / "x"


FAULTS = [
    (
        {"program": Program},
        TargetError,
        "the program of the task is Program, not a DSPy program",
        "Task(program=Program(), ...)",
    ),
    (
        {"program": Sig},
        TargetError,
        "the program of the task is Sig, not a DSPy program",
        "dspy.Predict(Sig)",
    ),
    (
        {"program": "q -> a"},
        TargetError,
        'the program of the task is "q -> a", not a DSPy program',
        "dspy.Module",
    ),
    ({"metric": "exact"}, MetricError, 'the metric is "exact", not a function', "def f(example, prediction)"),
    (
        {"checks": exact},
        MetricError,
        "checks is <function exact>, not a list of functions",
        "checks=[f, ...]",
    ),
    ({"checks": ["x"]}, MetricError, 'the check "x" is not a function', "checks=[f, ...]"),
    ({"threshold": math.nan}, TargetError, "threshold is nan, not a finite number", "threshold=0.5"),
    ({"threshold": math.inf}, TargetError, "threshold is inf, not a finite number", "threshold=0.5"),
    ({"threshold": True}, TargetError, "threshold is True, not a finite number", "threshold=0.5"),
    ({"threshold": "0.5"}, TargetError, "threshold is '0.5', not a finite number", "threshold=0.5"),
    ({"inputs": "q"}, TargetError, "inputs is the string 'q'", "inputs=['q']"),
]


@pytest.mark.parametrize(("settings", "kind", "message", "hint"), FAULTS)
def test_wrong_settings(settings, kind, message, hint):
    """Each wrong setting has one line with the value, and a next step."""
    with pytest.raises(kind) as caught:
        Task(**{"program": dspy.Predict(Sig), **settings})
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_zero_is_a_threshold():
    """A threshold of 0 is kept."""
    assert Task(dspy.Predict(Sig), exact, threshold=0).threshold == 0
