"""What every command shares: how it talks to its user, and how it ends."""

from __future__ import annotations

import functools
import gc
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from ..errors import BudgetReached, LimbeckError, Stop
from .failure import INTERRUPTED, mask_text, resume_command, say, tell, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from ..records import Json
    from .progress import Watch

T = TypeVar("T")


class ReaderGoneError(Exception):
    """Whoever read standard output has closed it (``limbeck traces | head``): nothing is left to do."""


@dataclass
class Shell:
    """One command's way to its user: results to stdout, everything else to stderr.

    Attributes:
        as_json: Whether the result is one JSON object.
        quiet: Whether nothing but results and errors is shown.
        debug: Whether tracebacks and the logs of libraries are shown.
        argv: The command line, without the program's name.
        out: Standard output. ``sys.stdout`` is something else meanwhile, for user's programs print.
        kept: What becomes of the work where it is interrupted.
    """

    as_json: bool
    quiet: bool
    debug: bool
    argv: Sequence[str]
    out: TextIO = field(default_factory=lambda: sys.stdout)
    kept: str = "answers that had arrived are kept"

    @functools.cached_property
    def progress(self) -> Watch:
        """Shows what goes on."""
        from .progress import make_progress

        return make_progress(sys.stderr, quiet=self.quiet)

    def be_silent(self) -> None:
        """Show nothing of what goes on from here."""
        from .progress import Watch

        self.progress = Watch()

    def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end; then take the view of its progress away."""
        from .interrupt import finish

        # Beside the records of a run live half a million objects of libraries. They stay, so the garbage collector
        # need not walk through them again and again (measured: a quarter of the time of a large import).
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        try:
            return finish(coroutine)
        finally:
            self.progress.stop()

    def result(self, value: Json, show: Callable[[Console], None]) -> None:
        """Give the result: an object with ``--json``, else as ``show`` prints it."""
        if self.as_json:
            with self._reader():
                write_json(self.out, value)
            return
        from .show import make_console

        console = make_console(self.out)
        with console.capture() as shown:
            show(console)
        self.write("".join(f"{line.rstrip()}\n" for line in shown.get().splitlines()))

    def write(self, text: str) -> None:
        """Write to standard output at once."""
        with self._reader():
            self.out.write(text)
            self.out.flush()

    def note(self, text: str) -> None:
        """Say something on the side."""
        if not self.quiet:
            say(text)

    @contextmanager
    def _reader(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    # The end

    def fail(self, error: LimbeckError) -> int:
        """Tell an error; returns the exit code."""
        clean = type(error)(mask_text(error.message, self.argv), hint=error.hint)
        reached = self.progress.reached() if isinstance(error, BudgetReached) else {}
        tell(clean, out=self.out if self.as_json else None, extra={"reached": reached} if reached else None)
        if reached:
            say(f"reached: {_listed(reached)}")
        return error.exit_code

    def interrupted(self) -> int:
        """Tell how to go on after Ctrl-C."""
        resume = resume_command(self.argv)
        say("")
        say(f" {self.kept}. To go on, run the same command again:\n  {resume}", label="interrupted:", colour="yellow")
        if self.as_json:
            write_json(self.out, {"error": {"kind": "Interrupted", "exit_code": INTERRUPTED, "resume": resume}})
        return INTERRUPTED

    def exited(self, error: SystemExit) -> int:
        """Tell that code of the user's wanted to end the process, which is no way to end a command."""
        from ..signatures.where import describe

        hint = "Let a program or a metric return or raise an ordinary exception."
        return self.fail(LimbeckError(f"code that limbeck runs exits: {describe(error)}", hint=hint))

    def unexpected(self, error: BaseException) -> int:
        """Tell a mistake of limbeck's own."""
        said = " ".join(str(error).split())
        shown = f"{type(error).__name__}: {said}" if said else type(error).__name__
        shown = mask_text(shown, self.argv)
        say(f" {shown}; run again with --debug and report it", label="unexpected error:")
        if self.as_json:
            write_json(self.out, {"error": {"kind": "Unexpected", "message": shown, "exit_code": 1}})
        return 1

    def trace(self) -> None:
        """Show the traceback, if it is wanted."""
        if self.debug:
            say(mask_text(traceback.format_exc(), self.argv))


