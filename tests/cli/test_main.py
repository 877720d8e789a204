"""The group of commands: quick to start, one way to say how to use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest
from click.testing import Result

from limbeck.cli.main import COMMANDS

Invoke = Callable[..., Result]

HEAVY = {"dspy", "litellm", "optuna", "sqlalchemy", "rich", "pydantic", "orjson", "asyncio", "pyarrow"}


def imported(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after some code."""
    lines = ("import contextlib, sys", "with contextlib.suppress(SystemExit):", f"    {code}")
    code = "\n".join([*lines, "print(*sys.modules, file=sys.stderr)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_imports_nothing_heavy() -> None:
    """``limbeck --help`` loads none of the libraries that take long."""
    assert not HEAVY & imported("from limbeck.cli.main import main; sys.argv = ['limbeck', '--help']; main()")


def test_help_of_a_command_imports_nothing_heavy() -> None:
    """So does the help of the largest command."""
    argv = ["limbeck", "compile", "--help"]
    assert not HEAVY & imported(f"from limbeck.cli.main import main; sys.argv = {argv}; main()")


def test_help_lists_all_commands(invoke: Invoke) -> None:
    """Help names each command with a whole sentence."""
    done = invoke("--help")
    for name in COMMANDS:
        assert f"\n  {name}" in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]
    assert done.exit_code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(name: str, invoke: Invoke) -> None:
    """Every command takes --json, --quiet and --debug."""
    done = invoke(name, "--help")
    assert all(option in done.stdout for option in ("--json", "--quiet", "--debug", "-h, --help"))


def test_module_is_the_command(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """``python -m limbeck`` is ``limbeck``."""
    assert cli("--version").stdout == f"limbeck {version('limbeck')}\n"


def test_no_command(invoke: Invoke) -> None:
    """Without a command the help is shown, as for wrong use."""
    done = invoke()
    assert done.exit_code == 2
    assert "Usage: limbeck" in done.stderr
