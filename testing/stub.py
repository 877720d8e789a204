"""A local server that speaks OpenAI's chat completions, answers deterministically and fails on demand.

It runs in a process of its own, so that its work is not counted as the client's and it outlives a client that
is killed::

    with Stub(latency=0.2, faults={"429": 0.1, "cut": 0.1}) as stub:
        lm = dspy.LM("openai/stub", api_base=stub.url + "/v1", api_key="sk-test")
        ...
        stub.stats().served
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

import orjson

from ._stub_server import FAULTS, Fault, Settings

__all__ = ["FAULTS", "Fault", "Stats", "Stub"]


@dataclass(frozen=True)
class Stats:
    """What the stub has seen so far.

    Attributes:
        requests: Requests for a completion.
        in_flight: Requests that are being answered, hanging ones included.
        most_in_flight: The most of them at once.
        faults: Faults by kind, ``401`` for a wrong key included.
        received: Requests by hash of their JSON body.
        served: Completions sent whole, by hash; unparseable text counts, for a provider bills it.
    """

    requests: int
    in_flight: int
    most_in_flight: int
    faults: dict[str, int]
    received: dict[str, int]
    served: dict[str, int]


class Stub:
    """Runs the server while the ``with`` block lasts.

    Args:
        reply: What it answers: ``hash`` (a value of each output field's type, by hash of the inputs),
            ``echo`` (the first input), or a function from the request's JSON to text, or to tokens with log
            probabilities (see ``_stub_replies.Reply``): ``module:function`` or ``path/to/file.py:function``.
        latency: Seconds before each answer.
        faults: Share of requests that meet each fault, by kind (see ``FAULTS``). The same request meets the
            same faults in the same order in every run.
        seed: Seed of the faults.
        retry_after: Seconds in the Retry-After header of a 429.
        max_in_flight: Above this many requests at once the answer is 429.
        key: The only API key that is let in; any, where it is None.

    Raises:
        ValueError: A fault is unknown, or the shares add up to more than one.
    """

    def __init__(
        self,
        reply: str = "hash",
        *,
        latency: float = 0.0,
        faults: Mapping[Fault, float] | None = None,
        seed: int = 0,
        retry_after: float = 1.0,
        max_in_flight: int | None = None,
        key: str | None = None,
    ) -> None:
        unknown = set(faults or {}) - set(FAULTS)
        if unknown or sum((faults or {}).values()) > 1:
            raise ValueError(f"faults {faults!r}: shares of {', '.join(FAULTS)} that add up to at most 1")
        self._settings = Settings(reply, latency, dict(faults or {}), seed, retry_after, max_in_flight, key)
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 -- our own module
            [
                sys.executable,
                "-m",
                f"{__package__}._stub_server",
                orjson.dumps(asdict(self._settings)).decode(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.__exit__(None, None, None)
            raise RuntimeError(f"the stub did not start: {self._settings}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def stats(self) -> Stats:
        """Ask the server what it has seen."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=30) as answer:  # noqa: S310 -- our own URL
            counts = orjson.loads(answer.read())
        return Stats(**{**counts, "in_flight": counts["in_flight"] - 1})
