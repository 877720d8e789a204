"""Formats by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from limbeck.compiler.emit.formats import base
from limbeck.compiler.emit.record import KINDS
from limbeck.errors import UsageError


def test_every_built_in_format_loads_and_knows_its_name():
    """The name in the registry is the format's own."""
    for name in base.BUILTINS:
        made = base.get_format(name)
        assert made.name == name
        assert set(made.kinds) <= set(KINDS)
        assert name in base.format_names()


def test_a_typo_is_answered_with_the_nearest_name():
    """What was meant is offered."""
    with pytest.raises(UsageError) as caught:
        base.get_format("open-ai")
    assert str(caught.value) == "Unknown format 'open-ai'.\nDid you mean 'openai' or 'openai-dpo'?"


def test_an_unknown_format_is_answered_with_the_list():
    """Where nothing is near, all names are given."""
    with pytest.raises(UsageError, match=r"Formats: .*openai.*trl-sft"):
        base.get_format("zzz")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module:X", "cannot be loaded"),
        ("builtins:object", "lacks part of"),
        ("os:nope", "cannot be loaded"),
    ],
)
def test_a_broken_format_of_another_package_is_one_clear_line(value, problem, monkeypatch):
    """Its import error or missing method is no traceback."""
    points = [EntryPoint("theirs", value, base.GROUP)]
    monkeypatch.setattr(base, "entry_points", lambda group: points if group == base.GROUP else [])
    with pytest.raises(UsageError, match=problem):
        base.get_format("theirs")


def test_another_package_cannot_take_a_built_in_name(monkeypatch):
    """``openai`` is always limbeck's own."""
    points = [EntryPoint("openai", "builtins:object", base.GROUP)]
    monkeypatch.setattr(base, "entry_points", lambda group: points)
    assert type(base.get_format("openai")).__name__ == "OpenAI"
