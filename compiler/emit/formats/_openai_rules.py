"""What OpenAI takes in a row, and how other services that take its rows differ.

Rules: https://developers.openai.com/api/docs/guides/supervised-fine-tuning, .../direct-preference-optimization and
.../vision-fine-tuning; ``FineTuneChatRequestInput`` and ``FineTunePreferenceRequestInput`` of OpenAI's API reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from ....records import Json
from ._calls import parsed

ROLES = ("system", "user", "assistant", "tool")
_BARE = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}
"""Keys of messages by role."""

_WEIGHED = {role: keys | {"weight"} for role, keys in _BARE.items()}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # of a function, as the API reference has it
_MOST_BYTES = 10 * 1024 * 1024  # of a picture
_DETAILS = ("auto", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a service takes.

    Attributes:
        keys: Keys of a row beside ``messages``.
        input_keys: Keys of a pair's ``input`` beside ``messages``.
        images: Kinds of pictures.
        most_images: Most pictures in a row; None for any number.
        inline: Whether a picture must stand in the row itself, as a ``data:`` URL.
        lists: Roles whose content may be a list of parts.
        uniform: Whether all contents of a row must be lists where one is.
        alternate: Whether user and assistant must take turns, after a system message at most.
        longest: Most messages in each answer of a pair.
        only_calls: Whether an answer of a pair may be calls without content.
    """

    keys: frozenset[str] = frozenset({"tools", "parallel_tool_calls"})
    input_keys: frozenset[str] = frozenset({"tools", "parallel_tool_calls"})
    images: tuple[str, ...] = ("jpeg", "png", "webp")
    most_images: int | None = 10
    inline: bool = False
    lists: frozenset[str] = frozenset({"user"})
    uniform: bool = False
    alternate: bool = False
    longest: int | None = 1
    only_calls: bool = True


def chat_problems(row: Json, rules: Rules) -> list[str]:
    """Check a row with ``messages``."""
    messages = row.get("messages")
    if not {"messages"} <= set(row) <= {"messages", *rules.keys} or not isinstance(messages, list) or not messages:
        also = ", ".join(sorted(rules.keys))
        return [f"the row must have 'messages', a list that is not empty, and beside it no more than {also}"]
    problems = tools_problems(row) + conversation_problems(messages, rules)
    if not problems and messages[-1]["role"] != "assistant":
        problems.append("the last message must be the assistant's")
    return problems


def pair_problems(row: Json, rules: Rules) -> list[str]:
    """Check a row with a preference."""
    before = row.get("input")
    if set(row) != {"input", "preferred_output", "non_preferred_output"} or not isinstance(before, dict):
        return ["the row must have 'input', an object, 'preferred_output' and 'non_preferred_output', and nothing else"]
    messages = before.get("messages")
    if not isinstance(messages, list) or not messages or not set(before) <= {"messages", *rules.input_keys}:
        also = f"no more than {', '.join(sorted(rules.input_keys))}" if rules.input_keys else "nothing"
        return [f"'input' must have 'messages', a list that is not empty, and beside it {also}"]
    rules = replace(rules, lists=frozenset())  # pairs are of texts only
    problems = tools_problems(before) + conversation_problems(messages, rules, weights=False, complete=True)
    if not problems and messages[-1]["role"] not in {"user", "tool"}:
        problems.append("the last message of 'input' must be the user's or a tool's")
    for key in ("preferred_output", "non_preferred_output"):
        problems += [f"{key}: {text}" for text in _output_problems(row[key], rules)]
    if not problems and row["preferred_output"] == row["non_preferred_output"]:
        problems.append("both outputs are the same")
    return problems


def _output_problems(output: Any, rules: Rules) -> list[str]:
    """Check one answer of a pair."""
    if not isinstance(output, list) or not output or (rules.longest and len(output) > rules.longest):
        most = f"at most {rules.longest}" if rules.longest else "any number"
        return [f"it must be a list of messages, not empty, {most}"]
    problems = _each(output, rules, weights=False)
    if problems:
        return problems
    if not rules.only_calls and any("content" not in message for message in output):
        problems.append("an answer must have content")
    if {message["role"] for message in output} - {"assistant", "tool"} or output[-1]["role"] != "assistant":
        problems.append("it must be the assistant's, to the last message")
    return problems or _unanswered(output, complete=False)


def conversation_problems(
    messages: list[Any], rules: Rules, *, weights: bool = True, complete: bool = False
) -> list[str]:
    """Check messages one by one, and if each is good, their order.

    Args:
        messages: The messages.
        rules: The rules.
        weights: Whether the assistant's messages may have one.
        complete: Whether no call may be left without an answer; else those of the last message may.
    """
    problems = _each(messages, rules, weights=weights)
    if problems:
        return problems
    if rules.uniform and len({type(message["content"]) for message in messages if message.get("content")}) > 1:
        problems.append("contents must be all texts or all lists of parts")
    if rules.most_images is not None and sum(map(_images, messages)) > rules.most_images:
        problems.append(f"there are more than {rules.most_images} pictures")
    return problems + _unanswered(messages, complete=complete) + (_turns(messages) if rules.alternate else [])


def _each(messages: list[Any], rules: Rules, *, weights: bool) -> list[str]:
    """Check messages one by one."""
    problems: list[str] = []
    for number, item in enumerate(messages):
        problems += [f"message {number}: {text}" for text in _problems(item, rules, weights=weights)]
    return problems


