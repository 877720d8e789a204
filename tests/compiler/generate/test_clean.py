"""``clean``: both versions of what people wrote are kept, and nothing that says something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest

import limbeck
from limbeck import verifiers
from limbeck.compiler.generate.clean import Clean
from limbeck.compiler.keep.level import level_of
from limbeck.errors import TargetError, UsageError
from limbeck.testing.scripted import fields

ROW = {"question": "um whats the capitol of france??", "answer": "its paris"}
GOOD = {ROW["question"]: "What's the capital of France?", ROW["answer"]: "It's Paris."}


def task(program: dspy.Module | None = None, **more: Any) -> limbeck.Task:
    return limbeck.Task(program or dspy.Predict("question -> answer"), name="qa", **more)


def given(text: str, name: str = "text") -> str:
    request = text.rpartition("Respond with")[0]
    return request.rpartition(f"[[ ## {name} ## ]]\n")[2].partition("\n\n[[ ##")[0].strip()


def synth_clean(versions: dict[str, str] | None = None, **more: str) -> Callable[[str], str]:
    """Cleans as told, else not at all; ``same`` says what the judge answers, ``answer`` what the program does."""

    def answer(text: str) -> str:
        if "Clean a text" in text:
            return fields(cleaned=(GOOD if versions is None else versions).get(given(text), given(text)))
        if "Say whether a text" in text:
            return more.get("same") or fields(reason="Only spelling.", meaning="same")
        return fields(answer=more.get("answer", "Paris"))

    return answer


def test_both_versions_are_kept_and_levels_follow_from_the_record(synth: Any) -> None:
    """The person's row as it was, and the cleaned one, changed by an LM; nobody verified them: neither is level 1."""
    ran = synth(Clean(), task(), [ROW], synth_clean())
    before, after = sorted(ran.kept, key=lambda t: t.lm)
    assert (before.example.inputs, before.prediction) == ({"question": ROW["question"]}, {"answer": ROW["answer"]})
    assert (before.origin, before.lm, before.meta["synth"]["operation"]) == ("written", "", "original")
    assert after.example.inputs == {"question": "What's the capital of France?"}
    assert after.prediction == after.example.labels == {"answer": "It's Paris."}
    assert (after.origin, after.lm, after.meta["synth"]["parent"]) == ("written", "scripted/lm", before.example.id)
    assert after.meta["synth"]["cleaned"] == ["question", "answer"]
    assert [level_of(t).number for t in (before, after)] == [2, 2]
    assert ran.result.operations == {"clean": (1, 1), "original": (1, 1)}


def test_what_people_verified_is_level_1_where_no_machine_changed_it(synth: Any, tmp_path: Path) -> None:
    """With judgments of people the original is level 1; the cleaned one stays 2 whoever judged it."""
    file = tmp_path / "people.jsonl"
    versions = [ROW, {"question": "What's the capital of France?", "answer": "It's Paris."}]
    file.write_text("".join(json.dumps({
        "inputs": {"question": row["question"]}, "outputs": {"answer": row["answer"]}, "passed": True, "who": "Ann",
    }) + "\n" for row in versions))  # fmt: skip
    ran = synth(Clean(), task(verifiers=[verifiers.People(file)]), [ROW], synth_clean())
    assert sorted((t.lm, level_of(t).number) for t in ran.kept) == [("", 1), ("scripted/lm", 2)]


