"""limbeck: a compiler for prompt programs on top of DSPy.

Everything that the command line does is a function here, sync and async::

    import limbeck

    result = limbeck.compile("router.py:task", out="compiled", lm="openai/gpt-4.1-mini")
    result = await limbeck.acompile(...)

Names are loaded when they are first used, so that ``import limbeck`` itself is quick and imports no DSPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import (
    BudgetReached,
    DataError,
    LimbeckError,
    LMSetupError,
    LMUnavailable,
    MetricError,
    MissingExtra,
    OutputError,
    StoreError,
    TargetError,
    UsageError,
)

if TYPE_CHECKING:
    from .api import (
        acalibrate,
        acheck,
        acompile,
        aevaluate,
        aexport,
        aingest,
        arun,
        asynthesize,
        avalue,
        averify,
        awhy,
        calibrate,
        check,
        compile,  # noqa: A004  # the word of the design; shadows the builtin only where imported by name
        evaluate,
        export,
        ingest,
        load,
        open_store,
        run,
        synthesize,
        value,
        verify,
        why,
    )
    from .signatures import InputField, OutputField, Signature, Task

    __version__: str

_SIGNATURES = ("InputField", "OutputField", "Signature", "Task")
_API = (
    "acalibrate",
    "acheck",
    "acompile",
    "aevaluate",
    "aexport",
    "aingest",
    "arun",
    "asynthesize",
    "avalue",
    "averify",
    "awhy",
    "calibrate",
    "check",
    "compile",
    "evaluate",
    "export",
    "ingest",
    "load",
    "open_store",
    "run",
    "synthesize",
    "value",
    "verify",
    "why",
)
_MODULES = ("generators", "metrics", "training", "verifiers")
_LAZY = dict.fromkeys(_API, ".api") | dict.fromkeys(_SIGNATURES, ".signatures")

__all__ = [
    "BudgetReached",
    "DataError",
    "InputField",
    "LMSetupError",
    "LMUnavailable",
    "LimbeckError",
    "MetricError",
    "MissingExtra",
    "OutputError",
    "OutputField",
    "Signature",
    "StoreError",
    "TargetError",
    "Task",
    "UsageError",
    "__version__",
    "acalibrate",
    "acheck",
    "acompile",
    "aevaluate",
    "aexport",
    "aingest",
    "arun",
    "asynthesize",
    "avalue",
    "averify",
    "awhy",
    "calibrate",
    "check",
    "compile",
    "evaluate",
    "export",
    "ingest",
    "load",
    "open_store",
    "run",
    "synthesize",
    "value",
    "verify",
    "why",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name == "__version__":
        value: object = _version()
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    elif name in _LAZY:
        value = getattr(import_module(_LAZY[name], __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("limbeck")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+unknown"
