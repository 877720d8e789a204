"""What the stub answers: deterministic functions of the request.

The output fields are read from the prompt's last words, as DSPy's chat, JSON and XML adapters write them, so
that the answer parses for any signature.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

Reply = Callable[[dict[str, Any]], str | list[dict[str, Any]]]
"""From the JSON body of a chat completion request to the text of the answer, or to its tokens with their log
probabilities, as OpenAI writes them: ``[{"token", "logprob", "top_logprobs": [{"token", "logprob"}]}]``."""

_CHAT = re.compile(r"`\[\[ ## (?!completed)(\w+) ## \]\]`")
_JSON = re.compile(r"`(\w+)`")
_XML = re.compile(r"`<(\w+)>`")
_TYPED = re.compile(r"^\d+\. `(\w+)` \((.*?)\):", re.MULTILINE)
_INPUT = re.compile(r"\[\[ ## \w+ ## \]\]\n(.*?)\s*(?=\n\[\[ ## |\Z)", re.DOTALL)


def load(name: str) -> Reply:
    """Find a reply function: ``hash``, ``echo``, ``module:function`` or ``path/to/file.py:function``.

    Raises:
        ValueError: The name is neither known nor of that form.
    """
    if name in _NAMED:
        return _NAMED[name]
    place, _, function = name.rpartition(":")
    if not place:
        raise ValueError(f"unknown reply {name!r}: known are {', '.join(_NAMED)} and module:function")
    if not place.endswith(".py"):
        return getattr(importlib.import_module(place), function)  # type: ignore[no-any-return]
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    if spec is None or spec.loader is None:
        raise ValueError(f"cannot load {place!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)  # type: ignore[no-any-return]


def hash_reply(request: dict[str, Any]) -> str:
    """Answer each field with a value of its type, by the hash of the last user message's inputs."""
    body, requirements = _last_message(request)
    kinds = _kinds(request)
    return _render(requirements, lambda field: _value(f"{field}\n{body}", f"{field} ", kinds.get(field, "str")))


def echo_reply(request: dict[str, Any]) -> str:
    """Answer text fields with the first input, others as ``hash`` does."""
    body, requirements = _last_message(request)
    kinds = _kinds(request)
    first = _INPUT.search(body)

    def value(field: str) -> object:
        kind = kinds.get(field, "str")
        return (first[1] if first else body) if kind == "str" else _value(f"{field}\n{body}", "", kind)

    return _render(requirements, value)


def logprobs(request: dict[str, Any], reply: str | list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Tokens of an answer as they were asked for; None where they were not. Words of a text, where it came as one."""
    if reply is None or request.get("logprobs") is not True:
        return None
    words = (
        [{"token": word, "logprob": -0.125} for word in re.findall(r"\s*\S+\s*", reply)]
        if isinstance(reply, str)
        else reply
    )
    shown = request.get("top_logprobs", 0)
    return [{**word, "bytes": None, "top_logprobs": word.get("top_logprobs", [word])[:shown]} for word in words]


def text_of(reply: str | list[dict[str, Any]] | None) -> str | None:
    """The answer as text."""
    return "".join(token["token"] for token in reply) if isinstance(reply, list) else reply


def _texts(request: dict[str, Any], role: str) -> list[str]:
    """Texts of all messages of a role; parts of other kinds are left out."""
    contents = [m.get("content") or "" for m in request.get("messages", []) if m.get("role") == role]
    return [c if isinstance(c, str) else "".join(part.get("text", "") for part in c) for c in contents]


def _kinds(request: dict[str, Any]) -> dict[str, str]:
    """Python types of the output fields, as the system message lists them."""
    listed = "\n".join(_texts(request, "system")).partition("Your output fields are:")[2]
    return dict(_TYPED.findall(listed))


def _last_message(request: dict[str, Any]) -> tuple[str, str]:
    """Split the last user message into inputs and the sentence that says what is required."""
    content = (_texts(request, "user") or [""])[-1]
    body, marker, requirements = content.rpartition("Respond with ")
    return (body.strip(), requirements) if marker else (content.strip(), "")


def _render(requirements: str, value: Callable[[str], object]) -> str:
    """Write the fields in the form that the prompt asks for; plain text where it asks for none."""
    if requirements.startswith("a JSON object"):
        return orjson.dumps({field: value(field) for field in _JSON.findall(requirements)}).decode()
    if "XML tags" in requirements:
        return "\n".join(f"<{f}>\n{_plain(value(f))}\n</{f}>" for f in _XML.findall(requirements))
    fields = _CHAT.findall(requirements)
    if not fields:
        return str(value("answer"))
    parts = [f"[[ ## {field} ## ]]\n{_plain(value(field))}" for field in fields]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def _value(seed: str, prefix: str, kind: str) -> object:
    """Draw a value of a Python type, named as the adapters name it."""
    digest = hashlib.sha256(seed.encode()).digest()
    number = int.from_bytes(digest[:4], "big")
    simple: dict[str, object] = {"int": number % 10, "float": number % 100 / 10, "bool": number % 2 == 0}
    text = f"{prefix}{digest.hex()[:8]}"
    if kind in simple:
        return simple[kind]
    if kind.startswith("Literal["):
        choices = ast.literal_eval(kind.removeprefix("Literal"))
        return choices[number % len(choices)]
    return [text] if kind.startswith("list") else text


def _plain(value: object) -> str:
    """Text as it is, lists as JSON, everything else as Python writes it."""
    return orjson.dumps(value).decode() if isinstance(value, list) else str(value)


_NAMED: dict[str, Reply] = {"hash": hash_reply, "echo": echo_reply}
