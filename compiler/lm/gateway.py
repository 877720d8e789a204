"""The single door through which every LM call goes.

    request -> cache -> single flight -> budget -> limiter -> backend (with retries) -> disk -> answer

Programs reach it through ordinary ``dspy.LM`` objects whose engine is the gateway. Calls from threads and from tasks
share this one path: a synchronous call waits for the event loop that the gateway lives on.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from dspy.utils import exceptions as dx
from dspy.utils.exceptions import is_retryable_lm_error

from ...aio import from_thread
from ...errors import LimbeckError, LMSetupError, LMUnavailable, Stop
from ...records import Call, Json
from . import scope as scopes
from .budget import Amount, Meter
from .limiter import Limiter
from .prices import Price
from .secrets import Secrets
from .wire import (
    chat_messages,
    completion_text,
    decode_response,
    encode_request,
    encode_response,
    logprobs,
    request_bytes,
    request_key,
    sampling,
    tool_calls,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dspy.lm15 import Request, Response

    from .backends import Backend
    from .cache import ResponseCache
    from .replay import Recording

T = TypeVar("T")

_FATAL = (dx.LMAuthError, dx.LMBillingError, dx.LMConfigurationError, dx.LMUnsupportedModelError)
_DRAIN = 30.0  # seconds to wait at most for answers that are paid for, when a run is ended by its budget
_OVERHEAD = 64  # tokens that a provider may add around a prompt (roles, separators)


class SyncInLoop(BaseException):
    """A synchronous LM call was made on the event loop's own thread, where waiting for it would never end."""


@dataclass(frozen=True)
class Retries:
    """How a failed call is tried again: full jitter, as in AWS's "Exponential backoff and jitter" (2015).

    Attributes:
        attempts: Sends of one request at most.
        base: Seconds; upper bound of the first wait, doubling with every further one.
        cap: Seconds; upper bound of any wait, unless the provider asks for a longer one.
    """

    attempts: int = 8
    base: float = 0.5
    cap: float = 30.0

    def wait(self, failures: int, retry_after: float | None) -> float:
        """Seconds to wait after so many failures."""
        drawn = random.uniform(0, min(self.cap, self.base * 2.0 ** min(failures - 1, 60)))
        return drawn + (retry_after or 0.0)


@dataclass
class _Flight:
    """A request on its way: how many wait for it, and whether it was sent."""

    task: asyncio.Task[Response] = field(init=False)
    waiting: int = 0
    sent: bool = False


