"""A dataset directory from stored traces: nothing half-written, nothing silently lost.

The first half streams traces into rows that wait on disk (``stream``). With all of them there, and numbers about each
in memory, the second half decides: duplicates -> quotas -> sides -> order -> write. What a stage drops it writes into
the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ...records import Candidate, Json, Outcome, Trace
from ..keep.ledger import Ledger
from .against import TestTexts, file_texts
from .apart import inputs_of
from .choices import Choices
from .decontaminate import REASON, Quarantine, decontaminate
from .duplicates import drop_duplicates
from .formats.base import Format, Written
from .kinds import MAKERS
from .kinds.base import Making
from .kinds.unpaired import weights
from .labels import label_fields
from .manifest import write_manifest
from .mix import mix
from .names import LEDGER
from .order import ordered
from .outdir import new_directory
from .privacy import PrivateReport, masked_texts, private
from .private.masking import mask_json
from .render import names_of, renderers, same_signatures
from .result import DatasetResult
from .select import Wanted
from .split import place
from .spool import Numbers, Spool
from .stream import Neighbours, check, fill, make
from .words import with_words
from .write import planned, write_rows

if TYPE_CHECKING:
    import dspy

    from .record import Kind, Record


@dataclass(frozen=True, kw_only=True)
class Source:
    """What rows are made of, beside the traces.

    Attributes:
        program: The program as declared.
        candidate: The compiled one, for prompt ``compiled``.
        task: Name of the task.
        held_out: ``input_id`` of examples that must not be trained on: the task's test data.
        tests: Texts of that data, each with its ``file:line``; rows that contain one are put aside.
        is_current: Whether a trace's verdicts are those of the metric as it is now; others are left out.
        command: The command line that makes the dataset again, for the card.
        vectors: Folder that keeps vectors of texts that were paid for.
    """

    program: dspy.Module
    candidate: Candidate | None = None
    task: str = ""
    held_out: Collection[str] = ()
    tests: Collection[tuple[str, str]] = ()
    is_current: Callable[[Trace], bool] | None = None
    command: str | None = None
    vectors: Path | None = None


def export(
    traces: Iterable[Trace], source: Source, choices: Choices, *, out: Path, note: Callable[[str], object] = str,
    go_on: Callable[[], object] = bool,
) -> DatasetResult:  # fmt: skip
    """Write traces as a dataset.

    The same traces in the same order give the same files, byte for byte.

    Args:
        traces: Traces of the program, passed or not, in the order in which their rows shall stand; those of one input
            side by side.
        source: What rows are made of, beside the traces.
        choices: What is asked for.
        out: Directory to make. Its parents are made too.
        note: Told what goes on once all traces are read.
        go_on: Called between what takes long once all traces are read; what it raises ends the export.

    Raises:
        DataError: A file to compare with cannot be read.
        MissingExtra: What a choice needs is not installed.
        OutputError: The directory is not empty or cannot be written.
        TargetError: The program has no predictor.
        UsageError: The choices do not fit together, or not the program.
    """
    target, kind = choices.check()
    names = names_of(source.program, choices.predictor, whole=choices.whole)
    ledger = Ledger()
    wanted, making = _wanted(source, choices, kind, names), _making(source, choices, target, kind, ledger)
    texts = chain(source.tests, file_texts(choices.against))
    tests = TestTexts(texts if choices.private == "keep" else masked_texts(texts), choices.overlap)
    with ExitStack() as stack:
        work = stack.enter_context(new_directory(out))
        spool = stack.enter_context(Spool(work, ledger))
        near = stack.enter_context(Neighbours(work, choices, source.vectors))
        made = make(traces, wanted, kind, making)
        about = _stream(made, source, choices, target, tests, work, spool, near, making.fields)
        note(f"{len(spool):,} rows made; dropping duplicates, mixing, dividing")
        go_on()
        warnings = _reduce(spool, near, choices)
        go_on()
        sides, more = place(spool, choices.split, choices.seed, near.of_inputs(), stratify=choices.stratify != "")
        written = planned(spool, target, kind, source.task, list(choices.split), sides)
        note(f"writing {int(spool.alive.sum()):,} rows")
        order = _each(ordered(spool, choices.seed, shuffle=choices.shuffle), go_on)
        tally, licences = write_rows(spool, work, target, written, sides, order)
        warnings += [*more, *licences.warnings(choices.licence), *_few(written, target, ledger.reasons())]
        result = _result(out, choices, written, spool, warnings)
        ledger.check()
        ledger.write(work / LEDGER)
        about |= {"dropped_first": ledger.first(), "tally": tally, "licences": licences.as_json()}
        write_manifest(work, source, choices, names, result, written, about)
        go_on()
    return result


def _stream(
    records: Iterable[Record], source: Source, choices: Choices, target: Format, tests: TestTexts, work: Path,
    spool: Spool, near: Neighbours, labels: tuple[str, ...],
) -> Json:  # fmt: skip
    """Run the first half; return what the manifest tells of it."""
    ledger, about = spool.ledger, dict[str, Json]()
    with ExitStack() as stack:
        if choices.private != "keep":
            ledger.clean = mask_json
            report = stack.enter_context(PrivateReport(work))
            records = private(records, choices.private, ledger, report)
        items = check(records, target, ledger)
        if near.needed or tests.n_texts:
            items = with_words(items)
        if tests.n_texts:
            items = decontaminate(items, tests, stack.enter_context(Quarantine(work, tests)), ledger)
        fill(spool, items, near, choices.dedup, labels=labels, same=same_signatures(source.program))
        if choices.private != "keep":
            about["privacy"] = report.as_json()
    if tests.n_texts:
        about["contamination"] = {"test rows": tests.n_rows, "contaminated": ledger.reasons().get(REASON, 0)}
    return about


def _wanted(source: Source, choices: Choices, kind: Kind, names: list[str]) -> Wanted:
    maker = MAKERS[kind]
    return Wanted(
        names=names,
        outcomes=get_args(Outcome) if choices.failures else maker.outcomes,
        lm=choices.lm,
        held_out=source.held_out,
        elsewhere=inputs_of(*choices.apart_from) if choices.apart_from else (),
        is_current=source.is_current,
        max_level=choices.max_level,
        raw=choices.failures or maker.raw,
        unjudged=maker.unjudged,
    )


def _making(source: Source, choices: Choices, target: Format, kind: Kind, ledger: Ledger) -> Making:
    renders = renderers(
        source.program, choices.prompt, choices.adapter, source.candidate, reasoning=choices.reasoning,
        raw=choices.failures or MAKERS[kind].raw,
    )  # fmt: skip
    return Making(
        renders,
        ledger,
        failures=choices.failures,
        pairs=choices.pairs,
        margin=choices.margin,
        max_pairs=choices.max_pairs,
        neutral=choices.neutral,
        turns=target.turns,
        fields=label_fields(source.program, choices.stratify or None),
    )


def _reduce(spool: Spool, near: Neighbours, choices: Choices) -> list[str]:
    """Drop duplicates, then what the quotas leave no room for; return warnings."""
    if choices.dedup != "none":
        drop_duplicates(spool, choices.prefer)
    near.drop_rows(spool, choices.prefer)
    return mix(spool, choices)


def _each(rows: Numbers, go_on: Callable[[], object]) -> Iterator[int]:
    for row in rows.tolist():
        go_on()
        yield row


def _few(written: Written, target: Format, dropped: Mapping[str, int]) -> list[str]:
    """Warnings about the number of rows of each side."""
    if not any(written.rows.values()):
        most = max(dropped, key=lambda reason: dropped[reason], default="")
        return [
            f"no rows: all {sum(dropped.values()):,} answers were left out, most as {most!r}" if most else "no traces"
        ]
    warnings = [f"{name}: no rows" for name, count in written.rows.items() if not count]
    return warnings + [
        f"{name} has {count}: {text}" for name, count in written.rows.items() for text in target.check_all(count)
    ]


def _result(out: Path, choices: Choices, written: Written, spool: Spool, warnings: list[str]) -> DatasetResult:
    levels = Counter(spool.columns.level[spool.alive].tolist())
    ledger, rows = spool.ledger, sum(written.rows.values())
    good, bad = weights(written.positives, rows - written.positives)
    balance = {"desirable_weight": good, "undesirable_weight": bad} if written.kind == "unpaired" else {}
    return DatasetResult(
        path=out,
        format=choices.target().name,
        kind=written.kind,
        prompt=choices.prompt,
        rows=dict(written.rows),
        read=ledger.n_read,
        combined=ledger.n_combined,
        formed=ledger.n_formed,
        dropped=ledger.reasons(),
        levels={str(level or "none"): levels[level] for level in sorted(levels, key=lambda level: level or 9)},
        weights=balance,
        warnings=tuple(warnings),
    )
