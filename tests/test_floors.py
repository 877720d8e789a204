"""The floors of the design: a file imports only from its own folder or from floors below."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["setuptools"]["packages"]

# From the ground up. A unit of one floor does not see the others of its floor.
FLOORS = [
    {"aio", "errors"},
    {"records"},
    {"metrics", "training"},
    {"signatures"},
    {"optimizers"},
    {"compiler.lm", "compiler.keep", "compiler.results", "compiler.seeds"},
    {"compiler.agreement", "compiler.worth"},
    {"compiler.verify", "compiler.emit"},
    {"compiler.generate"},
    {"compiler.engine"},
    {
        "compiler.progress",
        "compiler.hush",
        "compiler.labelled",
        "compiler.losses",
        "compiler.mapping",
    },
    {"compiler.calibrated", "compiler.hosting"},
    {"compiler.bench"},
    {"compiler.session"},
    {
        "compiler.history",
        "compiler.inputs",
        "compiler.judging",
        "compiler.sizes",
        "compiler.synthbench",
        "compiler.targets",
        "compiler.yields",
        "compiler.value",
    },
    {"compiler.forecast"},
    {"compiler.prepare"},
    {"compiler.calibrate", "compiler.check", "compiler.compile", "compiler.evaluate", "compiler.export"}
    | {"compiler.ingest", "compiler.predict", "compiler.reverify", "compiler.synthesize"},
    {"compiler"},
    {"api", "generators", "testing", "verifiers"},
    {"view"},
    {"cli"},
    {"", "__main__"},
]
RANK = {unit: rank for rank, floor in enumerate(FLOORS) for unit in floor}


def files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(ROOT.joinpath(*package.split(".")[1:]).glob("*.py"))


def module(path: Path) -> str:
    """Dotted name below the package; "" is the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit(name: str) -> str:
    """The floor's folder or file that a module belongs to."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "compiler" else parts[0]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every module of limbeck that a file imports, at the top or inside a function."""
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module or ""])]
            for alias in node.names:
                whole = ROOT.joinpath(*base, alias.name)
                is_module = whole.is_dir() or whole.with_suffix(".py").exists()
                yield node.lineno, ".".join([*base, alias.name] if is_module else base)
        else:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(n.split(".")[0] == "limbeck" for n in names), f"{path}:{node.lineno}: not relative"


@pytest.mark.parametrize("path", list(files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    """Every import of a file stays in its folder or goes to a lower floor."""
    own = unit(module(path))
    assert own in RANK, f"{own} has no floor yet; give it one in FLOORS"
    for line, name in imported(path):
        other = unit(name)
        assert other == own or RANK[other] < RANK[own], f"{path}:{line}: {name} is on no floor below"


def test_packages_are_listed() -> None:
    """The wheel has exactly the folders that hold an __init__.py: none is forgotten, none is too many."""
    other = {"tests", "benchmarks", "examples", "docs", "build"}
    tops = [path for path in ROOT.iterdir() if path.name not in other and not path.name.startswith(".")]
    inits = [ROOT / "__init__.py", *(init for top in tops for init in top.rglob("__init__.py"))]
    assert {".".join(("limbeck", *init.parent.relative_to(ROOT).parts)) for init in inits} == set(PACKAGES)


def test_names_shadow_nothing() -> None:
    """A file or folder at the root has no name of the standard library, which it would hide from scripts."""
    names = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not names & (sys.stdlib_module_names - {"__init__", "__main__"})