def _problems(message: Any, rules: Rules, *, weights: bool) -> list[str]:
    if not isinstance(message, dict):
        return ["it is no object"]
    role = message.get("role")
    if role not in ROLES:
        return [f"role {role!r} is none of {', '.join(ROLES)}"]
    keys = _WEIGHED[role] if weights else _BARE[role]
    problems = [] if message.keys() <= keys else [f"unknown key {key!r}" for key in message if key not in keys]
    if not _content_is_good(message, rules):
        problems.append("content is empty or of a kind that the target does not take")
    if weights and "weight" in message and not _weight_is_good(message):
        problems.append("weight must be 0 or 1, on an assistant's message")
    if "tool_calls" in message and role == "assistant":
        problems += _call_problems(message["tool_calls"])
    if role == "tool" and not _is_name(message.get("tool_call_id")):
        problems.append("tool_call_id must name the call that it answers")
    return problems


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _weight_is_good(message: Json) -> bool:
    weight = message["weight"]
    return message["role"] == "assistant" and type(weight) is int and weight in {0, 1}


def _content_is_good(message: Json, rules: Rules) -> bool:
    role, content = message["role"], message.get("content")
    if isinstance(content, str):
        return bool(content.strip()) or role == "tool"
    if role == "assistant" and content is None:
        return bool(message.get("tool_calls")) and "content" not in message
    if not isinstance(content, list) or not content or role not in rules.lists:
        return False
    if not all(_part_is_good(part, role, rules) for part in content):
        return False
    return any(part["type"] != "text" or part["text"].strip() for part in content)


def _part_is_good(part: Any, role: str, rules: Rules) -> bool:
    if not isinstance(part, dict):
        return False
    if part.get("type") == "text":
        return set(part) == {"type", "text"} and isinstance(part["text"], str)
    image = part.get("image_url")
    if role != "user" or part.get("type") != "image_url" or set(part) != {"type", "image_url"}:
        return False
    if not isinstance(image, dict) or not set(image) <= {"url", "detail"}:
        return False
    return image.get("detail", "auto") in _DETAILS and _url_is_good(image.get("url"), rules)


def _url_is_good(url: Any, rules: Rules) -> bool:
    if not isinstance(url, str):
        return False
    head, comma, data = url.partition(",")
    if head in {f"data:image/{kind};base64" for kind in rules.images}:
        return bool(comma) and 0 < len(data) * 3 // 4 <= _MOST_BYTES
    return not rules.inline and url.startswith(("https://", "http://"))


def _images(message: Json) -> int:
    content = message.get("content")
    return sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0


def _call_problems(calls: Any) -> list[str]:
    if not isinstance(calls, list) or not calls:
        return ["tool_calls must be a list that is not empty"]
    if not all(map(_call_is_good, calls)):
        return ["a tool call must have an id, type 'function', and a function with name and arguments, JSON as text"]
    if len({call["id"] for call in calls}) < len(calls):
        return ["two tool calls have the same id"]
    return []


def _call_is_good(call: Any) -> bool:
    if not isinstance(call, dict) or set(call) != {"id", "type", "function"} or call["type"] != "function":
        return False
    function = call["function"]
    if not _is_name(call["id"]) or not isinstance(function, dict) or set(function) != {"name", "arguments"}:
        return False
    name, arguments = function["name"], function["arguments"]
    named = isinstance(name, str) and _NAME.fullmatch(name)
    return bool(named) and isinstance(arguments, str) and isinstance(parsed(arguments), dict)


def tools_problems(row: Json) -> list[str]:
    """Check ``tools`` and ``parallel_tool_calls``, where a row has them."""
    problems = []
    tools = row.get("tools", [])
    if not isinstance(tools, list):
        problems.append("tools must be a list")
    elif not all(map(_tool_is_good, tools)):
        problems.append("a tool must be a function with a name of letters, digits, _ and -, and JSON schema parameters")
    if "parallel_tool_calls" in row and (not tools or not isinstance(row["parallel_tool_calls"], bool)):
        problems.append("parallel_tool_calls must be true or false, beside tools")
    return problems


def _tool_is_good(tool: Any) -> bool:
    if not isinstance(tool, dict) or set(tool) != {"type", "function"} or tool["type"] != "function":
        return False
    function = tool["function"]
    if not isinstance(function, dict) or not set(function) <= {"name", "description", "parameters", "strict"}:
        return False
    name, parameters = function.get("name"), function.get("parameters", {})
    named = isinstance(name, str) and _NAME.fullmatch(name) is not None
    told = isinstance(function.get("description", ""), str) and isinstance(function.get("strict", False), bool)
    return named and told and _parameters_are_good(parameters)


def _parameters_are_good(parameters: Any) -> bool:
    if not isinstance(parameters, dict):
        return False
    return parameters.get("type", "object") == "object" and isinstance(parameters.get("properties", {}), dict)


def _unanswered(messages: list[Json], *, complete: bool) -> list[str]:
    """Check that each call is answered by what follows it, and each answer has a call."""
    problems, waiting = [], set[str]()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                problems.append(f"message {number}: it answers no call before it")
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            problems.append(f"message {number}: calls before it have no answer")
        waiting = {call["id"] for call in message.get("tool_calls", ())}
    if waiting and (complete or messages[-1]["role"] == "tool"):
        problems.append("the last calls have no answer")
    return problems


_NEXT = {"": {"system", "user"}, "system": {"user"}, "user": {"assistant"}, "tool": {"tool", "assistant"}}


def _turns(messages: list[Json]) -> list[str]:
    """Check that user and assistant take turns; what tools answer is between a call and what the assistant says."""
    last = ""
    for number, message in enumerate(messages):
        after = {"tool"} if last == "calls" else _NEXT.get(last, {"user"})
        if message["role"] not in after:
            return [f"message {number}: {message['role']} may not come {f'after {last}' if last else 'first'}"]
        last = "calls" if message.get("tool_calls") else message["role"]
    return []
