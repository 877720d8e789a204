"""``revise``: rounds of critique and revision, and preference labels, step by step against the paper."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck.compiler.generate.probability import ASKED
from limbeck.compiler.generate.registry import make_generator
from limbeck.compiler.generate.revise import Revise
from limbeck.compiler.generate.revise.constitution import Principle, read_constitution
from limbeck.compiler.generate.revise.labels import Label, Labeller
from limbeck.compiler.generate.revise.reading import RoundError, critique_of, revision_of
from limbeck.compiler.keep.level import level_of
from limbeck.compiler.verify.base import Answer
from limbeck.compiler.verify.principles import read_principles
from limbeck.errors import DataError, UsageError
from limbeck.records import PREFERRED, Failure, Usage
from limbeck.signatures.program import base_candidate
from limbeck.testing.scripted import fields
from limbeck.testing.stub import Stub

CRITIC, REVISER, CHOOSER = "Criticize an answer", "Rewrite an answer", "Two answers to the same request"
HERE = Path(__file__).parent


def said(text: str, name: str) -> str:
    """The last value of an input in a request."""
    request = text.rpartition("Respond with")[0]
    return request.rpartition(f"[[ ## {name} ## ]]\n")[2].partition("\n\n[[ ##")[0].strip()


def task(program: dspy.Module | None = None, **more: Any) -> limbeck.Task:
    more.setdefault("metric", lambda example, prediction: True)
    return limbeck.Task(program or dspy.Predict("question -> answer"), name="qa", **more)


SEEDS = [{"question": "Why?"}]


def well(text: str) -> str:
    """Criticizes, and puts a plus behind the answer at each revision; prefers what is under (B)."""
    if CRITIC in text:
        return fields(critique=f"Not enough: {said(text, 'answer')}")
    if REVISER in text:
        return fields(revision=said(text, "answer") + "+")
    return fields(choice="B") if CHOOSER in text else fields(answer="no")


def but(wanted: Callable[[str], str | None]) -> Callable[[str], str]:
    """As ``well`` does, but where something else is wanted."""

    def answer(text: str) -> str:
        given = wanted(text)
        return well(text) if given is None else given

    return answer


def test_first_answer_and_every_revision_are_kept(synth: Any) -> None:
    """Four rounds, each from the revision before it, each a trace of its own that tells where it comes from."""
    ran = synth(Revise(), task(), SEEDS, well)
    answers = {t.prediction["answer"]: t for t in ran.kept}
    assert sorted(answers) == ["no", "no+", "no++", "no+++", "no++++"]
    assert ran.result.operations == {"answer": (1, 1), "revise": (4, 4)}
    chain = [answers["no" + "+" * n] for n in range(5)]
    for number, (before, after) in enumerate(itertools.pairwise(chain), 1):
        about = after.meta["synth"]
        assert (about["parent"], about["round"], about["operation"]) == (before.id, number, "revise")
        assert about["critique"] == f"Not enough: {before.prediction['answer']}"
        assert after.origin == "synth"


def test_steps_show_what_was_sent(synth: Any) -> None:
    """Critique and revision stand in the trace with their messages; the last step is the program's own, for export."""
    ran = synth(Revise(rounds=2), task(), SEEDS, well)
    trace = next(t for t in ran.kept if t.prediction["answer"] == "no++")
    assert [step.predictor for step in trace.steps] == ["synth:critique", "synth:revise", "self"]
    principle = trace.meta["synth"]["principle"]
    asked = next(p for p in read_constitution() if p.text == principle)
    assert asked.critique in trace.steps[0].messages[-1]["content"]
    assert asked.revision in trace.steps[1].messages[-1]["content"]
    assert trace.steps[2].outputs == {"answer": "no++"}
    assert trace.steps[2].calls == []


def test_held_out_rows_are_not_answered_and_no_input_twice(synth: Any) -> None:
    """What the task proves by is nothing to train on; the same input would only give the same traces again."""
    held = task(train=[{"question": "z"}], test=[{"question": "How?"}])
    ran = synth(Revise(rounds=1), held, [*SEEDS, {"question": "How?"}, *SEEDS], well)
    assert ran.result.eliminated == {"held out": 1, "input of an earlier seed": 1}
    assert ran.result.kept == len(ran.traces) == 2


