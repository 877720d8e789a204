"""Credentials are found wherever a setting may hold them, and blanked out."""

from __future__ import annotations

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from limbeck.compiler.lm.secrets import Secrets, looks_secret

KEY = "sk-test-0123456789abcdef"


@pytest.mark.parametrize(
    "name",
    ["api_key", "OPENAI_API_KEY", "apikey", "x-api-key", "HF_TOKEN", "password", "DB_PASSWD", "aws_secret_access_key",
     "vertex_credentials", "Authorization", "X-Auth", "Ocp-Apim-Subscription-Key", "Cookie", "private_key"],
)  # fmt: skip
def test_looks_secret(name):
    """Names under which credentials go."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "max_completion_tokens", "budget_tokens", "input_cost_per_token", "TOKENIZERS_PARALLELISM",
     "GIT_AUTHOR_NAME", "XAUTHORITY", "model", "api_base", "keyboard", "monkey"],
)  # fmt: skip
def test_does_not_look_secret(name):
    """Names that only look alike; leaving these out would change what a rollout is known by."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": KEY},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"extra_headers": {"Ocp-Apim-Subscription-Key": KEY}},
        {"fallbacks": [{"model": "a/b", "api_key": KEY}]},
        {"api_base": f"https://user:{KEY}@host/v1"},
        {"api_base": f"https://host/v1?api_key={KEY}&v=1"},
        {"azure": {"deep": [{"deeper": {"client_secret": KEY}}]}},
    ],
)
def test_found_wherever_it_stands(settings):
    """A registered credential is blanked out of text and JSON, and left out of what is stored."""
    secrets = Secrets()
    secrets.add(settings)
    assert KEY not in secrets.scrub(f"Incorrect API key provided: {KEY}.")
    assert KEY.encode() not in secrets.scrub_bytes(orjson.dumps({"text": f"It is {KEY}!"}))
    assert KEY not in str(secrets.public(settings))


def test_public_keeps_the_rest():
    """Settings that decide the answer stay, at every depth."""
    secrets = Secrets()
    settings = {
        "temperature": 0.5, "thinking": {"budget_tokens": 1024}, "api_base": "http://host/v1", "max_tokens": 10,
        "extra_headers": {"anthropic-beta": "x", "x-api-key": KEY}, "stop": ["\n"],
    }  # fmt: skip
    secrets.add(settings)
    assert secrets.public(settings) == {**settings, "extra_headers": {"anthropic-beta": "x"}}


def test_from_the_environment(monkeypatch):
    """Keys in environment variables are known without being named."""
    monkeypatch.setenv("SOME_PROVIDER_API_KEY", KEY)
    assert Secrets().scrub(f"key={KEY}") == "key=[redacted]"


def test_one_key_that_begins_another():
    """Of a long key nothing is left where a shorter one is its beginning."""
    secrets = Secrets()
    secrets.add({"api_key": KEY, "other_secret": KEY + "-and-more"})
    assert secrets.scrub(f"<{KEY}-and-more>") == "<[redacted]>"


@given(st.text(min_size=8, max_size=40).filter(lambda s: s.strip() == s and s != "[redacted]"))
def test_any_key_in_json(key):
    """A key with quotes, backslashes or any other character is blanked out of JSON, which stays JSON."""
    secrets = Secrets()
    secrets.add({"api_key": key})
    clean = secrets.scrub_bytes(orjson.dumps({"text": f"<{key}>", "n": 1}))
    text = orjson.loads(clean)["text"]
    assert text == "<[redacted]>" or key not in text
    assert key not in secrets.scrub(orjson.dumps(key).decode())


def test_digits_do_not_break_numbers():
    """A key of digits that is also part of a number leaves the number, and the JSON, as it is."""
    secrets = Secrets()
    secrets.add({"api_key": 12345678})
    blob = b'{"created":1234567890,"text":"12345678"}'
    assert orjson.loads(secrets.scrub_bytes(blob)) == {"created": 1234567890, "text": "[redacted]"}


def test_nothing_to_do_costs_no_copy():
    """JSON without a key comes back as the same object."""
    secrets = Secrets()
    secrets.add({"api_key": KEY})
    blob = b'{"text":"hello"}'
    assert secrets.scrub_bytes(blob) is blob


def test_short_values_stay():
    """Values too short to be keys do not blank out ordinary words."""
    secrets = Secrets()
    secrets.add({"api_key": "none"})
    assert secrets.scrub("none of these") == "none of these"


def test_environment_that_is_no_text(monkeypatch):
    """An environment variable may hold any bytes."""
    monkeypatch.setenv("STRANGE_TOKEN", "\udcff\udcfe-not-utf8")
    assert Secrets().scrub_bytes(b'{"a":"b"}') == b'{"a":"b"}'
