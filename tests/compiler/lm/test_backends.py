"""Setting up the LM that the user named."""

from __future__ import annotations

import asyncio
import os

import dspy
import orjson
import pytest
from dspy.lm15 import Message, Response, Usage
from dspy.utils import exceptions as dx

from limbeck.compiler.lm.backends import EmbeddedBackend, ProviderBackend, make_backend
from limbeck.compiler.lm.prices import Price
from limbeck.errors import LMSetupError


@pytest.mark.parametrize("name", ["", "gpt-4o", "/", "openai/", "/gpt-4o", "embedded/other", "embedded/"])
def test_no_such_name(name):
    """A name that is none says what names look like."""
    with pytest.raises(LMSetupError) as caught:
        make_backend(name, {}, {})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "meant"), [("opnai/gpt-4o", "openai/"), ("antropic/claude", "anthropic/"), ("xyz/abc", "openai/")]
)
def test_unknown_provider(name, meant):
    """A provider that nobody knows is refused before any call, with those that were perhaps meant."""
    with pytest.raises(LMSetupError, match="no provider") as caught:
        make_backend(name, {}, {})
    assert meant in caught.value.hint


@pytest.mark.parametrize(
    "name", ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "ollama_chat/llama3.2", "hosted_vllm/any/model"]
)
def test_known_providers(name):
    """Providers of DSPy and litellm are set up without a key and without a call."""
    backend = make_backend(name, {}, {})
    assert isinstance(backend, ProviderBackend)
    assert (backend.name, backend.remote) == (name, True)


def test_embedded():
    """The embedded LM takes sampling parameters, ignores a price, and refuses the rest without showing values."""
    backend = make_backend("embedded/analogy", {"temperature": 0.5, "price": "1/2"}, {})
    assert isinstance(backend, EmbeddedBackend)
    assert backend.defaults == {"temperature": 0.5}
    with pytest.raises(LMSetupError, match="api_key") as caught:
        make_backend("embedded/analogy", {"api_key": "sk-0123456789"}, {})
    assert "sk-0123456789" not in str(caught.value)


def test_embedded_answers_offline(lab):
    """The embedded LM answers the same question the same way, with usage."""
    backend = make_backend("embedded/analogy", {}, {})
    first, second = (asyncio.run(backend.complete(lab.ask("hello"), ())) for _ in range(2))
    assert first.message.text == second.message.text
    assert first.usage.output_tokens >= 1


def test_identity_has_no_credentials():
    """A rollout is known by what decides the answer, not by the key that paid for it."""
    settings = {"api_key": "sk-0123456789", "api_base": "http://host/v1", "temperature": 0.5}
    public = {k: v for k, v in settings.items() if k != "api_key"}
    backend = make_backend("openai/gpt-4o-mini", settings, public)
    assert backend.identity == {"name": "openai/gpt-4o-mini", "api_base": "http://host/v1"}
    assert backend.defaults["temperature"] == 0.5
    assert "sk-0123456789" not in orjson.dumps([backend.identity, backend.defaults]).decode()


def test_price_of_the_user():
    """A price that is given takes the table's place."""
    backend = make_backend("openai/gpt-4o-mini", {"price": "1/2"}, {})
    assert backend.price == Price(1e-6, 2e-6)
    assert make_backend("openai/gpt-4o-mini", {}, {}).price.output == pytest.approx(0.6e-6)


def test_capabilities_reach_the_adapter():
    """Adapters plan behind the gateway as they would without it."""
    backend = make_backend("openai/gpt-4o-mini", {}, {})
    plain = dspy.LM("openai/gpt-4o-mini")
    assert backend.supports_function_calling == plain.supports_function_calling
    assert backend.supports_response_schema == plain.supports_response_schema


class Engine:
    """An engine of a user's own."""

    def __init__(self, error=None):
        self.error = error

    def complete(self, request):
        if self.error:
            raise self.error
        return Response(
            id=None, model=request.model, message=Message.assistant("mine"), finish_reason="stop", usage=Usage()
        )


def test_lm_object(lab):
    """From Python an LM object is taken as it is, with its own engine."""
    backend = make_backend(dspy.LM("fake/lm", engine=Engine(), cache=False), {}, {})
    assert asyncio.run(backend.complete(lab.ask(), ())).message.text == "mine"


def test_engine_that_raises(lab):
    """What a user's engine raises arrives as an LM error, so that it costs one call."""
    backend = make_backend(dspy.LM("fake/lm", engine=Engine(ValueError("broken")), cache=False), {}, {})
    with pytest.raises(dx.LMError, match="broken"):
        asyncio.run(backend.complete(lab.ask(), ()))


def test_no_answer_in_time(lab):
    """A call without an answer is given up after the timeout that was set."""

    class Slow:
        async def complete(self, request):
            await asyncio.sleep(60)

    lm = dspy.LM("fake/lm", engine=Engine(), async_engine=Slow(), cache=False)
    backend = ProviderBackend(lm, {"timeout": 0.05}, {})
    with pytest.raises(TimeoutError):
        asyncio.run(backend.complete(lab.ask(), ()))


def test_no_network_for_prices():
    """Litellm is told to read its own table instead of asking the network."""
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
