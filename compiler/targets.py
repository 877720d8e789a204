"""What is worked on: ``path/to/module.py:name``, an artifact directory, a ``Task``, or a DSPy program."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import DataError, LMSetupError, UsageError
from ..records import Candidate, Json
from ..signatures.target import load_target
from ..signatures.task import Task
from .emit.artifact import check_fit, load_artifact
from .session import Options

if TYPE_CHECKING:
    import dspy

DEFAULT_LM = Options.lm

Target: TypeAlias = "str | Path | Task | dspy.Module"
"""See above."""


def load(
    target: Target, *, metric: Any = None, verifiers: Sequence[Any] = (), need_metric: bool = True
) -> tuple[Task, Candidate | None]:
    """Load what a target names: the task, and the compiled setting where it is an artifact.

    Args:
        target: What to load.
        metric: Metric of a bare program.
        verifiers: What else judges, beside what the task lists: names, or objects of ``limbeck.verifiers``.
        need_metric: Whether a task with nothing that judges is an error.

    Raises:
        TargetError: It cannot be loaded.
        DataError: The artifact cannot be read or does not fit its program.
    """
    need_metric = need_metric and not verifiers
    candidate = None
    if isinstance(target, Task):
        task = target
    elif not isinstance(target, (str, Path)):
        task = Task(program=target, metric=metric, name=type(target).__name__)
    elif Path(target).is_dir():
        task, candidate = _load_artifact(Path(target), metric, need_metric=need_metric)
    else:
        task = load_target(str(target), metric=metric, need_metric=need_metric)
    return (replace(task, verifiers=[*task.verifiers, *verifiers]) if verifiers else task), candidate


def adapter_of(target: Target) -> str:
    """The adapter that an artifact was compiled with; for anything else the default."""
    if isinstance(target, (str, Path)) and Path(target).is_dir():
        return str(load_artifact(Path(target)).manifest.get("adapter", "chat"))
    return "chat"


def as_compiled(target: Target, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the adapter that an artifact was compiled with.

    Its LMs are not taken over, for a directory that came from somewhere else must not decide where calls go.

    Raises:
        LMSetupError: It was compiled with other LMs than the default, and none is given in their place.
    """
    made = {"adapter": adapter_of(target), **settings}
    if "lm" in made or not isinstance(target, (str, Path)) or not Path(target).is_dir():
        return made
    manifest = load_artifact(Path(target)).manifest
    wanted = {"--lm ": manifest.get("lm", DEFAULT_LM)}
    if isinstance(manifest.get("lms"), dict) and not made.get("lms"):
        wanted |= {f"--lm-for {shlex.quote(name)}=": lm for name, lm in manifest["lms"].items()}
    wanted = {flag: str(lm) for flag, lm in wanted.items() if lm != DEFAULT_LM}
    if wanted:
        raise LMSetupError(
            f"{target} was compiled with {', '.join(dict.fromkeys(wanted.values()))}, "
            "and no LM is given to run it with",
            hint=f"Give that one or another: {' '.join(flag + lm for flag, lm in wanted.items())}, or lm= in Python.",
        )
    return made


def _load_artifact(path: Path, metric: Any, *, need_metric: bool) -> tuple[Task, Candidate]:
    artifact = load_artifact(path)
    target = _compiled_from(path, artifact.manifest)
    if target is None:
        raise DataError(
            f"{path} was compiled from a Python object, not from a file",
            hint="Load it in Python: program.load('program.json').",
        )
    task = load_target(target, metric=metric, need_metric=need_metric)
    check_fit(task.program, artifact)
    return task, artifact.candidate


def _compiled_from(path: Path, manifest: Json) -> str | None:
    """The target that an artifact was compiled from; None where it was a Python object."""
    target = manifest.get("target")
    if not isinstance(target, str):
        return None
    file, _, name = target.rpartition(":")
    return f"{(path / file).resolve() if file.endswith('.py') else file}:{name}"


def refuse_compiled(target: Target) -> None:
    """Refuse an artifact where its demos would be ignored.

    Raises:
        UsageError: It is one.
    """
    if not isinstance(target, (str, Path)) or not Path(target).is_dir():
        return
    source = _compiled_from(Path(target), load_artifact(Path(target)).manifest)
    here = "the program" if source is None else os.path.relpath(source) if Path(source).is_absolute() else source
    raise UsageError(
        f"{target} is compiled already, and a compile would start without its demos",
        hint=f"Give what it was compiled from: {here}. The compiled program is for limbeck eval and limbeck run.",
    )
