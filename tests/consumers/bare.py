"""Packages without what their ``__init__`` imports, so that single modules can be used where not all is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def bare(*names: str) -> None:
    """Stand in for packages; ``a.b`` is the folder ``b`` in that of ``a``."""
    roots = {root: Path(find_spec(root).origin).parent for root in {name.split(".")[0] for name in names}}
    for name in names:
        root, *inner = name.split(".")
        package = ModuleType(name)
        package.__path__ = [str(roots[root].joinpath(*inner))]
        sys.modules[name] = package
