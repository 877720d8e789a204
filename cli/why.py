"""``limbeck why``: where a row of a dataset comes from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .shell import Shell, define
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from ..compiler.emit.why import Why
    from ..records import Json, Step, Trace, Verdict

_SHORT, _LONG = 300, 1200  # characters of a value, and of a message, that are shown


@define(
    "why",
    click.argument("dataset", metavar="DATASET", type=click.Path(path_type=Path)),
    click.argument("row", metavar="ROW"),
    options.store,
    light=True,
)
def command(shell: Shell, dataset: Path, row: str, store: str) -> None:
    """Show where a row of a dataset comes from, or why it was left out.

    ROW is SPLIT:LINE, such as train:12; the id of a row or a trace; or how the hash of the row's line starts. The
    dataset tells most of it. The store, where it is at hand, adds the prompt as sent, the completion and the run.
    """
    from ..compiler.emit.why import tell

    found = tell(dataset, row, store)
    shell.result(found.as_json(), lambda console: show(console, found, store))


def show(console: Console, found: Why, store: str) -> None:
    """Print all that is known of a row, the row itself first."""
    from . import show as look

    if found.origin is None:
        _dropped(console, found)
    else:
        look.line(console, f"row {found.place} of {found.dataset}", "bold")
        look.line(console)
        look.facts(console, [("state", found.note or found.state), *_origin(found)])
        _row(console, found.row)
        _judgments(console, found)
    for trace in list(found.traces.values())[: 2 if found.kind == "preference" else 1]:
        _trace(console, found, trace)
    _store(console, found, store)


def _dropped(console: Console, found: Why) -> None:
    from . import show as look

    entry = found.entry or {}
    look.line(console, f"{entry['item']} was left out of {found.dataset}: {entry['reason']}", "bold")
    look.line(console)
    about = [(name, _short(value)) for name, value in (found.aside or {}).items()]
    look.facts(console, [("why", entry["detail"] or entry["reason"]), ("state", found.note), *about])
    _row(console, found.row)


def _origin(found: Why) -> list[tuple[str, str]]:
    """What the provenance tells of the row, but for the verdicts."""
    told, level = found.origin or {}, found.level
    attempts, passes = told.get("attempts", 0), told.get("passes", 0)
    tried = f"{passes:,} of {attempts:,} judged {plural(attempts, 'attempt')} at the input passed"
    number = f"{level.number}, {level.meaning}" if level and level.number else "none"
    rows = [
        ("id", told["row"]),
        ("trace", f"{told['trace']}, {_step_of(told)}"),
        ("task", told.get("task")),
        ("example", told.get("example")),
        ("source", told.get("source")),
        ("LM", told.get("lm") or "none: people wrote it"),
        ("outcome", f"{told.get('outcome')}, score {_number(told.get('score'))}"),
        ("better", _better(found)),
        ("attempt", f"number {told.get('attempt', 0) + 1}; {tried}"),
        ("level", f"{number} ({level.why})" if level else None),
        ("origin", told.get("origin")),
        ("adapter", told.get("adapter")),
        ("candidate", told.get("candidate")),
        ("program", told.get("program")),
        ("used", _used(told.get("usage"))),
        ("meta", _short(told["meta"]) if told.get("meta") else None),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _step_of(told: Json) -> str:
    return "the whole program" if told["step"] < 0 else f"step {told['step']} ({told.get('predictor')})"


def _better(found: Why) -> str | None:
    """Why the first answer of a pair is the better one."""
    told = found.origin or {}
    if found.kind != "preference" or not told.get("others"):
        return None
    other = told["others"][0]
    if told.get("outcome") != other.get("outcome"):
        return f"it {_BECAME[str(told.get('outcome'))]}, and the other {_BECAME[str(other.get('outcome'))]}"
    labels = [_label(answer) for answer in (told, other)]
    what, (one, two) = (
        ("score", [told.get("score"), other.get("score")]) if None in labels else ("label by comparison", labels)
    )
    return f"its {what} is {_number(one)}, and the other's is {_number(two)}"


def _label(told: Json) -> Any:
    """How likely an answer is the better one of a pair that a generator compared; None where it is in none."""
    from ..records import PREFERRED

    verdicts = told.get("verdicts") or ()
    return next((verdict.get("score") for verdict in verdicts if verdict.get("verifier") == PREFERRED), None)


_BECAME = defaultdict(lambda: "is not known", passed="passed", rejected="was rejected", failed="failed")


def _used(usage: Json | None) -> str | None:
    from . import show as look

    return look.spent({**usage, "cache_hits": 0}) if usage else None


def _row(console: Console, row: Any) -> None:
    """The row, its values cut where they are long."""
    from . import show as look

    if row is None:
        return
    facts = [fact for name, value in _with_steps(row) for fact in _parts(name, value)]
    look.line(console)
    look.line(console, "row", "dim")
    look.facts(console, facts or [("", _short(row))])


def _with_steps(row: Any) -> list[tuple[str, Any]]:
    """Columns of a row; steps have their labels before them."""
    columns = dict(row) if isinstance(row, dict) else {}
    steps, labels = columns.get("completions"), columns.get("labels")
    if isinstance(steps, list) and isinstance(labels, list) and len(steps) == len(labels):
        columns["completions"] = [f"{label}: {step}" for label, step in zip(labels, steps, strict=True)]
        del columns["labels"]
    return list(columns.items())


def _parts(name: str, value: Any) -> list[tuple[str, str]]:
    """A list one by one, everything else as one."""
    if not isinstance(value, list) or not value:
        return [(name, _short(value))]
    return [(name if not number else "", _message(part)) for number, part in enumerate(value)]


def _message(part: Any) -> str:
    """``user: No sound`` for what looks like a message."""
    for who, what in (("role", "content"), ("from", "value")):
        if isinstance(part, dict) and isinstance(part.get(who), str) and isinstance(part.get(what), str):
            return f"{part[who]}: {_short(part[what])}"
    return _short(part)


def _judgments(console: Console, found: Why) -> None:
    """Who judged, and in a pair why one answer is better than the other."""
    from ..compiler.emit.why import said

    told = found.origin or {}
    others = told.get("others", [])
    if found.kind != "preference" or not others:
        _verdicts(console, "verdicts", said(told), found, told["trace"])
        _others(console, others)
        return
    for name, answer in (("chosen", told), ("rejected", others[0])):
        title = f"{name}: {answer.get('outcome')}, score {_number(answer.get('score'))}, by {answer.get('lm')}"
        _verdicts(console, title, said(answer), found, answer["trace"])


def _verdicts(console: Console, title: str, verdicts: Iterable[Json], found: Why, trace: str) -> None:
    from . import show as look

    stored = {v.verifier: v for v in found.traces[trace].verdicts} if trace in found.traces else {}
    facts = [fact for verdict in verdicts for fact in _verdict(verdict, stored.get(verdict["verifier"]))]
    look.line(console)
    look.line(console, title, "dim")
    look.facts(console, facts or [("", "none")])


def _verdict(told: Json, stored: Verdict | None) -> list[tuple[str, str]]:
    """What was said at the export; where the store has it still, with its evidence."""
    score = "" if told.get("score") is None else f", score {_number(told['score'])}"
    facts = [(told["verifier"], f"{'passed' if told['passed'] else 'not passed'}{score}, by {told.get('by')}")]
    facts += [("", _short(told["feedback"]))] if told.get("feedback") else []
    if stored is None:
        return facts
    if stored.fingerprint != told.get("fingerprint") or stored.passed != told["passed"]:
        return [*facts, ("", f"judged again since: {'passed' if stored.passed else 'not passed'}")]
    return facts + [("", f"{name}: {_short(value)}") for name, value in stored.evidence.items()]


def _others(console: Console, others: list[Json]) -> None:
    """Other answers that the row was made of."""
    from . import show as look

    if not others:
        return
    look.line(console)
    look.line(console, f"made of {len(others):,} more {plural(len(others), 'answer')}", "dim")
    shown = [(answer["trace"], f"{answer.get('outcome')}, by {answer.get('lm')}") for answer in others[:5]]
    look.facts(console, [*shown, *([("...", f"{len(others) - 5:,} more")] if len(others) > 5 else [])])


def _trace(console: Console, found: Why, trace: Trace) -> None:
    """What the store has of a trace: the run, and the step as it was sent and answered."""
    from . import show as look

    look.line(console)
    look.line(console, f"trace {trace.id}, as stored", "bold")
    look.line(console)
    run = found.runs.get(trace.id)
    made = f"{run.id}: {run.command}, {run.started:%Y-%m-%d %H:%M} UTC" if run else "not known"
    look.facts(console, [("run", made), ("inputs", _short(trace.example.inputs)), *_failure(trace)])
    if found.origin is None:
        _verdicts(console, "verdicts", map(asdict, trace.verdicts), found, trace.id)
    for step in _steps(found, trace):
        _step(console, step)


def _failure(trace: Trace) -> list[tuple[str, str]]:
    return [("failure", f"{trace.failure.reason}: {_short(trace.failure.message)}")] if trace.failure else []


def _steps(found: Why, trace: Trace) -> list[Step]:
    """The step that the row was made of; all of them for a whole program, and of what was dropped."""
    told = found.origin or {}
    index = next((a["step"] for a in (told, *told.get("others", ())) if a.get("trace") == trace.id), -1)
    return [trace.steps[index]] if isinstance(index, int) and 0 <= index < len(trace.steps) else trace.steps


def _step(console: Console, step: Step) -> None:
    from . import show as look

    look.line(console)
    look.line(console, f"prompt of {step.predictor or 'a predictor made at run time'}, as sent", "dim")
    messages = [(str(message.get("role")), _long(message.get("content"))) for message in step.messages]
    look.facts(console, messages or [("", "not recorded")])
    look.line(console)
    look.line(console, "completion", "dim")
    last = step.calls[-1] if step.calls else None
    look.facts(console, [
        ("", _long(step.completion) if step.completion else step.error or "not recorded"),
        *([("settings", _short(last.config))] if last and last.config else []),
    ])  # fmt: skip


def _store(console: Console, found: Why, store: str) -> None:
    """What is not known, and what would tell."""
    from ..compiler.emit.why import NO_STORE
    from . import show as look

    lost = [name for name in found.ids if name not in found.traces]
    if not lost:
        return
    if found.store:
        text = f"The store {found.store} does not have {'trace ' + lost[0] if len(lost) == 1 else 'these traces'}."
    else:
        text = f"There is no store {store}."
    look.line(console)
    console.print(f"{text} {NO_STORE}" if found.origin else text, style="dim")


def _number(score: Any) -> str:
    return f"{score:.4g}" if isinstance(score, (int, float)) else "none"


def _short(value: Any) -> str:
    return _cut(" ".join(_text(value).split()), _SHORT)


def _long(value: Any) -> str:
    return _cut(_text(value), _LONG)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} ... ({len(text) - most:,} more characters; --json has all)"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    from ..compiler.keep.jsontext import dumps

    return dumps(value).lstrip()