def _listed(reached: Json) -> str:
    """``41 rollouts (30 passed, 11 rejected), 43 calls``."""
    outcomes = ", ".join(f"{n:,} {name}" for name, n in reached["outcomes"].items())
    rollouts = f"{reached['rollouts']:,} rollouts" + (f" ({outcomes})" if outcomes else "")
    return f"{rollouts}, {reached['calls']:,} calls sent, {reached['cache_hits']:,} answers from the cache"


@contextmanager
def ended(shell: Shell) -> Iterator[None]:
    """Turn whatever ends a command into words and an exit code.

    Raises:
        click.exceptions.Exit: The command has ended, and its user has been told why.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except ReaderGoneError:
        _detach(shell.out)
        code = 0
    except KeyboardInterrupt:
        code = _told(shell, shell.interrupted)
    except Stop as stop:
        error = stop.error
        code = _told(shell, lambda: shell.fail(error))
    except LimbeckError as error:
        wrong = error
        code = _told(shell, lambda: shell.fail(wrong))
    except SystemExit as error:
        exits = error
        code = _told(shell, lambda: shell.exited(exits))
    except BaseException as error:  # noqa: BLE001 - the last resort: users see no traceback
        unforeseen = error
        code = _told(shell, lambda: shell.unexpected(unforeseen))
    else:
        return
    raise click.exceptions.Exit(code)


def _told(shell: Shell, tell_it: Callable[[], int]) -> int:
    try:
        shell.progress.stop()
        shell.trace()
        return tell_it()
    except BrokenPipeError:
        _detach(shell.out)
        return 1


def _detach(out: TextIO) -> None:
    """Let what is left in the buffer go nowhere, or Python complains about it at its end."""
    import os

    try:
        descriptor = out.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


_COMMON = (
    click.option("--json", "as_json", is_flag=True, help="Give the result as one JSON object on stdout."),
    click.option("--quiet", is_flag=True, help="Show no progress."),
    click.option("--debug", is_flag=True, help="Show tracebacks and what libraries log."),
)


class Sectioned(click.Command):
    """A command whose help lists its options under several headings.

    Attributes:
        sections: Headings, each by the name of the first option that stands under it.
    """

    sections: Mapping[str, str] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each list under its heading."""
        lists: dict[str, list[tuple[str, str]]] = {}
        heading = "Options"
        for param in self.get_params(ctx):
            heading = self.sections.get(param.name or "", heading)
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                lists.setdefault(heading, []).append(record)
        for title, records in lists.items():
            with formatter.section(title):
                formatter.write_dl(records)


def define(
    name: str, *options: Callable[..., Any], light: bool = False, sections: Mapping[str, str] | None = None
) -> Callable[..., click.Command]:
    """Make a command of a function that is given a ``Shell`` and the options, and may return an exit code.

    Args:
        name: As the user writes it.
        options: Click decorators, in the order of the help.
        light: Whether it needs none of the heavy libraries.
        sections: Headings of the help, each by the name of the first option that stands under it.
    """

    def decorate(function: Callable[..., int | None]) -> click.Command:
        @functools.wraps(function)
        @click.pass_context
        def run(context: click.Context, /, as_json: bool, quiet: bool, debug: bool, **given: Any) -> None:
            shell = Shell(as_json, quiet, debug, context.obj or [])
            with ended(shell), ExitStack() as stack:
                if not light:
                    from .. import api  # noqa: F401 - imports DSPy, which sets up its logging
                if not light:
                    from .quiet import loud_guests, quiet_libraries

                    stack.enter_context(loud_guests() if debug else quiet_libraries())
                stack.enter_context(redirect_stdout(sys.stderr))  # user's programs may print
                code = function(shell, **given)
            context.exit(code or 0)

        decorated: Callable[..., None] = run
        for option in reversed([*options, *_COMMON]):
            decorated = option(decorated)
        # Said here too: a command keeps the first names that it is asked with, be it without the group.
        made = click.command(name, cls=Sectioned, context_settings={"help_option_names": ["-h", "--help"]})(decorated)
        made.sections = sections or {}
        return made

    return decorate
