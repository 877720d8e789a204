"""The records that flow through limbeck: plain, immutable, made of JSON values.

Nothing here imports anything beyond the standard library and orjson, so that every floor can use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import orjson

Outcome = Literal["passed", "rejected", "failed"]
"""What became of a rollout. Planned rollouts = passed + rejected + failed."""

Reason = Literal["parse", "lm", "metric", "program", "budget", "check", "verifier"]
"""Why a rollout failed."""

Origin = Literal["rollout", "import", "written", "synth"]
"""Where an answer came from: a rollout, a model's log, a person who wrote it (also a row of a log), or a generator."""

By = Literal["rule", "tests", "model", "people", "environment"]
"""What a verdict rests on: a rule or comparison, code that was run, an LM, people, or an environment's reward."""

Json = dict[str, Any]
"""A JSON object: str keys; values are None, bool, int, float, str, list or dict."""


METRIC = "metric"
"""Name of the metric's verdict."""

BORN = "synth:"
"""Names of verdicts start so that a generator gave what it made. They are part of the record, and never given again."""

PREFERRED = f"{BORN}preferred"
"""Name of the verdict on one of two answers that were compared: its score is the probability that it is the better one,
and the other one has the same ``evidence["pair"]``."""


def canonical_json(value: object) -> bytes:
    """Serialize to the one byte string that equal values share (sorted keys, UTF-8)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def fingerprint(*parts: object) -> str:
    """Hash JSON values to 32 hex digits (128 bits of SHA-256): equal content, equal name."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:32]


@dataclass(frozen=True)
class Example:
    """One row of data: what goes in, and what is known of what should come out.

    Attributes:
        inputs: Values by the program's input names.
        labels: All other columns of the row, by name; what the metric compares with.
        source: Where the row was read, as ``file:line``; not part of the identity.
    """

    inputs: Json
    labels: Json = field(default_factory=dict)
    source: str | None = field(default=None, compare=False)

    @cached_property
    def id(self) -> str:
        """Identity by content: equal inputs and labels are the same example."""
        return fingerprint("example", self.inputs, self.labels)

    @cached_property
    def input_id(self) -> str:
        """Identity of the inputs alone; splits are disjoint by it."""
        return fingerprint("inputs", self.inputs)


@dataclass(frozen=True)
class Usage:
    """What LM calls cost. ``calls`` were sent to a provider; ``hits`` were answered from what was paid before.

    Tokens and ``usd`` count what was sent only. ``usd`` is None where no price is known.
    """

    calls: int = 0
    hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Usage(
            self.calls + other.calls,
            self.hits + other.hits,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
        )


@dataclass(frozen=True)
class Call:
    """One LM request and its answer, as sent and as received.

    Attributes:
        lm: Name of the LM that was asked.
        messages: Chat messages, ``{"role", "content"}`` and whatever else was sent with them.
        completion: The text received; None where the call failed or gave no text.
        config: Sampling parameters and tools that were sent.
        tool_calls: Native tool calls in the answer, if any.
        error: Why there is no answer, if there is none.
        logprobs: Where asked for: a token of the answer each, ``{"token", "logprob", "top": {token: logprob}}``.
    """

    lm: str
    messages: list[Json]
    completion: str | None
    config: Json = field(default_factory=dict)
    tool_calls: list[Json] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None
    logprobs: list[Json] | None = None


@dataclass(frozen=True)
class Step:
    """One predictor call inside a trace.

    A step has more than one call where the adapter asked again (ChatAdapter falls back to JSON when
    it cannot parse) or where several completions were asked for; the last one is what counted.

    Attributes:
        predictor: Name in ``named_predictors()``; None for a predictor made at run time.
        inputs: Field values that went in.
        outputs: Field values that came out; None where the step failed.
        calls: LM calls in the order in which they were made.
        error: Why there are no outputs.
    """

    predictor: str | None
    inputs: Json
    outputs: Json | None
    calls: list[Call] = field(default_factory=list)
    error: str | None = None

    @property
    def messages(self) -> list[Json]:
        """Messages of the call that counted."""
        return self.calls[-1].messages if self.calls else []

    @property
    def completion(self) -> str | None:
        """Completion of the call that counted."""
        return self.calls[-1].completion if self.calls else None


@dataclass(frozen=True)
class Verdict:
    """What one verifier says of one trace.

    Attributes:
        verifier: Name of the verifier (``metric``, ``check:NAME``, ...).
        passed: Whether the trace may be kept. False where ``error`` is set.
        score: The number behind it, if there is one; never NaN.
        feedback: Words for people and for reflective optimizers.
        evidence: JSON facts that the verdict rests on.
        fingerprint: Version of the verifier; a verdict of another version is judged again.
        error: Why the verifier could not judge. The trace then counts as failed, not as rejected.
        by: What it rests on. Levels are derived from it.
        usage: LM calls that it took; None where it took none.
        final: Whether judging again would give the same. An error that is not final (a sandbox that died, a
            provider out of reach) is judged again whenever the trace is looked at.
    """

    verifier: str
    passed: bool
    score: float | None = None
    feedback: str = ""
    evidence: Json = field(default_factory=dict)
    fingerprint: str = ""
    error: str | None = None
    by: By = "rule"
    usage: Usage | None = None
    final: bool = True

    @property
    def born(self) -> bool:
        """Whether a generator gave it to what it made."""
        return self.verifier.startswith(BORN)


