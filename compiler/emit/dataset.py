"""A dataset directory from stored traces: nothing half-written, nothing silently lost.

The first half streams traces into rows that wait on disk (``stream``). With all of them there, and numbers about each
in memory, the second half decides: duplicates -> quotas -> sides -> order -> write. What a stage drops it writes into
the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ...records import Candidate, Outcome, Trace
from ..keep.ledger import Ledger
from .against import TestTexts, file_texts
from .apart import inputs_of
from .choices import Choices
from .decontaminate import REASON, Quarantine, decontaminate
from .duplicates import drop_duplicates
from .formats.base import Format, RowFile, Written
from .kinds import MAKERS
from .kinds.base import Making
from .kinds.unpaired import weights
from .labels import label_fields
from .manifest import write_manifest
from .mix import mix
from .order import ordered
from .outdir import LineFile, new_directory, writing
from .provenance import placed
from .render import names_of, renderers
from .result import DatasetResult
from .select import Wanted
from .split import place
from .spool import Numbers, Spool
from .stream import Neighbours, check, fill, make
from .tally import Tally, tally_columns
from .words import with_words

if TYPE_CHECKING:
    import dspy

    from .record import Kind

PROVENANCE, LEDGER = "provenance.jsonl", "ledger.jsonl"


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
    """

    program: dspy.Module
    candidate: Candidate | None = None
    task: str = ""
    held_out: Collection[str] = ()
    tests: Collection[tuple[str, str]] = ()
    is_current: Callable[[Trace], bool] | None = None
    command: str | None = None


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
    tests = TestTexts([*source.tests, *file_texts(choices.against)], choices.overlap)
    with ExitStack() as stack:
        work = stack.enter_context(new_directory(out))
        spool = stack.enter_context(Spool(work, ledger))
        near = stack.enter_context(Neighbours(work, choices))
        with ExitStack() as first_half:
            items = check(make(traces, wanted, kind, making), target, ledger)
            if near.needed or tests.n_texts:
                items = with_words(items)
            if tests.n_texts:
                quarantine = first_half.enter_context(Quarantine(work, tests))
                items = decontaminate(items, tests, quarantine, ledger)
            fill(spool, items, near, making.fields, choices.dedup)
        found = {"test rows": tests.n_rows, "contaminated": ledger.reasons().get(REASON, 0)} if tests.n_texts else {}
        warnings = _reduce(spool, near, choices)
        sides, more = place(spool, choices.split, choices.seed, near.of_inputs(), stratify=choices.stratify != "")
        tally = Tally()
        written = _write(spool, work, target, kind, source.task, choices, sides, tally)
        result = _result(out, choices, written, spool, [*warnings, *more, *_few(written, target)])
        ledger.check()
        ledger.write(work / LEDGER)
        counts = {**tally.as_json(), **tally_columns(spool, list(choices.split), sides)}
        about = {"dropped_first": ledger.first(), "tally": counts, **({"contamination": found} if found else {})}
        write_manifest(work, source, choices, names, result, written, about)
    return result


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


def _write(
    spool: Spool, work: Path, target: Format, kind: Kind, task: str, choices: Choices, sides: Numbers, tally: Tally
) -> Written:
    """Write rows, their provenance, and what the target wants beside them."""
    names = list(choices.split)
    counts = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        files = [stack.enter_context(_open(work / target.path(name), target)) for name in names]
        origins = stack.enter_context(LineFile(work / PROVENANCE))
        for index in ordered(spool, choices.seed, shuffle=choices.shuffle).tolist():
            row, origin = spool.read(index)
            side = sides[index]
            name = names[side]
            counts[name] += 1
            files[side].write(row)
            origins.write(placed(origin, name, counts[name], row))
            tally.add(origin)
            spool.ledger.emitted()
    written = Written(
        task,
        kind,
        counts,
        {name: target.path(name) for name in names},
        positives=int((spool.columns.good[spool.alive] == 1).sum()),
        tools=bool(spool.columns.tools[spool.alive].any()),
        columns=_columns(kind) if choices.failures else (),
    )
    for name, content in target.beside(written).items():
        with writing(work / name):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(content)
    return written


def _columns(kind: Kind) -> tuple[str, ...]:
    """Columns that failures bring with them."""
    return ("chosen_reward", "rejected_reward", "rejected_outcome") if kind == "preference" else ("outcome", "reward")


def _open(path: Path, target: Format) -> RowFile:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return target.open(path)


def _few(written: Written, target: Format) -> list[str]:
    """Warnings about the number of rows of each side."""
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
