"""Runs of commands, and what they found of candidates."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ...records import Json

Status = Literal["running", "done", "failed", "budget", "interrupted"]
"""What became of a run. One whose process was killed stays ``running``."""


@dataclass(frozen=True)
class Run:
    """One run of a command on a task.

    Attributes:
        id: When it started (UTC), and a few random digits.
        task: Name of the task.
        command: ``compile``, ``import``, ...
        status: What became of it.
        started: When it started.
        finished: When it ended; None while it runs.
        args: What the user gave; the caller leaves out secrets.
        summary: What it came to.
    """

    id: str
    task: str
    command: str
    status: Status
    started: datetime
    finished: datetime | None = None
    args: Json = field(default_factory=dict)
    summary: Json | None = None


@dataclass(frozen=True)
class Evaluated:
    """What a run measured of a candidate on a split.

    Attributes:
        run: Id of the run.
        candidate: Id of the candidate.
        split: ``train``, ``val`` or ``test``.
        mean: Mean score; None without rows.
        n: Number of rows.
        low: Lower end of the mean's confidence interval, if one was computed.
        high: Upper end.
        detail: Whatever else is to be kept, such as the counts of outcomes.
    """

    run: str
    candidate: str
    split: str
    mean: float | None
    n: int
    low: float | None = None
    high: float | None = None
    detail: Json = field(default_factory=dict)


def new_run_id(now: datetime) -> str:
    """An id that sorts by time."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
