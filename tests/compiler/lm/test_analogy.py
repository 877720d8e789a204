"""The embedded LM, through real DSPy modules and adapters."""

import enum
import gzip
import json
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Literal

import dspy
import pydantic
import pytest
from dspy import lm15
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.compiler.lm import analogy
from limbeck.compiler.lm.analogy import answer

BANKING = Path(__file__).resolve().parents[4] / "shared" / "data" / "banking77"
ADAPTERS = {
    "chat": dspy.ChatAdapter(use_json_adapter_fallback=False),
    "json": dspy.JSONAdapter(),
    "xml": dspy.XMLAdapter(use_json_adapter_fallback=False),
    "baml": dspy.BAMLAdapter() if hasattr(dspy, "BAMLAdapter") else dspy.JSONAdapter(),
}
MAIN = pytest.mark.parametrize(
    "adapter", [ADAPTERS[name] for name in ("chat", "json", "xml")], ids=["chat", "json", "xml"]
)


class Engine:
    """Answers requests with the embedded LM, and keeps the messages."""

    def __init__(self):
        self.calls = []

    def complete(self, request):
        """One response by analogy."""
        self.calls.append(as_messages(request))
        message = lm15.Message.assistant(answer(self.calls[-1]))
        return lm15.Response(id="1", model=request.model, message=message, finish_reason="stop", usage=lm15.Usage())


def text_of(parts):
    """The text of a request's parts."""
    return parts if isinstance(parts, str) else "\n".join(part.text for part in parts)


def as_messages(request):
    """A request as role and content."""
    system = [{"role": "system", "content": text_of(request.system)}] if request.system else []
    return system + [{"role": message.role, "content": text_of(message.parts)} for message in request.messages]


def run(program, adapter, **inputs):
    """The prediction of a program on the embedded LM."""
    with dspy.context(lm=dspy.LM("embedded/analogy", engine=Engine(), cache=False), adapter=adapter):
        return program(**inputs)


def predict(signature, adapter, demos=(), module=dspy.Predict, **inputs):
    """The prediction of a module with these demos."""
    program = module(signature)
    for predictor in program.predictors():
        predictor.demos = list(demos)
    return run(program, adapter, **inputs)


def formatted(signature, demos, adapter=ADAPTERS["chat"], **inputs):
    """The messages that an adapter sends."""
    return adapter.format(signature, list(demos), inputs)


class Intent(dspy.Signature):
    """Route the message."""

    message: str = dspy.InputField()
    intent: Literal["card_lost", "top_up", "refund"] = dspy.OutputField()


INTENT_DEMOS = [
    {"message": "somebody nicked my wallet", "intent": "card_lost"},
    {"message": "how can money be added", "intent": "top_up"},
    {"message": "the shop has to pay me back", "intent": "refund"},
]


@MAIN
def test_label_names_decide_without_demos(adapter):
    """Without demos the label whose name is most like the input wins."""
    assert predict(Intent, adapter, message="I lost my card yesterday").intent == "card_lost"


@MAIN
def test_demos_teach_words_that_no_label_has(adapter):
    """A demo's words decide where the label's name shares nothing with the input."""
    assert predict(Intent, adapter, INTENT_DEMOS, message="a thief nicked it from my wallet").intent == "card_lost"


def test_swapped_demos_swap_the_answer():
    """The answer follows the demos and not the words themselves."""
    swapped = [{**demo, "intent": "refund"} for demo in INTENT_DEMOS[:1]]
    assert predict(Intent, ADAPTERS["chat"], swapped, message="my wallet was nicked").intent == "refund"


def test_instructions_define_labels():
    """A line `label: words` in the instructions is evidence for the label."""
    told = Intent.with_instructions("Route.\n- card_lost: theft, stolen\n- refund: chargeback, reimburse")
    assert predict(told, ADAPTERS["chat"], message="please reimburse the hotel").intent == "refund"


def test_a_label_loses_evidence_with_its_demos():
    """Taking a label's demos away lowers the similarity of their words to it."""
    labels, notes = ("card_lost", "top_up"), ("", "")
    demos = (("somebody nicked my wallet", 0), ("how can money be added", 1))
    with_demos = analogy.index(labels, notes, demos).scores("my wallet was nicked")
    without = analogy.index(labels, notes, demos[1:]).scores("my wallet was nicked")
    assert with_demos[0] > without[0]