def test_principles_are_drawn_by_seed_and_round(synth: Any) -> None:
    """Each round draws one of the sixteen; the same seed draws the same ones, another seed others."""
    rows = [{"question": str(n)} for n in range(12)]

    def drawn(random_seed: int) -> set[tuple[str, int, int]]:
        made = [t for t in synth(Revise(rounds=3), task(), rows, well, seed=random_seed).traces if len(t.steps) > 1]
        about = [(t.example.id, t.meta["synth"]) for t in made]
        return {(example, told["round"], told["principle_number"]) for example, told in about}

    first = drawn(0)
    assert len(first) == 36
    assert len({number for _, _, number in first}) > 8
    assert drawn(0) == first
    assert len(drawn(1)) > 60


@pytest.mark.parametrize(
    ("who", "answer", "rule"),
    [
        (CRITIC, "I'm sorry, but I can't assist with that.", "critique refused"),
        (CRITIC, fields(critique="I cannot help with that."), "critique refused"),
        (CRITIC, fields(critique=" -- "), "critique is empty"),
        (CRITIC, fields(critique="no"), "critique is an echo"),
        (CRITIC, "what?", "no critique"),
        (CRITIC, fields(critique="x1") + "\n" + fields(critique="x2"), "critique is there twice"),
        (REVISER, fields(revision="I'm sorry, I can't help with that."), "revision refused"),
        (REVISER, fields(revision="I cannot revise this."), "revision refused"),
        (REVISER, fields(revision=""), "revision is empty"),
        (REVISER, fields(revision=" no\n"), "revision unchanged"),
        (REVISER, fields(revision="Not enough: no"), "revision is an echo"),
        (REVISER, fields(revision="Why?"), "revision is an echo"),
        (REVISER, "{}", "no revision"),
    ],
)
def test_a_round_that_comes_to_nothing_is_dropped(who: str, answer: str, rule: str, synth: Any) -> None:
    """Refusals, echoes, nothing and what is unchanged are dropped under their rule, after they were asked for again."""
    ran = synth(Revise(rounds=1), task(), SEEDS, but(lambda text: answer if who in text else None))
    assert ran.result.eliminated == {rule: 1}
    assert [t.prediction["answer"] for t in ran.kept] == ["no"]
    # Where the chat form cannot be read, DSPy asks again by itself for JSON.
    assert len([text for text in ran.asked if who in text]) in {2, 4}
    assert ran.ledger[0].item.endswith(" round 1")


def test_next_round_goes_on_from_the_last_good_revision(synth: Any) -> None:
    """What failed is left out of the chain, and the round after it begins where the one before it ended."""
    ran = synth(
        Revise(rounds=4, retries=0), task(), SEEDS,
        but(lambda text: "never" if REVISER in text and said(text, "answer") == "no+" and "++" not in text else None),
    )  # fmt: skip
    assert ran.result.eliminated == {"no revision": 3}
    assert sorted(t.prediction["answer"] for t in ran.kept) == ["no", "no+"]
    numbers: Counter[str] = Counter()

    def once(text: str) -> str | None:
        numbers["all"] += REVISER in text
        return fields(revision="") if REVISER in text and numbers["all"] == 2 else None

    ran = synth(Revise(rounds=3, retries=0), task(), [{"question": "How?"}], but(once))
    made = {
        t.meta["synth"]["round"]: t for t in ran.kept if t.example.inputs["question"] == "How?" and len(t.steps) > 1
    }
    assert sorted(made) == [1, 3]
    assert made[3].meta["synth"]["parent"] == made[1].id


def test_asked_again_at_once_where_an_answer_cannot_be_used(synth: Any) -> None:
    """A second attempt is a request of its own, and what it gives is kept."""
    seen: Counter[str] = Counter()

    def first_refuses(text: str) -> str | None:
        seen["critic"] += CRITIC in text
        return "I cannot help with that." if CRITIC in text and seen["critic"] <= 2 else None

    ran = synth(Revise(rounds=1), task(), SEEDS, but(first_refuses))
    assert ran.result.eliminated == {}
    assert len(ran.kept) == 2


