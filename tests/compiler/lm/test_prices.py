"""Prices from litellm's table or the user's own."""

from __future__ import annotations

import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given

from limbeck.compiler.lm.prices import Price, max_output_tokens, parse_price, price_of
from limbeck.errors import LMSetupError


def test_parse_price():
    """A price is US dollars per million prompt and completion tokens."""
    assert parse_price(" 0.15 / 0.60 ") == Price(0.15e-6, 0.60e-6)


@pytest.mark.parametrize("text", ["", "1", "1/", "/1", "-1/2", "1/2/3", "a/b", "1e-3/2", "nan/inf", "$1/$2"])
def test_parse_price_refuses(text):
    """Anything else is an error that says how to write it."""
    with pytest.raises(LMSetupError, match=r"price=0\.15/0\.60"):
        parse_price(text)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("anthropic/claude-haiku-4-5", "claude-haiku-4-5"),
    ],
)
def test_same_as_litellm(name, entry, monkeypatch):
    """Prices and longest answers are those of litellm's own table."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network
    import litellm

    known = litellm.model_cost[entry]
    price = price_of(name)
    assert price is not None
    assert (price.input, price.output) == (known["input_cost_per_token"], known["output_cost_per_token"])
    assert max_output_tokens(name) == (known.get("max_output_tokens") or known.get("max_tokens"))


@pytest.mark.parametrize("name", ["openai/stub", "nobody/gpt-4o-mini", "gpt-4o-mini/", "openai/"])
def test_unknown(name):
    """A model that the table does not have has no price: none is guessed from another provider's."""
    assert price_of(name) is None


@pytest.mark.parametrize("name", ["ollama_chat/llama3.2", "hosted_vllm/meta-llama/Llama-3-8B"])
def test_own_machines_are_free(name):
    """Models on the user's own machines cost nothing."""
    assert price_of(name) == Price()


def test_long_prompts_cost_more():
    """Where a provider charges more for long prompts, every token of such a call costs more."""
    price = Price(1e-6, 2e-6, ((200_000, 2e-6, 4e-6),))
    assert price.usd(200_000, 1) == pytest.approx(0.2 + 2e-6)
    assert price.usd(200_001, 1) == pytest.approx(2 * 0.2000010 + 4e-6)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(read, written, more_read, more_written):
    """A worst case is one: more tokens never cost less, over every tier."""
    price = price_of("gemini/gemini-2.5-pro")
    assert price is not None
    assert price.tiers
    assert price.usd(read, written) <= price.usd(read + more_read, written + more_written)


def test_without_importing_litellm():
    """Looking up a price does not import litellm, which takes seconds."""
    code = (
        "import sys; from limbeck.compiler.lm.prices import price_of;"
        "assert price_of('openai/gpt-4o'); assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
