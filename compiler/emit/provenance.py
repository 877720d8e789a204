"""Where each row comes from: a side file, so that no trainer trips over columns it does not know."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version

import orjson

from ...records import Json, Verdict
from ..keep.level import Level
from .record import Answer, Record


def provenance(record: Record, level: Level) -> Json:
    """Tell of one row where it comes from and who judged it.

    Args:
        record: The row's record.
        level: That of its first answer's trace.
    """
    first, *others = record.answers
    trace = first.trace
    facts = {
        "row": record.id,
        **_answer(first),
        "example": trace.example.id,
        "input": trace.example.input_id,
        "source": trace.example.source,
        "task": trace.task,
        "attempts": first.attempts,
        "passes": first.passes,
        "candidate": trace.candidate,
        "adapter": trace.adapter,
        "program": trace.program,
        "origin": trace.origin,
        "level": level.number,
        "meta": trace.meta,
        "verdicts": [_verdict(verdict) for verdict in trace.verdicts],
    }
    if others:
        facts["others"] = [_answer(answer) for answer in others]
    if others and record.kind == "preference":  # of the worse one, too, it must be told why
        facts["others"][0]["verdicts"] = [_verdict(verdict) for verdict in others[0].trace.verdicts]
    return facts


def placed(origin: bytes, split: str, line: int, row: bytes) -> bytes:
    """Add to a row's provenance where the row stands.

    Args:
        origin: What ``provenance`` told, as JSON.
        split: Name of the side.
        line: Its line or row there, from 1.
        row: The row as JSON, without a newline; where a file has JSON lines, its hash finds the row wherever it stands.
    """
    place = {"split": split, "line": line, "sha256": hashlib.sha256(row).hexdigest()}
    return orjson.dumps(place)[:-1] + b"," + origin[1:]


def _answer(answer: Answer) -> Json:
    """One answer that a row was made of."""
    trace, step = answer.trace, answer.step
    facts: Json = {
        "trace": trace.id,
        "step": answer.index,
        "predictor": step.predictor,
        "lm": step.calls[-1].lm if step.calls else trace.lm,
        "attempt": trace.attempt,
        "outcome": answer.outcome,
        "score": answer.reward,
    }
    used = trace.usage
    if used.calls or used.hits:
        facts["usage"] = {
            "calls": used.calls + used.hits,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "usd": used.usd,
        }
    return facts


def _verdict(verdict: Verdict) -> Json:
    facts: Json = {
        "verifier": verdict.verifier,
        "passed": verdict.passed,
        "score": verdict.score,
        "by": verdict.by,
        "fingerprint": verdict.fingerprint,
    }
    return facts | ({"feedback": verdict.feedback} if verdict.feedback else {})


def versions(*more: str) -> dict[str, str]:
    """Versions that a dataset's bytes depend on: limbeck's, DSPy's, and those of other packages."""
    return {name: _version(name) for name in ("limbeck", "dspy", *more)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