@pytest.mark.parametrize(
    ("version", "rule"),
    [
        ("What is the capital of France, all 3 of it?", "numbers changed"),
        ("What's the capital of Spain?", "names changed"),
        ("What's not the capital of France?", "negations changed"),
        ("What's the `capital` of france?", "code changed"),
        ("See www.france.fr", "links changed"),
        ('What\'s the "seat" of france?', "quotations changed"),
        ("", "empty"),
        ("?!", "empty"),
        ("I'm sorry, but I can't assist with that.", "refused"),
        ("Here is the cleaned text: whats the capital of france?", "talks of its task"),
        ("whats the capital of france? " + "it is said to be big and old " * 4, "much longer"),
    ],
)
def test_what_says_something_else_is_dropped(version: str, rule: str, synth: Any) -> None:
    """Each rule has a name, is asked about twice, and the original is kept all the same."""
    ran = synth(Clean(fields="inputs"), task(), [ROW], synth_clean({ROW["question"]: version}))
    assert ran.result.eliminated == {rule: 1}
    assert [t.lm for t in ran.kept] == [""]
    assert sum("Clean a text" in text for text in ran.asked) >= 2


def test_a_second_attempt_may_do(synth: Any) -> None:
    """What cannot be used is asked for again at once."""
    answers = iter(["What is it?" + " 5", "What's the capital of France?"])

    def answer(text: str) -> str:
        return fields(cleaned=next(answers))

    ran = synth(Clean(fields="inputs"), task(), [ROW], answer)
    assert len(ran.kept) == 2


@pytest.mark.parametrize("answer", ["what?", fields(cleaned="a b") + fields(cleaned="a b"), fields(nothing="x")])
def test_answers_that_cannot_be_read_are_dropped(answer: str, synth: Any) -> None:
    """No field, or two of them."""
    ran = synth(Clean(fields="inputs", retries=0), task(), [ROW], lambda _: answer)
    assert set(ran.result.eliminated) <= {"no answer", "talks of its task"}
    assert sum(ran.result.eliminated.values()) == 1


def test_what_is_clean_already_is_told(synth: Any) -> None:
    """No second version then; white space at the ends is no change."""
    ran = synth(Clean(), task(), [ROW], synth_clean({}))
    assert ran.result.eliminated == {"nothing to clean": 1}
    assert len(ran.kept) == 1


def test_outputs_alone_leave_the_example(synth: Any, tmp_path: Path) -> None:
    """Inputs stay as they are, and the file of rows has the cleaned answer."""
    out = tmp_path / "rows.jsonl"
    ran = synth(Clean(fields="outputs"), task(), [ROW], synth_clean(), out=out)
    assert {t.example.inputs["question"] for t in ran.kept} == {ROW["question"]}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows == [ROW, {**ROW, "answer": "It's Paris."}]


def test_the_metric_compares_with_the_label_as_it_was(synth: Any) -> None:
    """A metric that tells the cleaned answer from the person's refuses it, though the new label is the answer."""
    exact = task(metric=lambda example, prediction: example.answer == prediction.answer)
    ran = synth(Clean(fields="outputs"), exact, [ROW], synth_clean())
    assert ran.result.eliminated == {"metric finds another answer": 1}
    lenient = task(metric=lambda e, p: e.answer.strip(".").lower()[-5:] == p.answer.strip(".").lower()[-5:])
    ran = synth(Clean(fields="outputs"), lenient, [{**ROW, "question": "and what else?"}], synth_clean())
    assert ran.result.eliminated == {}


def test_what_the_metric_refuses_no_judge_is_asked_about(synth: Any) -> None:
    """The comparison with the label costs nothing, so it comes first."""
    exact = task(metric=lambda example, prediction: example.answer == prediction.answer)
    ran = synth(Clean(fields="outputs", judge=True), exact, [ROW], synth_clean())
    assert ran.result.eliminated == {"metric finds another answer": 1}
    assert not [text for text in ran.asked if "Say whether a text" in text]


def test_unchanged_inputs_are_not_predicted_again(synth: Any) -> None:
    """The program is asked the same then, which says nothing."""
    ran = synth(Clean(predict=True), task(metric=lambda e, p: True), [{**ROW, "question": "Why not?"}], synth_clean())
    assert (ran.result.kept, len(ran.asked)) == (2, 2)


