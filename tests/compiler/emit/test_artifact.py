"""Artifacts: plain DSPy loads them, and nothing that is planted in one is run."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Literal

import dspy
import orjson
import pytest

from limbeck.compiler.emit import artifact as module
from limbeck.compiler.emit.artifact import apply_artifact, check_fit, load_artifact, write_artifact
from limbeck.errors import DataError, OutputError, TargetError
from limbeck.records import Candidate
from limbeck.signatures.program import base_candidate

DEMOS = [
    {"ticket": "No sound\u2028<b>", "team": "tech", "augmented": True},
    {"ticket": "Paid twice", "team": "billing"},
]
WAS_RUN = Path(tempfile.gettempdir()) / "limbeck-pickle-was-run"
CANDIDATE = Candidate({"self": "Pick a team."}, {"self": tuple(DEMOS)})


@pytest.fixture
def out(tmp_path, program):
    return write_artifact(
        tmp_path / "out", program=program, candidate=CANDIDATE, manifest={"task": "tickets", "seed": 0}
    )


def edit(path, change):
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))


def test_an_artifact_has_four_files(out):
    """State, manifest, prompt and report."""
    assert sorted(path.name for path in out.iterdir()) == [
        "limbeck.json",
        "program.json",
        "prompt.md",
        "report.html",
    ]


def test_plain_dspy_loads_the_program(out, route):
    """No limbeck is needed to use what was compiled."""
    plain = dspy.Predict(route)
    plain.load(str(out / "program.json"))
    assert plain.signature.instructions == "Pick a team."
    assert [dict(demo) for demo in plain.demos] == DEMOS
    assert plain.lm is None


def test_plain_dspy_loads_a_program_of_several_predictors(tmp_path, two_steps):
    """Each predictor gets its own demos."""
    demos = {"summarize": [{"text": "t", "summary": "s"}], "answer": []}
    candidate = Candidate({"summarize": "Shorten."}, demos)
    write_artifact(tmp_path / "out", program=two_steps, candidate=candidate, manifest={})
    plain = type(two_steps)()
    plain.load(str(tmp_path / "out" / "program.json"))
    assert plain.summarize.signature.instructions == "Shorten."
    assert (len(plain.summarize.demos), len(plain.answer.demos)) == (1, 0)


def test_what_is_read_back_is_what_was_written(out, program):
    """The candidate survives the way to disk and back."""
    read = load_artifact(out)
    assert (read.candidate.id, read.warnings) == (CANDIDATE.id, ())
    assert read.manifest["task"] == "tickets"
    compiled = apply_artifact(program, out)
    assert base_candidate(compiled).id == CANDIDATE.id
    assert base_candidate(program).demos == {"self": ()}


def test_the_same_compile_gives_the_same_bytes(tmp_path, program, out):
    """No clock, no place, no chance in the files."""
    again = write_artifact(
        tmp_path / "a" / "b", program=program, candidate=CANDIDATE, manifest={"seed": 0, "task": "tickets"}
    )
    for path in out.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_no_lm_and_no_key_is_written(tmp_path, route):
    """An LM set on a predictor stays the user's; nothing of it is in any file."""
    program = dspy.Predict(route)
    program.lm = dspy.LM("openai/gpt-x", api_key="sk-secret", api_base="http://internal")
    out = write_artifact(tmp_path / "out", program=program, candidate=CANDIDATE, manifest={})
    assert program.lm is not None
    for path in out.iterdir():
        assert not any(word in path.read_text() for word in ("sk-secret", "internal", "gpt-x"))


def test_the_manifest_has_names_and_types_of_fields(out):
    """What DSPy's state lacks is written beside it."""
    assert json.loads((out / "limbeck.json").read_text())["predictors"] == {
        "self": {"inputs": {"ticket": "str"}, "outputs": {"team": "one of 'billing', 'tech'"}}
    }