def test_a_revision_may_decline_where_that_is_wanted(synth: Any) -> None:
    """For harmlessness, declining a request is a right answer; refusing to revise is none all the same."""
    declined = "I'm sorry, but I can't help with that: it would hurt people."
    ran = synth(Revise(rounds=1, declines=True), task(), SEEDS,
                but(lambda text: fields(revision=declined) if REVISER in text else None))  # fmt: skip
    assert declined in [t.prediction["answer"] for t in ran.kept]
    with pytest.raises(RoundError, match="revision refused"):
        revision_of(_answer(revision="I'm sorry, I cannot rewrite this."), "no", "Why?", [], declines=True)


def test_each_is_verified_and_what_is_refused_is_revised_all_the_same(synth: Any) -> None:
    """The metric judges first answer and revisions one by one; the chain does not end at a refusal."""
    ran = synth(Revise(rounds=3), task(metric=lambda e, p: p.answer.endswith("++")), SEEDS, well)
    assert sorted(t.prediction["answer"] for t in ran.kept) == ["no++", "no+++"]
    assert ran.result.rejected == {"metric": 2}


def test_reasoning_of_the_old_answer_is_no_reasoning_of_the_new_one(synth: Any) -> None:
    """Of a chain of thought only the answer is revised; the steps before it are not shown as if they led to it."""
    thought = but(lambda text: None if CRITIC in text or REVISER in text else fields(reasoning="so", answer="no"))
    ran = synth(Revise(rounds=1), task(dspy.ChainOfThought("question -> answer")), SEEDS, thought)
    made = next(t for t in ran.kept if t.prediction["answer"] == "no+")
    assert made.prediction == {"answer": "no+"}
    assert made.steps[-1].outputs == {"answer": "no+"}


