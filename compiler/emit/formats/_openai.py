"""Rows as OpenAI has them; which services take them, and with which rules, is in ``_openai_rules``."""

from __future__ import annotations

from collections.abc import Sequence

from ....records import Json
from ..record import Kind, Record
from ._calls import answered, openai_call, openai_content, openai_tool
from ._openai_rules import Rules, chat_problems, pair_problems
from .base import JsonLines


class ChatsAndPairs(JsonLines):
    """OpenAI's rows for supervised fine-tuning and its pairs, in one format."""

    kinds: tuple[Kind, ...] = ("sft", "preference")
    rules: Rules

    def row(self, record: Record) -> Json:
        """As OpenAI has it."""
        return pair_row(record, self.rules) if record.kind == "preference" else chat_row(record, self.rules)

    def check(self, row: Json) -> list[str]:
        """Check a row by the target's rules."""
        return pair_problems(row, self.rules) if "input" in row else chat_problems(row, self.rules)


def chat_row(record: Record, rules: Rules) -> Json:
    """The row of an answer: only the answer is learned, so the assistant's messages before it weigh nothing."""
    messages = openai_messages(record.messages, rules)
    for message in messages[: len(record.prompt)]:
        if message["role"] == "assistant":
            message["weight"] = 0
    return {"messages": messages, **_tools(record, rules.keys)}


def pair_row(record: Record, rules: Rules) -> Json:
    """The row of a preference."""
    return {
        "input": {"messages": openai_messages(record.prompt, rules), **_tools(record, rules.input_keys)},
        "preferred_output": openai_messages(record.completion, rules),
        "non_preferred_output": openai_messages(record.rejected, rules),
    }


def openai_messages(messages: Sequence[Json], rules: Rules | None = None) -> list[Json]:
    """Role and content of messages with tool calls, and what answers these, in OpenAI's form."""
    made = [_message(message) for message in answered(messages)]
    if rules and rules.uniform and any(isinstance(message.get("content"), list) for message in made):
        for message in made:
            if isinstance(message.get("content"), str):
                message["content"] = [{"type": "text", "text": message["content"]}]
    return made


def _message(message: Json) -> Json:
    role, calls = message.get("role"), message.get("tool_calls")
    made = {"role": role, "content": openai_content(message.get("content"))}
    if calls:
        made["tool_calls"] = [openai_call(call) for call in calls] if isinstance(calls, list) else calls
        if made["content"] in (None, ""):
            del made["content"]
    if role == "tool":
        made["tool_call_id"] = message.get("tool_call_id")
    return made


def _tools(record: Record, keys: frozenset[str]) -> Json:
    """The tools, and whether several may be called at once; that they may is what the target takes for granted."""
    if not record.tools:
        return {}
    tools = {"tools": [openai_tool(tool) for tool in record.tools]}
    calls = record.first.step.calls
    config = calls[-1].config if calls else {}
    choice = config.get("tool_choice")
    parallel = choice.get("parallel") if isinstance(choice, dict) else config.get("parallel_tool_calls")
    if "parallel_tool_calls" not in keys or not isinstance(parallel, bool):
        return tools
    return {**tools, "parallel_tool_calls": parallel}