def test_an_artifact_is_not_written_over(out, program):
    """The first one stays."""
    with pytest.raises(OutputError, match="is not empty"):
        write_artifact(out, program=program, candidate=CANDIDATE, manifest={})


def test_what_cannot_be_saved_leaves_nothing(tmp_path, program):
    """A demo that is no JSON is a clear error, and there is no half an artifact."""
    candidate = Candidate({}, {"self": [{"ticket": object(), "team": "tech"}]})
    with pytest.raises(OutputError, match=r"Cannot write program\.json"):
        write_artifact(tmp_path / "out", program=program, candidate=candidate, manifest={})
    assert list(tmp_path.iterdir()) == []


def test_programs_of_several_predictors_are_read_back(tmp_path, two_steps):
    """Extra keys of a predictor are ignored too, and one whose state is gone is named."""
    demos = {"summarize": ({"text": "t", "summary": "s"},), "answer": ()}
    candidate = Candidate({"summarize": "Shorten.", "answer": "Answer."}, demos)
    out = write_artifact(tmp_path / "out", program=two_steps, candidate=candidate, manifest={})
    edit(out / "program.json", lambda state: state["answer"].update(more=[1]))
    assert load_artifact(out).candidate.id == candidate.id
    edit(out / "program.json", lambda state: state.pop("answer"))
    with pytest.raises(DataError, match="has no state of predictor 'answer'"):
        load_artifact(out)


def test_extra_keys_are_ignored(out):
    """A later version of DSPy, or a hand, may add to the state."""
    edit(out / "program.json", lambda state: state.update(extra={"a": 1}))
    assert load_artifact(out).candidate.id == CANDIDATE.id


def test_an_lm_in_the_state_is_never_made(out, program, tmp_path, monkeypatch):
    """A class to import, an engine and an address in the file are ignored, and said to be."""
    (tmp_path / "planted.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    lm = {
        "_lm_class": "planted.LM",
        "class": "planted.LM",
        "engine": "planted",
        "api_base": "http://evil",
        "model": "x/y",
    }
    edit(out / "program.json", lambda state: state.update(lm=lm))
    read = load_artifact(out)
    (warning,) = read.warnings
    assert warning.endswith("names an LM for predictor 'self'; it is ignored: limbeck takes the LM from --lm")
    assert apply_artifact(program, read).lm is None


class Planted:
    def __reduce__(self):
        return os.mkdir, (str(WAS_RUN),)


@pytest.mark.parametrize("name", ["program.pkl", "metadata.PICKLE"])
def test_a_pickle_beside_the_state_is_refused(name, out):
    """It is named, not opened."""
    (out / name).write_bytes(pickle.dumps(Planted()))
    with pytest.raises(DataError, match=f"{name} is a pickle"):
        load_artifact(out)
    assert not WAS_RUN.exists()


@pytest.mark.parametrize("name", ["program.json", "limbeck.json"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_in_place_of_json_is_refused(name, protocol, out):
    """Whatever its name and protocol, it is not run."""
    (out / name).write_bytes(pickle.dumps(Planted(), protocol=protocol))
    with pytest.raises(DataError, match=r"is a pickle|no JSON"):
        load_artifact(out)
    assert not WAS_RUN.exists()


def test_a_huge_file_is_refused(out, monkeypatch):
    """It is not read to its end."""
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    (out / "program.json").write_bytes(b"[" + b" " * (1 << 20))
    with pytest.raises(DataError, match="is larger than 1 MiB"):
        load_artifact(out)


@pytest.mark.parametrize("name", ["program.json", "limbeck.json"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no JSON"),
        (b'{\n"a": x\n}', ":2: no JSON"),
        (b"[]", "holds no JSON object"),
        (b"[" * 100_000, "no JSON"),
        (b'{"a": "\xff"}', "no JSON"),
    ],
)
def test_broken_files_are_one_clear_line(name, content, problem, out):
    """The message names the file, and the line where there is one."""
    (out / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_artifact(out)
    assert problem in str(caught.value)
    assert str(out / name) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda state: state.pop("signature"), "has no state of predictor 'self'"),
        (lambda state: state.update(signature=[]), "predictor 'self' has no instructions that are text"),
        (
            lambda state: state.update(signature={"instructions": 3}),
            "has no instructions that are text",
        ),
        (
            lambda state: state.update(demos={"a": 1}),
            "the demos of predictor 'self' are no list of objects",
        ),
        (
            lambda state: state.update(demos=["a"]),
            "the demos of predictor 'self' are no list of objects",
        ),
    ],
)
def test_state_of_another_shape_is_refused(change, problem, out):
    """Each part is looked at before it is used."""
    edit(out / "program.json", change)
    with pytest.raises(DataError, match=problem):
        load_artifact(out)


