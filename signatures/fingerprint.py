"""Identity of user code: it changes when what the code does may change, and only then.

A function counts with its source (without comments), its defaults, its closure and, transitively, everything
of the user's own that it reads from its module: functions, classes, constants, modules. The standard library
and installed packages do not count, except DSPy with its version; their objects do where they are made of plain
data, such as namespaces, patterns and dates. No path, no id and no hash order goes into it, so it is the same in
every process and on every machine.

What it cannot see: files and environment variables that are read, code made at run time, ``getattr`` and
``globals()`` by a computed name, and the state of iterators, random generators, locks, files, clients and other
library objects that are more than plain data.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..records import fingerprint
from .walker import Walker, dspy_version

if TYPE_CHECKING:
    import dspy


def code_fingerprint(obj: Any) -> str:
    """Identity of a function, class or callable object and of all user code that it reaches."""
    walker = Walker(_top(obj))
    return fingerprint("code", walker.ref(obj), walker.entries)


def program_fingerprint(program: dspy.Module) -> str:
    """Identity of a program: the code of its modules and tools, its predictors' fields, its settings.

    Instructions and demos of the predictors do not count, since a candidate sets them; but those of
    predictors in frozen (compiled) sub-modules do, since nothing can set these.
    """
    walker = Walker(_top(program))
    walker.settable = {id(predictor) for _, predictor in program.named_predictors()}
    names = [[name, walker.ref(predictor)] for name, predictor in program.named_predictors()]
    return fingerprint("program", dspy_version(), walker.ref(program), names, walker.entries)


def describe_type(annotation: Any) -> str:
    """Identity of a type: its name, or what its own classes say where the user wrote them."""
    walker = Walker("")
    return fingerprint(walker.type(annotation), walker.entries)


def _top(obj: Any) -> str:
    """Top-level package of the object, whose code is the user's even where it is installed."""
    owner = obj if isinstance(obj, type | FunctionType) else type(obj)
    return str(owner.__module__).partition(".")[0]
