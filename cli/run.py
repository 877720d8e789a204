"""``limbeck run``: predict."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ..errors import LimbeckError, UsageError
from . import options
from .shell import Shell, define
from .words import plural

if TYPE_CHECKING:
    from ..records import Json, Trace


@define(
    "run",
    options.target,
    click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input; once for each."),
    click.option("--data", metavar="FILE", help="Inputs, one a row; other columns are ignored."),
    click.option("--out", metavar="FILE", help="Write to this JSONL file instead of stdout."),
    *options.lm,
    options.own_adapter,
    *options.calls,
    options.seed,
    options.store,
)
def command(
    shell: Shell, target: str, inputs: options.Pairs, data: str | None, out: str | None, **given: Any
) -> int | None:
    """Predict, for one --input each or for the rows of --data.

    Gives a JSON object a line.
    """
    from .. import api

    row = _row(inputs)
    if bool(row) == bool(data):
        hint = "Give --input NAME=VALUE for each input, or --data FILE."
        raise UsageError("there is no input" if not row else "both --input and --data are given", hint=hint)
    made = options.settings(given)
    if data is None or (out is None and not shell.as_json and shell.out.isatty()):
        shell.be_silent()  # one prediction is quick, and many are themselves what is seen to go on
    work = _Work(shell, single=data is None)
    traces = api.arun_traces(target, data or [row], text=data is None, progress=shell.progress, **made)
    with ExitStack() as stack:
        if out:
            from ..compiler.emit.outdir import new_file

            work.file = stack.enter_context(new_file(Path(out)))
        shell.finish(work.write(traces))
    return work.end(out)


def _row(inputs: options.Pairs) -> dict[str, str]:
    row: dict[str, str] = {}
    for text in inputs:
        name, value = options.pair(text, "--input", 'question="Who?"')
        if name in row:
            raise UsageError(f"--input gives {name} twice", hint="Give each input once.")
        row[name] = value
    return row


class _Work:
    """Predictions on their way to where they are wanted: a file, stdout, or one object at the end."""

    def __init__(self, shell: Shell, *, single: bool) -> None:
        self.file: IO[bytes] | None = None
        self._shell = shell
        self._single = single
        self._rows: list[Json] = []
        self._outcomes: Counter[str] = Counter()

    async def write(self, traces: Any) -> None:
        """Take them one by one."""
        async with aclosing(traces):
            async for trace in traces:
                self._take(trace)

    def _take(self, trace: Trace) -> None:
        import orjson

        self._outcomes["failed" if trace.failure else "predicted"] += 1
        if self._single and trace.failure:
            raise LimbeckError(f"no prediction: {trace.failure.message}")
        row = (trace.prediction or {}) if self._single else _prediction(trace)
        line = orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
        if self.file:
            self.file.write(line)
        elif self._shell.as_json:
            self._rows.append(row)
        else:
            self._shell.write(line.decode())

    def end(self, out: str | None) -> int | None:
        """Say how many there are; returns the exit code."""
        rows, failed = self._outcomes.total(), self._outcomes["failed"]
        if self._shell.as_json:
            value: Json = {"rows": rows, "failed": failed, "out": out}
            if out is None:
                value["predictions"] = self._rows
            self._shell.result(value, lambda _: None)
        elif out:
            self._shell.write(f"{rows:,} {plural(rows, 'prediction')} in {out}\n")
        if failed:
            self._shell.note(f"{failed:,} of {rows:,} {plural(rows, 'row')} failed; their lines say why")
        return 1 if rows and failed == rows else None


def _prediction(trace: Trace) -> Json:
    row: Json = {"inputs": trace.example.inputs, "prediction": trace.prediction}
    if trace.failure:
        row |= {"reason": trace.failure.reason, "message": trace.failure.message}
    return row
