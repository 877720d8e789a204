"""The process behind ``Stub``: OpenAI's chat completions over raw asyncio, with faults on demand.

It speaks as much HTTP/1.1 as clients of such an API use (keep-alive, Content-Length), which makes it quick
enough not to be what a benchmark measures.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson

from ._stub_replies import Reply, load, logprobs, text_of

Fault = Literal["429", "500", "hang", "cut", "truncated", "unparseable", "empty"]
"""Too many requests with Retry-After; server error; no answer until the client gives up; connection cut in
the middle of the body; JSON cut in the middle; text that no adapter parses; no choices."""

FAULTS: tuple[Fault, ...] = get_args(Fault)

_TEXTS: dict[Fault | None, str | None] = {"empty": None, "unparseable": "I would rather not say. { ]]"}
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Settings:
    """How the stub behaves.

    Attributes:
        reply: Name of the reply function.
        latency: Seconds before each answer.
        faults: Share of requests that meet each fault; drawn from the request and how often it came before.
        seed: Seed of that draw.
        retry_after: Seconds in the Retry-After header of a 429.
        max_in_flight: Above this many requests at once the answer is 429.
        key: The only API key that is let in; any, where it is None.
    """

    reply: str = "hash"
    latency: float = 0.0
    faults: dict[Fault, float] = field(default_factory=dict)
    seed: int = 0
    retry_after: float = 1.0
    max_in_flight: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class Answer:
    """What to do with one request; ``body`` None is to keep silent, ``cut`` to hang up half-way."""

    status: int
    body: bytes | None
    headers: str = ""
    cut: bool = False


@dataclass
class Counts:
    """What was asked and answered; ``received`` and ``served`` count by hash of the request."""

    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)


class Service:
    """Decides on answers and counts them; knows nothing of connections."""

    def __init__(self, settings: Settings, reply: Reply) -> None:
        self.settings = settings
        self.counts = Counts()
        self._reply = reply

    def answer(self, authorization: str, body: bytes) -> Answer:
        """Answer a request for a chat completion."""
        if self.settings.key is not None and authorization != f"Bearer {self.settings.key}":
            self.counts.faults["401"] += 1
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        try:
            request = orjson.loads(body)
        except ValueError:
            return _error(400, "the body is not JSON", "invalid_request")
        name = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        fault = self._fault(name)
        self.counts.received[name] += 1
        if fault is not None:
            self.counts.faults[fault] += 1
        if fault in (None, "unparseable"):
            self.counts.served[name] += 1
        return self._build(fault, request, name)

    def _fault(self, name: str) -> Fault | None:
        limit = self.settings.max_in_flight
        if limit is not None and self.counts.in_flight > limit:
            return "429"
        seed = f"{self.settings.seed} {name} {self.counts.received[name]}"
        draw = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") / 2**64
        for fault, share in self.settings.faults.items():
            if draw < share:
                return fault
            draw -= share
        return None

    def _build(self, fault: Fault | None, request: dict[str, Any], name: str) -> Answer:
        if fault == "429":
            retry = f"Retry-After: {self.settings.retry_after:g}\r\n"
            return _error(429, "Rate limit reached", "rate_limit_exceeded", retry)
        if fault == "500":
            return _error(500, "The server had an error", "server_error")
        if fault == "hang":
            return Answer(200, None)
        reply = _TEXTS[fault] if fault in _TEXTS else self._reply(request)
        body = _completion(request, name, text_of(reply), logprobs(request, reply))
        return Answer(200, body[: len(body) // 2] if fault == "truncated" else body, cut=fault == "cut")


class Connection(asyncio.Protocol):
    """One client connection: requests are answered one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._busy:
            self._service.counts.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Take a whole request off the buffer, unless one is being answered."""
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if self._busy or not found:
            return
        line, _, lines = head.decode("latin-1").partition("\r\n")
        pairs = (header.partition(":") for header in lines.split("\r\n"))
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._handle(line, headers, rest[:length])

    def _handle(self, line: str, headers: dict[str, str], body: bytes) -> None:
        counts = self._service.counts
        self._busy = True
        counts.in_flight += 1
        if line.startswith("GET /stats "):
            self._send(Answer(200, orjson.dumps(counts)))
        elif not line.startswith("POST ") or "/chat/completions " not in line:
            self._send(_error(404, f"no such path: {line}", "not_found"))
        else:
            counts.requests += 1
            counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
            self._later(headers.get("authorization", ""), body)

    def _later(self, authorization: str, body: bytes) -> None:
        """Decide when the latency has passed: a client that left earlier was not served."""
        latency = self._service.settings.latency
        if latency:
            self._timer = asyncio.get_running_loop().call_later(latency, self._answer, authorization, body)
        else:
            self._answer(authorization, body)

    def _answer(self, authorization: str, body: bytes) -> None:
        self._send(self._service.answer(authorization, body))

    def _send(self, answer: Answer) -> None:
        if self._transport is None or answer.body is None:
            return
        lines = (
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}",
            "Content-Type: application/json",
            f"Content-Length: {len(answer.body)}",
            f"{answer.headers}\r\n",
        )
        head = "\r\n".join(lines).encode()
        if answer.cut:
            self._transport.write(head + answer.body[: len(answer.body) // 2])
            self._transport.close()
            return
        self._transport.write(head + answer.body)
        self._busy = False
        self._service.counts.in_flight -= 1
        self._next()


def _completion(
    request: dict[str, Any], name: str, text: str | None, tokens: list[dict[str, Any]] | None = None
) -> bytes:
    """Write a chat completion; usage counts four bytes a token."""
    message = {"role": "assistant", "content": text}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    if tokens is not None:
        choice["logprobs"] = {"content": tokens}
    choices = [] if text is None else [choice]
    sent, received = len(orjson.dumps(request.get("messages", []))) // 4 + 1, len(text or "") // 4 + 1
    usage = {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{name}",
            "object": "chat.completion",
            "created": 0,
            "model": request.get("model", "stub"),
            "choices": choices,
            "usage": usage,
        }
    )


def _error(status: int, message: str, code: str, headers: str = "") -> Answer:
    """Write an error as OpenAI does."""
    return Answer(status, orjson.dumps({"error": {"message": message, "type": code, "code": code}}), headers)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or the end of standard input; the URL is the first line that is printed."""
    loop = asyncio.get_running_loop()
    service, done = Service(settings, load(settings.reply)), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    # The parent holds the other end and writes nothing: it turns readable when the parent is gone.
    loop.add_reader(sys.stdin.fileno(), done.set)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await done.wait()
    server.close()


def main() -> None:
    """Read the settings, one JSON object, from the command line."""
    parser = argparse.ArgumentParser(description="a local stand-in for an OpenAI-compatible server")
    parser.add_argument("settings", type=orjson.loads, help='JSON, for example {"latency": 0.2}')
    asyncio.run(serve(Settings(**parser.parse_args().settings)))


if __name__ == "__main__":
    main()
