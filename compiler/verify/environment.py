"""``environment``: a simulator rewards what a program did; a Python class of the user's.

The class runs in this process, as a metric does: it is the user's own code. What a model wrote reaches it as plain
values, and nothing here runs or evaluates them; code that a model wrote is for ``execute``, which has the sandbox.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass as plain_dataclass
from dataclasses import field as plain_field
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ...errors import UsageError
from ...records import Example, Json, Trace, Verdict, fingerprint
from ...signatures.examples import to_dspy
from ...signatures.fingerprint import code_fingerprint
from ...signatures.loading import load_module, load_object, split_target
from ...signatures.metric import normalize
from ...signatures.values import clip, jsonable, restorable, short, typed_values
from ...signatures.where import describe
from ..lm.scope import current
from .actions import actions_of, outputs_of
from .base import QUICK, Place
from .metric import by_model
from .steps.split import Split

VERSION = 1

_HUNG = 8  # simulators that never came back, and hold a thread each, after which no more are started
_SHOWN = 50  # observations in the evidence
_CLIPPED = 200  # characters of one

T = TypeVar("T")


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Environment:
    """Let a simulator reward a trace; it passes where the reward reaches the threshold.

    The simulator is a class without arguments, or with those in ``settings``, made anew for each trace. It has either
    ``reward(example, prediction)``, which answers as a metric does (a number, a bool, or these with feedback), or
    ``reset(example)`` and ``step(action)``, which answers ``(observation, reward, done)`` or Gymnasium's five values.
    The reward of a trace is then the sum over its actions. Example and prediction are what metrics see.

    A simulator that raises, does not come back in time, or answers with what is no number (NaN is none) costs the one
    trace: there is no verdict on it but an error.

    Attributes:
        simulator: The class, or ``module.py:Class``.
        field: Output with the actions, a list or a text. Default: the last output.
        split: How a text becomes actions: ``lines``, ``numbered``, ``sentences``; ``predictors`` takes the outputs of
            each predictor call of the trace.
        threshold: Reward from which on a trace passes; default: 1.
        settings: Arguments of the class, by name.
        seconds: Time for one trace.
        max_steps: Actions that are taken at most.
        name: Name of the verdict.
    """

    tier: ClassVar[int] = QUICK
    grouped: ClassVar[bool] = False

    simulator: Any
    field: str | None = None
    split: Split = "lines"
    threshold: float | None = Field(default=None, allow_inf_nan=False)
    settings: dict[str, Any] = Field(default_factory=dict)
    seconds: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    max_steps: int = Field(default=1000, ge=1)
    name: str = Field(default="environment", min_length=1)

    def at(self, folder: Path) -> Environment:
        """The same with its class loaded; a file is looked for in a folder.

        Raises:
            TargetError: It cannot be loaded.
            UsageError: It is no simulator.
        """
        return replace(self, simulator=_checked(_loaded(self.simulator, folder)))

    @cached_property
    def kind(self) -> Callable[..., Any]:
        """The class.

        Raises:
            TargetError: It cannot be loaded.
            UsageError: It is no simulator.
        """
        return _checked(_loaded(self.simulator, Path.cwd()))

    @cached_property
    def fingerprints(self) -> Sequence[str]:
        """Version by the class's code and all that decides the reward."""
        options = [self.field, self.split, self.threshold, jsonable(self.settings), self.max_steps]
        return [fingerprint("environment", VERSION, self.name, code_fingerprint(self.kind), options)]

    def calls(self, rollout: float) -> float:
        """LM calls for one trace: none of limbeck's."""
        return 0

    def bind(self, place: Place) -> _Environment:
        """Make the one that works in a run.

        Raises:
            UsageError: The program has no such output.
        """
        outputs = place.task.output_fields
        if self.field is not None and outputs and self.field not in outputs:
            hint = f"It has: {', '.join(outputs)}."
            raise UsageError(f"verifier {self.name}: the program has no output {self.field!r}", hint=hint)
        return _Environment(self, place)


@plain_dataclass
class _Game:
    """What a simulator said of the actions of one trace."""

    rewards: list[float] = plain_field(default_factory=list)
    observations: list[str] = plain_field(default_factory=list)
    actions: int = 0
    done: bool = False

    def as_json(self) -> Json:
        return {"rewards": self.rewards, "actions": self.actions, "taken": len(self.rewards), "done": self.done,
                "observations": self.observations}  # fmt: skip