class Two(dspy.Module):
    """Plans, then writes, then shouts what it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.plan, self.write = dspy.Predict("question -> plan"), dspy.Predict("question, plan -> answer")
        self.title = dspy.Predict("answer -> title")

    def forward(self, question: str) -> dspy.Prediction:
        plan = self.plan(question=question).plan
        answer = self.write(question=question, plan=plan).answer
        return dspy.Prediction(answer=answer, title=self.title(answer=answer).title)


def test_of_several_predictors_the_one_that_wrote_the_answer_is_revised(synth: Any) -> None:
    """Its step has the new text; steps before it stay, what rested on the old text is gone."""

    def other(text: str) -> str | None:
        head = text.rpartition("Respond with")[2]
        return None if "answer" in head and "title" not in head else next(
            (fields(**{name: name}) for name in ("plan", "title") if f"[[ ## {name} ## ]]" in head), None)  # fmt: skip

    ran = synth(Revise(rounds=1, field="answer"), task(Two()), SEEDS, but(other))
    made = next(t for t in ran.kept if t.prediction["answer"] == "no+")
    assert [s.predictor for s in made.steps] == ["plan", "synth:critique", "synth:revise", "write"]
    assert made.steps[-1].inputs == {"question": "Why?", "plan": "plan"}
    assert made.steps[-1].outputs == {"answer": "no+"}


def test_only_texts_are_revised(synth: Any) -> None:
    """A label cannot be revised, and the message says which outputs there are."""
    labels = dspy.Predict(dspy.Signature({"question": (str, dspy.InputField()),
                                          "label": (Literal["a", "b"], dspy.OutputField())}))  # fmt: skip
    with pytest.raises(UsageError, match="no output is a text"):
        synth(Revise(), task(labels), SEEDS, well)
    with pytest.raises(UsageError, match="field=nothing"):
        synth(Revise(field="nothing"), task(), SEEDS, well)


# Constitution


def test_default_constitution_has_sixteen_principles_with_requests() -> None:
    """As many as in the paper; the verifier ``rules`` can read the file, too."""
    principles = read_constitution()
    assert len(principles) == 16
    assert all(p.text and p.critique != p.revision and "Critique:" not in p.text for p in principles)
    assert len(read_principles(Path(limbeck.__file__).parent / "compiler/generate/revise/constitution.md")) == 16


def test_a_constitution_of_ones_own(tmp_path: Path, synth: Any) -> None:
    """A plain file with a principle a line will do; requests are made of the principle then."""
    (tmp_path / "mine.txt").write_text("# Mine\nIt is short.\nIt is kind. Revision request: Be kind!\n")
    method = Revise(rounds=1, constitution=Path("mine.txt")).at(tmp_path)
    assert [p.text for p in method.principles] == ["It is short.", "It is kind."]
    assert method.principles[0].critique.endswith("this principle: It is short.")
    assert method.principles[1].revision == "Be kind!"
    ran = synth(method, task(), SEEDS, well)
    assert "It is" in next(text for text in ran.asked if CRITIC in text)


@pytest.mark.parametrize(
    "text", ["- Critique: Say why.", "- Be good. Critique: a Critique: b", "- Be good. Revision:", "\0\1 --"]
)
def test_a_principle_that_lacks_something_is_refused(text: str, tmp_path: Path) -> None:
    """The message names the file and the principle."""
    (tmp_path / "c.md").write_text(text)
    with pytest.raises(DataError, match=r"c\.md, principle 1"):
        read_constitution(tmp_path / "c.md")


def test_options_are_checked() -> None:
    """No rounds and no pairs is nothing; an unknown file is named."""
    with pytest.raises(UsageError, match="nothing to do"):
        make_generator("revise", {"rounds": 0})
    with pytest.raises(DataError, match="no such file"):
        make_generator("revise", {"constitution": "nowhere.md"})


def test_an_option_that_is_no_lm_is_told(synth: Any) -> None:
    """``--set lm=true`` is a mistake of the user, and no bug."""
    with pytest.raises(UsageError, match="True is no LM"):
        synth(Revise(rounds=1, pairs="revision", lm=True), task(), SEEDS, well)


# What counts as a critique or a revision


def _answer(completion: str | None = None, failure: Failure | None = None, **values: Any) -> Answer:
    prediction = None if failure else values
    return Answer(prediction, fields(**values) if completion is None else completion, failure, Usage(), "lm")


@given(st.text(alphabet=st.characters(codec=None), max_size=60), st.text(max_size=60))
def test_whatever_is_said_it_is_a_text_or_a_reason(said_: str, before: str) -> None:
    """No text breaks the reading; what is read has letters or digits and differs from what there was."""
    try:
        text = revision_of(_answer(revision=said_), before, "question", ["critique"], declines=False)
    except RoundError as error:
        assert error.rule.startswith(("revision", "no revision"))  # noqa: PT017
    else:
        assert " ".join(text.split()).casefold() != " ".join(before.split()).casefold()
        assert any(character.isalnum() for character in text)


def test_a_critique_may_quote_and_a_revision_may_quote_the_request() -> None:
    """A few words of the answer in a critique are no echo; a long copy of it is. An answer may repeat the question."""
    answer = "The moon is made of green cheese, as everybody knows since 1969."
    assert critique_of(_answer(critique="'green cheese' is wrong"), [answer]) == "'green cheese' is wrong"
    with pytest.raises(RoundError, match="echo"):
        critique_of(_answer(critique=answer[:-5]), [answer])
    request = "What is the moon made of, according to those who went there?"
    kept = revision_of(_answer(revision=f"{request} Of rock."), answer, request, ["x" * 50], declines=False)
    assert kept.endswith("Of rock.")
    with pytest.raises(RoundError, match="echo"):
        revision_of(_answer(revision=f"{'x' * 50}: of rock"), answer, request, ["x" * 50], declines=False)


# Preference labels


class Asking:
    """A bench that answers what a function says, and notes what it was asked."""

    def __init__(self, answer: Callable[[dict[str, Any], int, dict[str, Any] | None], Answer]) -> None:
        self.answer, self.asked = answer, []

    async def ask(self, program: Any, inputs: Any, *, attempt: int = 0, lm: Any = None, lm_args: Any = None) -> Answer:
        self.asked.append((inputs["answer_a"], attempt, lm_args, lm))
        return self.answer(inputs, attempt, lm_args)


def label(answer: Callable[..., Answer], **options: Any) -> tuple[Label, list[Any]]:
    bench = Asking(answer)
    labeller = Labeller(bench, None, **options)  # type: ignore[arg-type]
    return asyncio.run(labeller.label("Why?", ("one", "two"), Principle(1, "Good.", "c", "r"))), bench.asked


def tokens(p: float, choice: str = "A", **more: Any) -> Answer:
    """An answer with log probabilities of A and B that have room for other tokens beside."""
    text = fields(**more, choice=choice)
    before, _, after = text.rpartition(f"\n{choice}\n")
    top = {"A": math.log(p * 0.9), "B": math.log((1 - p) * 0.9), " The": math.log(0.05)}
    parts = [before + "\n", choice, "\n" + after]
    found = [{"token": t, "logprob": top[t] if t == choice else 0.0, "top": top if t == choice else {}} for t in parts]
    return Answer({**more, "choice": choice}, text, None, Usage(1), "judge", found)


def vote(choice: str, **more: Any) -> Answer:
    return Answer({**more, "choice": choice}, fields(**more, choice=choice), None, Usage(1), "judge")


@pytest.mark.parametrize(("a_first", "a_second"), [(0.9, 0.3), (0.6, 0.6), (0.2, 0.9)])
def test_label_is_the_normalized_probability_averaged_over_both_orders(a_first: float, a_second: float) -> None:
    """p(A) / (p(A) + p(B)) in each order; in the second one the first answer stands under (B)."""
    made, asked = label(lambda i, n, s: tokens(a_first if i["answer_a"] == "one" else a_second))
    assert made.first == pytest.approx((a_first + 1 - a_second) / 2)
    assert [(a, n, s) for a, n, s, _ in asked] == [("one", 0, ASKED), ("two", 0, ASKED)]
    assert made.consistent is ((a_first > 0.5) == (1 - a_second > 0.5))
    assert {order.by for order in made.orders} == {"tokens"}


def test_with_chain_of_thought_labels_are_clamped() -> None:
    """Each order is held to 40 to 60 percent before they are averaged."""
    made, _ = label(
        lambda i, n, s: tokens(0.99 if i["answer_a"] == "one" else 0.02, reason="One is better."), reasons=True
    )
    assert made.first == pytest.approx(0.6)
    assert made.orders[0].reason == "One is better."
    made, _ = label(lambda i, n, s: tokens(0.99, reason="A is better."), reasons=True)
    assert made.first == pytest.approx(0.5)
    made, _ = label(lambda i, n, s: tokens(0.55 if i["answer_a"] == "one" else 0.45, reason="x"), reasons=True)
    assert made.first == pytest.approx(0.55)


def test_without_tokens_it_is_the_share_of_votes() -> None:
    """Votes of several samples, ties in the middle; the answer that came without probabilities is the first vote."""
    made, asked = label(
        lambda i, n, s: vote(["(A)", "b", "**A**", "tie"][n] if i["answer_a"] == "one" else "B"), samples=4
    )
    assert made.orders[0].first == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    assert made.first == pytest.approx((0.625 + 1) / 2)
    assert [n for a, n, _, _ in asked if a == "one"] == [0, 1, 2, 3]
    assert made.orders[0].by == "votes"
    assert made.usage.calls == 8


def test_an_lm_that_refuses_log_probabilities_votes() -> None:
    """The request is made without them then; with ``tokens`` there is no label."""

    def refuses(inputs: Any, attempt: int, settings: Any) -> Answer:
        failed = Answer(None, None, Failure("lm", "logprobs are not supported"), Usage(), "judge")
        return failed if settings and "logprobs" in settings else vote("A" if inputs["answer_a"] == "one" else "B")

    made, _ = label(refuses)
    assert made.first == 1.0
    made, asked = label(refuses, by="tokens")
    assert (made.first, len(asked)) == (None, 1)
    _, asked = label(refuses, by="votes")
    assert [settings for _, _, settings, _ in asked] == [None, None]


@pytest.mark.parametrize(
    "given",
    [
        vote("C, neither of the two"), vote(""), vote("A and B"), vote("The first is wordy, so (B)"),
        Answer(None, "I'm sorry, but I can't assist with that.", Failure("parse", "no choice"), Usage(1), "judge"),
        Answer({"choice": "A"}, fields(choice="A") + fields(choice="B"), None, Usage(1), "judge"),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_no_label(given: Answer) -> None:
    """Refusals, off-label and double answers are asked for again, and in the end there is no label."""
    made, asked = label(lambda i, n, s: given, by="votes", retries=2)
    assert made.first is None
    assert len(asked) == 3
    assert len(made.orders[0].failed) == 3


def test_one_order_alone_gives_no_label() -> None:
    """Nothing tells a preference for an answer from one for a place then."""
    made, _ = label(lambda i, n, s: vote("A" if i["answer_a"] == "one" else "?"), by="votes", retries=0)
    assert made.first is None


@pytest.mark.parametrize("reason", ["", "one", "I cannot judge that."])
def test_reasons_must_be_the_judges_own(reason: str) -> None:
    """A missing reason, a refusal or an echo of what was judged makes the vote none."""

    def answer(inputs: Any, attempt: int, settings: Any) -> Answer:
        echo = "one is what it says, at some length, so that it is no chance"
        return vote("A", reason=echo if reason == "one" else reason)

    bench = Asking(answer)
    labeller = Labeller(bench, None, by="votes", reasons=True, retries=0)  # type: ignore[arg-type]
    texts = ("one is what it says, at some length, so that it is no chance", "two")
    made = asyncio.run(labeller.label("Why?", texts, Principle(1, "Good.", "c", "r")))
    assert made.first is None


@given(st.lists(st.sampled_from(["A", "B", "tie", "?"]), min_size=8, max_size=8), st.booleans())
def test_labels_are_probabilities_and_swapping_the_answers_mirrors_them(votes: list[str], reasons: bool) -> None:
    """Between 0 and 1, or 0.4 and 0.6; of the same votes the other answer has the rest."""

    def answer(inputs: Any, attempt: int, settings: Any) -> Answer:
        return vote(votes[attempt + 4 * (inputs["answer_a"] == "two")], reason=f"r{attempt}")

    def of(texts: tuple[str, str]) -> float | None:
        labeller = Labeller(Asking(answer), None, by="votes", samples=3, retries=1, reasons=reasons)  # type: ignore[arg-type]
        return asyncio.run(labeller.label("Why?", texts, Principle(1, "Good.", "c", "r"))).first

    one, other = of(("one", "two")), of(("two", "one"))
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one + other == pytest.approx(1)
        assert (0.4 if reasons else 0) - 1e-9 <= one <= (0.6 if reasons else 1) + 1e-9


def better(text: str) -> str | None:
    """Prefers the longer answer, wherever it stands."""
    if CHOOSER not in text:
        return None
    return fields(choice="A" if len(said(text, "answer_a")) > len(said(text, "answer_b")) else "B")


def test_pairs_are_exported_with_their_soft_labels(synth: Any, tmp_path: Path) -> None:
    """First answer against last revision: a copy of each carries the label, and export makes the pair of them."""
    voted = Revise(rounds=2, pairs="revision", samples=1)
    ran = synth(voted, task(), [*SEEDS, {"question": "How?"}], but(better))
    labelled = [t for t in ran.kept if t.verdicts[0].verifier == PREFERRED]
    assert (
        sorted((t.prediction["answer"], t.verdicts[0].score) for t in labelled)
        == [("no", 0.0)] * 2 + [("no++", 1.0)] * 2
    )
    assert {t.verdicts[0].by for t in labelled} == {"model"}
    assert all(t.verdicts[0].evidence["is_student"] for t in labelled)
    limbeck.export(task(), tmp_path / "out", store=tmp_path / "store.db", format="trl-preference", pairs="label",
                   failures=True)  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert all("no++" in row["chosen"][0]["content"] for row in rows)
    assert all("no++" not in row["rejected"][0]["content"] for row in rows)
    assert {(row["chosen_reward"], row["rejected_reward"]) for row in rows} == {(1.0, 0.0)}


def test_labels_near_one_half_and_chosen_answers_that_did_not_pass_make_no_pair(synth: Any, tmp_path: Path) -> None:
    """A judge that goes by the place says 50 percent; an answer that the task refuses is never chosen."""
    synth(Revise(rounds=1, pairs="revision", samples=1), task(), SEEDS, well)  # always (B)
    out = limbeck.export(task(), tmp_path / "out", store=tmp_path / "store.db", format="trl-preference", pairs="label")
    assert sum(out.rows.values()) == 0
    strict = task(metric=lambda e, p: p.answer == "no")
    synth(Revise(rounds=1, pairs="revision", samples=1), strict, [{"question": "How?"}], but(better))
    out = limbeck.export(strict, tmp_path / "out2", store=tmp_path / "store.db", format="trl-preference", pairs="label")
    assert sum(out.rows.values()) == 0


def test_two_attempts_as_in_the_paper(synth: Any) -> None:
    """Without rounds: attempts 0 and 1 of the program, a label, and nothing where both say the same."""
    counted: Counter[str] = Counter()

    def sampled(text: str) -> str | None:
        if CHOOSER in text:
            return better(text)
        counted[text] += 1
        return fields(answer="same" if "Same" in said(text, "question") else "word " * counted[text])

    rows = [{"question": "Same?"}, {"question": "Other?"}]
    ran = synth(Revise(rounds=0, pairs="attempts", samples=2), task(), rows, but(sampled))
    assert ran.result.operations == {"answer": (4, 4), "prefer": (2, 2)}
    assert ran.result.eliminated == {"equal answers": 1}
    scores = {t.prediction["answer"]: t.verdicts[0].score for t in ran.kept if t.verdicts[0].verifier == PREFERRED}
    assert scores == {"word": 0.0, "word word": 1.0}


def test_no_preference_is_told(synth: Any) -> None:
    """Where the LM does not choose, the pair is dropped and the answers stay."""
    ran = synth(Revise(rounds=1, pairs="revision", samples=1, retries=0), task(), SEEDS,
                but(lambda text: "I won't say." if CHOOSER in text else None))  # fmt: skip
    assert ran.result.eliminated == {"no preference": 1}
    assert len(ran.kept) == 2


def test_the_same_lm_wrote_and_chose_level_5(synth: Any) -> None:
    """What nobody but the author's own LM judged is level 5; a metric beside makes it 4."""
    ran = synth(Revise(rounds=1, pairs="revision", samples=1), task(), SEEDS, but(better))
    made = next(t for t in ran.kept if t.verdicts[0].verifier == PREFERRED)
    assert level_of(made).number == 4
    assert level_of(made.with_verdicts(made.verdicts[:1])).number == 5


