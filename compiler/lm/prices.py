"""Prices of hosted models, from litellm's table, without importing litellm (2.3 s and 160 MiB)."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson

from ...errors import LMSetupError
from ...records import Json

_TABLE = "model_prices_and_context_window_backup.json"
_TIER = re.compile(r"^(input|output)_cost_per_token_above_(\d+)k_tokens$")
_FREE = {"ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile"}
"""Providers that run on the user's own machines: no price per token."""


@dataclass(frozen=True)
class Price:
    """US dollars per token.

    Attributes:
        input: Per prompt token.
        output: Per completion token.
        tiers: Dearer prices for long prompts, as (prompt tokens above which, input, output).
    """

    input: float = 0.0
    output: float = 0.0
    tiers: tuple[tuple[int, float, float], ...] = field(default=())

    def usd(self, input_tokens: int, output_tokens: int) -> float:
        """Price of one call. Discounts for cached prompts are not counted: the figure is an upper bound."""
        rate = (self.input, self.output)
        for above, input_price, output_price in self.tiers:
            if input_tokens > above:
                rate = (input_price, output_price)
        return input_tokens * rate[0] + output_tokens * rate[1]


def parse_price(text: str) -> Price:
    """Read ``0.15/0.60``: US dollars per million prompt and completion tokens.

    Raises:
        LMSetupError: It is something else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*", text)
    if not match:
        raise LMSetupError(
            f"--lm-arg price={text!r} is not a price",
            hint="Give US dollars per million prompt and completion tokens, as price=0.15/0.60.",
        )
    return Price(float(match[1]) / 1e6, float(match[2]) / 1e6)


def price_of(model: str) -> Price | None:
    """Price of a model such as ``openai/gpt-4o-mini``; None where it is not known."""
    if model.split("/", 1)[0] in _FREE:
        return Price()
    entry = _entry(model)
    if entry is None or "input_cost_per_token" not in entry:
        return None
    base = Price(float(entry["input_cost_per_token"]), float(entry.get("output_cost_per_token") or 0.0))
    limits = sorted({int(m[2]) * 1000 for key in entry if (m := _TIER.match(key))})
    tiers = [(n, *(_tier(entry, side, n, getattr(base, side)) for side in ("input", "output"))) for n in limits]
    return Price(base.input, base.output, tuple(tiers))  # type: ignore[arg-type]


def max_output_tokens(model: str) -> int | None:
    """Most completion tokens that a model can give; None where it is not known."""
    entry = _entry(model) or {}
    limit = entry.get("max_output_tokens") or entry.get("max_tokens")
    return int(limit) if limit else None


def _tier(entry: Json, side: str, limit: int, default: float) -> float:
    return float(entry.get(f"{side}_cost_per_token_above_{limit // 1000}k_tokens") or default)


def _entry(model: str) -> Json | None:
    table = _table()
    provider, _, rest = model.partition("/")
    for name in (model, rest):
        entry = table.get(name)
        if isinstance(entry, dict) and (name == model or entry.get("litellm_provider", "") in {provider, ""}):
            return entry
    return None


@cache
def _table() -> Json:
    spec = importlib.util.find_spec("litellm")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / _TABLE
        if path.exists():
            return dict(orjson.loads(path.read_bytes()))
    import litellm  # the file has moved: ask the library itself

    return dict(litellm.model_cost)
