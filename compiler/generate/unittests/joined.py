"""Several suites for one specification as one."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from typing import cast

from ...verify.execute.names import called_uncalled
from ...verify.execute.syntax import functions, parsed


def joined(suites: Sequence[str], entry: Sequence[str]) -> str:
    """Several suites as one, each in a function of its own, so that their names do not meet.

    Args:
        suites: Their sources, which are Python.
        entry: What they call, the main function first.

    Raises:
        ValueError: One of them cannot stand in a function.
    """
    if len(suites) == 1:
        return suites[0]
    taken = set(entry)
    return "\n\n".join(_wrapped(suite, _free_name(f"suite_{n}", taken), entry) for n, suite in enumerate(suites, 1))


def _wrapped(suite: str, name: str, entry: Sequence[str]) -> str:
    tree = parsed(suite + called_uncalled(suite) + _checking(suite, entry))
    if tree is None:
        raise ValueError("no Python")
    made = ast.parse(f"def {name}():\n    pass\n{name}()")
    cast("ast.FunctionDef", made.body[0]).body = tree.body
    try:
        text = ast.unparse(made)
        compile(text, name, "exec", dont_inherit=True)  # nothing is run by that
    except (SyntaxError, RecursionError) as error:  # "import *", say, stands at the top of a module only
        raise ValueError(str(error)) from error
    return text


def _checking(suite: str, entry: Sequence[str]) -> str:
    """The call of ``check(candidate)`` that the sandbox makes at the top of a module, and not in a function."""
    tree = parsed(suite)
    if tree is None or "check" not in functions(tree) or not entry:
        return ""
    called = any(isinstance(node, ast.Call) and ast.unparse(node.func) == "check" for node in ast.walk(tree))
    return "" if called else f"\ncheck({entry[0]})"


def _free_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name