class Urgency(enum.Enum):
    """An enum whose values are not its names."""

    LOW = "can wait"
    HIGH = "right now"


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int | None
    tags: list[str]


class Everything(dspy.Signature):
    """Read the note."""

    note: str = dspy.InputField()
    kind: Literal["it's", 'a "b"', "c; d"] = dspy.OutputField()
    maybe: Literal["x", "y"] | None = dspy.OutputField()
    urgency: Urgency = dspy.OutputField()
    urgent: bool = dspy.OutputField()
    number: Literal[1, 2] = dspy.OutputField()
    count: int = dspy.OutputField()
    weight: float = dspy.OutputField()
    tags: list[Literal["p", "q"]] = dspy.OutputField()
    names: list[str] = dspy.OutputField()
    slots: dict[str, str] = dspy.OutputField()
    person: Person = dspy.OutputField()
    people: list[Person] = dspy.OutputField()
    free: str = dspy.OutputField()


EVERYTHING = [
    {
        "note": "Anna <3> & co need 2 cakes", "kind": "it's", "maybe": "x", "urgency": Urgency.LOW,
        "urgent": False,
        "number": 1, "count": 2, "weight": 1.5, "tags": ["p"], "names": ["Anna"], "slots": {"who": "Anna"},
        "person": Person(name="Anna", age=2, tags=["a&b"]),
        "people": [Person(name="Anna", age=None, tags=[])],
        "free": "Two cakes\n\nfor Anna <3> & co.",
    },
    {
        "note": "Bob wants 5 pies at once", "kind": "c; d", "maybe": "y", "urgency": Urgency.HIGH,
        "urgent": True,
        "number": 2, "count": 5, "weight": 2.5, "tags": ["p", "q"], "names": ["Bob"], "slots": {"who": "Bob"},
        "person": Person(name="Bob", age=None, tags=[]), "people": [], "free": "Five pies for Bob.",
    },
]  # fmt: skip


@pytest.mark.parametrize("demos", [0, 1, 2])
@pytest.mark.parametrize("name", ["chat", "json", "xml", "baml"])
def test_every_type_parses(name, demos):
    """Completions of every supported type parse at once, in every adapter."""
    signature = Everything
    if name == "xml" and demos == 0:  # XML prompts name the properties of a nested class, but not their types
        signature = signature.delete("person").delete("people")
    if name == "baml" and demos == 0:  # BAML prompts name an enum, but not its values
        signature = signature.delete("urgency")
    prediction = predict(signature, ADAPTERS[name], EVERYTHING[:demos], note="Bob needs 7 pies at once & now")
    assert prediction.kind in ("it's", 'a "b"', "c; d")


@MAIN
def test_several_fields_follow_the_same_demo(adapter):
    """Each field is filled by analogy with the demo most like the input."""
    found = predict(Everything, adapter, EVERYTHING, note="Bob wants pies at once")
    assert (found.kind, found.maybe, found.urgency, found.urgent) == ("c; d", "y", Urgency.HIGH, True)


@MAIN
def test_a_list_takes_the_labels_of_near_demos(adapter):
    """A multi-label field gets as many labels as near demos have, the most similar ones."""
    assert predict(Everything, adapter, EVERYTHING[1:], note="Bob wants pies").tags == ["p", "q"]


@MAIN
def test_none_parses_for_an_optional_label(adapter):
    """Where nothing speaks for any label, an optional one is None."""
    assert predict("text: str -> label: Literal['x1', 'y2'] | None", adapter, text="nothing alike").label is None


class Level(enum.Enum):
    """An enum of numbers."""

    ONE = 1
    TWO = 2


@pytest.mark.parametrize("demos", [0, 1])
def test_numeric_enums_stay_numbers_in_json(demos):
    """JSON needs the number itself (in chat DSPy cannot parse such an enum at all)."""
    signature = dspy.Signature("text -> level").with_updated_fields("level", type_=Level)
    shown = [{"text": "steep", "level": Level.TWO}][:demos]
    expected = Level.TWO if demos else Level.ONE
    assert predict(signature, ADAPTERS["json"], shown, text="steep way").level == expected


