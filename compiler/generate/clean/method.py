"""``clean``: rows that people wrote, in better words, and proof that they still say the same (level 2).

An LM corrects grammar, spelling and layout and takes out filler, of one text at a time. What came of it is kept only if
the meaning survived: by the rules of ``meaning``, which need no model; by the task's metric, with the label as it was;
if asked for, by the program, which has to find the same label as before, and by a judge. Both versions are kept, the
person's as it was. The levels follow from what is recorded: ``written`` by a person, and changed by an LM or by none.

Only texts are cleaned. Labels of a closed set, numbers, lists and outputs of one word never are. Whether people wrote
the rows, nobody can tell from them: that is said by whoever gives them to this method.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass as plain
from dataclasses import field as attribute
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ....aio import ordered
from ....errors import Stop, TargetError, UsageError
from ....records import BORN, METRIC, Example, Json, Step, Usage, Verdict
from ....signatures.fields import predictors
from ...verify.asking import ask, unmarked
from ..base import Bench, Dropped, Made, Provenance, Written, born
from ..once import once
from ..revise.answers import is_text
from .reading import Refused, read, same

if TYPE_CHECKING:
    import dspy

    from ...verify.base import Answer


@plain(frozen=True)
class _Row:
    """A person's row."""

    example: Example
    outputs: Json
    parent: str
    stored: bool

    @property
    def labels(self) -> Json:
        """The labels; a stored row may have none but its answer."""
        return {**self.outputs, **self.example.labels} if self.stored else self.example.labels


@plain(frozen=True)
class _Cleaned:
    """A text that was cleaned, and by which answer; None where there was nothing to clean."""

    field: str
    before: str
    after: str
    answer: Answer


@dataclass(config=ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_assignment=False))
class Clean:
    """Clean rows that people wrote.

    Attributes:
        fields: What is cleaned: ``inputs``, ``outputs`` or ``both``.
        source: Where the rows are: ``seeds``, whose labels are the answers, or ``stored``, traces of the store that
            people wrote and that passed.
        predict: Whether the program has to find the label of the cleaned inputs, too, where it finds that of the
            original. What it gets wrong before says nothing.
        judge: Whether an LM is asked if both versions mean the same.
        lm: LM that judges so; default: the one that cleans, which is lenient with itself.
        lm_args: Its settings.
        retries: How often to ask again where a text cannot be used.
    """

    name: ClassVar[str] = "clean"
    judges: ClassVar[bool] = True

    fields: Literal["inputs", "outputs", "both"] = "both"
    source: Literal["seeds", "stored"] = "seeds"
    predict: bool = False
    judge: bool = False
    lm: Any = None
    lm_args: dict[str, Any] | None = None
    retries: int = Field(default=1, ge=0)
    program: Any = attribute(init=False, repr=False)

    def __post_init__(self) -> None:
        from .prompts import Cleaning

        self.program: dspy.Module = Cleaning()

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """For each row the original, unless the store has it already, and the cleaned version, or why there is none.

        Raises:
            UsageError: The task has no text to clean, or its program has several predictors.
            Stop: See ``Generator``.
        """
        work = _Work(self, bench)
        rows = work.stored() if self.source == "stored" else work.seeds()
        async with aclosing(ordered(work.row, rows, limit=bench.concurrency)) as made:
            async for items, stop in made:
                for item in items:
                    yield item
                if stop is not None:
                    raise stop


