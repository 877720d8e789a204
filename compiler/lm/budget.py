"""Hard limits on money, calls, tokens and time.

Before a call its worst case is reserved; what does not fit is not sent. Afterwards the reservation is replaced by what
was really used. So the sum never exceeds a limit, however many calls are in flight.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal

from ...errors import BudgetReached, Stop, UsageError

_UNITS = {"usd": "usd", "$": "usd", "call": "calls", "calls": "calls", "token": "tokens", "tokens": "tokens"}
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SCALE = {"": 1, "k": 1_000, "M": 1_000_000}
_NUMBER = r"\d{1,15}(?:\.\d{1,15})?|\.\d{1,15}"
_PART = re.compile(rf"\s*(\$?)\s*({_NUMBER})\s*([kM])?\s*([a-zA-Z$]*)\s*")


@dataclass(frozen=True)
class Amount:
    """What one or more calls use. ``usd`` in US dollars."""

    usd: float = 0.0
    calls: int = 0
    tokens: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.usd + other.usd, self.calls + other.calls, self.tokens + other.tokens)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.usd - other.usd, self.calls - other.calls, self.tokens - other.tokens)


@dataclass(frozen=True)
class Budget:
    """Limits of one command; None is no limit. ``seconds`` is wall-clock time from the start of the command."""

    usd: float | None = None
    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``5usd,2000calls,1Mtokens,1h`` (any part may be left out).

        Raises:
            UsageError: A part is not understood, given twice, or not positive.
        """
        limits: dict[str, float] = {}
        for part in text.split(","):
            name, value = _parse_part(part)
            if name in limits:
                raise UsageError(f"--budget names {name} twice: {text!r}", hint="Give each limit once.")
            limits[name] = value
        whole = {n: int(v) if n in {"calls", "tokens"} else v for n, v in limits.items()}
        return cls(**whole)  # type: ignore[arg-type]

    def __str__(self) -> str:
        parts = [f"{_plain(getattr(self, f.name))}{f.name}" for f in fields(self) if getattr(self, f.name) is not None]
        return ",".join(parts).replace("seconds", "s") or "none"


def _parse_part(part: str) -> tuple[str, float]:
    hint = "Write for example --budget 5usd,2000calls,1Mtokens,1h."
    match = _PART.fullmatch(part)
    if not match:
        raise UsageError(f"--budget part {part.strip()!r} is not a number with a unit", hint=hint)
    dollar, number, scale, unit = match.groups()
    unit = unit or ("usd" if dollar else "")
    value = float(Decimal(number) * _SCALE[scale or ""])  # exact, so that 2.3k is a whole number
    if value <= 0:
        raise UsageError(f"--budget part {part.strip()!r} is not above zero", hint=hint)
    if unit.lower() in _UNITS:
        name = _UNITS[unit.lower()]
        if name != "usd" and value != int(value):
            raise UsageError(f"--budget part {part.strip()!r} is not a whole number of {name}", hint=hint)
        return name, value
    if unit in _SECONDS:
        return "seconds", value * _SECONDS[unit]
    raise UsageError(f"--budget part {part.strip()!r} has no known unit", hint=hint)


def _plain(number: float) -> str:
    """Write a number in full, as ``parse`` reads it."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


class Meter:
    """Counts what is spent and reserved against a budget. Used from one event loop only.

    Args:
        budget: The limits.
        clock: Seconds, monotonic.

    Attributes:
        spent: What was used, and for calls whose answer got lost the worst case.
        hits: Calls that were answered without being sent.
        unpriced: Whether a call was made whose price is not known; ``spent.usd`` then leaves it out.
        stopped: What ended the run, once the budget has.
    """

    def __init__(self, budget: Budget | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget or Budget()
        self.spent = Amount()
        self.hits = 0
        self.unpriced = False
        self.input_tokens = 0
        self.output_tokens = 0
        self.stopped: BudgetReached | None = None
        self._reserved = Amount()
        self._waiting: list[asyncio.Future[None]] = []
        self._clock = clock
        self._started = clock()

    async def reserve(self, worst: Amount) -> None:
        """Set the worst case of one call aside, waiting while only other calls' reservations are in the way.

        Raises:
            Stop: It does not fit into what is left. Nothing was reserved.
        """
        while True:
            if self.stopped:
                raise Stop(self.stopped)
            if self.seconds_left == 0:
                self.stop(self._message("seconds"))
            for name in ("usd", "calls", "tokens"):
                if not self._fits(name, self.spent + worst):
                    self.stop(self._message(name))
            total = self.spent + self._reserved + worst
            if all(self._fits(name, total) for name in ("usd", "calls", "tokens")):
                self._reserved += worst
                return
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled

    def settle(self, worst: Amount, used: Amount) -> None:
        """Replace a reservation by what was used."""
        self._reserved -= worst
        if not self._reserved.calls:
            self._reserved = Amount()  # float dust would keep the last call out for ever
        self.spent += used
        self._wake()

    def stop(self, message: str) -> None:
        """End the run: every later reservation is refused with the same words.

        Raises:
            Stop: Always.
        """
        hint = "What was reached is kept; run the same command with a larger --budget to go on from here."
        self.stopped = BudgetReached(message, hint=hint)
        self._wake()
        raise Stop(self.stopped)

    def out_of_time(self) -> None:
        """``stop`` for the time limit.

        Raises:
            Stop: Always.
        """
        self.stop(self._message("seconds"))

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until the time limit, at least 0.0; None without one."""
        if self.budget.seconds is None:
            return None
        return max(0.0, self.budget.seconds - (self._clock() - self._started))

    def _fits(self, name: str, amount: Amount) -> bool:
        limit = getattr(self.budget, name)
        return limit is None or getattr(amount, name) <= limit + 1e-12  # float dust of sums of prices

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None)

    def _message(self, name: str) -> str:
        if name == "seconds":
            return f"the budget of {_plain(self.budget.seconds or 0)} s is used up"
        used, limit = getattr(self.spent, name), getattr(self.budget, name)
        return f"the budget of {_plain(limit)} {name} has no room for another call ({used:.12g} spent)"
