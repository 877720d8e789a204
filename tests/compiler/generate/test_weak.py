"""Soft labels by a weak LM."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal

import dspy
import pytest
from dspy._vendor.lm15.types import TokenLogprob, TopLogprob
from dspy.lm15 import Message, Response
from pydantic import ValidationError

import limbeck
from limbeck.compiler.generate.registry import make_generator
from limbeck.compiler.generate.weak import Weak
from limbeck.compiler.keep.level import level_of
from limbeck.errors import MetricError, UsageError
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted, fields
from limbeck.testing.stub import Stub
from limbeck.training import confidence_loss_numpy, soft_targets

TEAMS = Literal["billing", "tech"]
SEEDS = [{"ticket": "My invoice is wrong", "team": "billing"}, {"ticket": "It does not start", "team": "tech"}]
SOON = Path(__file__).parent / "token_reply.py"


def routed(kind=TEAMS, **outputs):
    """A task that routes tickets."""
    given = {"ticket": (str, dspy.InputField()), **{name: (str, dspy.OutputField()) for name in outputs}}
    program = dspy.Predict(dspy.Signature({**given, "team": (kind, dspy.OutputField())}, "Route the ticket."))
    return Task(program, name="tickets")


class Turns:
    """An LM that answers each ticket with one team after the other, whatever the order of the tickets."""

    def __init__(self, *teams, **more):
        self.teams, self.more, self.count = teams, more, {}

    def __call__(self, text):
        ticket = text.rpartition("[[ ## ticket ## ]]\n")[2].partition("\n")[0]
        n = self.count[ticket] = self.count.get(ticket, -1) + 1
        said = self.teams[min(n, len(self.teams) - 1)]
        return said if said is None or "[[" in said or said.startswith("I") else fields(**self.more, team=said)


def facts(trace):
    return trace.meta["synth"]


def test_agreement_over_attempts_is_the_confidence(synth):
    """Three of five say billing; the answer is one of those, and every attempt is paid for."""
    ran = synth(Weak(), routed(), SEEDS, Turns("billing", "tech", "billing", "tech", "billing"))
    assert len(ran.asked) == 10
    for trace in ran.kept:
        assert facts(trace)["soft"] == {"billing": 0.6, "tech": 0.4}
        assert (facts(trace)["by"], facts(trace)["attempts"], facts(trace)["read"]) == ("agreement", 5, 5)
        assert trace.prediction == {"team": "billing"}
        assert trace.steps[-1].outputs == {"team": "billing"}
        assert trace.verdicts[0].verifier == "synth:confidence"
        assert trace.verdicts[0].score == pytest.approx(0.6)
        assert (trace.origin, trace.lm) == ("synth", "scripted/lm")


def test_labels_of_the_seeds_are_compared_with_and_nothing_else(synth):
    """They are no part of what is made."""
    ran = synth(Weak(attempts=2), routed(), SEEDS, Turns("billing"))
    assert [trace.example.labels for trace in ran.traces] == [{}, {}]
    assert ran.result.notes == {"mean confidence": 1.0, "as the seeds are labelled": 0.5, "of": 2}
    bare = synth(Weak(attempts=2), routed(), [{"ticket": "Another"}], Turns("billing"))
    assert bare.result.notes == {"mean confidence": 1.0}


def test_its_own_confidence_is_level_five(synth):
    """The LM that wrote the label also curated it, and nobody else did."""
    ran = synth(Weak(attempts=1), routed(), SEEDS, Turns("billing"))
    assert {level_of(trace).number for trace in ran.kept} == {5}


def test_unsure_labels_are_refused_where_that_is_asked_for(synth):
    """They are kept as refused, and by default none is."""
    answers = ("billing", "tech", "billing", "tech")
    ran = synth(Weak(attempts=4, min_confidence=0.6), routed(), SEEDS, Turns(*answers))
    assert ran.result.kept == 0
    assert ran.result.rejected == {"synth:confidence": 2}
    assert "is sure of 'billing' by 0.50 only" in ran.traces[0].verdicts[0].feedback


REFUSAL = "I'm sorry, but I can't help with that."


@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        (TEAMS, REFUSAL, "refusal"),
        (TEAMS, "sales", "unreadable answer"),
        (TEAMS, "[[ ## tea ## ]]", "unreadable answer"),
        (str, "", "empty label"),
        (str, "  ", "empty label"),
        (str, "My invoice is wrong", "echo"),
        (str, "b" * 500, "label too long"),
        (str, "I cannot judge this.", "refusal"),
        (str, fields(team="I cannot judge this."), "refusal"),
        (int, "many", "unreadable answer"),
    ],
)
def test_what_is_no_label(synth, kind, said, rule):
    """Every attempt is tried, and why the first failed is told."""
    ran = synth(Weak(attempts=2), routed(kind), [{"ticket": "My invoice is wrong"}], Turns(said))
    assert ran.result.eliminated == {rule: 1}
    assert ran.result.asked == 1


@pytest.mark.parametrize(("kind", "said", "value"), [(int, "12", 12), (bool, "true", True), (int, "1" * 30, "1" * 30)])
def test_labels_of_other_types(synth, kind, said, value):
    """By name in the soft labels; the answer itself is what it was."""
    (trace,) = synth(Weak(attempts=2), routed(kind), [{"ticket": "What?"}], Turns(said)).kept
    assert facts(trace)["soft"] == {str(value): 1.0}
    assert trace.prediction == trace.steps[-1].outputs == {"team": value}


def test_labels_that_are_named_are_the_only_ones(synth):
    """Of an output that is any text; case does not matter where it tells none apart."""
    weak = Weak(labels="billing, Tech", attempts=3)
    ran = synth(weak, routed(str), SEEDS, Turns("sales", "BILLING", "tech"))
    assert weak.labels == ["billing", "Tech"]
    for trace in ran.kept:
        assert facts(trace)["soft"] == {"Tech": 0.5, "billing": 0.5}
        assert (facts(trace)["attempts"], facts(trace)["read"]) == (3, 2)
        assert trace.prediction["team"] == trace.steps[-1].outputs["team"] == "billing"
    assert synth(Weak(labels="a,b", attempts=1), routed(str), SEEDS, Turns("c")).result.eliminated == {"off-label": 2}


@pytest.mark.parametrize(("kind", "prompt", "labels", "said", "value"), [
    (bool, "task", "true,false", "True", True), (int, "task", "1,2", "2", 2), (int, "own", "1,2", "2", 2),
])  # fmt: skip
def test_labels_that_are_named_keep_the_type_of_the_output(synth, kind, prompt, labels, said, value):
    """They come as text."""
    weak = Weak(labels=labels, attempts=1, prompt=prompt)
    name = "label" if prompt == "own" else "team"
    (made,) = synth(weak, routed(kind), [{"ticket": "?"}], lambda _: fields(**{name: said})).kept
    assert (made.prediction, type(made.prediction["team"])) == ({"team": value}, kind)
    assert facts(made)["soft"] == {str(value): 1.0}


class Twice(dspy.Module):
    """Routes, and thinks again."""

    def __init__(self):
        super().__init__()
        given = {name: (str, dspy.InputField()) for name in ("ticket", "draft")}
        again = dspy.Signature({**given, "team": (TEAMS, dspy.OutputField())}, "Think again.")
        self.first, self.second = routed().program, dspy.Predict(again)

    def forward(self, ticket):
        return self.second(ticket=ticket, draft=self.first(ticket=ticket).team)


def test_each_step_keeps_its_own_label(synth):
    """A first guess is no final answer."""
    ran = synth(Weak(attempts=1), Task(Twice(), name="tickets"), SEEDS[:1],
                lambda text: fields(team="tech" if "Think again." in text else "billing"))  # fmt: skip
    assert [step.outputs for step in ran.kept[0].steps] == [{"team": "billing"}, {"team": "tech"}]
    assert ran.kept[0].prediction == {"team": "tech"}


def test_seeds_with_the_same_input_are_labelled_once(synth):
    """Whatever they are labelled with."""
    seeds = [*SEEDS, {"ticket": "My invoice is wrong", "team": "tech"}]
    ran = synth(Weak(attempts=1), routed(), seeds, Turns("billing"))
    assert ran.result.kept == 2
    assert ran.result.eliminated == {"input of an earlier seed": 1}


def test_what_a_task_holds_out_gets_no_label(synth):
    """It is chosen and proved by."""
    task = routed()
    task = Task(task.program, name="tickets", train=[{"ticket": "new", "team": "tech"}], val=SEEDS, test=[
        {"ticket": "last", "team": "tech"}])  # fmt: skip
    ran = synth(Weak(attempts=1), task, [*SEEDS, {"ticket": "new", "team": "tech"}], Turns("billing"))
    assert ran.result.eliminated == {"held out": 2}
    assert ran.result.kept == 1


def test_a_metric_that_wants_labels_is_told_of(synth):
    """The labels are what is asked for, so there are none to compare with."""
    task = Task(routed().program, metric=lambda gold, said: gold.team == said.team, name="tickets")
    with pytest.raises(MetricError, match="has no attribute 'team'"):
        synth(Weak(attempts=1), task, SEEDS, Turns("billing"))


def test_the_methods_own_prompt(synth):
    """A short one that lists the labels, for a task with one output."""

    def answer(text):
        assert "Say which label fits the request best" in text
        assert "billing\ntech" in text
        return fields(label="tech")

    ran = synth(Weak(prompt="own", attempts=2), routed(), SEEDS, answer)
    assert [trace.prediction for trace in ran.kept] == [{"team": "tech"}] * 2
    assert [trace.steps[0].predictor for trace in ran.kept] == ["self"] * 2


@pytest.mark.parametrize(
    ("weak", "task", "says"),
    [
        (Weak(field="tema"), routed(), "field=tema"),
        (Weak(labels="billing,sales"), routed(), "team has no label 'sales'"),
        (Weak(labels="1,two"), routed(int), "team cannot be"),
        (Weak(prompt="own"), routed(why=True), "outputs why, team"),
        (Weak(prompt="own"), routed(str), "nothing says which labels"),
        (Weak(confidence="tokens"), routed(str), "nothing says which labels"),
    ],
)
def test_tasks_that_it_cannot_work_on(synth, weak, task, says):
    """The message names what is wrong."""
    with pytest.raises(UsageError, match=says):
        synth(weak, task, [{"ticket": "?"}], Turns("billing"))


def test_compiled_prompts_are_not_ignored(synth):
    """They are for the program that ``prompt=own`` asks."""
    weak = Weak(attempts=1)
    weak.program = weak.program.deepcopy()
    with pytest.raises(UsageError, match="which is not asked"):
        synth(weak, routed(), SEEDS, Turns("billing"))


@pytest.mark.parametrize("options", [{"labels": "a"}, {"labels": "a,a"}, {"labels": "a,"}, {"attempts": 0},
                                     {"min_confidence": 1.1}, {"confidence": "asked"}])  # fmt: skip
def test_options_off_their_scale(options):
    """Refused before anything is asked."""
    with pytest.raises(ValidationError):
        Weak(**options)
    with pytest.raises(UsageError):
        make_generator("weak", options)


def test_only_tokens_will_do_where_that_is_asked_for(synth):
    """An LM that gives none labels nothing."""
    ran = synth(Weak(confidence="tokens", attempts=2), routed(), SEEDS, Turns("billing"))
    assert ran.result.eliminated == {"no token probabilities": 2}
    assert len(ran.asked) == 2, "an LM that gives none is not asked for them again"


def test_an_lm_that_refuses_to_give_tokens_is_asked_without(tmp_path):
    """As reasoning models do; then agreement counts."""

    class Picky(Scripted):
        def complete(self, request):
            if request.config.logprobs is not None or (request.config.extensions or {}).get("logprobs"):
                raise dspy.utils.exceptions.LMInvalidRequestError("logprobs are not supported", model="picky")
            return super().complete(request)

    picky = Picky(lambda *_: fields(team="tech"))
    found = limbeck.synthesize(routed(), Weak(attempts=2), data=SEEDS, lm=picky.lm, store=tmp_path / "s.db")
    assert found.kept == 2


class Sure(Scripted):
    """Says a team after a reasoning, each time surer of another, and how sure of its tokens."""

    chances = (0.9, 0.3, 0.6)

    def complete(self, request):
        billing = self.chances[len(self.asked)]
        team, p = ("billing", billing) if billing > 0.5 else ("tech", 1 - billing)
        made = super().complete(request)
        head, _, end = fields(reasoning="Because.", team=team).partition(team)
        said = [TokenLogprob(team, math.log(p), top=(TopLogprob("billing", math.log(billing)),
                                                     TopLogprob("tech", math.log(1 - billing))))]  # fmt: skip
        tokens = (TokenLogprob(head, 0.0), *said, TokenLogprob(end, 0.0))
        assert dict(request.config.extensions or {}).get("top_logprobs", request.config.logprobs)
        text = Message.assistant(f"{head}{team}{end}")
        return Response(id=None, model=made.model, message=text, finish_reason="stop", usage=made.usage,
                        logprobs=tokens)  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
def test_after_reasoning_tokens_are_averaged_over_attempts(tmp_path, named):
    """They tell how likely the label is by that reasoning; also of an LM of the method's own."""
    sure, other = Sure(lambda *_: "", "sure/lm"), Scripted(lambda *_: fields(team="tech"))
    task = Task(dspy.ChainOfThought(routed().program.signature), name="tickets")
    weak = Weak(attempts=3, lm=sure.lm if named else None)
    found = limbeck.synthesize(
        task, weak, data=[{"ticket": "?"}], lm=(other if named else sure).lm, store=tmp_path / "s.db"
    )
    assert (found.kept, len(sure.asked), len(other.asked)) == (1, 3, 0)
    with limbeck.open_store(tmp_path / "s.db") as store:
        (trace,) = store.traces()
    assert facts(trace)["soft"] == pytest.approx({"billing": 0.6, "tech": 0.4})
    assert facts(trace)["by"] == "tokens"
    assert (trace.lm, trace.prediction) == ("sure/lm", {"reasoning": "Because.", "team": "billing"})
    assert trace.steps[-1].outputs == trace.prediction