def test_held_out_rows_are_not_cleaned_and_no_row_twice(synth: Any) -> None:
    """A cleaned test row would be trained on under another input. Two answers to one question are two rows."""
    rows = [ROW, {**ROW, "answer": "london"}, ROW, {"question": "and of spain??", "answer": "madrid"}]
    ran = synth(Clean(), task(train=[{"question": "z", "answer": "z"}], test=rows[3:]), rows, synth_clean())
    assert ran.result.eliminated == {"held out": 1, "same row twice": 1, "input known already": 1}
    assert ran.result.operations == {"clean": (1, 1), "original": (2, 2)}
    assert len(ran.traces) == 3


def labelled() -> limbeck.Task:
    kind = {"text": (str, dspy.InputField()), "label": (Literal["good", "bad"], dspy.OutputField())}
    return task(dspy.Predict(dspy.Signature(kind)), metric=lambda e, p: e.label == p.label)


def test_labels_are_never_cleaned(synth: Any) -> None:
    """Of a closed set nothing is asked; with no text at all there is nothing to do."""
    rows = [{"text": "its grate", "label": "good"}]
    ran = synth(Clean(), labelled(), rows, synth_clean({"its grate": "It's great."}))
    assert sorted(t.example.inputs["text"] for t in ran.kept) == ["It's great.", "its grate"]
    assert {t.prediction["label"] for t in ran.kept} == {"good"}
    assert len(ran.asked) == 1
    with pytest.raises(UsageError, match="none of its outputs is a text"):
        synth(Clean(fields="outputs"), labelled(), rows, synth_clean())


def test_an_output_of_one_word_is_a_label(synth: Any) -> None:
    """Also where its type is any text; nothing is asked about it."""
    ran = synth(
        Clean(), task(), [{**ROW, "answer": "card_arrival"}], synth_clean({**GOOD, "card_arrival": "Card arrival"})
    )
    assert {t.prediction["answer"] for t in ran.kept} == {"card_arrival"}
    assert (len(ran.kept), len(ran.asked)) == (2, 1)


def test_the_program_has_to_find_the_label_again(synth: Any) -> None:
    """Found on the original and not on the cleaned text: the label was lost. What it never found says nothing."""

    def program(good: str) -> Callable[[str], str]:
        def answer(text: str) -> str:
            if "Clean a text" in text:
                return fields(cleaned=given(text).replace("grate", "great"))
            return fields(label="good" if good in given(text) else "bad")

        return answer

    rows = [{"text": "its grate", "label": "good"}]
    ran = synth(Clean(predict=True), labelled(), rows, program("grate"))
    assert ran.result.eliminated == {"another label is predicted": 1}
    for text, good, said in (
        ("its gr grate", "gr", "found on both"),
        ("no grate", "??", "not found on the original either"),
    ):
        ran = synth(Clean(predict=True), labelled(), [{"text": text, "label": "good"}], program(good))
        made = next(t for t in ran.kept if t.lm and t.example.inputs["text"] == text.replace("grate", "great"))
        assert made.verdicts[0].evidence["label"] == said


@pytest.mark.parametrize(
    ("same", "rule"),
    [
        (fields(reason="Another city.", meaning="different"), "judged to mean something else"),
        (fields(reason="Well.", meaning="perhaps"), "no judgment of the meaning"),
        (fields(reason="", meaning="same"), "no judgment of the meaning"),
        ("I'm sorry, but I can't assist with that.", "no judgment of the meaning"),
    ],
)
def test_a_judge_may_be_asked(same: str, rule: str, synth: Any) -> None:
    """What it finds different, or cannot judge, is dropped."""
    ran = synth(Clean(judge=True), task(), [ROW], synth_clean(same=same))
    assert ran.result.eliminated == {rule: 1}


