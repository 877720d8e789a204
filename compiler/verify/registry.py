"""Verifiers by name through the entry points ``limbeck.verifiers``, and all that judge a task."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ...errors import UsageError
from ...signatures.loading import load_module, load_object, split_target
from ...signatures.values import short
from .base import Declared, Place, Verifier
from .metric import CheckVerifier, MetricVerifier

if TYPE_CHECKING:
    from ...signatures.task import Task

GROUP = "limbeck.verifiers"
"""Entry point group in which other packages offer verifiers."""

BUILTINS = {
    "agree": "limbeck.compiler.verify.agree:Agree",
    "environment": "limbeck.compiler.verify.environment:Environment",
    "execute": "limbeck.compiler.verify.execute:Execute",
    "judge": "limbeck.compiler.verify.judge:LMJudge",
    "people": "limbeck.compiler.verify.people:People",
    "rules": "limbeck.compiler.verify.rules:Rules",
    "steps": "limbeck.compiler.verify.steps:Steps",
}
"""Verifiers that are there even where the package runs from a checkout that was never installed."""


def verifiers_of(task: Task, *, need: bool = True) -> list[Declared | Verifier]:
    """Everything that judges a task's traces, cheap ones first: its checks, its metric, its verifiers.

    Args:
        task: The task.
        need: Whether one that has neither metric nor verifiers is an error.

    Raises:
        UsageError: What the task lists is no verifier.
        MetricError: The metric cannot be used.
    """
    checks = CheckVerifier(task)
    own: list[Declared | Verifier] = [checks] if checks.fingerprints else []
    if task.metric is not None or (need and not task.verifiers):
        own.append(MetricVerifier(task))
    listed = [_declared(given, task.base_dir) for given in task.verifiers]
    return sorted([*own, *listed], key=lambda verifier: verifier.tier)


def bound(verifiers: Sequence[Declared | Verifier], place: Place) -> list[Verifier]:
    """The verifiers at work in a place."""
    return [verifier.bind(place) if isinstance(verifier, Declared) else verifier for verifier in verifiers]


def asked(task: Task, rollout: float) -> float:
    """LM calls that verifiers take at most to judge one trace, whose rollout took so many."""
    return sum(verifier.calls(rollout) for verifier in verifiers_of(task) if isinstance(verifier, Declared))


def make_verifier(name: str, options: Mapping[str, Any]) -> Declared | Verifier:
    """Make a verifier by its name, or load one: ``module.py:name``.

    Raises:
        TargetError: It cannot be loaded.
        UsageError: There is none of this name, or an option is unknown or out of range.
    """
    if ":" in name:
        where, attribute = split_target(name)
        module = load_module(where)
        folder = Path(module.__file__).parent if module.__file__ else None
        return _declared(load_object(module, attribute, where), folder)
    known = {point.name: point for point in entry_points(group=GROUP)}
    known |= {builtin: EntryPoint(builtin, value, GROUP) for builtin, value in BUILTINS.items()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."
        raise UsageError(f"there is no verifier {name!r}", hint=hint)
    try:
        made: Declared | Verifier = known[name].load()(**options)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        option = ".".join(str(part) for part in problem["loc"])
        given = f"={short(options[option])}" if option in options else ""
        message = problem["msg"].removeprefix("Value error, ")
        said = f"{message[0].lower()}{message[1:]}"
        raise UsageError(f"verifier {name}, option {option}{given}: {said}", hint="See docs/verifiers.md.") from error
    located: Declared | Verifier = _found(made, None)
    return located


def _found(verifier: Any, folder: Path | None) -> Any:
    """The same with the files that it names looked for in a folder, by default the current one.

    Raises:
        DataError: There is no such file, or it cannot be read.
    """
    at = getattr(verifier, "at", None)
    return verifier if at is None else at(folder or Path.cwd())


def _declared(given: Any, folder: Path | None) -> Declared | Verifier:
    if isinstance(given, str):
        return make_verifier(given, {})
    given = _found(given, folder)
    if not all(hasattr(given, name) for name in ("name", "tier", "grouped", "fingerprints")):
        hint = "Give one of limbeck.verifiers, such as verifiers.Execute(tests='tests'), or its name."
        raise UsageError(f"{short(given)} is no verifier", hint=hint)
    made: Declared | Verifier = given
    return made
