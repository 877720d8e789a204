"""Evol-Instruct (Xu et al. 2023, WizardLM, arXiv 2304.12244, section 3): prompts evolve, epoch by epoch.

Each epoch one of six operations is drawn, with equal chance, and the evolver rewrites the prompt. Four rules eliminate
what failed: the judge finds no information gain; the answer has "sorry" in it and is under 80 words; the answer is only
punctuation and stop words; the text copies words of the evolving prompt. What is eliminated goes back into the pool as
it was, and is tried again in the next epoch. What is not is the parent of the next epoch.

Where this differs from the paper:

- The prompt that evolves is one input of the task's program, and the program's answer is the response. Labels are not
  carried over: each of the operations changes what is asked.
- The epochs of one seed are made one after the other, and the seeds beside each other, so that nobody holds a pool.
  Prompts do not meet in the paper either: only the order of the rows is another.
- What the prompts ask for is checked, too: 10 to 20 words more at most, or in breadth a similar length and the same
  domain. Where the length is wrong it is asked again once. Texts that are empty, unchanged, a refusal or an echo are
  eliminated. Each of these is a rule of its own.
- Rules 2 and 3 are asked of answers that are free texts: "a" is a stop word, and may be a label.
- Words that the parent had already do not count as copied.
- An answer that the task's verifiers refuse does not send the prompt back: that is no rule of the paper's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field as attribute
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import UsageError
from ..base import Bench, Dropped, Made
from ..once import once
from ..revise.answers import is_text
from .chain import Evolver
from .prompts import OPERATIONS


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Evolve:
    """Make inputs harder and rarer.

    Attributes:
        epochs: How often each seed is evolved.
        field: Input that evolves; default: the first that is a text. The others stay as they are.
        words: How many words in-depth evolving may add.
        retries: How often to ask again at once where the length is wrong or an answer cannot be read.
        operations: Some of the six, with commas between them; default: all.
        answer: Output that rules 2 and 3 look at; default: the last.
        judge: LM that judges information gain and domain; default: the one that evolves.
        attempts: Attempts at a prompt, and at what became of it, by which their difficulty is measured; 0: none.
    """

    name: ClassVar[str] = "evolve"
    judges: ClassVar[bool] = False

    epochs: int = Field(default=4, ge=1)
    field: str | None = None
    words: int = Field(default=20, ge=1)
    retries: int = Field(default=1, ge=0)
    operations: str = Field(default=",".join(OPERATIONS))
    answer: str | None = None
    judge: Any = None
    attempts: int = Field(default=0, ge=0)
    program: Any = attribute(init=False, repr=False)

    @field_validator("operations")
    @classmethod
    def _are_known(cls, given: str) -> str:
        names = [part.strip() for part in given.split(",")]
        for name in names:
            if name not in OPERATIONS:
                raise ValueError(f"there is no operation {name!r}: there are {', '.join(OPERATIONS)}")
        return ",".join(name for name in OPERATIONS if name in names)

    def __post_init__(self) -> None:
        from .program import Evolution

        self.program = Evolution()

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """Evolve each seed; an item is one epoch of one seed.

        Raises:
            UsageError: The task has no input that is a text, or not what is named.
            Stop: See ``Generator``.
        """
        evolver = Evolver(self, bench, self._text_input(bench), self._text_output(bench))
        async with aclosing(ordered(evolver.chain, once(bench, labels=True), limit=bench.concurrency)) as chains:
            async for items, stop in chains:
                for item in items:
                    yield item
                if stop is not None:
                    raise stop

    def _text_input(self, bench: Bench) -> str:
        """The input that evolves."""
        texts = [name for name, kind in bench.task.input_fields.items() if is_text(kind)]
        name = self.field if self.field is not None else next(iter(texts), None)
        if name is None or name not in texts:
            missing = "no input that is a text" if name is None else f"no input {name!r} that is a text"
            hint = f"Its inputs are {', '.join(bench.task.input_fields)}; name one with --set field=NAME."
            raise UsageError(f"evolve rewrites texts, and the program has {missing}", hint=hint)
        return name

    def _text_output(self, bench: Bench) -> str | None:
        """The output that rules 2 and 3 look at; None where it is no free text."""
        outputs = bench.task.output_fields
        if self.answer is not None and self.answer not in outputs:
            hint = f"Its outputs are {', '.join(outputs)}."
            raise UsageError(f"--set answer={self.answer}: the program has no such output", hint=hint)
        name = self.answer if self.answer is not None else next(reversed(outputs), None)
        return name if name is not None and is_text(outputs[name]) else None
