"""Verdicts mean what they say: the metric's answer, its arguments, its faults."""

# what metrics take is tested here, not what they use

import asyncio
import functools
import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import dspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.errors import BudgetReached, MetricError, Stop
from limbeck.records import Example
from limbeck.signatures import Task
from limbeck.signatures.metric import Judge, call_metric, metric_fingerprint, normalize


class Colour(Enum):
    RED = "red"


class Sig(dspy.Signature):
    """Colour of a thing."""

    q: str = dspy.InputField()
    a: Colour = dspy.OutputField()


PROGRAM = dspy.Predict("q -> a")
EXAMPLE = Example({"q": "x"}, {"a": "y"}, "t.jsonl:1")
STEPS = [(PROGRAM, {"q": "x"}, dspy.Prediction(a="y"))]


def judge(metric, **more):
    return Judge(Task(PROGRAM, metric, **more))(EXAMPLE, {"a": "y"}, STEPS)


ANSWERS = [
    # answer, threshold, passed, score
    (True, None, True, None),
    (False, None, False, None),
    (False, 0, False, None),
    (True, 5, True, None),
    (np.bool_(True), None, True, None),
    (1, None, True, 1.0),
    (1.0, None, True, 1.0),
    (7, None, True, 7.0),
    (0, None, False, 0.0),
    (0.01, None, False, 0.01),
    (0.99, None, False, 0.99),
    (-1, None, False, -1.0),
    (-5, None, False, -5.0),
    (0, 0, True, 0.0),
    (-1, 0, False, -1.0),
    (-1, -5, True, -1.0),
    (0.5, 0.5, True, 0.5),
    (0.49, 0.5, False, 0.49),
    (1, 2, False, 1.0),
    (np.float32(0.5), 0.5, True, 0.5),
    (np.int64(3), None, True, 3.0),
    (np.array(0.5), 0.5, True, 0.5),
    (Fraction(1, 2), 0.5, True, 0.5),
    (dspy.Prediction(score=False), None, False, None),
    (dspy.Prediction(score=True), None, True, None),
    (dspy.Prediction(score=0.7), 0.5, True, 0.7),
    (dspy.Prediction(score=0), 0, True, 0.0),
    ({"score": 0.2}, None, False, 0.2),
    ((0.9, "good"), 0.5, True, 0.9),
    ((False, None), None, False, None),
]


@pytest.mark.parametrize(("answer", "threshold", "passed", "score"), ANSWERS)
def test_answers(answer, threshold, passed, score):
    """A bool is itself; a number passes at the threshold, or at 1 where there is none."""
    verdict = normalize(answer, threshold)
    assert (verdict.passed, verdict.score, verdict.error) == (passed, score, None)
    assert verdict.verifier == "metric"


NO_ANSWERS = [
    (None, "null"),
    (math.nan, "nan"),
    (math.inf, "inf"),
    (-math.inf, "-inf"),
    (np.float64("nan"), "nan"),
    ("yes", '"yes"'),
    ("1", '"1"'),
    ([1], "[1]"),
    ({}, "{}"),
    ({"value": 1}, '{"value":1}'),
    ({"score": "good"}, '{"score":"good"}'),
    ((1, 2, 3), "[1,2,3]"),
    (1j, "1j"),
    (dspy.Prediction(answer="x"), "Prediction( answer='x' )"),
    (dspy.Prediction(score=None, feedback="x"), "Prediction( score=None, feedback='x' )"),
    (np.array([1, 2]), "array([1, 2])"),
    (object(), "<object object>"),
    (Decimal("NaN"), "Decimal('NaN')"),
]


