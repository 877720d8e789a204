"""Surgery on programs: candidates in and out, names, predictions as JSON and back."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

import dspy
import orjson
import pytest
from dspy.teleprompt import LabeledFewShot
from pydantic import BaseModel

from limbeck.errors import TargetError
from limbeck.records import Candidate, Step
from limbeck.signatures import Task, to_dspy
from limbeck.signatures.program import (
    Restorer,
    apply,
    base_candidate,
    prediction_values,
    predictor_name,
)
from limbeck.signatures.splits import load_data


class Colour(Enum):
    RED = "red"


class Item(BaseModel):
    name: str
    qty: int = 1


class Order(dspy.Signature):
    """Read an order."""

    text: str = dspy.InputField()
    item: Item = dspy.OutputField()
    colours: list[Colour] = dspy.OutputField()
    day: date = dspy.OutputField()
    tags: set[str] = dspy.OutputField()
    price: Decimal = dspy.OutputField()
    kind: Literal["a", "b"] = dspy.OutputField()
    count: int = dspy.OutputField(ge=1)


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.read = dspy.Predict(Order)
        self.steps = [dspy.ChainOfThought("text -> answer"), dspy.Predict("answer -> text")]

    def forward(self, text):
        return self.read(text=text)


VALUES = {
    "item": {"name": "x", "qty": 2},
    "colours": ["red"],
    "day": "2024-01-02",
    "tags": ["a", "b"],
    "price": "1.10",
    "kind": "a",
    "count": 3,
}
TYPED = {
    "item": Item(name="x", qty=2),
    "colours": [Colour.RED],
    "day": date(2024, 1, 2),
    "tags": {"a", "b"},
    "price": Decimal("1.10"),
    "kind": "a",
    "count": 3,
}
NAMES = ["read", "steps[0].predict", "steps[1]"]


def messages(program, **inputs):
    """Render the prompt of a predictor by DSPy's own chat adapter."""
    return dspy.ChatAdapter().format(program.signature, program.demos, inputs)


def test_base_candidate():
    """Instructions and demos are read off, by predictor name."""
    program = Program()
    program.read.demos = [
        dspy.Example(text="t", **TYPED, augmented=True).with_inputs("text"),
        {"text": "u", "count": 1},
    ]
    candidate = base_candidate(program)
    assert list(candidate.instructions) == NAMES
    assert candidate.instructions["read"] == "Read an order."
    assert candidate.demos["read"] == ({"text": "t", **VALUES, "augmented": True}, {"text": "u", "count": 1})
    assert candidate.demos["steps[1]"] == ()


def test_a_candidate_survives_apply():
    """What is set is what is read off again."""
    candidate = Candidate(
        {name: f"Do {name}." for name in NAMES},
        {
            "read": ({"text": "t", **VALUES},),
            "steps[0].predict": (),
            "steps[1]": ({"answer": "a", "text": "b", "augmented": True},),
        },
    )
    assert base_candidate(apply(Program(), candidate)).id == candidate.id


def test_apply_leaves_the_program_alone():
    """The program itself is copied, not changed."""
    program = Program()
    before = base_candidate(program).id
    copied = apply(program, Candidate({"read": "Other."}, {"read": [{"text": "t"}]}))
    assert copied is not program
    assert base_candidate(program).id == before
    assert predictor_name(program.read) is None


def test_what_a_candidate_does_not_mention_stays():
    """An empty candidate is the program as declared."""
    program = Program()
    program.read.demos = [dspy.Example(text="t", count=1)]
    assert base_candidate(apply(program, Candidate())).id == base_candidate(program).id
    assert apply(program, Candidate({"read": "Read an order."})).read.signature is program.read.signature


def test_fields_survive_new_instructions():
    """Types, constraints and descriptions stay when the instructions change."""
    signature = apply(Program(), Candidate({"read": "Other."})).read.signature
    assert signature.instructions == "Other."
    assert signature.output_fields["count"].metadata == Order.output_fields["count"].metadata
    assert signature.output_fields["item"].annotation is Item


def test_lms_of_predictors_survive():
    """The very LM that the user set on a predictor is used by the copy."""
    program = Program()
    program.read.lm = dspy.LM("openai/none")
    assert apply(program, Candidate({"read": "Other."})).read.lm is program.read.lm


def test_modules_that_refuse_to_be_copied():
    """A module with an attribute that cannot be copied is copied as DSPy does it, LMs and all."""

    class Stubborn(Program):
        def __init__(self):
            super().__init__()
            self.handle = open("/dev/null")  # noqa: PTH123, SIM115

    program = Stubborn()
    program.read.lm = dspy.LM("openai/none")
    with program.handle:
        copied = apply(program, Candidate({"read": "Other."}))
    assert copied.read.lm is program.read.lm
    assert copied.read.signature.instructions == "Other."
    assert program.read.signature.instructions == "Read an order."


