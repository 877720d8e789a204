"""A gateway with a made-up LM behind it, for the tests of lm/ and generate/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from dspy.lm15 import Config, Message, Request, Response, Usage

from limbeck.compiler.lm.budget import Budget, Meter
from limbeck.compiler.lm.cache import ResponseCache
from limbeck.compiler.lm.gateway import Gateway, Retries
from limbeck.compiler.lm.limiter import Limiter
from limbeck.compiler.lm.prices import Price
from limbeck.compiler.lm.wire import encode_request, request_key
from limbeck.records import Json

Reply = Callable[[Request], Awaitable[Any] | Any]


class FakeLM:
    """A backend that answers with what a function says, and counts what was sent to it by cache key."""

    def __init__(self, reply: Reply | None = None, *, remote: bool = True, price: Price | None = None) -> None:
        self.name = "fake/lm"
        self.identity: Json = {"name": self.name}
        self.defaults: Json = {}
        self.price = price
        self.max_output: int | None = 50
        self.remote = remote
        self.sent: list[str] = []
        self.in_flight = self.most_in_flight = 0
        self._reply = reply or (lambda _: "fine")

    async def complete(self, request: Request, salt: tuple[int | str | None, ...]) -> Response:
        self.sent.append(request_key(encode_request(request), salt, self.identity))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            said = self._reply(request)
            if isinstance(said, Awaitable):
                said = await said
        finally:
            self.in_flight -= 1
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Response) else answer(said)

    async def aclose(self) -> None:
        pass


def answer(text: str, read: int = 10, written: int = 5) -> Response:
    return Response(
        id=None, model="fake/lm", message=Message.assistant(text), finish_reason="stop",
        usage=Usage(input_tokens=read, output_tokens=written),
    )  # fmt: skip


def ask(text: str = "hello", **config: Any) -> Request:
    return Request("fake/lm", (Message.user(text),), config=Config(**config))


@asynccontextmanager
async def open_gateway(
    folder: Path, *, budget: str | None = None, slots: int = 64, base: float = 0.001, attempts: int = 8, **more: Any
) -> AsyncIterator[Gateway]:
    meter = Meter(Budget.parse(budget) if budget else None)
    retries = Retries(attempts=attempts, base=base, cap=0.01)
    gateway = Gateway(ResponseCache(folder / "cache"), meter, Limiter(slots), retries, **more)
    try:
        yield gateway
    finally:
        await gateway.aclose()


class InstantLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps ahead instead of waiting. Only for code that waits for no thread."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        really_select = self._selector.select

        def select(timeout: float | None = None) -> Any:
            if timeout is not None and timeout > 0:
                self.now += timeout
                timeout = 0
            return really_select(timeout)

        self._selector.select = select

    def time(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    """The helpers of this file; test folders are no packages that could import them."""
    return Lab


class Lab:
    FakeLM = FakeLM
    InstantLoop = InstantLoop
    answer = staticmethod(answer)
    ask = staticmethod(ask)
    open = staticmethod(open_gateway)
