"""Training by a command of the user's: what was kept goes out as a dataset, and the name of an LM comes back."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from ....errors import LimbeckError, OutputError, UsageError
from ....records import Candidate, Json, Trace, fingerprint
from ....signatures.values import clip
from ...emit.choices import Choices
from ...emit.dataset import Source, export
from ...keep.jsontext import dumps, loads
from ...keep.rows import read_trace, trace_row

if TYPE_CHECKING:
    from ....signatures.task import Task
    from ...emit.result import DatasetResult

_SAID = 2_000  # bytes at the end of a command's output that are read
_PLACES = ("dataset", "out", "round")


@dataclass(frozen=True)
class Trainer:
    """How to train.

    Attributes:
        command: The command line, with ``{dataset}`` (a file), ``{round}``, and ``{out}``: a folder that is not there
            yet, or holds what an interrupted training left.
        lm_after: Name of the trained LM, with the same places; None where the last line that the command prints is it.
        models: Folder in which each ``{out}`` is. What was trained there once is not trained again.
        format: Format of the dataset.
        seconds: Time for one training.
    """

    command: str
    lm_after: str | None
    models: Path
    format: str
    seconds: float

    def check(self) -> None:
        """See that it can be run.

        Raises:
            UsageError: It cannot.
        """
        if "{dataset}" not in self.command:
            hint = 'Write for example trainer="python train.py {dataset} {out}".'
            raise UsageError(f"trainer={self.command!r} is not given the {{dataset}}", hint=hint)
        words = self._words({})
        if not words:
            raise UsageError("the trainer is an empty command", hint="Leave it out, or name a program.")
        Choices(format=self.format, kind="sft").check()
        if "{" not in words[0] and shutil.which(words[0]) is None:
            raise _missing(words[0], "there is no such program")

    async def __call__(self, task: Task, candidate: Candidate, spool: Spool, round_number: int) -> str | None:
        """Train on the spooled traces; answers the LM's name, or None where there is no row to train on.

        Raises:
            LimbeckError: The command fails, or says no name.
        """
        data = spool.folder / f"round-{round_number}"
        result = await asyncio.to_thread(self._export, task, candidate, spool, data)
        if not sum(result.rows.values()):
            return None
        file = data / Choices(format=self.format).target().path("train")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        name = fingerprint("trained", self.command, self.lm_after, self.format, digest)
        done, out = self.models / f"{name}.json", self.models / name
        known = _read(done)
        if known is None:
            known = {"lm": await self._run({"dataset": str(file), "out": str(out), "round": str(round_number)})}
            _write(done, {**known, "command": self.command, "round": round_number, "rows": sum(result.rows.values())})
        return str(known["lm"])

    def _export(self, task: Task, candidate: Candidate, spool: Spool, data: Path) -> DatasetResult:
        source = Source(program=task.program, candidate=candidate, task=task.name or "")
        choices = Choices(format=self.format, kind="sft", prompt="compiled", adapter=spool.adapter)
        return export(spool.traces(), source, choices, out=data)

    def _words(self, places: dict[str, str]) -> list[str]:
        """The command's words. Places are filled in after it is split, so no path is taken apart."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise UsageError(
                f"trainer={self.command!r} is no command line: {error}", hint="Check its quotes."
            ) from error
        return [_filled(word, places) for word in words]

    async def _run(self, places: dict[str, str]) -> str:
        """Run the command. What it prints goes to files beside ``{out}``, to be looked at while it runs."""
        words, out = self._words(places), Path(places["out"])
        printed, errors = out.with_suffix(".stdout"), out.with_suffix(".stderr")
        process = await self._started(words, printed, errors)
        try:
            async with asyncio.timeout(self.seconds):
                await process.wait()
        except TimeoutError:
            message = f"the trainer did not end within {self.seconds:g} s: {shlex.join(words)}\n{_end(errors)}"
            raise LimbeckError(message, hint="Give it more: --set trainer_seconds=172800.") from None
        finally:
            _kill(process)
        if process.returncode:
            said = "\n".join(filter(None, (_end(printed), _end(errors))))
            raise LimbeckError(f"the trainer ended with {process.returncode}: {shlex.join(words)}\n{said}")
        return self._lm(_end(printed), places)

    async def _started(self, words: Sequence[str], printed: Path, errors: Path) -> asyncio.subprocess.Process:
        try:
            self.models.mkdir(parents=True, exist_ok=True)
            with printed.open("wb") as stdout, errors.open("wb") as stderr:
                return await asyncio.create_subprocess_exec(
                    *words, stdin=asyncio.subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
                )
        except OSError as error:
            raise _missing(words[0], error.strerror) from error

    def _lm(self, printed: str, places: dict[str, str]) -> str:
        if self.lm_after is not None:
            return _filled(self.lm_after, places)
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        if not lines or "/" not in lines[-1] or " " in lines[-1]:
            said = clip(lines[-1], 80) if lines else "nothing"
            hint = "Let it print PROVIDER/MODEL last, or say --set lm_after=hosted_vllm/{out}."
            raise LimbeckError(f"the trainer names no LM: it printed {said!r} last", hint=hint)
        return lines[-1]


class Spool:
    """Kept traces on disk, to be exported together.

    Attributes:
        folder: A folder that goes when the run ends.
        adapter: Adapter of the traces.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.adapter = folder, "chat"
        self._file = folder / "kept.jsonl"
        self._file.touch()

    def add(self, traces: Sequence[Trace]) -> None:
        """Write down traces that were kept, of one input."""
        with self._file.open("a", encoding="utf-8") as file:
            for trace in traces:
                self.adapter = trace.adapter
                row = trace_row(trace, "", datetime.min.replace(tzinfo=UTC))
                del row["created"]
                file.write(f"{dumps(row)}\n")

    def traces(self) -> Iterator[Trace]:
        """All of them, in the order in which they were added."""
        with self._file.open(encoding="utf-8") as file:
            for line in file:
                yield read_trace(loads(line))


def _filled(text: str, places: dict[str, str]) -> str:
    for name in _PLACES:
        text = text.replace(f"{{{name}}}", places.get(name, f"{{{name}}}"))
    return text


def _read(path: Path) -> Json | None:
    """What was written down of a training that came to its end."""
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("lm"), str) else None


def _write(path: Path, facts: Json) -> None:
    """There whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror}", hint="Give --set models= another folder."
        ) from error


def _missing(program: str, why: str | None) -> UsageError:
    hint = "Name a program that is there, by its path if need be."
    return UsageError(f"the trainer {program!r} cannot be started: {why}", hint=hint)


def _end(path: Path) -> str:
    """The end of what was printed."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _SAID))
        return file.read().decode(errors="replace").strip()


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a command, where it runs still, and all that it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
