"""Why a row is in a dataset, or is not: where it comes from, who judged it, and what was sent and received.

The dataset alone tells most of it. The store, where it is at hand, adds the prompt as sent, the completion, the LM's
parameters, the evidence of the verdicts, and the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from ...errors import UsageError
from ...records import Example, Json, Trace, Verdict
from .. import results
from ..keep.level import Level, level_of
from ..keep.runs import Run
from ..keep.store import Store
from ..results import Result, Shown
from .reading import Dataset, open_dataset

State = Literal["as written", "moved", "edited", "gone", "dropped"]
"""What became of the row since the export; ``dropped`` is one that was never written."""

_PLACE = re.compile(r"([a-z][a-z0-9_-]*):([0-9]{1,18})", re.ASCII)
_FORM = "Name a row as SPLIT:LINE, such as {}, by its id, or by how the hash of its line starts."
_MOST = 1_000  # answers of one row that are looked up in the store

NO_STORE = (
    "It would add the prompt as sent, the completion, the LM's parameters, the evidence of the verdicts, and the run."
)
"""What is said where the store is not there."""


@dataclass(frozen=True, repr=False)
class Why(Result):
    """What is known of one row.

    Attributes:
        dataset: The directory.
        state: What became of the row since the export.
        note: The state in words; "" where there is nothing to say.
        origin: Its line of ``provenance.jsonl``; None where it was dropped.
        row: The row as it stands in its file; None where it does not.
        entry: Its line of ``ledger.jsonl``, where it was dropped.
        aside: Its line of the file in which it was put aside, where it was; without the row itself.
        traces: Traces behind the row that the store has, by id.
        runs: Runs that made them, by the trace's id.
        store: Name of the store; "" where there was none.
        kind: Kind of the dataset's rows.
    """

    dataset: Path
    state: State
    note: str = ""
    origin: Json | None = None
    row: Any = None
    entry: Json | None = None
    aside: Json | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    store: str = ""
    kind: str = ""

    @property
    def place(self) -> str:
        """``train:12``; "" where it was dropped."""
        return f"{self.origin['split']}:{self.origin['line']}" if self.origin else ""

    @property
    def level(self) -> Level | None:
        """The level, and the evidence for it."""
        return None if self.origin is None else _level(self.origin)

    @property
    def ids(self) -> list[str]:
        """Ids of the traces behind the row, its own first."""
        return _trace_ids(self.origin, self.entry)

    def as_json(self) -> Json:
        """One JSON object with everything."""
        level = self.level
        return {
            "dataset": str(self.dataset), "kind": self.kind, "state": self.state, "note": self.note, "row": self.row,
            "provenance": self.origin, "level_why": level.why if level else None, "dropped": self.entry,
            "aside": self.aside, "store": self.store or None,
            "traces": {name: asdict(trace) for name, trace in self.traces.items()},
            "runs": {name: _run(run) for name, run in self.runs.items()},
        }  # fmt: skip

    def shown(self) -> Shown:
        """Where it comes from, in a few lines."""
        if self.origin is None:
            entry = self.entry or {}
            return Shown(f"{entry.get('item')} is not in {self.dataset}: {entry.get('reason')}",
                         results.facts(("detail", str(entry.get("detail", "")))))  # fmt: skip
        told, level = self.origin, self.level
        return Shown(f"row {self.place} of {self.dataset}", results.facts(
            ("state", self.note or self.state),
            ("trace", str(told["trace"])),
            ("source", str(told.get("source") or "")),
            ("LM", str(told.get("lm") or "")),
            ("level", f"{level.number}, {level.meaning}" if level and level.number else ""),
            ("verdicts", ", ".join(f"{v['verifier']}: {'passed' if v['passed'] else 'not'}" for v in said(told))),
        ))  # fmt: skip


def _run(run: Run) -> Json:
    ended = run.finished.isoformat() if run.finished else None
    return {**asdict(run), "started": run.started.isoformat(), "finished": ended}


def tell(path: Path, name: str, store: str | Path) -> Why:
    """``explain`` with the store that is somewhere, or without it where there is none.

    Args:
        path: The directory of the dataset.
        name: Which row.
        store: Path or URL of the store.

    Raises:
        UsageError: See ``explain``.
    """
    if "://" not in str(store) and not Path(store).exists():
        return explain(path, name)
    with Store.open(store, create=False) as kept:
        return explain(path, name, kept)


def explain(path: Path, name: str, store: Store | None = None) -> Why:
    """Tell where a row of a dataset comes from, or why something is not in it.

    Args:
        path: The directory of the dataset.
        name: ``SPLIT:LINE``, the id of a row, an answer or a trace, or how it or the hash of the row's line starts.
        store: Where the traces may be.

    Raises:
        DataError: The directory is no dataset, or cannot be read.
        MissingExtra: It is Parquet, and there is no pyarrow.
        StoreError: The store cannot be read.
        UsageError: There is no such row, or more than one.
    """
    data, name = open_dataset(path), name.encode(errors="replace").decode()
    place = _PLACE.fullmatch(name)
    found = _by_place(data, place[1], int(place[2])) if place else _by_name(data, name)
    facts: Json = {**found, "dataset": path, "kind": str(data.manifest.get("rows_of", ""))}
    if store is not None:
        ids = _trace_ids(found.get("origin"), found.get("entry"))[:_MOST]
        traces = store.get(ids)
        facts |= {"traces": traces, "runs": _runs(store, traces), "store": store.name}
    return Why(**facts)


def _runs(store: Store, traces: Mapping[str, Trace]) -> dict[str, Run]:
    """The run that made each trace; of many the first two will do."""
    if not traces:
        return {}
    by_id = {run.id: run for run in store.runs()}
    found = {name: next(iter(store.count("run", id=name)), "") for name in list(traces)[:2]}
    return {name: by_id[run] for name, run in found.items() if run in by_id}


def _trace_ids(origin: Json | None, entry: Json | None) -> list[str]:
    if origin is None:
        item = str((entry or {}).get("item", ""))
        return [part.partition("#")[0] for part in item.split("~")]
    return list(dict.fromkeys([origin["trace"], *(other["trace"] for other in origin.get("others", ()))]))


def _by_place(data: Dataset, split: str, line: int) -> Json:
    """Look at what stands there, and what was written about it."""
    if split not in data.rows:
        near = next((name for name in get_close_matches(split, data.rows, n=1) if line <= data.rows[name]), None)
        hint = f"Did you mean {near}:{line}?" if near else f"There are: {_sizes(data)}."
        raise UsageError(f"{data.path} has no split {split!r}", hint=hint)
    rows = data.rows[split]
    if not 1 <= line <= rows:
        hint = f"The nearest is {split}:{min(max(line, 1), rows)}." if rows else f"There are: {_sizes(data)}."
        raise UsageError(f"there is no row {split}:{line} in {data.path}: {split} has {rows:,}", hint=hint)
    origin, here = data.origin_at(split, line), data.row(split, line)
    if origin is None:
        hint = "The file was changed since the export; export again."
        raise UsageError(f"{data.path / 'provenance.jsonl'} says nothing of {split}:{line}", hint=hint)
    if here is None or here.sha256 in {None, origin["sha256"]}:
        return _found(data, origin, here.row if here else None, missing=here is None)
    if (moved := data.origin_of(here.sha256 or "")) is not None:
        note = f"the rows were put in another order since the export: this one was written as {_place(moved)}"
        return {"state": "moved", "note": note, "origin": moved, "row": here.row}
    note = "this line was changed since the export; what follows is of the row as it was written"
    return {"state": "edited", "note": note, "origin": origin, "row": here.row}


def _found(data: Dataset, origin: Json, row: Any, *, missing: bool) -> Json:
    """What stands where it was written; of Parquet it is known of the whole file only."""
    if missing:
        return {"state": "gone", "note": "its file is gone, or has fewer rows than were written", "origin": origin}
    if data.files(origin["split"])[0].suffix == ".parquet" and data.is_changed(origin["split"]):
        note = "the file was changed since the export: what follows may be of another row"
        return {"state": "edited", "note": note, "origin": origin, "row": row}
    return {"state": "as written", "origin": origin, "row": row}


def _by_name(data: Dataset, name: str) -> Json:
    """Look for an id or a hash, in what was written and then in what was dropped."""
    found = data.origins(name) if name else []
    if len(found) > 1:
        places = ", ".join(map(_place, found[:3])) + (", ..." if len(found) > 3 else "")
        raise UsageError(
            f"more than one row is meant by {name!r}: {places}", hint="Give one of them, or more of the id."
        )
    if found:
        return _where(data, found[0])
    entries = data.dropped(name) if name else []
    if len(entries) > 1:
        items = ", ".join(entry["item"] for entry in entries[:3])
        raise UsageError(f"more than one row starts with {name!r}, and none of them was written: {items}",
                         hint="Give more of the id.")  # fmt: skip
    if entries:
        return _dropped(data, entries[0])
    near = data.nearest(name)
    first = next((split for split, rows in data.rows.items() if rows), "train")
    raise UsageError(
        f"there is no row {name!r} in {data.path}, which has {_sizes(data)}",
        hint=f"Did you mean {near}?" if near else _FORM.format(f"{first}:1"),
    )


def _dropped(data: Dataset, entry: Json) -> Json:
    found = {"state": "dropped", "entry": entry, "note": "it is not in the dataset"}
    if (aside := data.aside(entry["item"])) is None:
        return found
    file, told = aside
    row = next((told[name] for name in ("data", "masked") if told.get(name) is not None), None)
    about = {name: value for name, value in told.items() if name not in {"data", "masked", "row"}}
    return {**found, "note": f"it is not in the dataset, but in {file}", "row": row, "aside": about}


def _where(data: Dataset, origin: Json) -> Json:
    """Look whether a row is still where it was written."""
    split, line = str(origin["split"]), int(origin["line"])
    here = data.row(split, line) if split in data.rows else None
    if here is not None and here.sha256 in {None, origin["sha256"]}:
        return _found(data, origin, here.row, missing=False)
    now = data.find_line(split, origin["sha256"]) if split in data.rows else None
    moved = data.row(split, now) if now is not None else None
    if moved is not None:
        note = f"the rows were put in another order since the export: it now stands at {split}:{now}"
        return {"state": "moved", "note": note, "origin": origin, "row": moved.row}
    note = f"it was changed or taken out since the export: its line is no longer among those of {split}"
    return {"state": "gone", "note": note, "origin": origin}


def _place(origin: Json) -> str:
    return f"{origin['split']}:{origin['line']}"


def _sizes(data: Dataset) -> str:
    return results.sizes(data.rows) or "no rows"


def _level(origin: Json) -> Level:
    """The level as it was derived at the export, with the evidence that the dataset itself has."""
    number = origin.get("level")
    known = number if isinstance(number, int) and 1 <= number <= 6 else None
    if origin.get("outcome", "passed") != "passed":
        return Level(known, f"it was not kept: {origin['outcome']}")
    verdicts = [Verdict(str(v["verifier"]), passed=True, by=v.get("by", "rule")) for v in said(origin)]
    lm, made = str(origin.get("lm") or ""), origin.get("origin", "rollout")
    trace = Trace("", "", Example({}), "", lm, prediction={}, verdicts=verdicts, origin=made)
    return Level(known, level_of(trace).why if verdicts else "nobody judged it")


def said(told: Json) -> Sequence[Json]:
    """Verdicts on an answer."""
    return [v for v in told.get("verdicts", ()) if isinstance(v, dict) and {"verifier", "passed"} <= v.keys()]
