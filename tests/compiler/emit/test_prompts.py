"""Compiled prompts find their places in a program of several predictors."""

from __future__ import annotations

from pathlib import Path

import dspy
import pytest

from limbeck.compiler.emit.artifact import write_artifact
from limbeck.compiler.emit.prompts import apply_prompts
from limbeck.errors import TargetError
from limbeck.records import Candidate
from limbeck.signatures.program import base_candidate


class Pair(dspy.Module):
    """Writes and scores."""

    def __init__(self) -> None:
        self.write = dspy.Predict("topic -> text")
        self.score = dspy.Predict("text -> points")

    def forward(self, topic: str) -> dspy.Prediction:
        """Writes, then scores."""
        return self.score(text=self.write(topic=topic).text)


def compiled(out: Path, program: dspy.Module, words: str) -> Path:
    """An artifact of a program whose predictors all say the same."""
    names = base_candidate(program).predictors
    return write_artifact(out, program=program, candidate=Candidate(dict.fromkeys(names, words)), manifest={})


def words(program: dspy.Module) -> dict[str, str]:
    """Instructions by predictor."""
    return dict(base_candidate(program).instructions)


def test_a_whole_program_gets_all_its_prompts(tmp_path: Path) -> None:
    """And the one that was given stays as it was."""
    program = Pair()
    made = apply_prompts(program, [compiled(tmp_path / "a", Pair(), "New.")])
    assert words(made) == {"write": "New.", "score": "New."}
    assert "New." not in words(program).values()


def test_a_predictor_that_was_compiled_alone_goes_to_its_fields(tmp_path: Path) -> None:
    """The other stays, or gets its prompt from another artifact."""
    scoring = compiled(tmp_path / "s", dspy.Predict("text -> points"), "Score.")
    writing = compiled(tmp_path / "w", dspy.Predict("topic -> text"), "Write.")
    assert words(apply_prompts(Pair(), [scoring]))["score"] == "Score."
    assert words(apply_prompts(Pair(), [scoring]))["write"] == words(Pair())["write"]
    assert words(apply_prompts(Pair(), [scoring, writing])) == {"write": "Write.", "score": "Score."}


def test_what_has_no_place_or_two_is_told(tmp_path: Path) -> None:
    """Nothing is dropped in silence."""
    other = compiled(tmp_path / "o", dspy.Predict("a -> b"), "No.")
    scoring = compiled(tmp_path / "s", dspy.Predict("text -> points"), "Score.")
    with pytest.raises(TargetError, match="no predictor of the program has its fields"):
        apply_prompts(Pair(), [other])
    with pytest.raises(TargetError, match="both have prompts of 'score'"):
        apply_prompts(Pair(), [scoring, scoring])
    twins = Pair()
    twins.write = dspy.Predict("text -> points")
    with pytest.raises(TargetError, match="write and score have its fields"):
        apply_prompts(twins, [scoring])
