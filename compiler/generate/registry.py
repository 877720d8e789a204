"""Generators by name through the entry points ``limbeck.generators``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...optimizers.registry import Factory, make, options_of, texts_of
from ...signatures.loading import load_module, load_object, split_target
from .base import Generator

GROUP = "limbeck.generators"
"""Entry point group in which other packages offer generators."""

BUILTINS: Mapping[str, str] = {
    "backtranslate": "limbeck.compiler.generate.backtranslate:Backtranslate",
    "clean": "limbeck.compiler.generate.clean:Clean",
    "evolve": "limbeck.compiler.generate.evolve:Evolve",
    "improve": "limbeck.compiler.generate.improve:Improve",
    "invert": "limbeck.compiler.generate.invert:Invert",
    "revise": "limbeck.compiler.generate.revise:Revise",
    "steps": "limbeck.compiler.generate.steps:Stepwise",
    "tests": "limbeck.compiler.generate.unittests:UnitTests",
    "weak": "limbeck.compiler.generate.weak:Weak",
}
"""Generators that are there even where the package runs from a checkout that was never installed."""


_CLASS = "Name a class with a method generate(bench); see docs/synthesis.md."


def make_generator(name: str, options: Mapping[str, Any]) -> Generator:
    """Make a generator by its name, or of a class that is loaded: ``module.py:Name``.

    Files that it names are looked for in the current directory.

    Raises:
        TargetError: It cannot be loaded.
        UsageError: There is none of this name, or an option is unknown or out of range.
    """
    factory = factory_of(name)
    if unknown := next((option for option in options if option not in factory.options), None):
        near = difflib.get_close_matches(unknown, factory.options, n=1)
        listed = f"{name} takes {', '.join(factory.options)}; --set help says what each is for."
        hint = f"Did you mean {near[0]}? --set help lists all." if near else listed
        hint = hint if factory.options else f"{name} takes no options."
        raise UsageError(f"--set {unknown}={options[unknown]}: {name} has no such option", hint=hint)
    made: Generator = make(name, factory, options)
    if not isinstance(getattr(made, "name", None), str) or not isinstance(getattr(made, "judges", None), bool):
        raise UsageError(f"{name} has no name, or does not say judges = True or False", hint=_CLASS)
    at = getattr(made, "at", None)
    return made if at is None else at(Path.cwd())


def factory_of(name: str) -> Factory:
    """How to make a generator of a name, and what its options are for.

    Raises:
        TargetError: It cannot be loaded.
        UsageError: There is none of this name.
    """
    kind = _kind(name)
    return Factory(kind, options_of(kind), texts_of(kind))


def names() -> list[str]:
    """All that there are."""
    return sorted(_known())


def _kind(name: str) -> Any:
    if ":" in name:
        where, attribute = split_target(name)
        kind = load_object(load_module(where), attribute, where)
        if not isinstance(kind, type) or not hasattr(kind, "generate"):
            raise UsageError(f"{name} is no generator", hint=_CLASS)
        return kind
    known = _known()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."
        raise UsageError(f"there is no method {name!r}", hint=hint)
    return known[name].load()


def _known() -> dict[str, EntryPoint]:
    found = {point.name: point for point in entry_points(group=GROUP)}
    return found | {name: EntryPoint(name, value, GROUP) for name, value in BUILTINS.items()}
