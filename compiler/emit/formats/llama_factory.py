"""LLaMA-Factory's ShareGPT format, with the ``dataset_info.json`` that tells it what is where.

Rules: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md (sharegpt: supervised, preference, KTO, tools),
and ``llamafactory.data.converter``: after the system text human (or observation) and gpt (or function_call) take turns,
starting with the former; a conversation that does not is skipped with a warning in the log. A call of tools is JSON
with ``name`` and ``arguments``, and no text beside it. There is no format for steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ....records import Json
from ..record import Kind, Record
from ._calls import call_of, function_of
from ._json import json_text
from ._trl import turns
from .base import JsonLines, Written

INFO = "dataset_info.json"

TAGS = {
    "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
    "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
}  # fmt: skip

_FROM = {"user": "human", "assistant": "gpt", "tool": "observation"}
_ASKS, _SAYS = ("human", "observation"), ("gpt", "function_call")


class LlamaFactory(JsonLines):
    """``{"conversations": [{"from", "value"}], "system", "tools"}``, and ``chosen``, ``rejected`` or ``label``."""

    name = "llama-factory"
    extra_columns = True  # it reads the columns that dataset_info.json names
    kinds: tuple[Kind, ...] = ("sft", "preference", "unpaired")

    def row(self, record: Record) -> Json:
        """The conversation; of a preference up to the answers, which have columns of their own."""
        prompt = turns(record.prompt)
        system = prompt.pop(0)["content"] if prompt and prompt[0]["role"] == "system" else ""
        told = prompt if record.kind == "preference" else prompt + turns(record.completion)
        # System and tools stand in every row: readers of JSON lines fix the columns by the first ones.
        row = {"conversations": _conversation(told), "system": system, "tools": _tools(record.tools)}
        if record.kind == "preference":
            chosen, rejected = turns(record.completion), turns(record.rejected)
            row |= {"chosen": _only(_conversation(chosen)), "rejected": _only(_conversation(rejected))}
        if record.kind == "unpaired":
            row["label"] = record.label
        return {**row, **record.columns}

    def check(self, row: Json) -> list[str]:
        """Check a row by what the converter takes."""
        problems = [f"{name} is no text" for name in ("system", "tools") if not isinstance(row.get(name), str)]
        messages = row.get("conversations")
        if not isinstance(messages, list) or not messages:
            return [*problems, "there must be 'conversations', a list that is not empty"]
        problems += _turn_problems(messages)
        last = messages[-1].get("from") if isinstance(messages[-1], dict) else None
        if "chosen" in row:
            problems += [*_answer_problems("chosen", row), *_answer_problems("rejected", row)]
            if row["chosen"] == row.get("rejected"):
                problems.append("chosen and rejected are equal")
            return problems if last in _ASKS else [*problems, "what comes before the answers must end with human"]
        if "label" in row and not isinstance(row["label"], bool):
            problems.append(f"label {row['label']!r} is neither true nor false")
        return problems if last in _SAYS else [*problems, "the last message must be gpt's"]

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """``dataset_info.json``: a dataset for each split that has rows, under the split's name."""
        info = {name: _described(path, written) for name, path in written.paths.items() if written.rows[name]}
        return {INFO: orjson.dumps(info, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)}


def _described(path: str, written: Written) -> Json:
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    if written.kind == "preference":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    if written.kind == "unpaired":
        columns["kto_tag"] = "label"
    facts = {"file_name": path, "formatting": "sharegpt", "columns": columns, "tags": TAGS}
    return {**facts, "ranking": True} if written.kind == "preference" else facts


def _conversation(messages: Sequence[Json]) -> list[Json]:
    return [_message(message) for message in messages]


def _message(message: Json) -> Json:
    role, content = str(message["role"]), message["content"]
    if calls := message.get("tool_calls"):
        return {"from": "function_call", "value": None if content else _calls(calls)}
    return {"from": _FROM.get(role, role), "value": content}


def _calls(calls: Any) -> str | None:
    """Calls as JSON, several as a list; None where one cannot be read."""
    read = [call_of(call) for call in calls] if isinstance(calls, list) else [None]
    made = [{"name": call.name, "arguments": call.arguments} for call in read if call is not None]
    if len(made) < len(read):
        return None
    return json_text(made[0] if len(made) == 1 else made)


def _tools(tools: Sequence[Json]) -> str | None:
    """Schemas of the tools as JSON, "" for none; None where one cannot be read."""
    made = []
    for tool in tools:
        function = function_of(tool)
        if function is None or not isinstance(function.setdefault("parameters", {}), dict):
            return None
        # What writes the prompt takes parameters with properties for granted.
        made.append({**function, "parameters": {"type": "object", "properties": {}, **function["parameters"]}})
    return json_text(made) if made else ""


def _only(messages: list[Json]) -> Any:
    """The one message of an answer; all of them, for ``check`` to see, where there are more."""
    return messages[0] if len(messages) == 1 else messages


def _turn_problems(messages: Sequence[Any]) -> list[str]:
    problems = []
    for number, message in enumerate(messages):
        if text := _message_problem(message):
            problems.append(f"message {number}: {text}")
        elif message["from"] not in (wanted := _SAYS if number % 2 else _ASKS):
            problems.append(f"message {number}: {message['from']!r} where {' or '.join(wanted)} must be")
    return problems


def _message_problem(message: Any) -> str:
    if not isinstance(message, dict) or set(message) != {"from", "value"}:
        return "it must have 'from' and 'value', and nothing else"
    value = message["value"]
    if message["from"] == "function_call" and not isinstance(value, str):
        return "a call of tools must be readable and have no text beside it"
    if not isinstance(value, str) or not (value.strip() or message["from"] == "observation"):
        return "value is empty or no text"
    return ""


def _answer_problems(name: str, row: Json) -> list[str]:
    answer: Any = row.get(name)
    if text := _message_problem(answer):
        return [f"{name}: {text}"]
    return [] if answer["from"] in _SAYS else [f"{name}: {answer['from']!r} where {' or '.join(_SAYS)} must be"]