@dataclass(frozen=True)
class Failure:
    """Why a rollout has no prediction.

    Attributes:
        reason: Kind of failure.
        message: One line for people.
        final: Whether the same rollout would fail again. A failure that is not final (budget, an
            unreachable provider) is tried again when the run is resumed.
    """

    reason: Reason
    message: str
    final: bool = True


@dataclass(frozen=True)
class Candidate:
    """One setting of a program: instructions and demos by predictor name.

    Demos are JSON objects of field values; ``"augmented": true`` marks those that were bootstrapped.
    """

    instructions: Mapping[str, str] = field(default_factory=dict)
    demos: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """Identity by content."""
        demos = {name: list(rows) for name, rows in self.demos.items()}
        return fingerprint("candidate", dict(self.instructions), demos)

    @property
    def predictors(self) -> list[str]:
        """Names of the program's predictors, in its order."""
        return list(self.instructions)

    def with_demos(self, demos: Mapping[str, Sequence[Json]]) -> Candidate:
        """Copy with other demos."""
        return replace(self, demos={name: tuple(rows) for name, rows in demos.items()})


@dataclass(frozen=True)
class Rollout:
    """One run to make: a candidate on an example, the n-th attempt, by the student (0) or the n-th teacher."""

    candidate: Candidate
    example: Example
    attempt: int = 0
    teacher: int = 0


@dataclass(frozen=True)
class Trace:
    """The record of a rollout, or of a row of a log that was imported.

    Attributes:
        id: Identity of the rollout by content (program, candidate, adapter, LM, example, attempt).
        task: Name of the task.
        example: The data row.
        candidate: Id of the candidate.
        lm: Name of the LM that the program ran with.
        attempt: 0 for the first attempt at an example.
        prediction: Output values by name; None where the rollout failed.
        steps: Predictor calls in the order in which they ended.
        verdicts: What the verifiers said.
        failure: Why there is no prediction.
        usage: What it cost when it was made.
        origin: ``rollout``, ``import`` for rows of a log, ``written`` for what a person wrote, ``synth`` for answers
            of a generator.
        adapter: Name of the adapter that rendered the prompts.
        program: Fingerprint of the program.
        meta: Facts that an importer wants kept (the row's id, its source), and under ``synth`` where what was generated
            comes from.
    """

    id: str
    task: str
    example: Example
    candidate: str
    lm: str
    attempt: int = 0
    prediction: Json | None = None
    steps: list[Step] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    origin: Origin = "rollout"
    adapter: str = "chat"
    program: str = ""
    meta: Json = field(default_factory=dict)

    def with_verdicts(self, verdicts: list[Verdict]) -> Trace:
        """Copy with other verdicts. ``dataclasses.replace`` takes three times as long, for every trace there is."""
        return Trace(**{**self.__dict__, "verdicts": verdicts})

    @property
    def outcome(self) -> Outcome:
        """``failed`` without a prediction or a judgment, else by whether every verdict passed."""
        if self.failure is not None:
            return "failed"
        passed = bool(self.verdicts)
        for verdict in self.verdicts:  # asked several times of every trace; generators take three times as long
            if verdict.error:
                return "failed"
            passed = passed and verdict.passed
        return "passed" if passed else "rejected"

    @property
    def reason(self) -> Reason | None:
        """Why it failed, if it did."""
        if self.failure is not None:
            return self.failure.reason
        broken = next((v for v in self.verdicts if v.error), None)
        if broken is None:
            return None
        if broken.verifier.startswith("check:"):
            return "check"
        return "metric" if broken.verifier == METRIC else "verifier"

    @property
    def score(self) -> float:
        """Score for averages: 0.0 where it failed or a verifier beside the metric refused, else the metric's or 1/0."""
        if self.outcome == "failed" or not all(v.passed for v in self.verdicts if v.verifier != METRIC):
            return 0.0
        verdict = next((v for v in self.verdicts if v.verifier == METRIC), None)
        if verdict is None or verdict.score is None:
            return float(self.outcome == "passed")
        return verdict.score


@dataclass(frozen=True)
class Evaluation:
    """Scores of one candidate on a list of examples, in the order of the examples.

    Attributes:
        candidate: Id of the candidate.
        scores: One number an example; 0.0 where the rollout failed.
        outcomes: One outcome an example.
    """

    candidate: str
    scores: Sequence[float]
    outcomes: Sequence[Outcome]

    @property
    def mean(self) -> float:
        """Mean score; 0.0 without examples."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0

    def count(self, outcome: Outcome) -> int:
        """Number of examples with this outcome."""
        return sum(o == outcome for o in self.outcomes)
