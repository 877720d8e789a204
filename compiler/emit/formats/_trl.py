"""What TRL's formats share: turns of a conversation, and the rules for them.

Rules: https://huggingface.co/docs/trl/dataset_formats (conversational formats, tool calling). Chat templates join
contents, so each must be text. A call of a tool has its arguments as an object; what a tool gave back has the role
``tool``, and where it is known its ``name``. Columns that a trainer does not know it drops or, in GRPO and RLOO, gives
to the reward functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....records import Json
from ..record import Record
from ._calls import answered, call_of, calls_of, function_of, openai_tool

ROLES = ("system", "user", "assistant", "tool")

_KEYS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "name", "tool_call_id"},
}


def turns(messages: Sequence[Json]) -> list[Json]:
    """Messages as TRL has them: text, calls of tools with their arguments as objects, names of tools at answers."""
    names: dict[str, str] = {}
    made = []
    for message in answered(messages):
        turn: Json = {"role": message.get("role"), "content": _text(message)}
        if calls := message.get("tool_calls"):
            turn["tool_calls"] = [_call(call) for call in calls] if isinstance(calls, list) else calls
            names |= {call.id: call.name for call in calls_of(message) if call.id}
        if turn["role"] == "tool":
            of = message.get("tool_call_id")
            name = message.get("name") or names.get(str(of))
            turn |= {key: value for key, value in (("name", name), ("tool_call_id", of)) if value}
        made.append(turn)
    return made


def _call(raw: Any) -> Any:
    """A call of a tool in OpenAI's form, but with its arguments as an object; what is no call as it is."""
    call = call_of(raw)
    if call is None:
        return raw
    made = {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return {"id": call.id, **made} if call.id else made


def more(record: Record) -> Json:
    """Columns that may stand in any row: tools where there are some, outcome and reward where they were asked for."""
    return {**({"tools": [openai_tool(tool) for tool in record.tools]} if record.tools else {}), **record.columns}


def column_problems(row: Json, needed: Sequence[str]) -> list[str]:
    """Columns that are missing, and tools that are none."""
    problems = [f"no column {name!r}" for name in needed if name not in row]
    tools = enumerate(row.get("tools", ()))
    return problems + [f"tool {n} is no function with a name" for n, tool in tools if not _is_tool(tool)]


def chat_problems(messages: Any) -> list[str]:
    """Problems of a whole conversation, which ends with the assistant."""
    problems = turn_problems(messages)
    if problems:
        return problems
    return _order_problems(messages) or _ends_with(messages, "assistant")


def prompt_problems(messages: Any) -> list[str]:
    """Problems of what comes before an answer."""
    problems = turn_problems(messages)
    if problems:
        return problems
    return _order_problems(messages) or _ends_with(messages, "user", "tool")


def answer_problems(messages: Any) -> list[str]:
    """Problems of an answer: the assistant's turns, with what tools gave back between them."""
    problems = turn_problems(messages)
    if not problems and {message["role"] for message in messages} - {"assistant", "tool"}:
        problems.append("an answer is made of the assistant's messages and those of tools")
    if not problems and messages[0]["role"] != "assistant":
        problems.append("an answer starts with the assistant's message")
    return problems or _ends_with(messages, "assistant")


def in_column(name: str, problems: Iterable[str]) -> list[str]:
    """Say which column problems are in."""
    return [f"{name}: {problem}" for problem in problems]


def turn_problems(messages: Any) -> list[str]:
    """Problems of single messages."""
    if not isinstance(messages, list) or not messages:
        return ["there must be a list of messages that is not empty"]
    return [f"message {n}: {text}" for n, message in enumerate(messages) for text in _message_problems(message)]


def _message_problems(message: Any) -> list[str]:
    if not isinstance(message, dict):
        return ["it is no object"]
    role = message.get("role")
    if role not in ROLES:
        return [f"role {role!r} is none of {', '.join(ROLES)}"]
    problems = [f"unknown key {key!r}" for key in message if key not in _KEYS[role]]
    content, calls = message.get("content"), message.get("tool_calls")
    if not isinstance(content, str) or not (content.strip() or calls or role == "tool"):
        problems.append("content is empty or of a kind that the target does not take")
    if calls is not None and not (isinstance(calls, list) and calls and all(map(_is_call, calls))):
        problems.append("tool_calls must be functions with a name, and an object as arguments")
    return problems


def _order_problems(messages: list[Json]) -> list[str]:
    """The order of roles as most chat templates want it."""
    roles = [message["role"] for message in messages]
    problems = []
    if "user" not in roles:
        problems.append("there is no user's message")
    if "system" in roles[1:]:
        problems.append("a system message may only come first")
    return problems


def _ends_with(messages: list[Json], *roles: str) -> list[str]:
    if messages[-1]["role"] in roles:
        return []
    return [f"the last message must be the {' or '.join(roles)}'s"]


def _text(message: Json) -> Any:
    """Content; that of a list of texts as one, that of a call of tools never null."""
    content = message.get("content")
    if content is None and message.get("tool_calls"):
        return ""
    if isinstance(content, list) and content and all(_is_text(part) for part in content):
        return "".join(part["text"] for part in content)
    return content


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and call_of(call) is not None and isinstance(call.get("function"), dict)


def _is_tool(tool: Any) -> bool:
    return isinstance(tool, dict) and function_of(tool) is not None and "function" in tool
