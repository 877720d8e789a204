"""Keys never reach a disk, a log or a message.

Every value that looks like a credential (an environment variable with such a name, a client setting of an LM) is
registered once; whatever is about to be kept or shown goes through ``scrub``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from ...records import Json

_NAME = re.compile(
    r"api[_-]?key|secret|token(?!s|iz)|passw|credential|authoriz|auth(?!or)|cookie|(^|[_-])key$", re.IGNORECASE
)
_NOT_SECRET = re.compile(r"cost_per_token", re.IGNORECASE)
_SHORTEST = 8  # characters; shorter values would blank out ordinary words
_MASK = "[redacted]"


def looks_secret(name: str) -> bool:
    """Whether a setting of this name holds a credential."""
    return bool(_NAME.search(name)) and not _NOT_SECRET.search(name)


class Secrets:
    """The credential values of this process, and how to blank them out."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._register(v for k, v in os.environ.items() if looks_secret(k))

    def add(self, settings: Json) -> None:
        """Register the credentials among an LM's settings: in nested headers, lists and URLs, too."""
        self._register(_credentials(settings))

    def scrub(self, text: str) -> str:
        """Text without any registered value."""
        for value in self._values:
            if value in text:
                text = text.replace(value, _MASK)
        return text

    def scrub_bytes(self, blob: bytes) -> bytes:
        """``scrub`` for the strings in JSON bytes; the same object where there is nothing to blank out."""
        if not any(value.encode() in blob for value in self._values):
            return blob
        return orjson.dumps(self._scrubbed(orjson.loads(blob)))

    def public(self, settings: Json) -> Json:
        """Settings as they may be stored: credentials left out, in nested objects and lists, too."""
        return {k: self._public(v) for k, v in settings.items() if not looks_secret(k)}

    def _public(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.public(value)
        if isinstance(value, list):
            return [self._public(item) for item in value]
        return self.scrub(value) if isinstance(value, str) else value

    def _scrubbed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self._scrubbed(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._scrubbed(item) for item in value]
        return self.scrub(value) if isinstance(value, str) else value

    def _register(self, found: Iterable[str]) -> None:
        texts = (value.encode(errors="replace").decode() for value in found)  # the environment may hold any bytes
        values = {v for text in texts for v in (text, text.removeprefix("Bearer ")) if len(v) >= _SHORTEST}
        values |= {orjson.dumps(v).decode()[1:-1] for v in values}  # as it stands in JSON, quotes and all
        # Longest first: a key that begins another must not leave the rest of that one behind.
        self._values = sorted(values.union(self._values), key=lambda v: (-len(v), v))


def _credentials(settings: Json) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _credentials(value)
        elif isinstance(value, list):
            yield from (found for item in value for found in _credentials({name: item}))
        elif isinstance(value, (str, int)) and looks_secret(name):
            yield str(value)
        elif isinstance(value, str) and "://" in value:
            yield from _in_url(value)


def _in_url(url: str) -> Iterator[str]:
    """Password and keys in an address such as ``https://user:password@host/?api_key=...``."""
    try:
        parts = urlsplit(url)
        yield from (value for name, value in parse_qsl(parts.query) if looks_secret(name))
        if parts.password:
            yield parts.password
    except ValueError:  # no address after all
        return