SPANS = [
    {"text": f"My name is {name} and I am {age} years old.", "name": name, "age": age}
    for name, age in [("Anna", 31), ("Bob Smith", 40), ("Carla", 28), ("Dora Miles", 55)]
]


@MAIN
def test_a_copied_span_is_found_in_the_input(adapter):
    """Where demos copy a part of their input, the analogous part is copied."""
    signature = dspy.Signature("text: str -> name: str, age: int")
    found = predict(signature, adapter, SPANS, text="My name is Zoe Quinn and I am 67 years old.")
    assert (found.name, found.age) == ("Zoe Quinn", 67)


@MAIN
def test_spans_fill_a_dictionary(adapter):
    """The keys of the demos' dictionaries are filled from the input, and left out where it has none."""
    demos = [{"text": demo["text"], "slots": {"name": demo["name"]}} for demo in SPANS]
    demos += [{"text": "Hello there, is anyone in?", "slots": {}}, {"text": "What do you sell?", "slots": {}}]
    signature = dspy.Signature("text: str -> slots: dict[str, str]")
    assert predict(signature, adapter, demos, text="My name is Eve and I am 9 years old.").slots == {"name": "Eve"}
    assert predict(signature, adapter, demos, text="What is this, hello?").slots == {}


@MAIN
def test_odd_keys_of_a_dictionary_survive(adapter):
    """A key that is no identifier, with quotes and ampersands, is written so that it parses."""
    slots = {'the "best" & <first> name': "Anna"}
    signature = dspy.Signature("text: str -> slots: dict[str, str]")
    demos = [{"text": "Anna is here", "slots": slots}]
    assert set(predict(signature, adapter, demos, text="Anna is here").slots) == set(slots)


@MAIN
def test_free_text_recalls_the_nearest_output(adapter):
    """Other text is the output of the demo most like the input, special characters included."""
    demos = [
        {"question": "When do you open?", "reply": "We open at nine & close <late>."},
        {"question": "Where can one park?", "reply": "Behind\n\nthe house."},
    ]
    signature = dspy.Signature("question -> reply")
    assert predict(signature, adapter, demos, question="where to park my car").reply == "Behind\n\nthe house."
    assert predict(signature, adapter, demos, question="open on Monday?").reply == "We open at nine & close <late>."


def test_without_demos_text_is_a_telling_part_of_the_input():
    """Zero-shot text is the sentence of the context closest to the question."""
    context = "Paris lies on the Seine. Berlin lies on the Spree. Rome is old."
    found = predict("context, question -> answer", ADAPTERS["chat"], context=context, question="On what lies Berlin?")
    assert found.answer == "Berlin lies on the Spree."


def test_numbers_of_near_demos_are_kept_in_bounds():
    """A number that no input holds is one of the near demos', within the field's constraints."""

    class Rate(dspy.Signature):
        """Rate it."""

        review: str = dspy.InputField()
        stars: int = dspy.OutputField(ge=1, le=5)

    demos = [{"review": "awful, cold food", "stars": 1}, {"review": "splendid, warm food", "stars": 5}]
    assert predict(Rate, ADAPTERS["chat"], demos, review="splendid evening").stars == 5
    assert predict(Rate, ADAPTERS["chat"], review="no number here").stars == 1


@MAIN
def test_reasoning_names_the_demo(adapter):
    """ChainOfThought's reasoning says which example decided."""
    demos = [{"reasoning": "because", **demo} for demo in INTENT_DEMOS]
    found = predict(Intent, adapter, demos, dspy.ChainOfThought, message="they nicked the wallet")
    assert found.intent == "card_lost"
    assert "somebody nicked my wallet" in found.reasoning


@MAIN
def test_odd_labels_survive(adapter):
    """Backslashes, quotes, colons and brackets in a label do not confuse the reader."""
    labels = (r"path\name", "a): b", "it's", "[[x]]", "<y>", "日本語")
    signature = dspy.Signature("text -> label").with_updated_fields("label", type_=Literal[labels])
    for label in labels:
        demos = [{"text": f"zebra{i}", "label": other} for i, other in enumerate(labels)]
        assert predict(signature, adapter, demos, text=f"zebra{labels.index(label)}").label == label