class _Work:
    """The method at one task."""

    def __init__(self, method: Clean, bench: Bench) -> None:
        self._is, self._bench, self._task = method, bench, bench.task
        kinds = {"inputs": self._task.input_fields, "outputs": self._task.output_fields}
        wanted = kinds if method.fields == "both" else {method.fields: kinds[method.fields]}
        self._texts = {side: [name for name, kind in of.items() if is_text(kind)] for side, of in wanted.items()}
        if not any(self._texts.values()):
            hint = "Labels, numbers and lists are never cleaned. Give --set fields=inputs, or both."
            raise UsageError(f"{self._task.name}: none of its {method.fields} is a text to clean", hint=hint)
        names = list(predictors(self._task.program))
        if len(names) != 1:
            raise TargetError(
                f"clean writes whole answers, and the program has {len(names)} predictors: {', '.join(names)}",
                hint="Give it a program of one predictor.",
            )
        self._predictor = names[0]

    async def seeds(self) -> AsyncIterator[_Row | Dropped]:
        """Rows whose labels are answers."""
        names = self._task.output_fields
        async for seed in once(self._bench, labels=True):
            if isinstance(seed, Dropped):
                yield seed
                continue
            outputs = {
                name: _answer(seed.labels[name], kind) for name, kind in names.items()
                if seed.labels.get(name) not in (None, [])
            }  # fmt: skip
            if all(name in outputs for name in names if name != "reasoning"):
                yield _Row(seed, outputs, seed.id, stored=False)
            else:
                yield Dropped("no answer in the row", seed.id)

    def stored(self) -> Iterable[_Row | Dropped]:
        """Answers of the store that people wrote, and no machine has changed."""
        for trace in self._bench.stored(passed=True):
            if trace.origin != "written" or trace.lm:
                continue
            if self._bench.held_out(trace.example):
                yield Dropped("held out", trace.id, "the task chooses or proves by it")
            else:
                yield _Row(trace.example, dict(trace.prediction or {}), trace.id, stored=True)

    async def row(self, row: _Row | Dropped) -> tuple[list[Made | Dropped], Stop | None]:
        """Both versions of a row, and what ended it, if something did."""
        if isinstance(row, Dropped):
            return [row], None
        items: list[Made | Dropped] = []
        if not row.stored:
            verdict = born("as written", passed=True, feedback="this is the row as it was given")
            steps = [Step(self._predictor, row.example.inputs, row.outputs)]
            items.append(Made(
                row.example, Provenance("original", row.parent), Written(row.outputs, "", "written", steps),
                verdicts=[verdict], new=False,
            ))  # fmt: skip
        try:
            items.append(await self._cleaned(row))
        except Refused as refused:
            items.append(Dropped(refused.rule, row.parent, refused.detail))
        except Stop as stop:
            return items, stop
        return items, None

    async def _cleaned(self, row: _Row) -> Made:
        """The cleaned version.

        Raises:
            Refused: There is nothing to clean, it cannot be done, or the meaning is not the same.
        """
        inputs = await self._all(row.example.inputs, self._texts.get("inputs", ()))
        names = [
            name for name in self._texts.get("outputs", ())
            if not isinstance(row.example.labels.get(name), list)
            and len(str(row.outputs.get(name)).split()) > 1  # one word is a label, whatever the type says
        ]  # fmt: skip
        outputs = await self._all(row.outputs, names)
        done = [*inputs, *outputs]
        if not any(one.before != one.after for one in done):
            raise Refused("nothing to clean")
        evidence: Json = {"rules": "meaning", "cleaned": [one.field for one in done if one.before != one.after]}
        verdicts = [born("meaning", passed=True, evidence=evidence)]
        made = self._made(row, inputs, outputs, verdicts)
        if outputs and self._task.metric is not None:  # first what costs nothing
            await self._against_the_label(row, made)
        if self._is.judge:
            verdicts.append(await self._judged(done))
        if self._is.predict and any(one.before != one.after for one in inputs):
            evidence["label"] = await self._predicted(row, made)
        return made

    async def _all(self, values: Json, names: Iterable[str]) -> list[_Cleaned]:
        return [
            await self._text(name, values[name])
            for name in names if isinstance(values.get(name), str) and values[name].strip()
        ]  # fmt: skip

    async def _text(self, name: str, before: str) -> _Cleaned:
        """Clean one text, and see that it says the same."""
        if unmarked(before) != before:
            raise Refused("marks of a prompt in the text", before)
        failed: Refused | None = None
        for attempt in range(self._is.retries + 1):
            answer = await self._bench.ask(self._is.program.clean, {"text": before}, attempt=attempt)
            try:
                return _Cleaned(name, before, read(answer, before), answer)
            except Refused as refused:
                failed = refused
        raise cast("Refused", failed)

    def _made(
        self, row: _Row, inputs: Sequence[_Cleaned], outputs: Sequence[_Cleaned], verdicts: list[Verdict]
    ) -> Made:
        """The cleaned row. Changed inputs make a new example; its labels are the answers as they are now."""
        new_inputs = {**row.example.inputs, **{one.field: one.after for one in inputs}}
        cleaned = {one.field: one.after for one in outputs}
        new_outputs = {**row.outputs, **cleaned}
        labels = {name: cleaned.get(name, value) for name, value in row.example.labels.items()}
        example = Example(new_inputs, labels)
        done = [*inputs, *outputs]
        steps = [replace(step, predictor=f"{BORN}clean") for one in done for step in one.answer.steps]
        steps.append(Step(self._predictor, new_inputs, new_outputs))
        lm = done[0].answer.lm
        about = Provenance(
            "clean", row.parent, lm=lm, facts={"cleaned": [o.field for o in done if o.before != o.after]}
        )
        changed = new_inputs != row.example.inputs
        return Made(example, about, Written(new_outputs, lm, "written", steps), verdicts=verdicts, new=changed)

    async def _judged(self, done: Sequence[_Cleaned]) -> Verdict:
        """What a judge says of each text that was changed.

        Raises:
            Refused: It finds that the meaning changed, or cannot be brought to say anything.
        """
        usage, lm, reasons = Usage(), "", []
        for one in done:
            if one.before == one.after:
                continue
            texts = {"text": one.before, "cleaned": one.after}
            asked = await ask(
                self._bench, self._is.program.same, texts,
                partial(same, texts=list(texts.values())),
                lm=self._is.lm, lm_args=self._is.lm_args or {}, retries=self._is.retries,
            )  # fmt: skip
            if asked.value is None:
                raise Refused("no judgment of the meaning", asked.why)
            is_same, reason = asked.value
            if not is_same:
                raise Refused("judged to mean something else", reason)
            usage, lm = usage + asked.usage, asked.lm
            reasons.append(reason)
        evidence = {"lm": lm, "is_student": lm == self._bench.student, "reasons": reasons}
        return born("judged the same", passed=True, by="model", evidence=evidence, usage=usage)

    async def _predicted(self, row: _Row, made: Made) -> str:
        """Whether the program finds the label of the cleaned inputs where it finds that of the original.

        Raises:
            Refused: It does not.
        """
        about = Provenance("predict", row.parent)
        before = await self._bench.verify(Made(Example(row.example.inputs, row.labels), about, new=False))
        if before.outcome != "passed":
            return "not found on the original either"
        after = await self._bench.verify(Made(Example(made.example.inputs, row.labels), about, new=False))
        if after.outcome != "passed":
            raise Refused("another label is predicted", str(after.prediction))
        return "found on both"

    async def _against_the_label(self, row: _Row, made: Made) -> None:
        """See that the metric takes the cleaned answer for the answer as it was.

        Raises:
            Refused: It does not.
        """
        answer = cast("Written", made.answer)
        about = Provenance("compare", row.parent)
        trace = await self._bench.verify(Made(Example(made.example.inputs, row.labels), about, answer, new=False))
        verdict = next((verdict for verdict in trace.verdicts if verdict.verifier == METRIC), None)
        if verdict is not None and not verdict.passed:
            raise Refused("metric finds another answer", verdict.error or verdict.feedback)


def _answer(label: Any, kind: Any) -> Any:
    """A label as an answer: of several right texts the first, and a number that stands for a text as one."""
    label = label[0] if is_text(kind) and isinstance(label, list) and label else label
    return str(label) if kind is str and not isinstance(label, str) else label