def test_names_survive_copies():
    """Copies that BestOfN, Refine and users make still know the predictors' names."""
    program = apply(Program(), Candidate())
    copies = [program, program.deepcopy(), program.reset_copy()]
    assert [[predictor_name(p) for _, p in copy.named_predictors()] for copy in copies] == [NAMES] * 3
    assert predictor_name(dspy.Predict("q -> a")) is None
    assert predictor_name(object()) is None


def test_names_are_not_saved():
    """DSPy's own state of a program is what it would be without limbeck."""
    program = Program()
    assert apply(program, Candidate()).dump_state() == program.dump_state()


def test_saved_programs_are_plain_dspy(tmp_path):
    """A program with demos of every type is saved and loaded by DSPy, and renders the same prompt."""
    copied = apply(Program(), Candidate({"read": "Other."}, {"read": [{"text": "t", **VALUES}]}))
    copied.save(tmp_path / "program.json")
    loaded = Program()
    loaded.load(tmp_path / "program.json")
    assert messages(loaded.read, text="x") == messages(copied.read, text="x")


def test_demos_render_as_dspys_own():
    """A demo that went through JSON reads in the prompt as the typed original does."""
    typed = {**TYPED, "tags": ["a", "b"]}  # DSPy writes a set in hash order
    program = Program()
    program.read.demos = [dspy.Example(text="t", **typed)]
    assert messages(apply(program, base_candidate(program)).read, text="x") == messages(program.read, text="x")


def test_images_in_demos_are_images():
    """DSPy's own types are built again, so that the prompt has the picture and not its URL as text."""
    program = dspy.Predict("photo: dspy.Image -> label")
    program.demos = [dspy.Example(photo=dspy.Image("https://example.org/a.png"), label="cat")]
    image = dspy.Image("https://example.org/b.png")
    assert messages(apply(program, base_candidate(program)), photo=image) == messages(program, photo=image)


def test_labelled_demos_are_those_of_labeled_few_shot():
    """A demo made of an example has all its columns, as LabeledFewShot's have."""
    rows = [{"question": "q", "answer": "a", "note": 3, "base": "b"}]
    (example,) = load_data(Task(dspy.Predict("question -> answer")), rows)
    demo = {**example.inputs, **example.labels}
    ours = apply(dspy.Predict("question -> answer"), Candidate({}, {"self": [demo]}))
    theirs = LabeledFewShot(k=1).compile(dspy.Predict("question -> answer"), trainset=[to_dspy(example)])
    assert [item.toDict() for item in ours.demos] == [item.toDict() for item in theirs.demos]
    assert messages(ours, question="x") == messages(theirs, question="x")


def test_unknown_predictor():
    """A candidate for another program is refused with the names that there are."""
    with pytest.raises(TargetError) as caught:
        apply(Program(), Candidate({"raed": "x"}))
    assert (
        str(caught.value)
        == "the program has no predictor 'raed'\nDid you mean 'read'? Compile again if the program changed."
    )
    with pytest.raises(TargetError, match=r"It has: read, steps\[0\].predict, steps\[1\]."):
        apply(Program(), Candidate({}, {"zzz": []}))


@pytest.mark.parametrize("made", [dspy.Prediction(**TYPED), dict(TYPED), dspy.Example(**TYPED)])
def test_prediction_values(made):
    """Outputs become JSON, whatever mapping they came in."""
    assert prediction_values(made) == VALUES
    orjson.dumps(prediction_values(made))


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (None, "NoneType null"),
        ("Paris", 'str "Paris"'),
        (5, "int 5"),
        (["a"], 'list ["a"]'),
        ((dspy.Prediction(a=1), "x"), "tuple (Prediction( a=1 ), 'x')"),
        (object(), "object <object object>"),
    ],
)
def test_programs_that_return_something_else(made, shown):
    """A program must return a prediction; the error shows what it returned."""
    with pytest.raises(TypeError) as caught:
        prediction_values(made)
    assert str(caught.value) == (
        f"the program returned {shown}, not a dspy.Prediction; end forward with: return dspy.Prediction(answer=...)"
    )


def test_restore_trace():
    """Steps become DSPy's trace: predictor, inputs, prediction; failed steps are left out."""
    program = Program()
    steps = [
        Step("read", {"text": "t"}, VALUES),
        Step("steps[1]", {"answer": "a"}, None, error="parse"),
        Step(None, {"q": "x"}, {"a": "y"}),
    ]
    (first, made) = Restorer(program).trace(steps)
    assert first[0] is program.read
    assert first[1] == {"text": "t"}
    assert {name: first[2][name] for name in TYPED} == TYPED
    assert made[0] is None
    assert made[2].a == "y"


def test_typed_inputs_of_steps():
    """Inputs of a step are typed by its own predictor."""
    program = dspy.Predict("item: Item -> answer")
    ((_, inputs, _),) = Restorer(program).trace([Step("self", {"item": {"name": "x"}}, {"answer": 1})])
    assert inputs["item"] == Item(name="x")
