"""``limbeck traces``: what is in the store."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from . import options
from .shell import Shell, define
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from ..compiler.keep.store import Store
    from ..records import Json, Trace

_ID = 10  # characters of an id that are shown, and that are enough for --show


@define(
    "traces",
    click.option("--task", metavar="NAME", help="Only this task."),
    click.option(
        "--outcome",
        metavar="OUTCOME",
        type=click.Choice(["passed", "rejected", "failed"]),
        help="Only passed, rejected or failed ones.",
    ),
    click.option("--lm", metavar="NAME", help="Only traces of this LM."),
    click.option("--run", metavar="ID", help="Only traces of this run."),
    click.option(
        "--level",
        metavar="N",
        type=click.IntRange(1, 6),
        help="Only those of this level, from 1 (written and verified by people) to 6 (rewarded by an environment).",
    ),
    click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        default=20,
        show_default=True,
        help="At most so many.",
    ),
    click.option("--dropped", metavar="RUN", help="List what a run left out, and why; last is the newest run."),
    click.option("--show", metavar="ID", help="Show one trace whole; the first characters of its id will do."),
    click.option(
        "--out", metavar="FILE", help="Also write them to a .jsonl or .csv for people to fill in (--verifier people)."
    ),
    options.store,
)
def command(
    shell: Shell, limit: int, level: int | None, dropped: str | None, show: str | None, out: str | None, store: str,
    **filters: Any,
) -> None:  # fmt: skip
    """List stored traces, or show one."""
    from .. import api
    from ..compiler.keep.level import level_of
    from .sheet import write_sheet

    with api.open_store(store) as kept:
        if dropped is not None:
            from .dropped import dropped as list_dropped

            list_dropped(shell, kept, dropped, limit)
            return
        if show is not None:
            trace = _find(kept, show)
            shell.result(as_json(trace, whole=True), lambda console: show_trace(console, trace))
            return
        if level is None:
            counts, found = kept.count(**filters), kept.traces(**filters, limit=limit, order="newest")
        else:  # levels stand in no column: they are derived from whole traces
            every = [t.id for t in kept.traces(**filters, order="newest") if level_of(t).number == level]
            counts, found = {"passed": len(every)}, iter(kept.get(every[:limit]).values())
        listed = list(islice(found, limit))
    value = {"counts": counts, "shown": len(listed), "traces": [as_json(t, whole=False) for t in listed]}
    if out is not None:
        value["out"] = str(write_sheet(Path(out), listed))
    shell.result(value, lambda console: show_list(console, listed, counts))


def _find(kept: Store, start: str) -> Trace:
    """The trace with an id, or with the only id that starts so."""
    if found := kept.get([start]):
        return found[start]
    ids = [trace.id for trace in kept.traces(light=True) if trace.id.startswith(start)]
    if len(ids) == 1:
        return kept.get(ids)[ids[0]]
    if not ids:
        raise UsageError(f"there is no trace {start!r} in {kept.name}", hint="limbeck traces lists them.")
    raise UsageError(
        f"{len(ids)} traces have an id that starts with {start!r}",
        hint=f"Give more of it: {', '.join(ids[:3])}",
    )


def as_json(trace: Trace, *, whole: bool) -> Json:
    """A trace as JSON, with or without its steps."""
    from dataclasses import asdict

    from ..compiler.keep.level import level_of

    level = level_of(trace)
    value = {**asdict(trace), "outcome": trace.outcome, "reason": trace.reason, "score": trace.score,
             "level": level.number, "level_why": level.why}  # fmt: skip
    if not whole:
        del value["steps"]
    return value


def show_list(console: Console, traces: Sequence[Trace], counts: Mapping[str, int]) -> None:
    """Print traces as a table."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from ..compiler.keep.level import level_of
    from . import show as look

    total = sum(counts.values())
    if not total:
        look.line(console, "No traces match.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, expand=True)
    for title in ("id", "outcome", "score", "level", "LM"):
        right = title in {"score", "level"}
        table.add_column(title, no_wrap=True, justify="right" if right else "left", max_width=14)
    table.add_column("input", no_wrap=True, ratio=3)
    table.add_column("prediction", no_wrap=True, ratio=2)
    for trace in traces:
        outcome = Text(trace.reason or trace.outcome, style=_COLOURS[trace.outcome])
        lm = trace.lm.partition("/")[2] or trace.lm
        words = (_first(trace.example.inputs), _first(trace.prediction or {}))
        level = str(level_of(trace).number or "")
        table.add_row(trace.id[:_ID], outcome, f"{trace.score:.3g}", level, lm or "people", *words)
    console.print(Padding(table, (0, 0, 0, 2)))
    look.line(console)
    look.line(console, f"  {len(traces):,} of {total:,} {plural(total, 'trace')} ({look.counts(counts)})", "dim")


_COLOURS = {"passed": "green", "rejected": "yellow", "failed": "red"}


def _first(values: Mapping[str, Any]) -> str:
    return " ".join(str(next(iter(values.values()), "")).split())


def show_trace(console: Console, trace: Trace) -> None:
    """Print one trace whole."""
    from . import show as look

    look.line(console, f"trace {trace.id}", "bold")
    look.line(console)
    look.facts(console, [
        ("task", trace.task),
        ("outcome", trace.outcome + (f" ({trace.reason})" if trace.reason else "")),
        ("score", f"{trace.score:.4g}"),
        ("level", _told(trace)),
        ("LM", trace.lm or "none: people wrote it"),
        ("attempt", str(trace.attempt)),
        ("origin", trace.origin),
        ("source", trace.example.source or "unknown"),
        *([("made by", _made(trace.meta["synth"]))] if "synth" in trace.meta else []),
    ])  # fmt: skip
    _values(console, "inputs", trace.example.inputs)
    _values(console, "labels", trace.example.labels)
    _values(console, "prediction", trace.prediction or {})
    if trace.failure:
        _values(console, "failure", {trace.failure.reason: trace.failure.message})
    for verdict in trace.verdicts:
        said = verdict.error or verdict.feedback
        mark = "passed" if verdict.passed else "error" if verdict.error else "not passed"
        shown: Json = {verdict.verifier: f"{mark}{f', {said}' if said else ''}"}
        if verdict.score is not None:
            shown["score"] = f"{verdict.score:.4g}"
        if verdict.usage is not None:
            shown["asked"] = f"{verdict.usage.calls:,} LM {plural(verdict.usage.calls, 'call')}"
        _values(console, "verdict", {**shown, **verdict.evidence})
    for number, step in enumerate(trace.steps, 1):
        look.line(console)
        look.line(console, f"step {number}: {step.predictor or 'made at run time'}", "bold")
        for message in step.messages:
            _block(console, str(message.get("role")), message.get("content"))
        _block(console, "completion", step.completion or step.error or "")


def _made(about: Mapping[str, Any]) -> str:
    """``evolve: deepen, round 2, of 3f2a9c0d1e, by openai/gpt-4.1``."""
    parts = [str(about.get("operation")), f"round {about.get('round')}"]
    parts += [f"of {str(about['parent'])[:_ID]}"] if about.get("parent") else []
    parts += [f"by {about['lm']}"] if about.get("lm") else []
    return f"{about.get('method')}: {', '.join(parts)}"


def _told(trace: Trace) -> str:
    """``4, generated, rated by a machine (generated by lm, judged by metric (rule))``."""
    from ..compiler.keep.level import level_of

    level = level_of(trace)
    return f"{level.number}, {level.meaning} ({level.why})" if level.number else f"none ({level.why})"


def _values(console: Console, title: str, values: Mapping[str, Any]) -> None:
    from . import show as look

    if values:
        look.line(console)
        look.line(console, title, "dim")
        look.facts(console, [(name, v if isinstance(v, str) else str(v)) for name, v in values.items()])


def _block(console: Console, title: str, text: object) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from . import show as look

    look.line(console, f"  {title}", "dim")
    console.print(Padding(Text(text if isinstance(text, str) else str(text)), (0, 0, 0, 4)))
