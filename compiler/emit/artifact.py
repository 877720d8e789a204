"""An artifact directory: written whole or not at all, read back with suspicion.

``program.json`` is plain DSPy state, so that DSPy loads it without limbeck. Limbeck itself does not load it
through DSPy: it takes instructions and demos out of it and nothing else, so that nothing in the file is
imported, called or connected to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ...errors import DataError, OutputError, TargetError
from ...records import Candidate, Json
from ...signatures.fields import annotation, predictors
from ...signatures.program import apply
from ...signatures.values import clip, type_name
from .names import MANIFEST
from .outdir import new_directory, writing
from .prompt_page import prompt_page
from .report import Report, render_report

if TYPE_CHECKING:
    import dspy

STATE = "program.json"
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of the largest file that is read; prompts are far smaller."""

_PICKLES = (".pkl", ".pickle")
_AGAIN = "Compile the program again."


@dataclass(frozen=True)
class Artifact:
    """An artifact that was read and found sound.

    Attributes:
        path: The directory.
        manifest: What the compiler wrote of the run.
        candidate: Instructions and demos by predictor.
        warnings: What the directory holds and limbeck does not use.
    """

    path: Path
    manifest: Json
    candidate: Candidate
    warnings: tuple[str, ...] = ()


def write_artifact(
    out: Path,
    *,
    program: dspy.Module,
    candidate: Candidate,
    manifest: Json,
    adapter: str = "chat",
    report: Report | None = None,
) -> Path:
    """Write the artifact of a compile.

    Args:
        out: Directory to make; its parents are made too.
        program: The program as declared; it is not changed.
        candidate: What was compiled.
        manifest: Facts about the run, without times, so that the same run gives the same bytes. The
            adapter and the fields of each predictor are added.
        adapter: Adapter that the prompts are shown with.
        report: What the report says; without it, it shows the prompts.

    Raises:
        OutputError: The directory is not empty or cannot be written.
        TargetError: The program has no predictor.
    """
    compiled = apply(program, candidate)
    found = predictors(compiled)
    facts = {**manifest, "adapter": adapter, "predictors": _fields(compiled)}
    shown = report or Report(task=str(manifest.get("task") or ""))
    with new_directory(out) as work, writing(out):
        save_state(compiled, work / STATE)
        (work / MANIFEST).write_bytes(
            orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
        )
        (work / "prompt.md").write_text(prompt_page(found, adapter), encoding="utf-8")
        (work / "report.html").write_text(render_report(shown, found, adapter), encoding="utf-8")
    return out


def save_state(compiled: dspy.Module, path: Path) -> None:
    """Save a program that ``apply`` made, without LMs: they carry endpoints and keys, and are chosen at every run.

    Raises:
        OutputError: It cannot be written.
    """
    for _, predictor in compiled.named_predictors():
        predictor.lm = None
        predictor.traces, predictor.train = [], []
    try:
        compiled.save(path)
    except RuntimeError as error:  # how DSPy wraps what the disk or JSON refuses
        raise OutputError(f"Cannot write {path.name}: {clip(str(error), 200)}") from error


def _fields(program: dspy.Module) -> Json:
    """Names and types of each predictor's fields; DSPy's own state has neither."""
    return {
        name: {
            "inputs": _types(predictor.signature.input_fields),
            "outputs": _types(predictor.signature.output_fields),
        }
        for name, predictor in predictors(program).items()
    }


def _types(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: type_name(annotation(field)) for name, field in fields.items()}


def load_artifact(path: Path) -> Artifact:
    """Read an artifact directory. Nothing in it is run.

    Raises:
        DataError: It is no artifact; a file is missing, too large, a pickle or no JSON; or it holds something
            else than it should.
    """
    _refuse_pickles(path)
    manifest = _read_object(path / MANIFEST)
    state = _read_object(path / STATE)
    names = manifest.get("predictors")
    if not isinstance(names, dict) or not names:
        raise DataError(f"{path / MANIFEST} names no predictors.", hint=_AGAIN)
    states = {name: _predictor_state(state, name, path / STATE) for name in names}
    return Artifact(
        path=path,
        manifest=manifest,
        candidate=Candidate(
            instructions={name: own["signature"]["instructions"] for name, own in states.items()},
            demos={name: tuple(own["demos"]) for name, own in states.items()},
        ),
        warnings=tuple(_lm_warnings(states, path / STATE)),
    )


