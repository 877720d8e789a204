"""A process reward model of the user's: a Python function, or a server that is asked over HTTP.

Either is given a question and its steps and says of each step how likely it is right: a number from 0 to 1, or the
three chances of right, neutral and wrong, as the PRM of Let's Verify Step by Step predicts them (arXiv 2305.20050).
A server gets ``{"question": "...", "steps": ["...", ...]}`` as JSON and answers ``{"scores": [...]}``.

It is no LM: the budget does not count it, and a run that is begun again asks it again.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

from ....errors import LMUnavailable, Stop, UsageError
from ....signatures.loading import load_module, load_object, split_target
from ....signatures.values import short
from ....signatures.where import describe
from ...keep.jsontext import clean
from ...verify.asking import shown
from ...verify.steps.labels import Case, Label, Labels, Neutral, Unlabelled
from .scores import p_right

_TRIES = 3
_WAIT = 0.5  # seconds before the second try; twice as long before the third
_LATER = (408, 425, 429)  # statuses of a server that is to be asked again, though they say that it was asked wrongly
_WORDS: tuple[Label, ...] = ("positive", "neutral", "negative")
_OFF = 1e-6  # what three chances may be off 1 in all, and a chance off its bounds: they come from floating point
_ADDRESS = "Give an address such as http://localhost:8000/score."
_CONTRACT = 'It has to answer {"scores": [...]}: a number from 0 to 1, or three that add up to 1, for each step.'


class Model(Protocol):
    """What gives the chances of steps."""

    @property
    def name(self) -> str:
        """What it is called in verdicts."""
        ...

    async def __call__(self, question: str, steps: Sequence[str]) -> Any:
        """What it says, as it says it.

        Raises:
            Unlabelled: It failed on these steps.
            Stop: It cannot be reached at all.
        """
        ...


@dataclass(frozen=True)
class ByModel:
    """Labels steps with a PRM's chances, all of them, also those after a wrong one.

    Attributes:
        model: The PRM.
        neutral: What the chance of neutral counts as, where it tells it apart.
        threshold: Chance from which on a step is right, where the PRM gives one number a step.
    """

    model: Model
    neutral: Neutral
    threshold: float

    async def __call__(self, case: Case) -> Labels:
        """Ask for the chances of all steps.

        Raises:
            Unlabelled: The PRM failed, or what it gave is no chance for each step.
            Stop: It cannot be reached.
        """
        said = await self.model(shown(case.example.inputs), list(case.steps))
        labels = Labels(lm=self.model.name)
        for text, given in zip(case.steps, _listed(said, len(case.steps)), strict=True):
            label, score = self._read(given)
            labels.add(text, label, score)
        return labels

    def _read(self, given: Any) -> tuple[Label, float]:
        if isinstance(given, Mapping):
            given = [given.get(word) for word in _WORDS]
        if not isinstance(given, list | tuple):
            score = _number(given)
            return ("positive" if score >= self.threshold else "negative"), score
        if len(given) != len(_WORDS):
            raise Unlabelled(f"the PRM gave {short(given)}, not the chances of {', '.join(_WORDS)}")
        chances = [_number(value) for value in given]
        if abs(sum(chances) - 1) > 1e-3:
            raise Unlabelled(f"the PRM gave {short(given)}, which do not add up to 1")
        label = _WORDS[chances.index(max(chances))]
        return label, p_right(chances[0], chances[1], self.neutral)


def _listed(said: Any, steps: int) -> list[Any]:
    """A value for each step; arrays of numpy and torch are lists, too."""
    if isinstance(said, Mapping):
        said = said.get("scores")
    if callable(getattr(said, "tolist", None)):
        said = said.tolist()
    if not isinstance(said, list | tuple):
        raise Unlabelled(f"the PRM gave {short(said)}, not a chance for each step")
    if len(said) != steps:
        raise Unlabelled(f"the PRM gave {len(said)} chances for {steps} steps")
    return list(said)


def _number(value: Any) -> float:
    try:
        chance = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        chance = math.nan
    if not -_OFF <= chance <= 1 + _OFF:
        raise Unlabelled(f"the PRM gave {short(value)}, which is no chance from 0 to 1")
    return min(1.0, max(0.0, chance))


@dataclass(frozen=True)
class Function:
    """A PRM that is a Python function ``f(question, steps)``, plain or async."""

    name: str
    call: Callable[[str, list[str]], Any]

    async def __call__(self, question: str, steps: Sequence[str]) -> Any:
        """Call it; a plain one in a thread. Whatever it raises costs these steps alone."""
        try:
            if inspect.iscoroutinefunction(self.call):
                return await self.call(question, list(steps))
            return await asyncio.to_thread(self.call, question, list(steps))
        except Exception as error:  # it is the user's
            raise Unlabelled(f"the PRM {self.name} failed: {describe(error)}") from error


@dataclass
class Server:
    """A PRM behind an address.

    Attributes:
        url: Where it listens.
        timeout: Seconds that an answer may take.
        send: Sends JSON, gives the status and the JSON that came back, or raises OSError; default: over HTTP.
        name: The address without its query.

    Raises:
        UsageError: It is no address.
    """

    url: str
    timeout: float = 120.0
    send: Callable[[str, Any], Awaitable[tuple[int, Any]]] | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"prm={self.url} is no address: {error}", hint=_ADDRESS) from error
        if not host:
            raise UsageError(f"prm={self.url} names no host", hint=_ADDRESS)
        if parts.username is not None or parts.password is not None:  # options are written to the store
            hint = "Leave it out; a function that knows it can be given instead: --set prm=module.py:name."
            raise UsageError(f"the address of the PRM on {host} has a user or a password in it", hint=hint)
        self.name = f"{host}{f':{port}' if port else ''}{parts.path}"

    async def __call__(self, question: str, steps: Sequence[str]) -> Any:
        """Ask it; again where it fails, and in the end the run ends where there was no answer at all."""
        send, wait = self.send or self._post, _WAIT
        body = {"question": clean(question), "steps": [clean(step) for step in steps]}
        for attempt in range(_TRIES):
            try:
                status, said = await send(self.url, body)
            except OSError as error:
                if attempt == _TRIES - 1:
                    hint = "Start it, or give another address with --set prm=URL."
                    raise Stop(LMUnavailable(f"the PRM {self.name} cannot be reached: {error}", hint=hint)) from error
            else:
                if status < 300:
                    return said
                if attempt == _TRIES - 1 or (400 <= status < 500 and status not in _LATER):
                    raise Unlabelled(f"the PRM {self.name} answered with status {status}: {short(said)}", final=False)
            await asyncio.sleep(wait)
            wait *= 2
        raise Unlabelled(f"the PRM {self.name} did not answer", final=False)

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        """Certificates, read once; None where the address has no use for them."""
        return ssl.create_default_context() if self.url.startswith("https:") else None

    async def _post(self, url: str, body: Any) -> tuple[int, Any]:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=self.timeout, verify=self._context or False) as client:
                came = await client.post(url, json=body)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise OSError(describe(error)) from error
        try:
            return came.status_code, came.json()
        except ValueError:
            return came.status_code, came.text


def model_of(target: str) -> Model:
    """The PRM of an address, or of ``module.py:name``.

    Raises:
        UsageError: It is neither, cannot be loaded, or is no function.
    """
    if target.startswith(("http://", "https://")):
        return Server(target)
    where, name = split_target(target)
    found = load_object(load_module(where), name, where)
    if not callable(found):
        raise UsageError(f"prm={target} is no function", hint=f"Define def {name}(question, steps). {_CONTRACT}")
    return Function(target.rpartition("/")[2], found)