@dataclass
class Gateway:
    """Answers requests for any number of LMs. Lives on the event loop that made it.

    Attributes:
        cache: Completed responses on disk.
        meter: The budget and what is spent.
        limiter: Slots for concurrent calls.
        retries: How failed calls are tried again.
        secrets: What must never be kept.
        recording: Where answers are recorded for replay, if at all.
        adopted: LMs that programs brought with them, by id, and what answers for them.
    """

    cache: ResponseCache
    meter: Meter
    limiter: Limiter
    retries: Retries = field(default_factory=Retries)
    secrets: Secrets = field(default_factory=Secrets)
    recording: Recording | None = None
    adopted: dict[int, tuple[Any, Backend]] = field(default_factory=dict)
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _reached: set[str] = field(default_factory=set)
    _closed: bool = False

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()

    async def complete(self, backend: Backend, request: Request) -> Response:
        """Answer a request, paying for it at most once.

        Raises:
            dspy.utils.exceptions.LMError: It could not be answered, after retries.
            Stop: The budget has no room, or no call to this LM can succeed.
        """
        if self._closed:
            raise asyncio.CancelledError
        scope = scopes.current()
        salt = scopes.salt(scope.attempt if scope else 0)
        sent = encode_request(request)
        key = request_key(sent, salt, backend.identity)
        try:
            response = self._cached(key) or await self._single_flight(key, backend, request, salt)
        except dx.LMError as error:
            if scope is not None:
                failed = Call(backend.name, chat_messages(request), None, sampling(sent),
                              error=self.secrets.scrub(_one_line(error)))  # fmt: skip
                scope.recorder.add_call(failed)
            raise
        if self.recording is not None:
            self.recording.add(request, salt, response)
        if scope is not None:
            scope.record(_as_call(backend.name, request, sent, response), _usd(backend.price, response))
        return response

    def complete_sync(self, backend: Backend, request: Request) -> Response:
        """``complete`` for a call from a thread."""
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            raise SyncInLoop
        # The coroutine runs in a copy of this thread's context, so it sees this rollout's scope.
        return from_thread(self.complete(backend, request), self.loop)

    async def complete_anywhere(self, backend: Backend, request: Request) -> Response:
        """``complete`` for a call from any event loop: a program may run one of its own in its thread."""
        if asyncio.get_running_loop() is self.loop:
            return await self.complete(backend, request)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.complete(backend, request), self.loop))

    async def aclose(self) -> None:
        """End what is under way and refuse what comes. What was answered is on disk."""
        self._closed = True
        if self.meter.stopped:
            await self._drain()
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, backend in self.adopted.values():
            await backend.aclose()
        self.cache.close()
        if self.recording is not None:
            self.recording.close()

    async def _drain(self) -> None:
        """Wait a while for the answers to what was sent before the budget ended: they are paid for."""
        left = self.meter.seconds_left
        sent = [flight.task for flight in self._flights.values() if flight.sent]
        if sent:
            await asyncio.wait(sent, timeout=_DRAIN if left is None else min(_DRAIN, left))

    def _cached(self, key: str) -> Response | None:
        blob = self.cache.get(key)
        if blob is None:
            return None
        try:
            response = decode_response(blob)
        except (ValueError, TypeError, KeyError):
            return None  # not ours, or of another version: ask again
        self.meter.hits += 1
        return response

    async def _single_flight(self, key: str, backend: Backend, request: Request, salt: tuple[Any, ...]) -> Response:
        """Join the call that is already on its way for the same request, or start it."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.task = asyncio.ensure_future(self._fetch(key, backend, request, salt, flight))
            flight.task.add_done_callback(partial(self._landed, key))
        else:
            self.meter.hits += 1
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.sent:
                flight.task.cancel()  # nobody wants it any more; what is sent is paid for, so it is kept
                self._landed(key, flight.task)  # whoever asks from now on must not join it

    def _landed(self, key: str, task: asyncio.Task[Response]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if task.done() and not task.cancelled():
            task.exception()  # mark it as seen: whoever waited may have gone away

    async def _fetch(
        self, key: str, backend: Backend, request: Request, salt: tuple[Any, ...], flight: _Flight
    ) -> Response:
        response = await self._send_until_answered(backend, request, salt, flight)
        blob = encode_response(response)
        clean = self.secrets.scrub_bytes(blob)
        await self.cache.put(key, clean)
        return response if clean is blob else decode_response(clean)

    async def _send_until_answered(
        self, backend: Backend, request: Request, salt: tuple[Any, ...], flight: _Flight
    ) -> Response:
        worst = self._worst_case(backend, request)
        failures = 0
        while True:
            epoch = await self._in_time(self.limiter.enter())
            try:
                await self.meter.reserve(worst)
                flight.sent = True
                response = await self._send(backend, request, salt, worst)
            except Exception as error:  # noqa: BLE001 - classified in one place
                failures += 1
                flight.sent = False
                if isinstance(error, dx.LMProviderError) and error.status is not None:
                    self._reached.add(backend.name)  # it answers, if only to refuse
                retry_after = getattr(error, "retry_after", None)
                if _pushes_back(error):
                    self.limiter.pushed_back(epoch, retry_after)
                if not self._may_retry(backend, error, failures):
                    self._give_up(backend, error)
            else:
                self._reached.add(backend.name)
                self.limiter.answered()
                return response
            finally:
                self.limiter.leave()
            if not flight.waiting:
                raise asyncio.CancelledError  # whoever asked went away while it was sent: not sent again
            await self._sleep(self.retries.wait(failures, retry_after))

    async def _send(self, backend: Backend, request: Request, salt: tuple[Any, ...], worst: Amount) -> Response:
        """One attempt, settled against the budget whatever becomes of it."""
        used = worst  # no answer came: it may have been billed in full
        try:
            response = await self._in_time(backend.complete(request, salt))
            used = self._used(backend, response, worst)
        except dx.LMTimeoutError:
            raise
        except dx.LMProviderError as error:
            if not _spoiled(error):
                used = Amount(calls=1)  # the provider refused: nothing to bill but the call
            raise
        except TimeoutError as error:
            raise dx.LMTimeoutError("no answer in time", model=backend.name) from error
        finally:
            self.meter.settle(worst, used)
        return response

    async def _in_time(self, call: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer or a slot, but not beyond the time budget."""
        left = self.meter.seconds_left
        if left is None:
            return await call
        try:
            async with asyncio.timeout(left) as deadline:
                return await call
        except TimeoutError:
            if deadline.expired():
                self.meter.out_of_time()
            raise

    async def _sleep(self, seconds: float) -> None:
        left = self.meter.seconds_left
        await asyncio.sleep(seconds if left is None else min(seconds, left))

    def _worst_case(self, backend: Backend, request: Request) -> Amount:
        """Most that one call can use: every byte a token, every allowed completion token written."""
        budget = self.meter.budget
        free = budget.usd is None or (backend.price is not None and not backend.price.usd(1, 1))
        if free and budget.tokens is None:
            return Amount(calls=1)
        prompt = request_bytes(request) + _OVERHEAD
        output = request.config.max_tokens or backend.max_output
        if output is None:
            if not backend.remote:
                output = prompt
            else:
                raise Stop(LMSetupError(
                    f"a budget in money or tokens needs the longest answer of {backend.name}, which is not known",
                    hint="Give it with --lm-arg max_tokens=N.",
                ))  # fmt: skip
        if budget.usd is None:
            return Amount(0.0, 1, prompt + output)
        if backend.price is None:
            raise Stop(LMSetupError(
                f"a budget in money needs the price of {backend.name}, which litellm's table does not have",
                hint="Give it with --lm-arg price=IN/OUT, US dollars per million prompt and completion tokens.",
            ))  # fmt: skip
        return Amount(backend.price.usd(prompt, output), 1, prompt + output)

    def _used(self, backend: Backend, response: Response, worst: Amount) -> Amount:
        read, written = _tokens(response)
        self.meter.input_tokens += read or 0
        self.meter.output_tokens += written or 0
        self.meter.unpriced |= backend.price is None
        if read is None or written is None:
            return worst  # the provider does not say: count the worst case
        usd = backend.price.usd(read, written) if backend.price else 0.0
        return Amount(usd, 1, read + written)

    def _may_retry(self, backend: Backend, error: Exception, failures: int) -> bool:
        if not backend.remote or not _transient(error):
            return False
        reached = backend.name in self._reached
        return failures < (
            self.retries.attempts if reached or not _unreachable(error) else min(4, self.retries.attempts)
        )

    def _give_up(self, backend: Backend, error: Exception) -> NoReturn:
        """Raise what ends this call, or, where no call can succeed, what ends the run."""
        said = self.secrets.scrub(_one_line(error))
        if isinstance(error, _FATAL):
            raise Stop(LMUnavailable(f"{backend.name} refuses: {said}", hint=_key_hint(backend.name))) from error
        if _unreachable(error) and backend.name not in self._reached:
            hint = "Check the address (--lm-arg api_base=...) and the network, then run the same command again."
            raise Stop(LMUnavailable(f"{backend.name} cannot be reached: {said}", hint=hint)) from error
        if isinstance(error, dx.LMError):
            error.args = tuple(self.secrets.scrub(a) if isinstance(a, str) else a for a in error.args)
            raise error
        if isinstance(error, LimbeckError):
            raise Stop(error) from error
        raise dx.LMUnexpectedError(said, model=backend.name) from error


