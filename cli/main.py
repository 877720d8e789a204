"""The ``limbeck`` command: registers the commands, which are imported when they are used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from .failure import INTERRUPTED, tell_usage_error

COMMANDS = {
    "init": "init",
    "check": "check",
    "compile": "compile",
    "eval": "eval",
    "run": "run",
    "import": "import_",
    "verify": "verify",
    "calibrate": "calibrate",
    "synth": "synth",
    "traces": "traces",
    "export": "export",
    "why": "why",
    "report": "report",
    "value": "value",
    "doctor": "doctor",
}
"""Commands in the order in which ``--help`` lists them, and the module of each."""


class LazyGroup(click.Group):
    """A group whose commands are modules beside this one, each with a ``command`` in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in the order of a project's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f".{COMMANDS[cmd_name]}", __package__).command
        return found

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run, tell errors in limbeck's own way, and exit with one of its codes."""
        given = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        prog_name = extra.pop("prog_name", None) or "limbeck"
        try:
            code = super().main(given, prog_name, standalone_mode=False, obj=given, **extra)
        except click.Abort:
            code = INTERRUPTED
        except click.ClickException as error:
            code = tell_usage_error(error, given)
        sys.exit(code if isinstance(code, int) else 0)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="limbeck", message="limbeck %(version)s")
def limbeck() -> None:
    """Compile prompt programs: run them, keep the traces that pass, prove the gain.

    TARGET is path/to/module.py:name (a Task, or a DSPy program with --metric), or, but for check and
    compile, the directory of a compiled program.

    \b
    limbeck init demo && cd demo
    limbeck compile router.py:task --out compiled

    Exit codes: 0 done, 1 failed, 2 wrong use, 3 stopped by the budget, 130 interrupted.
    """  # noqa: D301 - click takes \b for lines that are not to be joined


def main() -> None:
    """Entry point of the ``limbeck`` script and of ``python -m limbeck``."""
    try:
        limbeck.main(prog_name="limbeck")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # threads of the user's program may still be at work, and need not be waited for
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
