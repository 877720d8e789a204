"""Optimizers by name: ``search``, a chain such as ``bootstrap,search``, or ``dspy:MIPROv2``."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..errors import UsageError
from .auto import AUTO
from .base import Optimizer
from .chain import Chain

_SECTION = re.compile(r"^(?:Attributes|Args):\n((?:(?: .*)?(?:\n|\Z))+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Factory:
    """Makes optimizers, or what else is had by name, of one kind.

    Attributes:
        make: Takes options by name.
        options: Their names, each with its default in words.
        texts: What they are for, of those of which something is said.
    """

    make: Callable[..., Any]
    options: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)

    def takes(self, name: str) -> str:
        """What the thing of this name can be given, as a hint."""
        shown = ", ".join(f"{option} ({words})" if words else option for option, words in self.options.items())
        return f"{name} takes {shown or 'no options'}."

    def explains(self, option: str) -> str:
        """What one is for, with its default; empty where nothing is said of it."""
        text, words = self.texts.get(option, ""), self.options.get(option, "")
        return f"{text} ({words})" if text and words else text


def make_optimizer(name: str, options: Mapping[str, Any]) -> Optimizer:
    """Make an optimizer, or a chain of them, with what the user gave with ``--set``.

    In a chain each option goes to every stage that has it; ``STAGE.OPTION`` means one stage, and counts more.

    Raises:
        UsageError: There is none of this name, or an option is unknown or out of range.
    """
    names = [part.strip() for part in name.split(",")]
    if not all(names):
        hint = "Name one optimizer, or several with one comma between two: bootstrap,search."
        raise UsageError(f"the optimizer {name!r} has an empty name in it", hint=hint)
    if AUTO in names:
        raise UsageError(f"{AUTO} cannot be a part of the chain {name!r}", hint="It picks the whole: leave it alone.")
    options = dict(sorted(options.items(), key=lambda item: "." in item[0]))
    factories = [_factory(part) for part in names]
    used: set[str] = set()
    stages = []
    for part, factory in zip(names, factories, strict=True):
        own = {given: given.removeprefix(f"{part}.") for given in options}
        own = {given: option for given, option in own.items() if option in factory.options}
        used.update(own)
        stages.append((part, make(part, factory, {option: options[given] for given, option in own.items()})))
    for unknown in options.keys() - used:
        takes = "; ".join(f.takes(part).removesuffix(".") for part, f in zip(names, factories, strict=True))
        raise UsageError(f"--set {unknown}={options[unknown]}: there is no such option", hint=f"{takes}.")
    return stages[0][1] if len(stages) == 1 else Chain(stages)


def _factory(name: str) -> Factory:
    """How to make the optimizer of a name; ``PREFIX:REST`` is left to what is registered as PREFIX."""
    known = {entry.name: entry for entry in entry_points(group="limbeck.optimizers")}
    prefix, colon, rest = name.partition(":")
    if prefix not in known or (colon and not hasattr(known[prefix].load(), "factory")):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted([AUTO, *known]))}."
        raise UsageError(f"there is no optimizer {name!r}", hint=hint)
    kind = known[prefix].load()
    return kind.factory(rest) if hasattr(kind, "factory") else Factory(kind, options_of(kind))


def make(name: str, factory: Factory, options: Mapping[str, Any]) -> Any:
    """Make one with options.

    Raises:
        UsageError: One is out of range.
    """
    try:
        return factory.make(**options)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        option = str(problem["loc"][0])  # what follows is the place in a list, or a type that was tried
        said = problem["msg"].removeprefix("Value error, ")
        text = factory.explains(option)
        hint = f"{option}: {text}" if text else factory.takes(name)
        raise UsageError(f"--set {option}={options.get(option)}: {said[0].lower()}{said[1:]}", hint=hint) from error


def options_of(kind: Any) -> dict[str, str]:
    """Names of what a dataclass takes, each with its default in words; nothing for those that are not set."""
    return {f.name: _in_words(f.default) for f in fields(kind) if f.init} if is_dataclass(kind) else {}


def texts_of(kind: type) -> dict[str, str]:
    """What the options of a class are for, as its docstring and those of its bases say it, as plain text."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        for section in _SECTION.findall(inspect.cleandoc(base.__doc__ or "")):
            found |= {name: " ".join(text.replace("``", "").split()) for name, text in _ENTRY.findall(section)}
    return found


def _in_words(default: Any) -> str:
    value = default.default if isinstance(default, FieldInfo) else default
    if value is MISSING or value is PydanticUndefined or value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"default {str(value).lower()}"
    return f"default {','.join(map(str, value)) if isinstance(value, tuple) else value}"
