"""A dataset directory from stored traces: streamed, nothing half-written, nothing silently lost.

The stages, each a plain function: select -> make (one kind of rows) -> check by the target's rules -> spool; then,
with all rows on disk and numbers about each in memory: duplicates -> sides -> write. What a stage drops it writes into
the ledger.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import orjson

from ...records import Candidate, Json, Outcome, Trace
from .. import results
from ..keep.ledger import Ledger
from ..keep.level import level_of
from ..results import Result, Shown
from . import card
from .choices import Choices
from .duplicates import digest_of, drop_duplicates
from .formats.base import Format, RowFile, Written
from .kinds import MAKERS
from .kinds.base import NOT_JSON, Making
from .labels import label_fields, label_of, source_of
from .outdir import LineFile, new_directory, writing
from .provenance import placed, provenance, versions
from .record import Record
from .render import names_of, renderers
from .select import Wanted, select
from .split import sides
from .spool import Item, Numbers, Spool

if TYPE_CHECKING:
    import dspy

    from .record import Kind

PROVENANCE, LEDGER = "provenance.jsonl", "ledger.jsonl"


@dataclass(frozen=True, repr=False)
class DatasetResult(Result):
    """What ``export`` wrote.

    Attributes:
        path: The directory.
        format: Name of the format.
        kind: Kind of the rows.
        prompt: The student's prompt.
        rows: Rows written, by split.
        read: Answers read. Read + formed = combined + rows written + dropped.
        combined: Answers that became part of a row made of several.
        formed: Rows that were made of several answers.
        dropped: Answers and rows not emitted, by reason.
        warnings: What a trainer might stumble over.
        levels: Rows written, by level; ``none`` where nothing says.
    """

    path: Path
    format: str
    kind: str
    prompt: str
    rows: Mapping[str, int]
    read: int
    combined: int
    formed: int
    dropped: Mapping[str, int]
    warnings: tuple[str, ...] = field(default=())
    levels: Mapping[str, int] = field(default_factory=dict)

    @property
    def emitted(self) -> int:
        """Rows written in all."""
        return sum(self.rows.values())

    def as_json(self) -> Json:
        """One JSON object with everything."""
        return {
            "dataset": str(self.path), "format": self.format, "kind": self.kind, "prompt": self.prompt,
            "rows": dict(self.rows), "read": self.read, "combined": self.combined, "formed": self.formed,
            "emitted": self.emitted, "dropped": dict(self.dropped), "levels": dict(self.levels),
            "warnings": list(self.warnings),
        }  # fmt: skip

    def shown(self) -> Shown:
        """Where every row read went."""
        return Shown(
            f"{self.emitted:,} of {self.read:,} rows written to {self.path}",
            results.facts(
                ("rows", results.sizes(self.rows)),
                ("format", f"{self.format}, {self.prompt} prompts"),
                ("not written", results.counts(self.dropped)),
                *(("warning", text) for text in self.warnings),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Source:
    """What rows are made of, beside the traces.

    Attributes:
        program: The program as declared.
        candidate: The compiled one, for prompt ``compiled``.
        task: Name of the task.
        held_out: ``input_id`` of examples that must not be trained on: the task's test data.
        is_current: Whether a trace's verdicts are those of the metric as it is now; others are left out.
    """

    program: dspy.Module
    candidate: Candidate | None = None
    task: str = ""
    held_out: Collection[str] = ()
    is_current: Callable[[Trace], bool] | None = None


def export(traces: Iterable[Trace], source: Source, choices: Choices, *, out: Path) -> DatasetResult:
    """Write traces as a dataset.

    The same traces in the same order give the same files, byte for byte.

    Args:
        traces: Traces of the program, passed or not, in the order in which their rows shall stand; those of one input
            side by side.
        source: What rows are made of, beside the traces.
        choices: What is asked for.
        out: Directory to make. Its parents are made too.

    Raises:
        OutputError: The directory is not empty or cannot be written.
        TargetError: The program has no predictor.
        UsageError: The choices do not fit together, or not the program.
    """
    target, kind = choices.check()
    names = names_of(source.program, choices.predictor, whole=choices.whole)
    renders = renderers(
        source.program, choices.prompt, choices.adapter, source.candidate, reasoning=choices.reasoning,
        raw=choices.failures,
    )  # fmt: skip
    ledger = Ledger()
    labels = label_fields(source.program, choices.stratify)
    records = _records(traces, source, choices, kind, names, Making(
        renders, ledger, failures=choices.failures, pairs=choices.pairs, margin=choices.margin,
        max_pairs=choices.max_pairs, neutral=choices.neutral, fields=labels,
    ))  # fmt: skip
    with new_directory(out) as work, Spool(work, ledger) as spool:
        tally = _fill(spool, check(records, target, ledger), choices, labels)
        if choices.dedup != "none":
            drop_duplicates(spool, choices.prefer)
        names_of_sides = list(choices.split)
        placed_on = sides(spool.columns.input, choices.split, choices.seed)
        order = np.flatnonzero(spool.alive)
        counts = _write(spool, work, target, names_of_sides, placed_on, order)
        written = Written(source.task, kind, counts, {name: target.path(name) for name in counts}, **tally)
        _beside(work, target, written)
        result = _result(out, target, kind, choices, counts, _levels(spool), ledger)
        ledger.check()
        ledger.write(work / LEDGER)
        _write_manifest(work, source, choices, names, result, written)
    return result


def _records(
    traces: Iterable[Trace], source: Source, choices: Choices, kind: Kind, names: list[str], making: Making
) -> Iterator[Record]:
    """Select answers, and make records of those to each input."""
    maker = MAKERS[kind]
    wanted = Wanted(
        names=names,
        outcomes=get_args(Outcome) if choices.failures else maker.outcomes,
        lm=choices.lm,
        held_out=source.held_out,
        is_current=source.is_current,
        max_level=choices.max_level,
        raw=choices.failures,
        unjudged=maker.unjudged,
    )
    for answers in select(traces, wanted, making.ledger):
        yield from maker(answers, making)


def check(records: Iterable[Record], target: Format, ledger: Ledger) -> Iterator[Item]:
    """Make the row of each record; drop what the target would not take."""
    for record in records:
        row = target.row(record)
        if problems := target.check(row):
            ledger.dropped(record.id, "format check failed", "; ".join(problems))
            continue
        try:
            line = orjson.dumps(row)
        except orjson.JSONEncodeError as error:
            ledger.dropped(record.id, NOT_JSON, str(error))
        else:
            yield Item(record, line)


def _fill(spool: Spool, items: Iterable[Item], choices: Choices, labels: tuple[str, ...]) -> Json:
    """Put every row into the spool, and seal it; return what is to be known of the rows as a whole."""
    positives, tools = 0, False
    for item in items:
        record = item.record
        level = level_of(record.first.trace)
        try:
            origin = orjson.dumps(provenance(record, level))
            digest = digest_of(record, choices.dedup)
        except (orjson.JSONEncodeError, UnicodeEncodeError) as error:
            spool.ledger.dropped(record.id, NOT_JSON, str(error))
            continue
        spool.add(item, origin=origin, digest=digest, level=level.number or 0, label=label_of(record, labels),
                  source=source_of(record))  # fmt: skip
        positives += record.label is True
        tools = tools or bool(record.tools)
    spool.seal()
    return {"positives": positives, "tools": tools}


def _write(
    spool: Spool, work: Path, target: Format, names: list[str], placed_on: Numbers, order: Numbers
) -> dict[str, int]:
    """Write rows and provenance; return the rows of each side."""
    counts = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        files: list[RowFile] = []
        for name in names:
            path = work / target.path(name)
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            files.append(stack.enter_context(target.open(path)))
        origins = stack.enter_context(LineFile(work / PROVENANCE))
        for index in order.tolist():
            row, origin = spool.read(index)
            name = names[placed_on[index]]
            counts[name] += 1
            files[placed_on[index]].write(row)
            origins.write(placed(origin, name, counts[name], row))
            spool.ledger.emitted()
    return counts


def _beside(work: Path, target: Format, written: Written) -> None:
    """Write what the target wants beside the rows."""
    for name, content in target.beside(written).items():
        path = work / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _levels(spool: Spool) -> dict[str, int]:
    counts = Counter(spool.columns.level[spool.alive].tolist())
    return {str(level or "none"): counts[level] for level in sorted(counts, key=lambda level: level or 9)}


def _result(
    out: Path, target: Format, kind: Kind, choices: Choices, counts: Mapping[str, int], levels: Mapping[str, int],
    ledger: Ledger,
) -> DatasetResult:  # fmt: skip
    warnings = [f"{name}: no rows" for name, count in counts.items() if not count]
    warnings += [f"{name} has {count}: {text}" for name, count in counts.items() for text in target.check_all(count)]
    return DatasetResult(
        path=out,
        format=target.name,
        kind=kind,
        prompt=choices.prompt,
        rows=dict(counts),
        read=ledger.n_read,
        combined=ledger.n_combined,
        formed=ledger.n_formed,
        dropped=ledger.reasons(),
        levels=levels,
        warnings=tuple(warnings),
    )


def _facts(path: Path) -> Json:
    """Size and hash of a file."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_manifest(
    work: Path, source: Source, choices: Choices, names: list[str], result: DatasetResult, written: Written
) -> None:
    compiled = source.candidate is not None and choices.prompt == "compiled"
    manifest = {
        "kind": "dataset",
        "rows_of": result.kind,
        "task": source.task,
        "format": result.format,
        "prompt": choices.prompt,
        "adapter": None if choices.prompt == "sent" else choices.adapter,
        "candidate": source.candidate.id if source.candidate is not None and compiled else None,
        "predictors": names,
        "seed": choices.seed,
        "split": dict(choices.split),
        "max_level": choices.max_level,
        "choices": choices.as_json(),
        "read": result.read,
        "combined": result.combined,
        "formed": result.formed,
        "rows": result.rows,
        "paths": dict(written.paths),
        "dropped": result.dropped,
        "levels": dict(result.levels),
        "warnings": list(result.warnings),
        "files": {str(path.relative_to(work)): _facts(path) for path in _files(work)},
        "versions": versions(),
    }
    with writing(work):
        (work / "README.md").write_text(card.dataset_card(manifest), encoding="utf-8")
        (work / "limbeck.json").write_bytes(
            orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )


def _files(work: Path) -> list[Path]:
    """Files that the dataset has so far, but for the spool."""
    return sorted(path for path in work.rglob("*") if path.is_file() and not path.name.startswith("."))