def test_unsupplied_fields_of_a_demo_teach_nothing():
    """`Not supplied for this particular example` is never learned as a value."""
    demos = [{"message": "somebody nicked my wallet", "intent": "card_lost"}]
    found = predict(Intent, ADAPTERS["chat"], demos, dspy.ChainOfThought, message="they nicked the wallet")
    assert "Not supplied" not in found.reasoning


def lookup(query: str, limit: int = 3) -> str:
    """Look up facts about capitals."""
    return f"Paris is the capital of France. Berlin is the capital of Germany. ({limit})"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@MAIN
def test_react_calls_a_tool_and_ends(adapter):
    """ReAct calls the tool most like the question, finishes, and answers from what it returned."""
    program = dspy.ReAct("question -> answer", [add, lookup])
    found = run(program, adapter, question="Look up: which city is the capital of Germany?")
    assert [found.trajectory[f"tool_name_{i}"] for i in range(2)] == ["lookup", "finish"]
    assert found.answer == "Berlin is the capital of Germany."


def test_react_follows_the_steps_of_its_demos():
    """With demos of a loop the tool of the demos' same step is called; past their last it finishes."""
    program = dspy.ReAct("question -> answer", [add, lookup])
    step = {"next_thought": "t", "next_tool_name": "add", "next_tool_args": {"a": 1, "b": 2}}
    program.react.demos = [{"question": "What is 1 and 2?", "trajectory": "none yet", **step}]
    found = run(program, ADAPTERS["chat"], question="What is 4 and 3?")
    assert [found.trajectory[f"tool_name_{i}"] for i in range(2)] == ["add", "finish"]


@MAIN
def test_same_messages_same_answer(adapter):
    """The answer is a function of messages, attempt and temperature."""
    messages = formatted(Everything, EVERYTHING, adapter, note="some pies for Bob")
    assert answer(messages) == answer([dict(message) for message in messages])
    assert answer(messages, attempt=3, temperature=1.0) == answer(messages, attempt=3, temperature=1.0)


def test_retries_at_a_temperature_differ():
    """Retries sample, the first attempt and temperature 0 do not."""
    messages = formatted(Intent, INTENT_DEMOS, message="pay or add money to the wallet")
    assert len({answer(messages, attempt=i, temperature=1.0) for i in range(1, 20)}) > 1
    assert {answer(messages, attempt=i, temperature=0.0) for i in range(20)} == {answer(messages)}
    assert answer(messages, temperature=1.0) == answer(messages)


def test_plain_chats_get_plain_text():
    """A prompt of no adapter is answered from its turns, or from the question."""
    turns = [
        {"role": "user", "content": "bonjour means"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "merci means"},
        {"role": "assistant", "content": "thanks"},
        {"role": "user", "content": "and merci?"},
    ]
    assert answer(turns) == "thanks"
    assert answer(turns[:1]) == "bonjour means"
    assert answer([]) != ""


PIECES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "Your input fields are:\n1. `a` (str): \n",
            "Your output fields are:\n1. `b` (int):",
            "2. `c` (dict[str, P]):\n",
            "\n3. `d` (list[Literal['x', 'y']]): x\n",
            "\nAll interactions will be structured in the following way\n",
            "[[ ## a ## ]]\n",
            "[[ ## b ## ]]\n",
            "<a>\n",
            "</a>",
            "<c>",
            "{",
            "}",
            '"',
            "\n\nRespond with a JSON object in",
            "\nRespond with the corresponding output fields wrapped in XML",
            "your objective is:",
            "Optional[Literal[",
            "{c}        # note: the value you produce must adhere to the JSON schema: ",
            '{"$ref": "#/$defs/c"}\n',
            "Output field `c` should be of type: {\n  x: int,\n",
            "1e999",
            "NaN",
            "None",
            "[[[[",
            "\ud800",
            "\x00",
            "日本語",
        ]
    ),
)
CONTENT = st.lists(PIECES, max_size=12).map("".join)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": CONTENT}),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(messages=MESSAGES, attempt=st.integers(0, 2), temperature=st.none() | st.floats(0, 2))
def test_any_messages_get_an_answer(messages, attempt, temperature):
    """No content of the messages raises."""
    said = answer(messages, attempt=attempt, temperature=temperature)
    assert said
    said.encode()


