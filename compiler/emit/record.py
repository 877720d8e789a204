"""What flows from the store to a dataset: answers that were selected, and records that formats make rows of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ...errors import UsageError
from ...records import Json, Outcome, Step, Trace

Kind = Literal["sft", "preference", "unpaired", "stepwise", "prompts", "soft"]
"""What a row teaches: an answer, which of two is better, whether one is good, where one goes wrong, nothing but the
prompt (for reinforcement learning), or how likely each label is."""

KINDS: tuple[Kind, ...] = get_args(Kind)

StepLabel = Literal["positive", "neutral", "negative"]
"""What a verifier said of a step; ``neutral`` is right but no progress."""

WHOLE = -1
"""Index of the step that a whole program is: what went in, and what came out in the end."""

PROGRAM = "(program)"
"""Name of that step's predictor; no predictor can be called so."""


REASONING = "reasoning"
"""Output field that DSPy's ``ChainOfThought`` puts before the others."""


def check_kind(kind: str) -> None:
    """Refuse a kind of rows that does not exist.

    Raises:
        UsageError: ``kind`` is not one of ``Kind``.
    """
    if kind not in KINDS:
        raise UsageError(f"Unknown kind of rows {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}.")


@dataclass(frozen=True)
class Answer:
    """A step of a trace that may become a row, or part of one.

    Attributes:
        trace: Where it comes from.
        index: Which step of the trace; ``WHOLE`` for the program as one.
        attempts: Judged traces of the same input that the store holds.
        passes: How many of them passed. The rate tells how hard the input is.
        became: The outcome of the trace, by whoever found it out already.
    """

    trace: Trace
    index: int
    attempts: int = 1
    passes: int = 1
    became: Outcome | None = None

    @property
    def id(self) -> str:
        """Identity: the trace and the step in it."""
        return f"{self.trace.id}#{'all' if self.index == WHOLE else self.index}"

    @property
    def step(self) -> Step:
        """The step itself. That of a whole program has the calls of the last step, whose answer the program's was."""
        if self.index != WHOLE:
            return self.trace.steps[self.index]
        calls = self.trace.steps[-1].calls if self.trace.steps else []
        return Step(PROGRAM, self.trace.example.inputs, self.trace.prediction, calls)

    @property
    def outcome(self) -> Outcome:
        """What became of the trace."""
        return self.became or self.trace.outcome

    @property
    def reward(self) -> float:
        """Score of the trace, 0 where it failed; what reinforcement learning would be given."""
        return self.trace.score


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer as a chat.

    Attributes:
        prompt: Messages before the answer, ``{"role", "content"}`` each.
        completion: The assistant's messages that are to be learned; with tools, also what they gave back.
        tools: JSON schemas of the tools that the LM could call, as they were sent: in DSPy's or OpenAI's form.
        trimmed: The answer as it would be without white space at the ends of its values, where it has any; equal
            answers are known by it.
    """

    prompt: list[Json]
    completion: list[Json]
    tools: list[Json] = field(default_factory=list)
    trimmed: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledStep:
    """One step of reasoning inside an answer.

    Attributes:
        text: The step.
        label: What a verifier said of it.
    """

    text: str
    label: StepLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a format makes a row of. Which fields hold something depends on the kind.

    Attributes:
        kind: What the row teaches.
        answers: What it was made of, at least one; the first is the one whose answer it is, in a preference pair the
            second is the one that was rejected.
        prompt: Messages before the answer. All kinds have it.
        completion: The assistant's messages: of ``sft`` and ``unpaired`` the answer, of ``preference`` the better one.
        rejected: The worse answer of a ``preference``.
        label: Whether the answer of an ``unpaired`` is good.
        steps: Steps of a ``stepwise``, up to the first negative one.
        neutral: What a neutral step counts as, where the target knows good and bad only.
        soft: Probability by label of a ``soft``, adding up to 1.
        tools: JSON schemas of the tools at hand.
        known: What the example knows of the right answer, for the rewards of ``prompts``; JSON values by column.
        columns: More columns, where they were asked for: ``outcome`` and ``reward``.
        input_text: What went in, without the words that all prompts of the predictor share.
        answer_text: What is learned, as one text; with ``input_text`` what duplicates are known by.
    """

    kind: Kind
    answers: Sequence[Answer]
    prompt: list[Json]
    completion: Sequence[Json] = ()
    rejected: Sequence[Json] = ()
    label: bool | None = None
    steps: Sequence[LabelledStep] = ()
    neutral: Literal["positive", "negative"] = "positive"
    soft: Mapping[str, float] = field(default_factory=dict)
    tools: Sequence[Json] = ()
    known: Json = field(default_factory=dict)
    columns: Json = field(default_factory=dict)
    input_text: str = ""
    answer_text: str = ""

    @property
    def messages(self) -> list[Json]:
        """Prompt and answer as one chat."""
        return [*self.prompt, *self.completion]

    @property
    def has_tools(self) -> bool:
        """Whether tools are at hand, are called, or answer."""
        messages = [*self.prompt, *self.completion, *self.rejected]
        return bool(self.tools) or any(m.get("tool_calls") or m.get("role") == "tool" for m in messages)

    @property
    def good_steps(self) -> list[bool]:
        """Whether each step is good, with neutral ones counted as asked."""
        return [(self.neutral if step.label == "neutral" else step.label) == "positive" for step in self.steps]

    @property
    def first(self) -> Answer:
        """Whose answer it is."""
        return self.answers[0]

    @property
    def id(self) -> str:
        """Identity of the row: that of its first answer, and in a pair that of the rejected one."""
        return "~".join(answer.id for answer in self.answers[:2]) if self.kind == "preference" else self.first.id


def text_of(messages: Iterable[Json]) -> str:
    """The text of messages; what is no text (images, tool calls) as Python writes it."""
    return "\n".join(_content(message) for message in messages)


def _content(message: Json) -> str:
    content = message.get("content")
    parts = [content if isinstance(content, str) else "" if content is None else str(content)]
    if calls := message.get("tool_calls"):
        parts.append(str(calls))
    return " ".join(filter(None, parts))