def test_what_the_judge_said_is_kept(synth: Any) -> None:
    """As a verdict by a model, with its LM; the level is that of the row's author all the same."""
    ran = synth(Clean(judge=True), task(), [ROW], synth_clean())
    made = next(t for t in ran.kept if t.lm)
    verdict = next(v for v in made.verdicts if v.verifier == "synth:judged the same")
    assert (verdict.by, verdict.evidence["lm"], verdict.evidence["is_student"]) == ("model", "scripted/lm", True)
    assert verdict.evidence["reasons"] == ["Only spelling.", "Only spelling."]
    assert [s.predictor for s in made.steps] == ["synth:clean", "synth:clean", "self"]
    assert level_of(made).number == 2


def test_stored_answers_of_people_are_cleaned(synth: Any, tmp_path: Path) -> None:
    """Those that an import brought in with their author; a model's answers are left alone, nothing is kept twice."""
    log = tmp_path / "log.jsonl"
    rows = [{"inputs": {"question": ROW["question"]}, "outputs": {"answer": ROW["answer"]}, "person": "Ann"},
            {"inputs": {"question": "why"}, "outputs": {"answer": "becuz"}, "lm": "gpt"}]  # fmt: skip
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = task(metric=lambda e, p: bool(p.answer))
    limbeck.ingest(whole, log, store=tmp_path / "store.db")
    ran = synth(Clean(source="stored", fields="outputs"), whole, None, synth_clean())
    assert (ran.result.asked, len(ran.kept)) == (1, 3)
    person, made = (
        next(t for t in ran.kept if t.origin == "written" and bool(t.lm) is changed) for changed in (False, True)
    )
    assert made.meta["synth"]["parent"] == person.id
    assert made.prediction == {"answer": "It's Paris."}
    assert [level_of(t).number for t in (person, made)] == [2, 2]


def test_of_stored_answers_the_label_to_find_again_is_the_answer(synth: Any, tmp_path: Path) -> None:
    """They may have no labels of their own."""
    whole = task(labelled().program, metric=lambda e, p: e.get("label") in {None, p.label})
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"inputs": {"text": "its grate"}, "outputs": {"label": "good"}, "person": "Ann"}))
    limbeck.ingest(whole, log, store=tmp_path / "store.db")

    def answer(text: str) -> str:
        if "Clean a text" in text:
            return fields(cleaned="It's great.")
        return fields(label="good" if "grate" in given(text) else "bad")

    ran = synth(Clean(source="stored", predict=True), whole, None, answer)
    assert ran.result.eliminated == {"another label is predicted": 1}


def test_rows_without_an_answer(synth: Any) -> None:
    """They are dropped: there is nothing of a person's to keep."""
    ran = synth(Clean(), task(), [{"question": "why is this so??"}], synth_clean())
    assert ran.result.eliminated == {"no answer in the row": 1}


def test_of_several_right_answers_the_first_is_the_rows_and_none_is_cleaned(synth: Any) -> None:
    """A list of right answers is a label."""
    ran = synth(Clean(), task(), [{**ROW, "answer": ["its paris", "paris"]}], synth_clean())
    made = next(t for t in ran.kept if t.lm)
    assert made.prediction == {"answer": "its paris"}
    assert made.example.labels == {"answer": ["its paris", "paris"]}


def test_marks_of_a_prompt_cannot_be_cleaned(synth: Any) -> None:
    """A text that an adapter would misread is left as it is."""
    ran = synth(Clean(fields="inputs"), task(), [{**ROW, "question": "x [[ ## cleaned ## ]] y"}], synth_clean())
    assert ran.result.eliminated == {"marks of a prompt in the text": 1}


def test_programs_of_several_predictors_are_refused(synth: Any) -> None:
    """An answer that is written whole cannot be split into their steps."""

    class Two(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = dspy.Predict("question -> plan"), dspy.Predict("plan -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            return self.b(plan=self.a(question=question).plan)

    with pytest.raises(TargetError, match="2 predictors: a, b"):
        synth(Clean(), task(Two(), inputs=["question"]), [ROW], synth_clean())
