"""Picks one of several scored answers: the best, or a seeded sample when a retry asks for another."""

import hashlib
import json
import math
import random
from collections.abc import Sequence

# Similarities differ by hundredths: at temperature 1 one this much below the best is e times less likely.
_SPREAD = 0.1


class Chooser:
    """Argmax on the first attempt; on retries at a temperature, a sample that the same retry repeats."""

    def __init__(self, messages: Sequence[tuple[str, str]], attempt: int, temperature: float | None) -> None:
        """Seed from the messages and the attempt, so that the same call always answers the same."""
        self._heat = temperature * _SPREAD if temperature and temperature > 0 and attempt > 0 else 0.0
        self._random = random.Random(0)
        if self._heat:
            seed = json.dumps([list(messages), attempt]).encode()
            self._random.seed(int.from_bytes(hashlib.sha256(seed).digest()[:8], "big"))

    def pick(self, scores: Sequence[float]) -> int:
        """Position of the chosen score; the first of equals. The list must not be empty."""
        best = max(scores)
        if not self._heat or len(scores) == 1:
            return list(scores).index(best)
        weights = [math.exp(max((score - best) / self._heat, -700.0)) for score in scores]
        return self._random.choices(range(len(scores)), weights)[0]
