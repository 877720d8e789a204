"""Optimizers by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ..errors import UsageError
from .base import Optimizer


def make_optimizer(name: str, options: Mapping[str, Any]) -> Optimizer:
    """Make an optimizer with what the user gave with ``--set``.

    Raises:
        UsageError: There is none of this name, or an option is unknown or out of range.
    """
    known = {entry.name: entry for entry in entry_points(group="limbeck.optimizers")}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."
        raise UsageError(f"there is no optimizer {name!r}", hint=hint)
    kind = known[name].load()
    try:
        return cast("Optimizer", kind(**options))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        option = ".".join(str(part) for part in problem["loc"])
        value = options.get(option)
        raise UsageError(
            f"--set {option}={value}: {problem['msg'][0].lower()}{problem['msg'][1:]}",
            hint=f"{name} takes {', '.join(_options(kind))}.",
        ) from error


def _options(kind: Any) -> list[str]:
    own = fields(kind) if is_dataclass(kind) else ()
    return [f"{f.name} (default {f.default.default})" if isinstance(f.default, FieldInfo) else f.name for f in own]
