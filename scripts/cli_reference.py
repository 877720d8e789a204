"""The command-line reference, made of the commands' own help."""  # noqa: INP001 - a script, no package

from __future__ import annotations

import sys
from pathlib import Path

import click

from limbeck.cli.main import COMMANDS, limbeck

_WIDTH = 100

_HEAD = """\
# Command line

<!-- Written by scripts/docs from the commands' own help; a test sees that it is up to date. -->

`TARGET` is `path/to/module.py:name`, where the name is a `Task`, or a DSPy program that gets a metric by
`--metric module.py:name` (a name alone is looked for in the target's own file). It may also be the directory
of a compiled program, but for `check` and `compile`, which start from the program as declared.

| Exit code | Meaning |
| --- | --- |
| 0 | done |
| 1 | failed; or the gain is not proven, with `compile --require-gain`; or nothing was kept, with `synth` |
| 2 | wrong use: a flag, a file, a task, a store, an LM that cannot be reached |
| 3 | stopped by the budget; what was reached is kept |
| 130 | interrupted; the same command goes on from there |

Results go to stdout: as text, or with `--json` as exactly one JSON object, `{"error": {...}}` if there is no
result. Progress goes to stderr: a live view on a terminal, plain lines elsewhere, nothing with `--quiet`. An
error is a line that says what is wrong, and a line that says what to do. `NO_COLOR` is respected.

Ctrl-C stops cleanly: answers that had arrived are kept, and the command that goes on from there is printed.
Calls in flight are cut off, and sent again by that command. A second Ctrl-C stops at once; even then no answer
that had arrived is lost.

An LM is named `PROVIDER/MODEL`, as in DSPy; `embedded/analogy` needs no key and no network, `replay/FILE`
answers with what `--record FILE` wrote. A budget may limit money, calls, tokens and time:
`--budget 5usd,2000calls,1Mtokens,1h`.
"""


def page() -> str:
    """Write the page."""
    top = limbeck.make_context("limbeck", [], resilient_parsing=True, terminal_width=_WIDTH)
    parts = [_HEAD, _section(top)]
    for name in COMMANDS:
        command = limbeck.get_command(top, name)
        assert command is not None
        parts.append(_section(click.Context(command, parent=top, info_name=name)))
    return "\n".join(parts)


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
