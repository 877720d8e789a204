"""Keys never reach a disk, a log or a message.

Every value that looks like a credential (an environment variable with such a name, a client setting of an LM) is
registered once; whatever is about to be kept or shown goes through ``scrub``.
"""

from __future__ import annotations

import os
import re

from ...records import Json

_NAME = re.compile(r"(api[_-]?key|secret|token|password|credential|authorization)", re.IGNORECASE)
_NOT_SECRET = re.compile(r"(max_tokens|max_completion_tokens|cost_per_token|^TOKENIZERS_)", re.IGNORECASE)
_SHORTEST = 8  # characters; shorter values would blank out ordinary words
_MASK = "[redacted]"


def looks_secret(name: str) -> bool:
    """Whether a setting of this name holds a credential."""
    return bool(_NAME.search(name)) and not _NOT_SECRET.search(name)


class Secrets:
    """The credential values of this process, and how to blank them out."""

    def __init__(self) -> None:
        self._values = {v for k, v in os.environ.items() if looks_secret(k) and len(v) >= _SHORTEST}

    def add(self, settings: Json) -> None:
        """Register the credentials among an LM's settings, nested headers included."""
        for name, value in settings.items():
            if isinstance(value, dict):
                self.add(value)
            elif isinstance(value, str) and looks_secret(name) and len(value) >= _SHORTEST:
                self._values.add(value)
                self._values.add(value.removeprefix("Bearer "))

    def scrub(self, text: str) -> str:
        """Text without any registered value."""
        for value in self._values:
            if value in text:
                text = text.replace(value, _MASK)
        return text

    def scrub_bytes(self, blob: bytes) -> bytes:
        """``scrub`` for UTF-8 bytes."""
        for value in self._values:
            if (needle := value.encode()) in blob:
                blob = blob.replace(needle, _MASK.encode())
        return blob

    def public(self, settings: Json) -> Json:
        """Settings as they may be stored: credentials left out, nested objects included."""
        kept = {k: v for k, v in settings.items() if not looks_secret(k)}
        return {k: self.public(v) if isinstance(v, dict) else v for k, v in kept.items()}
