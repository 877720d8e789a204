"""Instruction backtranslation (Li et al. 2024, Humpback, arXiv 2308.06259): documents are answers; what was asked?

Candidates are segments of documents that follow a heading, 600 to 3,000 characters long, without repetitive and
navigational text. A backward program proposes the instruction of each. The forward LM scores each pair from 1 to 5,
reasons first. Then, in a second round, it scores all of them again, with what was kept in the first among its examples;
the second score decides.

Where this differs from the paper:

- Nothing is trained here. Where the paper fine-tunes the backward model on the seed pairs turned round, they are demos
  of the backward program; where it fine-tunes the model of each iteration on the seeds and on what was kept, a draw of
  both, half and half, stands in the prompt of the judge. All of them are good pairs; as demos of the judge they would
  have no reasons, and all the same score. A pair is no example of itself.
- A tree of headings that is too long is cut instead of dropped; see ``segments``. Of repetition, navigation and
  boilerplate more is dropped than the paper says; see ``filters``.
- Instructions are checked: refusals, copies of the text and what cannot be understood without it are no instructions.
- A score is the mean of ``samples`` judgments. The scale has whole numbers, so that with one sample ``quality`` (4.5 or
  more) mostly means 5. How the paper comes to scores between them it does not say.
- The two sources are tagged by the same sentences as in the paper, in the judge's examples, and in the input of the
  task that ``tag`` names. There the exported rows have it; system prompts are the adapter's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import field as attribute
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from ....errors import UsageError
from ....records import Json
from ....signatures.task import Task
from ..base import Bench, Dropped, Made
from ..revise.answers import is_text
from .candidates import Cut
from .documents import place_of
from .examples import WEB
from .labelled import labelled
from .rounds import Fields, Rounds

THRESHOLDS = {"quality": 4.5, "quantity": 4.0}
"""Scores from which on a pair is kept (arXiv 2308.06259, sections 2.3 and 3.3: A5 and A4)."""


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Backtranslate:
    """Make instructions for answers that stand in documents.

    Attributes:
        documents: A file, a folder or a pattern; HTML, Markdown and text, each also with .gz behind.
        keep: ``quantity`` keeps scores of 4 and more, ``quality`` of 4.5 and more.
        field: Input that takes the instruction; default: the first that is a text.
        output: Output that the text is; default: the last that is a text.
        shortest: Characters of a candidate at least.
        longest: At most.
        largest: Bytes of a document at most.
        candidates: How many candidates to take, the first ones; default: all.
        rounds: Rounds of curation.
        examples: Good pairs that the programs are shown.
        samples: Judgments of a pair that are averaged.
        retries: How often to ask again where an answer is no instruction or has no score.
        judge: LM that judges; default: the one that writes the instructions.
        dev: File with pairs that people labelled, to measure the judge on in each round.
        label: Column of it with a score from 1 to 5, or whether the pair is good.
        source: Where documents come from, in a word, for the mix and the card of a dataset.
        licence: Licence that they stand under.
        tag: Input of the task that says where an answer comes from; default: none does.
        says: What it says of documents.
    """

    name: ClassVar[str] = "backtranslate"
    judges: ClassVar[bool] = True

    documents: str | Path = ""
    keep: Literal["quality", "quantity"] = "quantity"
    field: str | None = None
    output: str | None = None
    shortest: int = Field(default=600, ge=1)
    longest: int = Field(default=3_000, ge=1, le=50_000)
    largest: int = Field(default=5_000_000, ge=1)
    candidates: int | None = Field(default=None, ge=1)
    rounds: int = Field(default=2, ge=1)
    examples: int = Field(default=4, ge=0, le=50)
    samples: int = Field(default=1, ge=1)
    retries: int = Field(default=2, ge=0)
    judge: Any = None
    dev: Path | None = None
    label: str = Field(default="score", min_length=1)
    source: str = Field(default="web", min_length=1)
    licence: str | None = None
    tag: str | None = None
    says: str = Field(default=WEB, min_length=1)
    program: Any = attribute(init=False, repr=False)
    notes: Any = attribute(init=False, repr=False)

    @field_validator("longest")
    @classmethod
    def _is_longer(cls, longest: int, info: ValidationInfo) -> int:
        shortest = info.data.get("shortest", 1)
        if longest < shortest:
            raise ValueError(f"no candidate has {shortest} characters at least and {longest} at most")
        return longest

    def __post_init__(self) -> None:
        from .program import Backtranslation

        self.program = Backtranslation()
        self.notes: Json = {}

    def at(self, folder: Path) -> Backtranslate:
        """The same with its files looked for in a folder; the labelled pairs are read once.

        Raises:
            UsageError: No documents were named.
            DataError: A file is not there, or a labelled pair cannot be read.
        """
        made = replace(
            self, documents=folder / Path(self.documents).expanduser() if str(self.documents).strip() else "",
            dev=None if self.dev is None else folder / self.dev.expanduser(),
        )  # fmt: skip
        place_of(str(made.documents))
        return made

    @property
    def threshold(self) -> float:
        """Score from which on a pair is kept."""
        return THRESHOLDS[self.keep]

    @property
    def facts(self) -> Json:
        """What is known of all documents."""
        return {"source": self.source} | ({} if self.licence is None else {"licence": self.licence})

    async def generate(self, bench: Bench) -> AsyncGenerator[Made | Dropped]:
        """Make pairs; an item is a document that cannot be used, a segment or a pair.

        Raises:
            UsageError: The task has no place for instruction and answer, or files are not what they should be.
            Stop: See ``Generator``.
        """
        self.notes = {}
        fields = self._fields(bench.task)
        cut = Cut(place_of(str(self.documents)), self.shortest, self.longest, self.largest, self.candidates)
        cut.check()
        rows = None
        if self.dev is not None:
            rows = partial(labelled, self.dev, fields.source, fields.target, self.label, self.threshold)
            for _ in rows():  # a bad row costs nothing yet
                pass
        async with aclosing(Rounds(self, bench, fields, cut, rows).items()) as items:
            async for item in items:
                yield item

    def _fields(self, task: Task) -> Fields:
        """Where instruction and answer go.

        Raises:
            UsageError: There is no such place, or there are others that nothing goes to.
        """
        inputs, outputs = task.input_fields, task.output_fields
        source = _text("input", self.field, [name for name in inputs if name != self.tag], inputs, "field")
        target = _text("output", self.output, list(outputs)[::-1], outputs, "output")
        if self.tag is not None and self.tag not in inputs:
            raise UsageError(f"--set tag={self.tag}: the program has no such input", hint=_have("input", inputs))
        if rest := [name for name in task.input_names if name not in {source, self.tag}]:
            hint = "Give a program whose one input is the instruction."
            raise UsageError(
                f"backtranslate makes {source!r} only, and the program needs {', '.join(rest)}, too", hint=hint
            )
        if rest := [name for name in outputs if name not in {target, "reasoning"}]:
            hint = "Give a program whose one output is the answer."
            raise UsageError(f"a text is {target!r} only, and the program also gives {', '.join(rest)}", hint=hint)
        return Fields(source, target, self.tag)


def _text(kind: str, named: str | None, names: list[str], types: dict[str, Any], option: str) -> str:
    """The field that is named, or the first of the names that is a text."""
    texts = [name for name in names if is_text(types[name])]
    if named is None and texts:
        return texts[0]
    if named is None:
        raise UsageError(f"the program has no {kind} that is a text", hint=_have(kind, types))
    if named not in texts:
        raise UsageError(
            f"--set {option}={named}: the program has no such {kind} that is a text", hint=_have(kind, types)
        )
    return named


def _have(kind: str, types: dict[str, Any]) -> str:
    return f"Its {kind}s are {', '.join(types)}."