@pytest.mark.parametrize(("answer", "shown"), NO_ANSWERS)
@pytest.mark.parametrize("threshold", [None, 0, -1])
def test_answers_that_are_no_judgment(answer, threshold, shown):
    """NaN, None, strings and the rest are errors: the trace counts as failed, not as rejected."""
    verdict = normalize(answer, threshold)
    assert not verdict.passed
    assert verdict.error == (
        f"the metric returned {shown}, which is no judgment. "
        "Return a bool, a number, or dspy.Prediction(score=..., feedback=...)."
    )


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    st.none() | st.floats(-2, 2),
)
def test_every_answer_is_passed_rejected_or_an_error(answer, threshold):
    """Whatever a metric returns, the verdict is one of three, and a score is never NaN."""
    verdict = normalize(answer, threshold)
    assert not (verdict.passed and verdict.error)
    assert verdict.score is None or math.isfinite(verdict.score)
    if isinstance(answer, int | float) and not isinstance(answer, bool) and verdict.error is None:
        assert verdict.passed == (answer >= (1 if threshold is None else threshold))


def test_feedback_and_evidence():
    """Words are feedback; whatever else comes with the score is evidence."""
    verdict = normalize(dspy.Prediction(score=0.5, feedback="close", recall=0.4, kind=Colour.RED))
    assert verdict.feedback == "close"
    assert verdict.evidence == {"recall": 0.4, "kind": "red"}
    assert normalize((True, "good")).feedback == "good"


class Exact:
    def __call__(self, example, pred):
        return pred.a == example.a


class ModuleMetric(dspy.Module):
    def forward(self, example, pred, trace=None):
        return trace is not None


class Async:
    async def __call__(self, example, pred, trace):
        await asyncio.sleep(0)
        return len(trace) == 1


async def later(example, pred):
    await asyncio.sleep(0)
    return True


def wrapped(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


METRICS = [
    lambda example, pred: pred.a == example.a,
    lambda example, pred, trace: trace == STEPS,
    lambda example, pred, trace=None: trace == STEPS,
    lambda e, p, t=None: t == STEPS,
    lambda gold, pred, trace=None, pred_name=None, pred_trace=None: trace == STEPS and pred_name is pred_trace is None,
    lambda gold, pred, trace, pred_name, pred_trace: trace == STEPS and pred_name is pred_trace is None,
    lambda gold, pred, trace, pred_name: trace == STEPS and pred_name is None,
    lambda *args: len(args) == 3 and args[2] == STEPS,
    lambda example, *rest: len(rest) == 2,
    lambda example, pred, *, trace=None: trace == STEPS,
    lambda example, pred, *, trace: trace == STEPS,
    lambda *, example, pred: pred.a == example.a,
    lambda example, pred, **kwargs: kwargs == {},
    lambda example, pred, strict=True: strict is True,
    lambda example, pred, trace=None, frac=0.9: frac == 0.9 and trace == STEPS,
    lambda example, pred, trace=None, *, weight=2: weight == 2,
    functools.partial(lambda scale, example, pred: scale == 3, 3),
    wrapped(lambda example, pred: pred.a == example.a),
    Exact(),
    Exact().__call__,
    ModuleMetric(),
    Async(),
    later,
    lambda example, pred, trace: later(example, pred),
    lambda example, pred: isinstance(example, dspy.Example) and isinstance(pred, dspy.Prediction),
]


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_called_as_they_are_written(metric):
    """Two to five arguments, by position or by name, sync or async; and the trace wherever one is taken."""
    verdict = judge(metric)
    assert verdict.error is None
    assert verdict.passed
    assert asyncio.run(Judge(Task(PROGRAM, metric)).judge(EXAMPLE, {"a": "y"}, STEPS)) == verdict


UNFIT = [
    (lambda example: True, "(example)"),
    (lambda: True, "()"),
    (lambda a, b, c, d, e, f: True, "(a, b, c, d, e, f)"),
    (lambda example, pred, *, weight: True, "(example, pred, *, weight)"),
    (lambda *, pred: True, "(*, pred)"),
]


@pytest.mark.parametrize(("metric", "parameters"), UNFIT)
def test_metrics_that_cannot_be_called(metric, parameters):
    """A metric that takes other arguments is refused before anything runs."""
    with pytest.raises(
        MetricError, match="cannot be called with an example and a prediction\nWrite def metric"
    ) as caught:
        judge(metric)
    assert caught.value.message.startswith(f"the metric <lambda>{parameters} cannot")


def test_no_metric():
    """A judge needs a metric."""
    with pytest.raises(MetricError, match="the task has no metric"):
        judge(None)


def broken(example, pred):
    return pred.missing


def test_an_exception_becomes_an_error_with_its_place():
    """A metric that raises costs the one trace, and the error says where."""
    error = judge(broken).error
    line = broken.__code__.co_firstlineno + 1
    assert error == f"AttributeError: 'Prediction' object has no attribute 'missing' (test_metric.py:{line})"


def test_an_async_exception_becomes_an_error():
    """Likewise where the metric is awaited."""

    async def metric(example, pred):
        await asyncio.sleep(0)
        raise ValueError("a\nb")

    judged = asyncio.run(Judge(Task(PROGRAM, metric)).judge(EXAMPLE, {"a": "y"}))
    assert judged.error.startswith("ValueError: a b (test_metric.py:")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop(BudgetReached("spent"))])