@settings(max_examples=150, deadline=None)
@given(
    note=st.text(max_size=60),
    demos=st.lists(
        st.tuples(st.text(max_size=30), st.text(max_size=30), st.integers(), st.lists(st.text(max_size=9))),
        max_size=4,
    ),
    name=st.sampled_from(["chat", "json", "xml", "baml"]),
    attempt=st.integers(0, 2),
)  # fmt: skip
def test_any_values_parse(note, demos, name, attempt):
    """Whatever the values of input and demos, the completion parses in the adapter that asked."""
    signature = dspy.Signature("note: str -> free: str, count: int, names: list[str], kind: Literal['a', 'b']")
    rows = [{"note": n, "free": f, "count": c, "names": t, "kind": "ab"[c % 2]} for n, f, c, t in demos]
    adapter = ADAPTERS[name]
    said = answer(formatted(signature, rows, adapter, note=note), attempt=attempt, temperature=1.0)
    assert set(adapter.parse(signature, said)) == {"free", "count", "names", "kind"}


@settings(max_examples=100, deadline=None)
@given(messages=MESSAGES)
def test_the_guard_hides_no_common_failure(messages):
    """Odd prompts are read without the guard that keeps `answer` from raising."""
    turns = [(message["role"], message["content"]) for message in messages]
    prompt = analogy.read_prompt(turns)
    if prompt is not None:
        assert analogy._complete(prompt, analogy.Chooser(turns, 0, None))


def rows(path):
    """The rows of a compressed JSONL file."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def banking(labels, demos, seed):
    """Messages builder and dev rows for `demos` train examples of each of `labels` random intents."""
    if not BANKING.exists():
        pytest.skip("../shared/data/banking77 is not on this machine")
    train, dev = (rows(BANKING / f"{part}_tasks.jsonl.gz") for part in ("train", "dev"))
    rng = random.Random(seed)
    by_label = defaultdict(list)
    for row in train:
        by_label[row["gold"]].append(row["input"])
    chosen = sorted(rng.sample(sorted(by_label), labels))
    shown = [{"text": text, "intent": label} for label in chosen for text in rng.sample(by_label[label], demos)]
    rng.shuffle(shown)
    signature = dspy.Signature("text -> intent").with_updated_fields("intent", type_=Literal[tuple(chosen)])
    base = formatted(signature, shown, text="@@")

    def ask(text):
        return [*base[:-1], {"role": "user", "content": base[-1]["content"].replace("@@", text)}]

    tests = [row for row in dev if row["gold"] in chosen]
    rng.shuffle(tests)
    return ask, tests


def accuracy(labels, demos, seeds):
    """Share of dev inputs answered with the right intent."""
    right = total = 0
    for seed in range(seeds):
        ask, tests = banking(labels, demos, seed)
        for row in tests[:300]:
            right += f"]]\n{row['gold']}\n" in answer(ask(row["input"]))
            total += 1
    return right / total


@pytest.mark.parametrize(
    ("labels", "floors"), [(8, (0.74, 0.82, 0.86)), (20, (0.58, 0.69, 0.73)), (77, (0.45, 0.50, 0.61))]
)
def test_banking77_improves_with_demos(labels, floors):
    """On banking77 accuracy rises from no demos to one to four a label, and stays above what was measured."""
    seeds = {8: 6, 20: 3, 77: 1}[labels]
    none, one, four = (accuracy(labels, demos, seeds) for demos in (0, 1, 4))
    assert none < one < four
    assert all(got >= floor for got, floor in zip((none, one, four), floors, strict=True))


def test_banking77_few_demos_do_not_harm():
    """Demos for 16 of 77 labels do not make the other labels lose."""
    ask, tests = banking(77, 1, 0)
    partial = sum(f"]]\n{r['gold']}\n" in answer([*(m := ask(r["input"]))[:33], m[-1]]) for r in tests[:400])
    bare = sum(f"]]\n{r['gold']}\n" in answer([m[0], m[-1]]) for r in tests[:400] if (m := ask(r["input"])))
    assert partial >= bare - 8


def test_a_call_is_quick():
    """A call with 77 labels and 77 demos takes milliseconds (a loose bound: machines differ)."""
    ask, tests = banking(77, 1, 0)
    prompts = [ask(row["input"]) for row in tests[:100]]
    answer(prompts[0])
    start = time.perf_counter()
    for messages in prompts:
        answer(messages)
    assert (time.perf_counter() - start) / len(prompts) < 0.02
