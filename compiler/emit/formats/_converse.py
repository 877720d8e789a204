"""Chats as Amazon Bedrock's Converse API has them, by the rules for tuning Amazon's Nova models.

Rules: https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html (roles, order, words
that make a job fail wherever they stand) and Amazon's own validator, https://github.com/aws-samples/
amazon-nova-samples, customization/bedrock-finetuning/understanding/dataset_validation (counts, pictures, and that
these words count in any case). Calls of tools have no place: Bedrock's tuning of Nova does not support them,
https://docs.aws.amazon.com/bedrock/latest/userguide/nova-2-sft-data-prep.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ....records import Json
from ._calls import blocks

MIN_ROWS, MAX_ROWS = 8, 20_000
"""Samples that Amazon takes, those for training and for validation together."""

_RESERVED = ("system:", "user:", "bot:", "assistant:", "<image>", "<video>", "<unk>", "[eos]")
_FORMATS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "gif": "gif", "webp": "webp"}
_S3 = re.compile(r"s3://[\w\-/.]+")
_MOST_IMAGES = 10


def chat(messages: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Parts of the system prompt, and messages."""
    said = list(messages)
    system = blocks(said.pop(0).get("content"), _picture) if said and said[0].get("role") == "system" else []
    return system, [turn(message) for message in said]


def turn(message: Json) -> Json:
    """A message; calls of tools stay in it as they are, for ``check`` to refuse."""
    made = {"role": message.get("role"), "content": blocks(message.get("content"), _picture)}
    if message.get("tool_calls"):
        made["tool_calls"] = message["tool_calls"]
    return made


def _picture(url: str) -> Json | None:
    """A picture; it must lie in S3."""
    if not _S3.fullmatch(url):
        return None
    kind = _FORMATS.get(PurePosixPath(url).suffix[1:].lower())
    return {"image": {"format": kind, "source": {"s3Location": {"uri": url}}}}


def system_problems(system: Any) -> list[str]:
    """Check a system prompt."""
    return [f"system: {text}" for text in content_problems(system)]


def content_problems(content: Any, *, images: bool = False) -> list[str]:
    """Check the blocks of one message.

    Args:
        content: The blocks.
        images: Whether there may be pictures.
    """
    if not isinstance(content, list) or not content:
        return ["content must be a list that is not empty"]
    if not all(_text_is_good(block) or (images and _image_is_good(block)) for block in content):
        return ["a block is empty or of a kind that the target does not take"]
    text = "\n".join(block["text"] for block in content if "text" in block).lower()
    return [f"{word!r} makes Amazon's training fail" for word in _RESERVED if word in text]


def _text_is_good(block: Any) -> bool:
    good = isinstance(block, dict) and set(block) == {"text"} and isinstance(block["text"], str)
    return good and bool(block["text"].strip())


def _image_is_good(block: Any) -> bool:
    image = block.get("image") if isinstance(block, dict) and len(block) == 1 else None
    if not isinstance(image, dict) or set(image) != {"format", "source"} or image["format"] not in _FORMATS.values():
        return False
    source = image["source"]
    place = source.get("s3Location") if isinstance(source, dict) and len(source) == 1 else None
    uri = place.get("uri") if isinstance(place, dict) and set(place) <= {"uri", "bucketOwner"} else None
    return isinstance(uri, str) and _S3.fullmatch(uri) is not None


def turns_problems(messages: Any) -> list[str]:
    """Check messages one by one, and if each is good, their order.

    Args:
        messages: The messages. Those before the candidates of a preference are checked without them.
    """
    if not isinstance(messages, list) or not messages:
        return ["'messages' must be a list that is not empty"]
    problems = []
    for number, message in enumerate(messages):
        problems += [f"message {number}: {text}" for text in _turn_problems(message)]
    if problems:
        return problems
    if any(message["role"] != ("user", "assistant")[number % 2] for number, message in enumerate(messages)):
        problems.append("roles must alternate, the user's first")
    if sum("image" in block for message in messages for block in message["content"]) > _MOST_IMAGES:
        problems.append(f"there are more than {_MOST_IMAGES} pictures")
    return problems


def _turn_problems(message: Any) -> list[str]:
    if not isinstance(message, dict) or set(message) != {"role", "content"}:
        return ["it must have a role and content, and nothing else"]
    if message["role"] not in ("user", "assistant"):
        return [f"role {message['role']!r} is neither user nor assistant"]
    return content_problems(message["content"], images=message["role"] == "user")
