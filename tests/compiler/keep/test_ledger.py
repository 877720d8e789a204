"""The ledger's counts add up, and its entries are JSON lines."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.keep.ledger import Ledger
from limbeck.errors import LimbeckError, OutputError


@given(st.lists(st.sampled_from(["emitted", "duplicate", "rejected"])))
def test_counts_add_up(fates: list[str]) -> None:
    """Read = emitted + dropped, whatever becomes of each item."""
    ledger = Ledger()
    for number, fate in enumerate(fates):
        ledger.read(str(number))
        if fate == "emitted":
            ledger.emitted(str(number))
        else:
            ledger.dropped(str(number), fate)
    ledger.check()
    assert ledger.n_read == len(fates)
    assert ledger.n_dropped == len(fates) - fates.count("emitted") == sum(ledger.reasons().values())


@pytest.mark.parametrize("twice", [True, False])
def test_a_difference_is_an_error(twice: bool) -> None:
    """An item that is lost or counted twice is found."""
    ledger = Ledger("import")
    ledger.read()
    if twice:
        ledger.emitted()
        ledger.dropped("1", "duplicate")
    with pytest.raises(LimbeckError, match="ledger of import does not add up: 1 read"):
        ledger.check()


def test_entries_are_lines_of_json(tmp_path: Path) -> None:
    """Each dropped item is a line, in order, odd characters included, and can be written again later."""
    ledger = Ledger("export")
    ledger.dropped("a", "duplicate", "of b")
    ledger.dropped("c\ud800", "rejected")
    ledger.write(tmp_path / "ledger.jsonl")
    ledger.dropped("d", "rejected")
    ledger.write(tmp_path / "ledger.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text("utf-8").splitlines()]
    assert lines[0] == {"stage": "export", "item": "a", "reason": "duplicate", "detail": "of b"}
    assert [line["item"] for line in lines] == ["a", "c\ufffd", "d"]


def test_as_json() -> None:
    """The summary has every count."""
    ledger = Ledger("export")
    ledger.read()
    ledger.dropped("a", "duplicate")
    counts = {"stage": "export", "read": 1, "emitted": 0, "dropped": 1, "reasons": {"duplicate": 1}}
    assert ledger.as_json() == counts


def test_unwritable_file(tmp_path: Path) -> None:
    """A file that cannot be written is one clear error."""
    with pytest.raises(OutputError, match="cannot be written"):
        Ledger().write(tmp_path / "missing" / "ledger.jsonl")


def test_no_room_for_temporary_files_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is said to be one, with what to do."""
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda max_size: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115  # gone with the ledger
    with pytest.raises(OutputError, match=r"the ledger cannot be written to .*: No space left on device"):
        Ledger().dropped("row", "duplicate")