def test_log_probabilities_over_http(tmp_path: Path) -> None:
    """What a server answers to DSPy's request for log probabilities is what labels are made of."""
    with Stub(f"{HERE / 'revise_reply.py'}:reply") as stub:
        store = tmp_path / "s.db"
        method, where = Revise(rounds=1, pairs="revision", probabilities="tokens"), f"{stub.url}/v1"
        limbeck.synthesize(
            task(), method, data=SEEDS, lm="openai/stub", lm_args={"api_base": where, "api_key": "sk"}, store=store
        )
        with limbeck.open_store(store) as kept:
            labels = [t.verdicts[0] for t in kept.traces() if t.verdicts[0].verifier == PREFERRED]
    assert sorted((v.score for v in labels), reverse=True) == pytest.approx([(0.25 + 0.875) / 2, (0.75 + 0.125) / 2])
    assert {order["by"] for order in labels[0].evidence["orders"]} == {"tokens"}


def test_its_program_can_be_compiled(tmp_path: Path) -> None:
    """Critique, revision and choice are predictors of one DSPy program that runs on a row."""
    assert list(base_candidate(Revise().program).instructions) == ["critique", "revise", "prefer"]
    rows = [{"request": f"Why {n}?", "answer": "no", "principle": "It is long.", "choice": "B"} for n in range(12)]
    made = limbeck.Task(Revise().program, metric=lambda e, p: p.choice == e.choice, data=rows, name="synth_revise")
    from limbeck.testing.scripted import Scripted

    lm = Scripted(lambda text, _: well(text))
    result = limbeck.compile(made, tmp_path / "compiled", lm=lm.lm, optimizer="labeled", store=tmp_path / "s.db")
    assert result is not None
    revise = Revise(rounds=1)
    limbeck.synthesize(task(), revise, data=SEEDS, lm=lm.lm, store=tmp_path / "s2.db", prompts=tmp_path / "compiled")
    assert list(base_candidate(revise.program).instructions) == ["critique", "revise", "prefer"]


def test_recorded_answers_of_people_and_models(shared_data: Path) -> None:
    """None of the 637 recorded pairs of answers is taken for a refusal to revise, whatever is in them."""
    with gzip.open(shared_data / "pandalm_pref" / "pairs.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        if row["output_a"].strip() and row["output_a"].split() != row["output_b"].split():
            try:
                revision_of(
                    _answer("", revision=row["output_b"]), row["output_a"], row["instruction"], [], declines=True
                )
            except RoundError as error:
                assert error.rule in {"revision is empty", "revision is an echo", "revision unchanged"}  # noqa: PT017