def apply_artifact(program: dspy.Module, artifact: Artifact | Path) -> dspy.Module:
    """Give a copy of the program with the artifact's instructions and demos.

    Raises:
        DataError: The artifact cannot be read.
        TargetError: It was compiled from a program with other predictors or fields.
    """
    if isinstance(artifact, Path):
        artifact = load_artifact(artifact)
    check_fit(program, artifact)
    return apply(program, artifact.candidate)


def check_fit(program: dspy.Module, artifact: Artifact) -> list[str]:
    """Compare the program's predictors and fields with those that were compiled; return warnings.

    DSPy's own loading notices a missing predictor only, and puts the wrong texts to fields that moved.

    Raises:
        TargetError: The artifact was compiled from a program with other predictors or fields.
    """
    now = _fields(program)
    then = artifact.manifest["predictors"]
    if set(now) != set(then):
        raise _drift(artifact, f"predictors {_names(then)}", _names(now))
    return [text for name in now for text in _field_drift(artifact, name, then[name], now[name])]


def _field_drift(artifact: Artifact, name: str, then: Any, now: Json) -> list[str]:
    warnings = []
    for side in ("inputs", "outputs"):
        before = then.get(side) if isinstance(then, dict) else None
        if not isinstance(before, dict) or set(before) != set(now[side]):
            raise _drift(artifact, f"{side} {_names(before or ())} of predictor {name!r}", _names(now[side]))
        warnings += [
            f"{side[:-1]} {field!r} of predictor {name!r} was {before[field]} when compiled and is {kind} now"
            for field, kind in now[side].items()
            if before[field] != kind
        ]
    return warnings


def _drift(artifact: Artifact, then: str, now: str) -> TargetError:
    return TargetError(f"{artifact.path} was compiled with {then}; the program now has {now}.", hint=_AGAIN)


def _names(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"


def _refuse_pickles(path: Path) -> None:
    if not path.is_dir():
        raise DataError(f"{path} is no artifact directory.", hint="Name a directory that `limbeck compile` wrote.")
    try:
        planted = sorted(file.name for file in path.iterdir() if file.suffix.lower() in _PICKLES)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if planted:
        raise DataError(
            f"{path / planted[0]} is a pickle, which can run code when it is read.",
            hint="Limbeck writes none. Find out who put it there, and remove it.",
        )


def _read_object(path: Path) -> Json:
    """Read a JSON object from a regular file of bearable size."""
    try:
        if not path.is_file():
            raise DataError(f"{path} is missing.", hint="Name a directory that `limbeck compile` wrote.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} is larger than {MAX_BYTES // 2**20} MiB.", hint=_AGAIN)
    if data[:1] == b"\x80":  # the first byte of every pickle since protocol 2
        raise DataError(f"{path} is a pickle, not JSON; it was not read.", hint=_AGAIN)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: no JSON: {error.msg}.", hint=_AGAIN) from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object.", hint=_AGAIN)
    return value


def _predictor_state(state: Json, name: str, path: Path) -> Json:
    """The state of one predictor, if it is what it should be."""
    flat = name == "self" and "signature" in state  # the program is itself a Predict
    own = state if flat else state.get(name)
    if own is None:
        raise DataError(f"{path} has no state of predictor {name!r}.", hint=_AGAIN)
    signature = own.get("signature") if isinstance(own, dict) else None
    if not isinstance(signature, dict) or not isinstance(signature.get("instructions"), str):
        raise DataError(f"{path}: predictor {name!r} has no instructions that are text.", hint=_AGAIN)
    demos = own.get("demos")
    if not isinstance(demos, list) or not all(isinstance(demo, dict) for demo in demos):
        raise DataError(f"{path}: the demos of predictor {name!r} are no list of objects.", hint=_AGAIN)
    return dict(own)


def _lm_warnings(states: Mapping[str, Json], path: Path) -> Sequence[str]:
    return [
        f"{path} names an LM for predictor {name!r}; it is ignored: limbeck takes the LM from --lm"
        for name, own in states.items()
        if own.get("lm")
    ]