def _transient(error: Exception) -> bool:
    """Worth another try: what DSPy says, and answers that are no JSON or have no content."""
    return is_retryable_lm_error(error) or isinstance(error, dx.LMUnexpectedError) or _spoiled(error)


def _spoiled(error: Exception) -> bool:
    """An answer that the provider meant well and that cannot be read, such as JSON that was cut off."""
    return isinstance(error, dx.LMProviderError) and error.status is not None and error.status < 300


def _unreachable(error: Exception) -> bool:
    return isinstance(error, dx.LMTransportError)


def _pushes_back(error: Exception) -> bool:
    return isinstance(error, dx.LMRateLimitError) or getattr(error, "status", None) in {429, 503, 529}


def _tokens(response: Response) -> tuple[int | None, int | None]:
    """Prompt and completion tokens; reasoning that a provider counts apart is part of the completion."""
    usage = response.usage
    read, written = usage.input_tokens, usage.output_tokens
    if read is not None and written is not None and usage.total_tokens is not None:
        written = max(written, usage.total_tokens - read)
    return read, written


def _usd(price: Price | None, response: Response) -> float | None:
    read, written = _tokens(response)
    return None if price is None or read is None or written is None else price.usd(read, written)


def _as_call(name: str, request: Request, sent: Json, response: Response) -> Call:
    read, written = _tokens(response)
    return Call(name, chat_messages(request), completion_text(response), sampling(sent), tool_calls(response),
                read, written, logprobs=logprobs(response))  # fmt: skip


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _key_hint(name: str) -> str:
    provider = name.split("/", 1)[0].upper()
    return f"Check {provider}_API_KEY (or --lm-arg api_key=...) and the model's name."
