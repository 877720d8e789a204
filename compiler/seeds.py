"""What a generator starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from ..records import Example
from ..signatures.examples import coerce_examples, read_examples
from ..signatures.splits import Splits, make_splits

if TYPE_CHECKING:
    from ..signatures.task import Data, Task


@dataclass
class Seeds:
    """Examples to start from, which can be gone through again: a file is read each time.

    Attributes:
        task: Whose inputs they are.
        data: A file or rows; None for the training rows of the task, and where that declares no data there are none.
        seed: Seed of the draw of training rows.
        need_val: Whether rows to choose by are drawn, too, where the task does not give them.
    """

    task: Task
    data: Data | None = None
    seed: int = 0
    need_val: bool = False

    def __iter__(self) -> Iterator[Example]:
        """Go through them from the start.

        Raises:
            DataError: The file cannot be read, or a row does not fit the program.
        """
        task = self.task
        if self.data is None:
            yield from self._splits.train if self._splits else ()
        elif isinstance(self.data, str | Path):
            yield from read_examples(
                self.data, inputs=task.input_names, types=task.example_types, optional=task.optional_inputs
            )
        else:
            yield from coerce_examples(
                self.data, inputs=task.input_names, types=task.example_types, optional=task.optional_inputs
            )

    @property
    def val(self) -> Sequence[Example]:
        """Rows to choose by; drawn from those of the task only with ``need_val``."""
        return self._splits.val if self._splits else ()

    @property
    def held_out(self) -> Iterator[Example]:
        """What the task sets aside to choose and to prove by. Nothing that is made may be one of these."""
        if self._splits:
            yield from self._splits.val
            yield from self._splits.test

    @cached_property
    def _splits(self) -> Splits | None:
        task = self.task
        if all(given is None for given in (task.train, task.val, task.test, task.data)):
            return None
        try:
            return make_splits(task, seed=self.seed, need_val=self.need_val)
        except DataError:
            if self.data is None:
                raise
            return None  # the task's own data is not what this is about


def number(example: Example) -> int:
    """The identity of an example's input as a number of 64 bits, of which a set may hold many."""
    return int(example.input_id[:16], 16)