class _Environment:
    """A simulator at work."""

    tier, grouped = QUICK, False

    def __init__(self, declared: Environment, place: Place) -> None:
        self._declared = declared
        self.name, self.fingerprints = declared.name, declared.fingerprints
        self._types, self._outputs = restorable(place.task.example_types), restorable(place.task.output_fields)
        self._order = list(place.task.output_fields)
        self._hung = 0

    async def verify(self, trace: Trace, example: Example) -> list[Verdict]:
        """Reward a trace. Where the simulator asked an LM, the verdict is that of a model."""
        scope = current()
        before = None if scope is None else scope.usage
        verdict = replace(
            await self._rewarded(trace, example), verifier=self.name, by="environment", fingerprint=self.fingerprints[0]
        )
        if scope is None or before is None or scope.usage == before:
            return [verdict]
        return [by_model(verdict, before, scope)]

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _rewarded(self, trace: Trace, example: Example) -> Verdict:
        if self._hung >= _HUNG:
            return self._unfinished(f"{self._hung} simulations did not come back, and no more are begun")
        try:
            async with asyncio.timeout(self._declared.seconds):
                return await in_thread(partial(self._play, trace, example))
        except TimeoutError:
            self._hung += 1
            return self._unfinished(f"the simulator did not come back within {self._declared.seconds:g} s")

    def _unfinished(self, error: str) -> Verdict:
        return Verdict(self.name, passed=False, error=error, final=False)

    def _play(self, trace: Trace, example: Example) -> Verdict:
        """In a thread. Whatever the simulator raises becomes the verdict's error."""
        try:
            made = self._declared.kind(**self._declared.settings)
            row = to_dspy(example, self._types)
            if hasattr(made, "step"):
                return self._stepped(made, row, trace)
            return _whole(made.reward(row, self._prediction(trace)), self._declared.threshold)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the simulator is the user's
            return Verdict(self.name, passed=False, error=describe(error))

    def _prediction(self, trace: Trace) -> Any:
        import dspy

        return dspy.Prediction(typed_values(dict(trace.prediction or {}), self._outputs))

    def _stepped(self, made: Any, row: Any, trace: Trace) -> Verdict:
        own = self._declared
        names = [own.field] if own.field is not None else outputs_of(trace, self._order, reasoning=False)
        actions = actions_of(trace, names, own.split)
        game = _Game(actions=len(actions))
        _observe(game, made.reset(row))
        for action in actions[: own.max_steps]:
            observation, reward, game.done = _answer(made.step(action))
            game.rewards.append(reward)
            _observe(game, observation)
            if game.done:
                break
        verdict = _whole(math.fsum(game.rewards), own.threshold)
        said = "" if verdict.passed else _short_of(game, verdict.score)
        return replace(verdict, feedback=said, evidence=game.as_json())


async def in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread of its own that nothing waits for: a thread that hangs cannot be ended, only left."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not result.done():  # given up by now
            set_it(value)

    def run() -> None:
        tell: Callable[[Any], None] = result.set_result
        try:
            value: Any = context.run(work)
        except BaseException as error:  # noqa: BLE001  # Stop, too, belongs to whoever waits
            value, tell = error, result.set_exception
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, tell, value)

    context = contextvars.copy_context()
    threading.Thread(target=run, name="limbeck-simulator", daemon=True).start()
    return await result


def _whole(answer: object, threshold: float | None) -> Verdict:
    """A verdict on the reward of a trace as a whole."""
    verdict = normalize(answer, threshold)
    if verdict.error:
        return replace(verdict, error=verdict.error.replace("the metric returned", "the reward is", 1))
    return verdict if verdict.score is not None else replace(verdict, score=float(verdict.passed))


def _answer(given: Any) -> tuple[Any, float, bool]:
    """Observation, reward and whether it is over, of what ``step`` answered."""
    if not isinstance(given, tuple) or len(given) not in (3, 4, 5):
        raise ValueError(f"step answered {short(given)}, which is not (observation, reward, done)")
    observation, reward, *over = given
    verdict = normalize(reward)
    if verdict.error:
        raise ValueError(f"the reward of a step is {short(reward)}, which is no number")
    number = float(verdict.passed) if verdict.score is None else verdict.score
    return observation, number, bool(over[0] or (len(over) == 3 and over[1]))


def _observe(game: _Game, observation: Any) -> None:
    if observation is not None and len(game.observations) < _SHOWN:
        game.observations.append(clip(short(jsonable(observation), _CLIPPED), _CLIPPED))


def _short_of(game: _Game, reward: float | None) -> str:
    if not game.rewards:
        return "there was no action to take"
    ended = "it was over" if game.done else "it was not over"
    return f"reward {reward:g} after {len(game.rewards)} of {game.actions} actions, when {ended}"


def _loaded(simulator: Any, folder: Path) -> Any:
    if not isinstance(simulator, str):
        return simulator
    where, name = split_target(simulator)
    return load_object(load_module(str(folder / where) if where.endswith(".py") else where), name, where)


def _checked(kind: Any) -> Callable[..., Any]:
    """The class, if it looks like a simulator's."""
    if isinstance(kind, type) and (_has(kind, "reward") or (_has(kind, "reset") and _has(kind, "step"))):
        return kind
    hint = "Give a class with reward(example, prediction), or with reset(example) and step(action)."
    raise UsageError(f"{short(kind)} is no simulator", hint=hint)


def _has(kind: type, name: str) -> bool:
    return callable(getattr(kind, name, None))
