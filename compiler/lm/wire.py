"""Requests and responses as JSON: cache keys, what is stored, what a trace shows.

The only file that touches DSPy's serializers, which live in a private module in 3.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import orjson
from dspy._vendor.lm15.serde import request_to_dict, response_from_dict, response_to_dict

from ...records import Json, fingerprint

if TYPE_CHECKING:
    from dspy.lm15 import Message, Request, Response

_FORMAT = 1
"""Bump when the meaning of a cached response changes; old entries are then misses."""


def encode_request(request: Request) -> Json:
    """Request as a JSON object."""
    return request_to_dict(request)


def request_key(sent: Json, salt: tuple[int | str | None, ...] = (), lm: Json | None = None) -> str:
    """Name an encoded request by its whole content: messages, model, parameters, tools, the salt, and who is asked.

    The salt tells apart requests that are meant to be sampled anew (attempt, DSPy's rollout_id, n-th completion);
    the LM's identity tells apart servers that have a model of the same name.
    """
    return fingerprint("lm", _FORMAT, sent, salt, lm)


def model_free_key(sent: Json, salt: tuple[int | str | None, ...] = ()) -> str:
    """Name an encoded request without its model, for replay under another name."""
    return fingerprint("replay", _FORMAT, {**sent, "model": ""}, salt)


def encode_response(response: Response) -> bytes:
    """Response as JSON bytes, without the provider's raw body."""
    sent = response_to_dict(response)
    for token in sent.get("logprobs") or ():
        for shown in (token, *token.get("top", ())):
            shown["logprob"] = _logprob(shown["logprob"])
    return orjson.dumps(sent)


def decode_response(blob: bytes) -> Response:
    """Inverse of ``encode_response``. Raises ValueError, TypeError or KeyError on anything else."""
    try:
        return response_from_dict(orjson.loads(blob))
    except AttributeError as error:  # a list, say, where an object should be
        raise TypeError(str(error)) from error


def chat_messages(request: Request) -> list[Json]:
    """Messages in the ``{"role", "content"}`` shape that training formats use, system first."""
    messages = [row for message in request.messages for row in _chat_rows(message)]
    if request.system is None:
        return messages
    system = request.system if isinstance(request.system, str) else "".join(_text(p) for p in request.system)
    return [{"role": "system", "content": system}, *messages]


def sampling(sent: Json) -> Json:
    """Parameters and tools of an encoded request, besides its messages."""
    config: Json = dict(sent.get("config", {}))
    if "tools" in sent:
        config["tools"] = sent["tools"]
    return config


def completion_text(response: Response) -> str | None:
    """Text of the answer; None where it holds none (only tool calls, say)."""
    text: str | None = response.message.text
    return text


def tool_calls(response: Response) -> list[Json]:
    """Native tool calls in the answer, as name and arguments."""
    return [_tool_call(p) for p in response.message.parts if p.type == "tool_call"]


def logprobs(response: Response) -> list[Json] | None:
    """Tokens of the answer with their log probabilities and those of the likeliest in their places, if it has any."""
    if response.logprobs is None:
        return None
    return [
        {"token": token.token, "logprob": _logprob(token.logprob),
         "top": {top.token: _logprob(top.logprob) for top in token.top}} for token in response.logprobs
    ]  # fmt: skip


def _logprob(value: float) -> float:
    """Some servers send minus infinity for what cannot be; JSON has none, and OpenAI writes -9999."""
    return value if math.isfinite(value) else -9999.0


def request_bytes(request: Request) -> int:
    """Size of the request as JSON: an upper bound on its tokens, since every token has at least one byte."""
    return len(orjson.dumps(request_to_dict(request)))


def _chat_rows(message: Message) -> list[Json]:
    """A message as one row, or a row for each result of a tool, which must tell whose call it answers."""
    results = [part for part in message.parts if part.type == "tool_result"]
    if not results:
        return [_chat_message(message)]
    return [{"role": "tool", "tool_call_id": part.id, "content": _text(part)} for part in results]


def _chat_message(message: Message) -> Json:
    calls = [_tool_call(p) for p in message.parts if p.type == "tool_call"]
    media = [p for p in message.parts if p.type not in {"text", "tool_call", "tool_result"}]
    row: Json = {"role": message.role, "content": "".join(_text(p) for p in message.parts)}
    if media:
        row["content"] = [_part(p) for p in message.parts]
    if calls:
        row["tool_calls"] = calls
    return row


def _text(part: Any) -> str:
    if part.type == "tool_result":
        return "".join(_text(p) for p in part.content)
    return part.text if part.type == "text" else ""


def _part(part: Any) -> Json:
    from dspy._vendor.lm15.serde import part_to_dict

    return part_to_dict(part)


def _tool_call(part: Any) -> Json:
    return {"id": part.id, "name": part.name, "arguments": dict(part.input)}
