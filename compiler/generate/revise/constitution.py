"""Reads a constitution: principles, each with what is asked for in a critique and in a revision by it.

The file is one that the verifier ``rules`` reads, too: a principle a line, a bulleted list whose items go on in
indented lines, or a list of texts in YAML or JSON. Behind ``Critique:`` and ``Revision:`` in a principle stands how it
is asked for; where that is missing, it is asked for by the principle itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....errors import DataError
from ....signatures.values import short
from ...verify.principles import read_principles

DEFAULT = Path(__file__).with_name("constitution.md")
"""Sixteen principles, as many as in the paper, in words of our own."""

_REQUEST = re.compile(r"(?:^|\s)(Critique|Revision)(?:\s+request)?:\s*", re.IGNORECASE)
_WRITE = "Write the principle first, then what is asked for: Critique: ... Revision: ..."


@dataclass(frozen=True)
class Principle:
    """One principle.

    Attributes:
        number: Its place in the file, from 1.
        text: What a good answer is.
        critique: What the critique is asked for.
        revision: What the revision is asked for.
    """

    number: int
    text: str
    critique: str
    revision: str


def read_constitution(path: Path = DEFAULT) -> Sequence[Principle]:
    """The principles of a file, in their order.

    Raises:
        DataError: It cannot be read, or a principle has no text, or one of its requests is empty or there twice.
    """
    return [_principle(path, number, text) for number, text in enumerate(read_principles(path), 1)]


def _principle(path: Path, number: int, given: str) -> Principle:
    text, *rest = _REQUEST.split(given)
    names, asked = [name.lower() for name in rest[::2]], [request.strip() for request in rest[1::2]]
    if not any(map(str.isalnum, text)) or not all(asked) or len(set(names)) < len(names):
        raise DataError(f"{path}, principle {number}: {short(given)} lacks something, or says it twice", hint=_WRITE)
    requests = dict(zip(names, asked, strict=True))
    text = text.strip()
    return Principle(
        number, text,
        requests.get("critique", f"Say in what ways the answer goes against this principle: {text}"),
        requests.get("revision", f"Rewrite the answer so that it keeps to this principle: {text}"),
    )  # fmt: skip
