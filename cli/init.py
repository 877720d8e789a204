"""``limbeck init``: a working project to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OutputError
from .shell import Shell, define

if TYPE_CHECKING:
    from rich.console import Console

_FILES = ("router.py", "tickets.jsonl")
_EMPTY = "Give a directory that is empty or does not exist yet."

_README = """\
# Ticket routing

Which of eight teams should answer a customer's ticket? `router.py` declares it as a typed signature, a
program of one predictor, a metric and the data: `tickets.jsonl`, 306 tickets with their team.

    limbeck check router.py:task
    limbeck compile router.py:task --out compiled
    limbeck run compiled --input ticket="My machine leaks since this morning."
    limbeck export router.py:task --out dataset

`compile` runs the program on training rows, keeps what passes the metric as demonstrations, and compares
the program before and after on test rows. `compiled/prompt.md` shows the prompt, `compiled/report.html` the
result.

Nothing here needs a key: without `--lm` the embedded LM answers, which reads the demonstrations in its
prompt and answers by analogy. It is no language model. With one, and its key in the environment:

    limbeck compile router.py:task --out compiled-gpt --lm openai/gpt-4.1-mini --budget 1usd

To make this your own, change the signature, the metric and the data.
"""


@define("init", click.argument("directory", metavar="DIR", type=click.Path(path_type=Path)), light=True)
def command(shell: Shell, directory: Path) -> None:
    """Make a working project: a task, its data and a README."""
    _check(directory)
    example = files(__package__.partition(".")[0]) / "examples" / "tickets"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (directory / name).write_bytes((example / name).read_bytes())
        (directory / "README.md").write_text(_README, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}", hint=_EMPTY) from error
    names = [*_FILES, "README.md"]

    def show(console: Console) -> None:
        from . import show as look

        look.line(console, f"{directory} holds {', '.join(names[:-1])} and {names[-1]}.")
        look.line(console)
        look.line(console, "Next", "bold")
        look.line(console, f"  cd {_quoted(directory)}")
        look.line(console, "  limbeck check router.py:task")
        look.line(console, "  limbeck compile router.py:task --out compiled")

    shell.result({"directory": str(directory), "files": names, "target": "router.py:task"}, show)


def _check(directory: Path) -> None:
    try:
        if directory.is_dir():
            if any(directory.iterdir()):
                raise OutputError(f"{directory} is not empty", hint=_EMPTY)
        elif directory.exists() or directory.is_symlink():
            raise OutputError(f"{directory} is a file", hint=_EMPTY)
    except PermissionError as error:
        raise OutputError(f"cannot read {directory}: {error.strerror}", hint=_EMPTY) from error


def _quoted(directory: Path) -> str:
    import shlex

    return shlex.quote(str(directory))