CARDS = """
from typing import Literal

import dspy

Label = Literal["card_arrival", "card_linking", "refund"]
fields = {"text": (str, dspy.InputField()), "label": (Label, dspy.OutputField())}
program = dspy.Predict(dspy.Signature(fields, "Label the text."))
"""


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """A store with soft labels of token probabilities, made by the command over HTTP, and what the server saw."""
    folder = tmp_path_factory.mktemp("cards")
    (folder / "cards.py").write_text(CARDS)
    data = folder / "seeds.jsonl"
    data.write_text("".join(json.dumps({"text": f"Where is card {n}?", "label": "refund"}) + "\n" for n in range(6)))
    with Stub(reply=f"{SOON}:reply") as stub:
        result = limbeck.synthesize(
            f"{folder}/cards.py:program", "weak", data=data, store=folder / "store.db", lm="openai/stub",
            lm_args={"api_base": f"{stub.url}/v1", "api_key": "sk-test"},
        )  # fmt: skip
        return folder, result, stub.stats()


def test_probabilities_of_tokens_over_http(cards):
    """One request an input tells the whole distribution."""
    folder, result, stats = cards
    assert (result.kept, stats.requests) == (6, 6)
    assert result.notes == {"mean confidence": 0.6, "as the seeds are labelled": 0.0, "of": 6}
    with limbeck.open_store(folder / "store.db") as store:
        for trace in store.traces():
            assert facts(trace)["by"] == "tokens"
            assert facts(trace)["soft"] == pytest.approx({"card_arrival": 0.6, "card_linking": 0.2, "refund": 0.2})


