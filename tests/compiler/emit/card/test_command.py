"""The command that makes a dataset again: read back by the command line, it asks for the same."""

from __future__ import annotations

import shlex

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import api
from limbeck.cli.main import limbeck
from limbeck.compiler.emit.card.command import call, command
from limbeck.compiler.emit.choices import Choices, make_choices
from limbeck.compiler.emit.formats.base import get_format
from limbeck.errors import UsageError

TARGET = "task.py:task"
CASES = {
    "nothing": {},
    "words": {"format": "trl-sft", "kind": "sft", "prompt": "sent", "predictor": "self", "licence": "mit"},
    "flags": {"whole": True, "failures": True, "shuffle": True, "reasoning": False},
    "numbers": {"max_level": 3, "margin": 0.25, "max_pairs": 1, "limit": 10, "per_input": 2, "seed": 7, "overlap": 1.0},
    "lists": {"against": ("a b.jsonl", "it's.csv"), "apart_from": ("x", "-y"), "prefer": ("level", "longest")},
    "split": {"split": {"train": 0.7, "val": 0.1, "test_2": 0.2}, "together": "input"},
    "quotas": {"quotas": {"label": {"spam": 100, "it's = so": 0, "a:b": 1}, "difficulty": {"hard": 3}}},
    "no labels": {"stratify": ""},
    "labels": {"stratify": "team", "balance": "label"},
}


def given_to_the_api(argv, monkeypatch):
    """What the command line makes of a command."""
    asked = {}

    def asked_for(target, out, **given):
        asked.update(given)
        raise UsageError("that will do")

    monkeypatch.setattr(api, "aexport", asked_for)
    context = limbeck.make_context("limbeck", argv[:1], resilient_parsing=True)
    export = limbeck.get_command(context, argv[1])
    parsed = export.make_context("export", argv[2:], obj=argv[1:])
    with pytest.raises(click.exceptions.Exit):
        export.invoke(parsed)
    return asked


@pytest.mark.parametrize("case", CASES)
def test_the_command_line_reads_the_same_choices(case, monkeypatch):
    """Whatever differs from its default comes back, and nothing else is given."""
    choices = make_choices(CASES[case])
    argv = shlex.split(command(TARGET, choices))
    assert argv[:5] == ["limbeck", "export", TARGET, "--out", "DIR"]
    asked = given_to_the_api(argv, monkeypatch)
    known = {name: value for name, value in asked.items() if name in Choices.__dataclass_fields__}
    known["adapter"] = known.get("adapter") or "chat"
    assert make_choices(known) == choices


def test_defaults_are_not_named():
    """The shortest command that does it."""
    assert command(TARGET, Choices()) == "limbeck export task.py:task --out DIR"


def test_an_artifact_has_an_adapter_of_its_own_so_it_is_named():
    """Without it the command would take the artifact's, which may be another one."""
    assert command("out", Choices()) == "limbeck export out --out DIR --adapter chat"
    assert "--adapter" not in command("out", Choices(prompt="sent"))


def test_metric_and_verifiers_are_named():
    """They decide which verdicts count."""
    made = command(TARGET, Choices(), judging=["--metric", "m.py:right", "--verifier", "execute"])
    assert made == "limbeck export task.py:task --out DIR --metric m.py:right --verifier execute"


def test_a_format_that_was_given_as_an_object_is_named():
    """By the name that it has."""
    assert command(TARGET, Choices(format=get_format("trl-sft"))).endswith("--format trl-sft")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_any_name_comes_through_a_shell(text):
    """Quotes, dollars and spaces are no shell's business."""
    argv = shlex.split(command(TARGET, Choices(predictor=text, licence=text)))
    assert argv[5:] == ["--predictor", text, "--licence", text]


def test_a_task_from_python_has_a_call_instead():
    """Only what differs, as Python writes it; what went through JSON is the same."""
    choices = Choices(format="trl-sft", against=("a.jsonl",), split={"train": 0.5, "val": 0.5}).as_json()
    assert call(choices) == (
        """limbeck.export(task, "DIR", format='trl-sft', against=('a.jsonl',), split={'train': 0.5, 'val': 0.5})"""
    )
    assert call({**Choices().as_json(), "prefer": ["score", "level", "shortest"]}) == 'limbeck.export(task, "DIR")'
