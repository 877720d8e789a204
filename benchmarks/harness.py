"""How a benchmark is declared and judged.

    @bench("import of 100,000 rows", rows_per_s=">= 5000", peak_mib="< 500")
    def import_rows(quick: bool) -> Values:
        return {"rows_per_s": ..., "peak_mib": ...}

A value without a bar is printed and recorded only. A row passes where every bar holds.
"""

from __future__ import annotations

import operator
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Values = Mapping[str, float | int | str | bool]

_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}


@dataclass(frozen=True)
class Bench:
    name: str
    run: Callable[[bool], Values]
    bars: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One benchmark measured: values, bars, and the bars that do not hold."""

    name: str
    values: Values
    bars: Mapping[str, str]
    missed: list[str] = field(default_factory=list)
    error: str | None = None

    @property
    def result(self) -> str:
        if self.error is not None:
            return "error"
        return "FAIL" if self.missed else "pass" if self.bars else "-"

    def json(self) -> dict[str, Any]:
        return {**asdict(self), "result": self.result}


BENCHES: dict[str, Bench] = {}


def bench(name: str, **bars: str) -> Callable[[Callable[[bool], Values]], Callable[[bool], Values]]:
    """Register a benchmark with its bars, such as ``ratio="<= 1.15"``, by the names of its values."""
    for bar in bars.values():
        _parse(bar)

    def register(run: Callable[[bool], Values]) -> Callable[[bool], Values]:
        BENCHES[name] = Bench(name, run, bars)
        return run

    return register


def measure(one: Bench, *, quick: bool) -> Row:
    values = one.run(quick)
    return Row(one.name, values, one.bars, [key for key, bar in one.bars.items() if not holds(values.get(key), bar)])


def holds(value: object, bar: str) -> bool:
    """Whether a value stands a bar; a missing value does not."""
    compare, limit = _parse(bar)
    return isinstance(value, float | int) and bool(compare(value, limit))


def _parse(bar: str) -> tuple[Callable[[float, float], bool], float]:
    sign, _, limit = bar.partition(" ")
    if sign not in _COMPARE:
        raise ValueError(f"bar {bar!r} is not of the form '<= 1.15'")
    return _COMPARE[sign], float(limit)


def show(row: Row) -> str:
    """One line of the table."""
    parts = [f"{key} {_number(value)}{_bar(row, key)}" for key, value in row.values.items()]
    return f"| {row.name} | {row.error or '; '.join(parts)} | {row.result} |"


def _bar(row: Row, key: str) -> str:
    return f" (bar {row.bars[key]})" if key in row.bars else ""


def _number(value: object) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and abs(value) < 1e4
        else f"{value:,.0f}"
        if _real(value)
        else str(value)
    )


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def machine() -> dict[str, str | int]:
    """What the numbers were measured on."""
    packages = ("limbeck", "dspy", "litellm", "diskcache", "sqlalchemy")
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "cpu": _cpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
