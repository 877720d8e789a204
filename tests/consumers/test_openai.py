"""What is exported for OpenAI is read by OpenAI's own types, and by the checks that it recommends before an upload.

The checks: https://cookbook.openai.com/examples/chat_finetuning_data_prep (Format validation).
"""

from __future__ import annotations

from collections import Counter

import pytest
from openai.types.chat import ChatCompletionAssistantMessageParam, ChatCompletionMessageParam
from pydantic import TypeAdapter

MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
ANSWER = TypeAdapter(list[ChatCompletionAssistantMessageParam])


def recommended(rows):
    """Errors by name, as the cookbook counts them."""
    errors = Counter()
    for row in rows:
        messages = row.get("messages") if isinstance(row, dict) else None
        if not messages:
            errors["missing_messages_list"] += 1
            continue
        for message in messages:
            content = message.get("content")
            errors["message_missing_key"] += "role" not in message or "content" not in message
            errors["message_unrecognized_key"] += not set(message) <= {"role", "content", "name", "weight"}
            errors["unrecognized_role"] += message.get("role") not in {"system", "user", "assistant", "function"}
            errors["missing_content"] += not content or not isinstance(content, str)
        errors["example_missing_assistant_message"] += all(message["role"] != "assistant" for message in messages)
    return +errors


@pytest.mark.parametrize("name", ["openai", "azure", "together", "fireworks"])
def test_answers_are_what_openai_takes(name, exported, rows):
    """Every row passes, and there are ten or more."""
    found = rows(exported(name, split={"train": 1.0}) / "train.jsonl")
    assert len(found) == 24
    assert recommended(found) == Counter()
    for row in found:
        MESSAGES.validate_python(row["messages"])
        assert row["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("name", ["openai-dpo", "azure", "together", "fireworks"])
def test_pairs_are_what_openai_takes(name, exported, rows):
    """One answer of the assistant's each, which differ (https://platform.openai.com/docs/guides/direct-preference-optimization)."""
    found = rows(exported(name, kind="preference", split={"train": 1.0}) / "train.jsonl")
    assert found
    for row in found:
        assert set(row) == {"input", "preferred_output", "non_preferred_output"}
        MESSAGES.validate_python(row["input"]["messages"])
        assert row["input"]["messages"][-1]["role"] == "user"
        for name_of in ("preferred_output", "non_preferred_output"):
            ANSWER.validate_python(row[name_of])
            assert len(row[name_of]) == 1
        assert row["preferred_output"] != row["non_preferred_output"]
