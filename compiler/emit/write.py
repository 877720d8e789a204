"""The files of a dataset's rows: the rows themselves, where each comes from, and what the target wants beside them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from ...records import Json
from .formats.base import Format, RowFile, Written
from .licences import Licences
from .names import PROVENANCE
from .outdir import LineFile, writing
from .provenance import placed
from .spool import Numbers, Spool
from .tally import Tally, tally_columns

if TYPE_CHECKING:
    from .record import Kind


def planned(spool: Spool, target: Format, kind: Kind, task: str, names: list[str], sides: Numbers) -> Written:
    """Tell what is going to be written.

    Args:
        spool: The rows.
        target: Their format.
        kind: Their kind.
        task: Name of the task.
        names: Names of the sides.
        sides: (n,) number of each row's side.
    """
    counts = np.bincount(sides[spool.alive], minlength=len(names))
    return Written(
        task,
        kind,
        dict(zip(names, counts.tolist(), strict=True)),
        {name: target.path(name) for name in names},
        positives=int((spool.columns.good[spool.alive] == 1).sum()),
        tools=bool(spool.columns.tools[spool.alive].any()),
        columns=spool.extra,
    )


def _open(path: Path, target: Format, written: Written) -> RowFile:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return target.open(path, written)


def write_rows(
    spool: Spool, work: Path, target: Format, written: Written, sides: Numbers, order: Iterable[int]
) -> tuple[Json, Licences]:
    """Write rows, their provenance, and what the target wants beside them.

    Args:
        spool: The rows.
        work: Directory of the dataset.
        target: Format of the rows.
        written: What is going to be written.
        sides: (n,) number of each row's side.
        order: Rows in the order in which they are written.

    Returns:
        What was counted of them, and their licences.

    Raises:
        OutputError: The disk does not take them.
    """
    names, sources = list(written.rows), list(spool.sources)
    lines = dict.fromkeys(names, 0)
    tally, licences = Tally(), Licences()
    with ExitStack() as stack:
        files = [stack.enter_context(_open(work / path, target, written)) for path in written.paths.values()]
        origins = stack.enter_context(LineFile(work / PROVENANCE))
        for index in order:
            row, origin = spool.read(index)
            name = names[sides[index]]
            lines[name] += 1
            files[sides[index]].write(row)
            origins.write(placed(origin, name, lines[name], row))
            spool.ledger.emitted()
            tally.add(origin)
            meta = orjson.loads(origin)["meta"] if b'"licen' in origin else {}
            licences.count(sources[spool.columns.source[index]], meta)
    for name, content in target.beside(written).items():
        with writing(work / name):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(content)
    return {**tally.as_json(), **tally_columns(spool, names, sides)}, licences
