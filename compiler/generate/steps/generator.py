"""The generator ``steps``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import UsageError
from ..base import Bench, Dropped, Made
from .options import Options
from .scorers import programs
from .told import Told
from .work import Work, problems


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Stepwise(Options):
    """Label the steps of attempts, or choose the best of N; options are those of ``Options``.

    Attributes:
        program: What labels steps and rates answers; see ``scorers.programs``.
        notes: How often each way to choose is right; empty until a run went to its end.
    """

    name: ClassVar[str] = "steps"
    judges: ClassVar[bool] = True

    program: Any = field(init=False, repr=False, default=None)
    notes: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.program, self.notes = programs(), {}

    def at(self, folder: Path) -> Stepwise:
        """See ``Options.at``."""
        made = super().at(folder)
        made.program = self.program
        return made

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """A trace with step labels, or a score and a rank, of each attempt.

        Raises:
            UsageError: Options do not fit together, the task is no task for them, or there is nothing to label.
            OutputError: The sheet cannot be written.
            Stop: The budget has no room for what is asked, or nobody can be asked.
        """
        self._check(bench)
        options = self.at(Path())
        work, told = Work(options, self.program, bench), Told(options, bench.seed)
        async with aclosing(ordered(work, problems(bench, self.most, self.n), limit=bench.concurrency)) as found:
            async for done in found:
                told.add(done)
                for item in done.items:
                    yield item
        self.notes = told.notes()

    def _check(self, bench: Bench) -> None:
        if bench.wanted is not None and self.sheet is not None:
            hint = "Leave out --rows, or --set sheet."
            raise UsageError(f"--rows {bench.wanted} may end it before the sheet can be written", hint=hint)
        if self.n is None and next(bench.stored(), None) is None:
            hint = "Give --set n=16 to make some, or the n that made them, or run limbeck eval or import first."
            raise UsageError("the store has no attempts of this task", hint=hint)
