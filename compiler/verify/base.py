"""What a verifier is, and how several judge a trace together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...records import Example, Trace, Verdict


class Verifier(Protocol):
    """Says of one trace whether it may be kept.

    Attributes:
        fingerprints: Versions, by content, of the verdicts that it gives, in their order; verdicts of another
            version are given again.
    """

    fingerprints: Sequence[str]

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Judge a trace that has a prediction. A verifier that cannot judge gives a verdict with an error."""
        ...


async def judge(trace: Trace, verifiers: Sequence[Verifier]) -> Trace:
    """Give a trace its verdicts, cheap verifiers first, up to the first refusal.

    Failed rollouts are not judged: there is nothing to judge.
    """
    if trace.failure is not None:
        return trace
    verdicts: list[Verdict] = []
    for verifier in verifiers:
        verdicts += await verifier.verify(trace, trace.example)
        if not all(v.passed for v in verdicts):
            break
    return trace.with_verdicts(verdicts)


def is_current(trace: Trace, verifiers: Sequence[Verifier]) -> bool:
    """Whether a trace's verdicts are those that these verifiers would give."""
    if trace.failure is not None:
        return True
    known = [v.fingerprint for v in trace.verdicts]
    wanted: list[str] = []
    for verifier in verifiers:
        wanted += verifier.fingerprints
        if known == wanted and not all(v.passed for v in trace.verdicts):
            return True  # refused here, so that dearer verifiers were not asked
    return known == wanted
