"""Every format that limbeck has conforms, and what is wrong with one is found."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from limbeck.compiler.emit.formats.base import BUILTINS, JsonLines, get_format
from limbeck.compiler.emit.formats.openai import OpenAI
from limbeck.compiler.emit.outdir import LineFile
from limbeck.compiler.emit.record import KINDS
from limbeck.testing import conformance
from limbeck.testing.conformance.format import examples


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_built_in_formats_conform(name: str) -> None:
    """So does each by itself, whatever else is installed."""
    conformance.check_format(get_format(name))


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_records_of_every_kind(kind: Any) -> None:
    """A format of any kind has something to be tried with."""
    assert {record.kind for record in examples(kind)} == {kind}


_drawn = count()


class Fine(JsonLines):
    """A format that conforms: records as they are, and what they are made of."""

    name = "fine"
    kinds: tuple[Any, ...] = ("sft", "soft")

    def row(self, record: Any) -> Any:
        """Everything that there is."""
        return {"chat": record.messages, "tools": list(record.tools), "soft": dict(record.soft)}

    def check(self, row: Any) -> list[str]:
        """What is no chat of texts is refused."""
        good = isinstance(row, dict) and set(row) >= {"chat", "tools", "soft"} and isinstance(row["chat"], list)
        return [] if good and row["chat"] and all(isinstance(item, dict) for item in row["chat"]) else ["no chat"]


def test_a_format_of_others_may_conform() -> None:
    """Nothing in the suite is about limbeck's own formats."""
    conformance.check_format(Fine())


def test_records_may_be_given() -> None:
    """Who needs special ones brings them."""
    with pytest.raises(AssertionError, match="its own row was refused"):
        conformance.check_format(OpenAI(), [examples("sft")[0].__class__(kind="sft", answers=[], prompt=[])])


class _Endless(LineFile):
    def write(self, line: bytes) -> None:
        """A line that never ends."""
        self._file.write(line)


class _Forgetful(LineFile):
    def write(self, line: bytes) -> None:
        """No line at all."""


class _Stamped(LineFile):
    def write(self, line: bytes) -> None:
        """A line that is another each time."""
        super().write(json.dumps({**json.loads(line), "n": next(_drawn)}).encode())


def _spoil(record: Any) -> Any:
    record.prompt.append({"role": "user", "content": "more"})
    return Fine().row(record)


def _raise(*_: Any) -> Any:
    raise ValueError("no")


WRONG = {
    "no name": ({"name": ""}, "its name is empty"),
    "no kind": ({"kinds": ()}, "names no kind"),
    "a kind of its own": ({"kinds": ("mine",)}, "are not all kinds of rows"),
    "a kind twice": ({"kinds": ("sft", "sft")}, "has a kind twice"),
    "columns maybe": ({"extra_columns": None}, "extra_columns must say"),
    "turns maybe": ({"turns": 1}, "turns must say"),
    "no opinion": ({"check_all": lambda rows: None}, "must give a list"),
    "a changed record": ({"row": _spoil}, "changed the record"),
    "no JSON": ({"row": lambda record: {**Fine().row(record), "more": (1,)}}, "must be plain JSON"),
    "refusal": ({"check": lambda row: ["no"]}, "its own row was refused"),
    "no text": ({"check": lambda row: [7]}, "must give texts"),
    "a changed row": ({"check": lambda row: row.pop("soft", None) and []}, "must give a list"),
    "a row that the check changes": ({"check": lambda row: row.clear() or []}, "the check changed the row"),
    "chance": ({"row": lambda record: {**Fine().row(record), "n": next(_drawn)}}, "another row"),
    "lost columns": ({"extra_columns": True}, "of the columns"),
    "lost tools": ({"row": lambda record: {**Fine().row(record), "tools": []}}, "was lost"),
    "lost answers": (
        {"row": lambda record: {**Fine().row(record), "chat": record.prompt or record.messages}},
        "of plain texts, fruit was lost",
    ),
    "lost turns": ({"row": lambda record: {**Fine().row(record), "chat": record.messages[-2:]}}, "was lost"),
    "no refusal": ({"check": lambda row: []}, "was not refused"),
    "a check that raises": ({"check": lambda row: Fine().check(row) if row["chat"][0]["role"] else []}, "raised"),
    "a row that raises": (
        {"row": lambda record: Fine().row(record) if record.prompt == [] or record.prompt[0]["role"] else _raise()},
        "raised",
    ),
    "one file": ({"path": lambda split: "rows.jsonl"}, "two splits have one file"),
    "a file outside": ({"path": lambda split: f"a/../{split}.jsonl"}, "lies outside"),
    "a file of limbeck's": ({"path": lambda split: f"{split}/../README.md"}, "lies outside"),
    "lines without end": ({"open": _Endless}, "has no end"),
    "no lines": ({"open": _Forgetful}, "rows were written, and 0 read"),
    "other files": ({"open": _Stamped}, "the same rows gave other files"),
    "a card": ({"beside": lambda written: {"README.md": b""}}, "limbeck's own files"),
    "a text beside": ({"beside": lambda written: {"a.yaml": "text"}}, "must be bytes"),
    "a file beside, outside": ({"beside": lambda written: {"/a.yaml": b""}}, "lies outside"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what: str) -> None:
    """Each promise is one that a format can break."""
    changes, said = WRONG[what]
    wrong = Fine()
    for name, value in changes.items():
        setattr(wrong, name, value)
    with pytest.raises(AssertionError, match=said):
        conformance.check_format(wrong)