def test_exported_rows_are_read_and_trained_on(cards):
    """As Parquet, by the loss: a student learns the soft labels themselves."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra export is not installed")
    import numpy as np

    folder, _, _ = cards
    exported = limbeck.export(f"{folder}/cards.py:program", folder / "soft", format="parquet", kind="soft",
                              store=folder / "store.db", split={"train": 1.0}, dedup="none")  # fmt: skip
    assert exported is not None
    rows = parquet.read_table(folder / "soft" / "train.parquet").to_pylist()
    labels = ["card_arrival", "card_linking", "refund"]
    weak = soft_targets(rows, labels)
    assert weak == pytest.approx(np.tile([0.6, 0.2, 0.2], (len(rows), 1)))
    weights = np.zeros(3)
    losses = []
    for _ in range(300):
        loss, gradient = confidence_loss_numpy(np.tile(weights, (len(rows), 1)), weak, 0.0)
        losses.append(loss)
        weights -= 2 * gradient.sum(axis=0)
    assert losses[-1] < losses[0]
    assert np.exp(weights) / np.exp(weights).sum() == pytest.approx([0.6, 0.2, 0.2], abs=1e-3)
    assert losses[-1] == pytest.approx(-sum(p * math.log(p) for p in (0.6, 0.2, 0.2)), abs=1e-5)
