"""Runs of generators with an LM that is a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.compiler.generate.base import Generator
from limbeck.compiler.keep.ledger import LedgerEntry
from limbeck.compiler.yields import Synthesized
from limbeck.records import Json, Trace
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted


@dataclass(frozen=True)
class Ran:
    """What came of a synthesis.

    Attributes:
        result: What it tells.
        traces: What the store has of it afterwards, ordered by input.
        asked: Texts of the requests that the LM got.
        ledger: What was dropped, and why.
    """

    result: Synthesized
    traces: list[Trace]
    asked: list[str]
    ledger: list[LedgerEntry]

    @property
    def kept(self) -> list[Trace]:
        """Those that passed."""
        return [trace for trace in self.traces if trace.outcome == "passed"]


Synth = Callable[..., Ran]


@pytest.fixture
def synth(tmp_path: Path) -> Synth:
    """Run a generator: ``synth(generator, task, seeds, answer, **settings)``, with ``answer(text) -> str`` as the LM.

    Called again in the same test it works on the same store and cache, so nothing is paid twice.
    """

    def run(
        generator: Generator, task: Task, seeds: Sequence[Json] | None, answer: Callable[[str], str], **settings: Any
    ) -> Ran:
        lm = Scripted(lambda text, _: answer(text))
        store = tmp_path / "store.db"
        result = limbeck.synthesize(task, generator, data=seeds, lm=lm.lm, store=store, **settings)
        with limbeck.open_store(store) as kept:
            return Ran(result, list(kept.traces(order="input")), lm.asked, list(kept.ledger(result.run)))

    return run
