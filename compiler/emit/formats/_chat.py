"""Rules that targets with chat messages share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ....records import Json

ROLES = ("system", "user", "assistant")


def plain_messages(messages: Iterable[Json]) -> list[Json]:
    """Keep role and content; and tool calls, for ``check`` to see: without them a chat makes no sense."""
    return [_plain(message) for message in messages]


def _plain(message: Json) -> Json:
    plain = {"role": message.get("role"), "content": message.get("content")}
    if message.get("tool_calls"):
        plain["tool_calls"] = message["tool_calls"]
    return plain


COLUMNS = frozenset({"outcome", "reward"})
"""Columns of rows with failures."""


def chat_problems(
    row: Json, *, keys: Collection[str], parts: Collection[str], columns: Collection[str] = ()
) -> list[str]:
    """Check a row with ``messages``.

    Args:
        row: The row.
        keys: Keys that a message may have.
        parts: Types of content parts that a user's message may be made of; empty where content is text only.
        columns: Columns that the row may have besides.
    """
    messages = row.get("messages")
    if not {"messages"} <= set(row) <= {"messages", *columns} or not isinstance(messages, list) or not messages:
        return ["the row must have 'messages', a list that is not empty, and nothing else"]
    problems = []
    for number, message in enumerate(messages):
        problems += [f"message {number}: {text}" for text in _message_problems(message, keys, parts)]
    if not problems and messages[-1]["role"] != "assistant":
        problems.append("the last message must be the assistant's")
    return problems


def _message_problems(message: Any, keys: Collection[str], parts: Collection[str]) -> list[str]:
    if not isinstance(message, dict):
        return ["it is no object"]
    problems = [f"unknown key {key!r}" for key in message if key not in keys]
    role = message.get("role")
    if role not in ROLES:
        problems.append(f"role {role!r} is none of {', '.join(ROLES)}")
    if not _content_is_good(message.get("content"), parts if role == "user" else ()):
        problems.append("content is empty or of a kind that the target does not take")
    if "weight" in message and (role != "assistant" or message["weight"] not in (0, 1)):
        problems.append("weight must be 0 or 1, on an assistant's message")
    return problems


def _content_is_good(content: Any, parts: Collection[str]) -> bool:
    if isinstance(content, str):
        return bool(content.strip())
    if not isinstance(content, list) or not content:
        return False
    return all(isinstance(part, dict) and part.get("type") in parts for part in content)


def template_problems(row: Json) -> list[str]:
    """Check the order of roles as most chat templates want it; for rows that are good otherwise."""
    roles = [message["role"] for message in row["messages"]]
    problems = []
    if "user" not in roles:
        problems.append("there is no user's message")
    if "system" in roles[1:]:
        problems.append("a system message may only come first")
    return problems


def few_or_many(rows: int, service: str, least: int, most: int | None = None) -> list[str]:
    """Warn of a file with too few or too many rows."""
    if 0 < rows < least:
        return [f"{service} refuses files with fewer than {least} lines"]
    if most is not None and rows > most:
        return [f"{service} refuses files with more than {most:,} lines"]
    return []
