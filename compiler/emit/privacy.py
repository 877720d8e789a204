"""Rows without secrets and personal data: masked, or put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from ...errors import UsageError
from ...records import Json
from ..keep.ledger import Ledger
from .names import PRIVATE
from .outdir import LineFile
from .private.finds import load
from .private.masking import Masking, mask_json
from .record import WHOLE, Answer, LabelledStep, Record

__all__ = ["PRIVATE", "PrivateReport", "check_private", "mask_json", "masked_texts", "private"]

REASON = "private"
"""The ledger's reason for them."""

Policy = Literal["mask", "quarantine"]

_ORIGIN = "origin"
_FIELDS = ("prompt", "completion", "rejected", "soft", "tools", "known", "columns", "input_text", "answer_text")


def check_private(policy: str) -> None:
    """See that rows can be looked through.

    Raises:
        UsageError: There is no such policy.
        MissingExtra: A library is not installed.
    """
    if policy not in ("keep", "mask", "quarantine"):
        raise UsageError(f"private={policy!r} is none of keep, mask, quarantine.", hint="Choose one of them.")
    if policy != "keep":
        load()


class PrivateReport:
    """Counts what was found and writes down what was put aside. Used in ``with``.

    Args:
        folder: Directory of the dataset; the file is there only if a row was put aside.

    Attributes:
        masked: Rows that go on without what was found.
        quarantined: Rows that were put aside.
        rows: Rows by kind of find.
        finds: Different values, counted row by row, by kind.
    """

    def __init__(self, folder: Path) -> None:
        self.masked = 0
        self.quarantined = 0
        self.rows: Counter[str] = Counter()
        self.finds: Counter[str] = Counter()
        self._path = folder / PRIVATE
        self._file: LineFile | None = None

    def count(self, kinds: Counter[str]) -> None:
        """Count the finds of a row."""
        self.finds += kinds
        self.rows.update(kinds.keys())

    def put_aside(self, row: str, kinds: Counter[str], where: list[str], masked: Json) -> None:
        """Write a row down, masked.

        Raises:
            OutputError: The disk does not take it.
        """
        self.quarantined += 1
        facts = {"row": row, "kinds": dict(sorted(kinds.items())), "where": where, "masked": masked}
        try:
            line = orjson.dumps(facts)
        except orjson.JSONEncodeError:  # no JSON without it either
            line = orjson.dumps({**facts, "masked": None})
        if self._file is None:
            self._file = LineFile(self._path)
        self._file.write(line)

    def as_json(self) -> Json:
        """Counts for the manifest."""
        return {
            "masked": self.masked,
            "quarantined": self.quarantined,
            "rows": dict(sorted(self.rows.items())),
            "finds": dict(sorted(self.finds.items())),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.__exit__(kind, error, trace)


def private(records: Iterable[Record], policy: Policy, ledger: Ledger, report: PrivateReport) -> Iterator[Record]:
    """Mask rows with secrets or personal data in them, or put them aside.

    What the provenance and the labels take from a row's traces (meta, feedback, source, outputs) is masked under either
    policy. Inputs and labels of the example stay as they are in memory, for identities are made of them; no format
    reads them.

    Args:
        records: Rows to be.
        policy: ``mask`` puts placeholders in, ``quarantine`` drops the row.
        ledger: Told which rows were dropped and of what kinds the finds were, never what they were.
        report: Told how many there are.

    Raises:
        UsageError: There is no such policy.
        MissingExtra: A library is not installed.
    """
    check_private(policy)
    for record in records:
        parts, masking = _parts(record), Masking()
        try:
            masked = masking.mask(parts)
        except RecursionError:
            ledger.dropped(record.id, "cannot be searched for private data", "its values are nested too deeply")
            continue
        if masked is parts:
            yield record
            continue
        where = [name for name in parts if name != _ORIGIN and masked[name] != parts[name]]
        report.count(masking.kinds)
        if policy == "quarantine" and where:
            del masked[_ORIGIN]
            report.put_aside(record.id, masking.kinds, where, masked)
            ledger.dropped(record.id, REASON, f"{_words(masking.kinds)} in {', '.join(where)}")
            continue
        report.masked += 1
        yield _with(record, masked)


def masked_texts(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Test texts as they would stand in a masked row, so that they are found there, and may be told of.

    Args:
        texts: Where each stands, and the text.

    Raises:
        MissingExtra: A library is not installed.
    """
    for source, text in texts:
        yield mask_json(source), mask_json(text)


def _words(kinds: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))


def _parts(record: Record) -> Json:
    """All text of a row, by field."""
    parts = {name: value for name in _FIELDS if (value := getattr(record, name))}
    if record.steps:
        parts["steps"] = [step.text for step in record.steps]
    return {**parts, _ORIGIN: [_origin(answer) for answer in record.answers]}


def _origin(answer: Answer) -> Json:
    """What provenance and labels are made of."""
    trace = answer.trace
    return {
        "meta": trace.meta,
        "source": trace.example.source,
        "feedback": [verdict.feedback for verdict in trace.verdicts],
        "prediction": trace.prediction,
        "outputs": None if answer.index == WHOLE else answer.step.outputs,
    }


def _with(record: Record, masked: Json) -> Record:
    """The row with its texts masked."""
    changed: dict[str, Any] = {name: masked[name] for name in _FIELDS if name in masked}
    if record.steps:
        pairs = zip(record.steps, masked["steps"], strict=True)
        changed["steps"] = [LabelledStep(text, step.label) for step, text in pairs]
    pairs_of_answers = zip(record.answers, masked[_ORIGIN], strict=True)
    return replace(record, **changed, answers=[_answer(answer, origin) for answer, origin in pairs_of_answers])


def _answer(answer: Answer, origin: Json) -> Answer:
    """An answer of the same identity whose trace tells nothing private in its provenance."""
    if origin == _origin(answer):
        return answer
    trace, steps = answer.trace, answer.trace.steps
    if answer.index != WHOLE:
        steps = [*steps]
        steps[answer.index] = replace(answer.step, outputs=origin["outputs"])
    example = replace(trace.example, source=origin["source"])
    for name in ("id", "input_id"):  # hashes of what is there anyway; made once
        example.__dict__[name] = getattr(trace.example, name)
    verdicts = [
        replace(verdict, feedback=text) for verdict, text in zip(trace.verdicts, origin["feedback"], strict=True)
    ]
    changed = replace(trace, meta=origin["meta"], example=example, verdicts=verdicts, prediction=origin["prediction"],
                      steps=steps)  # fmt: skip
    return replace(answer, trace=changed)