def test_a_manifest_without_predictors_is_refused(out):
    """A dataset's directory is no artifact."""
    (out / "limbeck.json").write_text('{"predictors": ["self"]}')
    with pytest.raises(DataError, match="names no predictors"):
        load_artifact(out)


@pytest.mark.parametrize("name", ["program.json", "limbeck.json"])
def test_missing_files_are_named(name, out):
    """Likewise what is there but is no regular file."""
    (out / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        load_artifact(out)
    os.mkfifo(out / name)
    with pytest.raises(DataError, match=f"{name} is missing"):
        load_artifact(out)


def test_no_directory_at_all_is_refused(tmp_path):
    """A typo in the path is answered with the path."""
    with pytest.raises(DataError, match="nowhere is no artifact directory"):
        load_artifact(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("signature", "problem"),
    [
        (
            "ticket, customer -> team",
            "inputs ticket of predictor 'self'; the program now has ticket, customer",
        ),
        ("ticket -> team, urgency", "outputs team of predictor 'self'; the program now has team, urgency"),
        ("text -> team", "inputs ticket of predictor 'self'; the program now has text"),
    ],
)
def test_fields_that_changed_are_noticed(signature, problem, out):
    """DSPy itself would load this without a word."""
    dspy.Predict(signature).load(str(out / "program.json"))
    with pytest.raises(TargetError, match=problem):
        apply_artifact(dspy.Predict(signature), out)


def test_predictors_that_changed_are_noticed(out, two_steps):
    """Both sides are named."""
    with pytest.raises(TargetError, match="predictors self; the program now has summarize, answer"):
        apply_artifact(two_steps, out)


def test_the_order_of_fields_does_not_matter(tmp_path):
    """Instructions and demos go by name."""
    candidate = Candidate({}, {"self": [{"a": "1", "b": "2", "c": "3"}]})
    out = write_artifact(tmp_path / "out", program=dspy.Predict("a, b -> c"), candidate=candidate, manifest={})
    assert len(apply_artifact(dspy.Predict("b, a -> c"), out).demos) == 1


def test_a_type_that_changed_is_a_warning(out):
    """A new label does not make the demos worthless."""

    class Wider(dspy.Signature):
        ticket: str = dspy.InputField()
        team: Literal["billing", "tech", "sales"] = dspy.OutputField()

    (warning,) = check_fit(dspy.Predict(Wider), load_artifact(out))
    now = "one of 'billing', 'tech', 'sales'"
    assert warning == f"output 'team' of predictor 'self' was one of 'billing', 'tech' when compiled and is {now} now"


def test_a_manifest_that_was_tampered_with_is_no_traceback(out, program):
    """Fields that are no object count as drift."""
    edit(out / "limbeck.json", lambda manifest: manifest.update(predictors={"self": "x"}))
    with pytest.raises(TargetError, match="inputs none of predictor 'self'"):
        apply_artifact(program, out)


def test_the_manifest_is_sorted_json(out):
    """Equal facts in another order are equal bytes."""
    data = (out / "limbeck.json").read_bytes()
    assert data == orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
