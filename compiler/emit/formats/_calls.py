"""Tools, their calls and pictures in one form, whichever the messages have them in.

What limbeck recorded itself has calls as ``{"id", "name", "arguments"}``, tools as ``{"type", "name", "description",
"parameters"}`` and pictures as ``{"type": "image", "media_type", "url" or "data"}`` (DSPy's own forms); logs that were
imported mostly have OpenAI's. What is neither is left as it is, so that ``check`` sees it and refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ....records import Json


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that an LM asked for.

    Attributes:
        id: By which its answer knows it; None where it has none.
        name: Name of the function.
        arguments: By name.
    """

    id: str | None
    name: str
    arguments: Json


def call_of(raw: Any) -> ToolCall | None:
    """Read a call; None where it cannot be read."""
    if not isinstance(raw, dict):
        return None
    inner = raw.get("function", raw)
    if not isinstance(inner, dict):
        return None
    name, arguments, call_id = inner.get("name"), inner.get("arguments"), raw.get("id")
    if isinstance(arguments, str):
        arguments = parsed(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return ToolCall(call_id if isinstance(call_id, str) else None, name, arguments)


def parsed(text: str) -> Any:
    """The JSON in a text; None where there is none."""
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> Any:
    """NaN and Infinity, which Python reads, are no JSON."""
    raise ValueError(constant)


def openai_call(raw: Any) -> Any:
    """A call in OpenAI's form, its arguments as text; verbatim where they were text."""
    call = call_of(raw)
    if call is None:
        return raw
    said = raw.get("function", raw)["arguments"]
    try:
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # came in from Python, or holds NaN
        return raw
    made = {"type": "function", "function": {"name": call.name, "arguments": text}}
    return made if call.id is None else {"id": call.id, **made}


def function_of(raw: Any) -> Json | None:
    """``name``, ``description``, ``parameters`` and ``strict`` of a tool, those that it has; None for other tools."""
    if not isinstance(raw, dict) or raw.get("type", "function") != "function":
        return None
    inner = raw.get("function", raw)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return None
    return {key: inner[key] for key in ("name", "description", "parameters", "strict") if inner.get(key) is not None}


def openai_tool(raw: Any) -> Any:
    """A tool in OpenAI's form."""
    function = function_of(raw)
    return raw if function is None else {"type": "function", "function": function}


def openai_content(content: Any) -> Any:
    """A message's content, its pictures in OpenAI's form."""
    return [_part(part) for part in content] if isinstance(content, list) else content


def _part(part: Any) -> Any:
    if not isinstance(part, dict) or part.get("type") != "image":
        return part
    url, kind, data = part.get("url"), part.get("media_type"), part.get("data")
    if url is None and isinstance(kind, str) and isinstance(data, str):
        url = f"data:{kind};base64,{data}"
    if not isinstance(url, str):
        return part
    detail = {"detail": part["detail"]} if part.get("detail") is not None else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def blocks(content: Any, picture: Callable[[str], Json | None]) -> list[Any]:
    """Parts of a content in the form that Google and Amazon share.

    Args:
        content: Text or parts, in either form.
        picture: Makes the part of a picture of its address; None where the target has no counterpart. Then the part
            is left as it is.
    """
    content = openai_content(content)
    return [_block(part, picture) for part in content] if isinstance(content, list) else [{"text": content}]


def _block(part: Any, picture: Callable[[str], Json | None]) -> Any:
    if not isinstance(part, dict):
        return part
    if part.get("type") == "text":
        return {"text": part.get("text")}
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    made = picture(url) if isinstance(url, str) else None
    return part if made is None else made


def answered(messages: Iterable[Json]) -> list[Json]:
    """Give a tool's message the id of the call that it answers, where it has none and only one call is open."""
    done, waiting = [], set[str]()
    for message in messages:
        kept = message
        if message.get("role") == "tool":
            if message.get("tool_call_id") is None and len(waiting) == 1:
                kept = {**message, "tool_call_id": next(iter(waiting))}
            waiting.discard(str(kept.get("tool_call_id")))
        else:
            waiting = {call.id for call in calls_of(message) if call.id}
        done.append(kept)
    return done


def calls_of(message: Json) -> Sequence[ToolCall]:
    """The calls in a message that can be read."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return ()
    return [call for call in map(call_of, calls) if call is not None]
