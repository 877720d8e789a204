"""The command that makes the same dataset again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ....records import Json
from ..choices import Choices

_REPEATED = ("against", "apart_from")


def command(target: str, choices: Choices, *, judging: Sequence[str] = ()) -> str:
    """Write the ``limbeck export`` that makes a dataset again, quoted for a POSIX shell.

    Every flag whose value is not the default is there. The directory is ``DIR``, and the store is not named: where
    they are changes nothing in the dataset.

    Args:
        target: As the user named it.
        choices: What was asked for.
        judging: Flags with the metric and the verifiers, where the target does not have them itself.
    """
    return shlex.join(["limbeck", "export", target, "--out", "DIR", *judging, *_flags(target, choices)])


def _flags(target: str, choices: Choices) -> Iterator[str]:
    default = Choices()
    for item in fields(Choices):
        name, value = item.name, getattr(choices, item.name)
        if name == "format":
            value = value if isinstance(value, str) else value.name
        elif name == "adapter" and ":" not in target and choices.prompt != "sent":
            yield from ("--adapter", value)  # an artifact has one of its own
            continue
        if value != getattr(default, name):
            yield from _flag(name, value)


def _flag(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if name == "split":
        return [flag, ",".join(f"{side}={share!r}" for side, share in value.items())]
    if name == "quotas":
        return [
            word
            for facet, most in value.items()
            for of, n in most.items()
            for word in ("--quota", f"{facet}:{of}={n}")
        ]  # fmt: skip
    if name == "stratify":
        return [flag, value or "none"]
    if name in _REPEATED:
        return [word for each in value for word in (flag, str(each))]
    return [flag, ",".join(value) if isinstance(value, tuple) else str(value)]


def call(choices: Json) -> str:
    """Write the call that makes a dataset again which was made of a Python object.

    Args:
        choices: As they stand in the manifest.
    """
    default = Choices().as_json()
    made = "".join(f", {name}={_plain(value)!r}" for name, value in choices.items() if _differs(name, value, default))
    return f'limbeck.export(task, "DIR"{made})'


def _differs(name: str, value: Any, default: Mapping[str, Any]) -> bool:
    return name not in default or _plain(value) != _plain(default[name])


def _plain(value: Any) -> Any:
    """Lists of JSON as the tuples that they were."""
    return tuple(value) if isinstance(value, list) else value
