"""The weak LM at work: one input, as many answers as it takes, and what they say of its label."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ....errors import UsageError
from ....records import Example, Json
from ....signatures.program import apply
from ....signatures.values import clip, restorable, typed_values
from ...verify.asking import refuses, shown, unmarked
from ..base import Bench, Dropped, Made, Provenance, Written, born
from ..labels import members, open_value
from ..probability import ASKED, LOGPROBS, option_probabilities

if TYPE_CHECKING:
    import dspy

    from ...verify.base import Answer
    from .method import Weak

_LONGEST = 200  # characters of a label where nothing says what labels there are


@dataclass(frozen=True)
class Reading:
    """One answer: its label with how likely each label is, or why it has none."""

    answer: Answer
    label: str = ""
    soft: Mapping[str, float] | None = None
    why: tuple[str, str] | None = None

    @property
    def label_only(self) -> bool:
        """Whether an answer came, and not one token of it."""
        return self.answer.failure is None and not self.answer.logprobs


@dataclass(frozen=True)
class Teacher:
    """The weak LM with the program that it runs."""

    options: Weak
    bench: Bench
    field: str
    labels: Mapping[str, Any]
    program: dspy.Module
    types: Json
    lm: Any
    lm_args: Json

    @classmethod
    def make(cls, options: Weak, bench: Bench) -> Teacher:
        """Find out what there is to label, with what labels, and by which program.

        Raises:
            UsageError: There is no such output, or its labels have to be known and are not.
        """
        outputs = bench.task.output_fields
        field = options.field if options.field is not None else next(reversed(outputs), None)
        if field is None or field not in outputs:
            hint = f"Its outputs are {', '.join(outputs)}."
            raise UsageError(f"--set field={options.field}: the program has no such output", hint=hint)
        labels = {str(value): value for value in (members(outputs[field]) or {}).values()}
        if options.labels is not None:
            labels = _named(options.labels, labels, field, outputs[field])
        own = options.prompt == "own"
        if own and set(outputs) != {field}:
            raise UsageError(f"the method's own prompt gives a label, and the program has the outputs "
                             f"{', '.join(outputs)}", hint="Leave --set prompt=own out.")  # fmt: skip
        if not labels and (own or options.confidence == "tokens"):
            raise UsageError(f"nothing says which labels {field!r} may have", hint="Name them: --set labels=yes,no")
        program = options.program if own else apply(bench.task.program, bench.candidate)
        asks = ASKED if labels and options.confidence != "agreement" else {}
        lm, lm_args = options.lm, {**options.lm_args, **asks}
        if lm is not None and not isinstance(lm, str):  # one that is made has its settings itself
            lm = lm.copy(**lm_args)
        return cls(options, bench, field, labels, program, restorable(bench.task.input_fields), lm, lm_args)

    async def label(self, seed: Example | Dropped) -> tuple[Made | Dropped, Example]:
        """The label of an input; with it the seed."""
        if isinstance(seed, Dropped):
            return seed, Example({})
        readings: list[Reading] = []
        for attempt in range(self.options.attempts):
            reading = await self._read(seed, attempt)
            readings.append(reading)
            if reading.soft is not None and self._is_first(reading.answer):
                break
            if self.options.confidence == "tokens" and reading.label_only:
                break  # an LM that gives no tokens gives none the next time
        return self._made(seed, readings), seed

    async def _read(self, seed: Example, attempt: int) -> Reading:
        answer = await self._ask(seed, attempt, self.lm_args)
        failed = answer.failure
        if failed is not None and failed.reason == "lm" and failed.final and self.options.confidence == "auto":
            answer = await self._ask(seed, attempt, self.options.lm_args)  # some LMs refuse to give tokens
        return self._reading(seed, answer)

    async def _ask(self, seed: Example, attempt: int, lm_args: Json) -> Answer:
        if self.options.prompt == "own":
            inputs = {"request": unmarked(shown(seed.inputs)), "labels": "\n".join(self.labels)}
        else:
            inputs = typed_values(seed.inputs, self.types)
        return await self.bench.ask(self.program, inputs, attempt=attempt, lm=self.lm, lm_args=lm_args)

    def _reading(self, seed: Example, answer: Answer) -> Reading:
        field = "label" if self.options.prompt == "own" else self.field
        if answer.failure is not None:
            refused = refuses(answer.completion)
            rule = "refusal" if refused else "LM failure" if answer.failure.reason == "lm" else "unreadable answer"
            return Reading(answer, why=(rule, clip(answer.failure.message, 200)))
        said = {name: value for name, value in (answer.prediction or {}).items() if name != LOGPROBS}
        answer = replace(answer, prediction=said)
        text = str(said[field]).strip() if said.get(field) is not None else ""
        label = self._known(text)
        why = self._why_not(text, seed, label)
        if label is None or why:
            return Reading(answer, why=(why, clip(text, 100)))
        soft = option_probabilities(answer, list(self.labels), field) if answer.logprobs else None
        if soft is None and self.options.confidence == "tokens":
            return Reading(answer, why=("no token probabilities", clip(text, 100)))
        return Reading(answer, label, soft)

    def _known(self, text: str) -> str | None:
        """The label that a text is, where case does not tell two apart; of unknown labels any short text."""
        if text in self.labels:
            return text
        same = [label for label in self.labels if label.strip().casefold() == text.casefold()]
        if len(same) == 1:
            return same[0]
        return None if self.labels else text

    def _why_not(self, text: str, seed: Example, label: str | None) -> str:
        """Why a text is no label; empty where it is one."""
        if self.labels and label is not None:
            return ""
        if not text:
            return "empty label"
        if refuses(text):
            return "refusal"
        if any(text == str(value).strip() for value in seed.inputs.values()):
            return "echo"
        if self.labels:
            return "off-label"
        return "label too long" if len(text) > _LONGEST else ""

    def _is_first(self, answer: Answer) -> bool:
        """Whether the label is the first thing that was written for an input: its tokens say how likely it is."""
        return self.options.prompt == "own" or (
            len(answer.steps) == 1 and next(iter(answer.prediction or {}), None) == self.field
        )

    def _made(self, seed: Example, readings: Sequence[Reading]) -> Made | Dropped:
        read = [reading for reading in readings if reading.why is None]
        if not read:
            rule, detail = readings[0].why or ("", "")
            return Dropped(rule, seed.id, detail)
        soft, by_tokens = _mean(read), all(reading.soft is not None for reading in read)
        best = max(read, key=lambda reading: soft.get(reading.label, 0.0))  # the first of equal ones
        sure = soft.get(best.label, 0.0)
        known = {"confidence": sure, "by": "tokens" if by_tokens else "agreement"}
        usage = sum((reading.answer.usage for reading in readings[1:]), readings[0].answer.usage)
        least, lm = self.options.min_confidence, best.answer.lm
        verdict = born(
            "confidence", passed=sure >= least, score=sure, by="model", usage=usage,
            feedback="" if sure >= least else f"{lm} is sure of {best.label!r} by {sure:.2f} only",
            evidence={"lm": lm, "is_student": lm == self.bench.student, "threshold": least, **known},
        )  # fmt: skip
        facts = {"field": self.field, "soft": soft, **known, "attempts": len(readings), "read": len(read)}
        provenance = Provenance("label", seed.id, lm=lm, facts=facts)
        example = Example(seed.inputs, source=seed.source)
        return Made(example, provenance, self._written(best), verdicts=[verdict], new=False)

    def _written(self, reading: Reading) -> Written:
        answer = reading.answer
        if self.options.prompt == "own":
            return Written({self.field: self.labels[reading.label]}, answer.lm)
        steps = [replace(step, outputs=self._spelled(step.outputs)) for step in answer.steps]
        return Written(self._spelled(answer.prediction) or {}, answer.lm, steps=steps)

    def _spelled(self, said: Json | None) -> Json | None:
        """Outputs without DSPy's own, and with the label spelled as labels are; other steps may have another label."""
        if said is None:
            return None
        outputs = {name: value for name, value in said.items() if name != LOGPROBS}
        given = outputs.get(self.field)
        if isinstance(given, str) and (label := self._known(given.strip())) is not None:
            outputs[self.field] = self.labels.get(label, given)
        return outputs


def _named(names: Sequence[str], known: Mapping[str, Any], field: str, kind: Any) -> dict[str, Any]:
    """The labels that the user names, with their values.

    Raises:
        UsageError: The output cannot have one of them.
    """
    if not known:
        return {name: open_value(field, name, kind) for name in names}
    by_name = {name.casefold(): name for name in known}
    found = [name if name in known else by_name.get(name.casefold()) for name in names]
    if None in found:
        said = names[found.index(None)]
        raise UsageError(f"--set labels: {field} has no label {said!r}", hint=f"It has {', '.join(known)}.")
    return {str(name): known[str(name)] for name in found}


def _mean(read: Sequence[Reading]) -> dict[str, float]:
    """How likely each label is by all answers, the likeliest first; an answer without tokens counts for its label."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for reading in read:
        for label, p in (reading.soft or {reading.label: 1.0}).items():
            found[label].append(p)
    means = {label: math.fsum(parts) / len(read) for label, parts in found.items()}
    return {label: means[label] for label in sorted(means, key=lambda label: (-means[label], label)) if means[label]}