def test_what_is_no_exception_passes_through(error):
    """Interrupts and the budget are not the metric's to swallow."""

    def metric(example, pred):
        raise error

    with pytest.raises(type(error)):
        judge(metric)
    with pytest.raises(type(error)):
        asyncio.run(Judge(Task(PROGRAM, metric)).judge(EXAMPLE, {"a": "y"}))


def test_metrics_see_typed_values():
    """Labels and predictions are of the types that the signature declares, though stored as JSON."""
    task = Task(dspy.Predict(Sig), lambda example, pred: example.a is pred.a is Colour.RED)
    assert Judge(task)(Example({"q": "x"}, {"a": "red"}), {"a": "red"}).passed


def test_a_prediction_is_taken_as_it_is():
    """A prediction of the run itself is not rebuilt."""
    prediction = dspy.Prediction(a="y")
    assert Judge(Task(PROGRAM, lambda _example, pred: pred is prediction))(EXAMPLE, prediction).passed


def test_a_metric_cannot_change_the_example():
    """Each judgment gets an example of its own."""

    def metric(example, pred):
        example.a = pred.a = "changed"
        return True

    judge(metric)
    assert EXAMPLE.labels == {"a": "y"}


def test_call_metric():
    """One judgment without a judge."""
    assert call_metric(lambda e, p: 0.4, EXAMPLE, {"a": "y"}, STEPS, PROGRAM, 0.3).passed


def test_verdicts_carry_the_version_of_the_metric():
    """Code and threshold make the version, in errors too."""
    one, other = (lambda e, p: True), (lambda e, p: None)
    assert judge(one).fingerprint == metric_fingerprint(one)
    assert judge(one, threshold=0).fingerprint == metric_fingerprint(one, 0) != metric_fingerprint(one)
    assert metric_fingerprint(one, 1) == metric_fingerprint(one, 1.0)
    assert judge(other).fingerprint == metric_fingerprint(other) != metric_fingerprint(one)
    assert metric_fingerprint(one, None, [other]) != metric_fingerprint(one)


def test_is_async():
    """Callers put sync metrics into threads and await the others."""
    assert Judge(Task(PROGRAM, later)).is_async
    assert Judge(Task(PROGRAM, Async())).is_async
    assert not Judge(Task(PROGRAM, broken)).is_async


def test_predictions_may_be_any_mapping():
    """Stored values come as a mapping."""

    class Values(Mapping):
        def __getitem__(self, key):
            return {"a": "y"}[key]

        def __iter__(self):
            return iter(["a"])

        def __len__(self):
            return 1

    assert Judge(Task(PROGRAM, lambda e, p: p.a == "y"))(EXAMPLE, Values()).passed
