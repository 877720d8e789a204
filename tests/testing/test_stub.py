"""The stub speaks OpenAI's chat completions, fails as told and counts what it served."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import dspy
import orjson
import pytest

from limbeck.testing._stub_replies import logprobs, text_of
from limbeck.testing.stub import FAULTS, Fault, Stub


def prompt(question: str) -> dict[str, Any]:
    return {"model": "stub", "messages": [{"role": "user", "content": question}]}


def post(stub: Stub, question: str, *, key: str = "sk-test", timeout: float = 30) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{stub.url}/v1/chat/completions",
        data=orjson.dumps(prompt(question)),
        headers={"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return orjson.loads(answer.read())


def outcome(stub: Stub, question: str, *, timeout: float = 30) -> str:
    try:
        body = post(stub, question, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except http.client.IncompleteRead:
        return "cut"
    except orjson.JSONDecodeError:
        return "truncated"
    except TimeoutError:
        return "hang"
    if not body["choices"]:
        return "empty"
    return "unparseable" if "]]" in body["choices"][0]["message"]["content"] else "served"


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
def test_answers_parse_for_every_adapter(adapter: dspy.Adapter) -> None:
    """Fields of all simple types come back as DSPy's adapters want them, sync and async."""
    label = Literal["yes, please", "no"]
    signature = dspy.Signature({"question": (str, dspy.InputField()), "label": (label, dspy.OutputField())})
    signature = signature.append("n", dspy.OutputField(), int).append("words", dspy.OutputField(), list[str])
    predict = dspy.Predict(signature)
    with Stub() as stub:
        lm = dspy.LM("openai/stub", api_base=f"{stub.url}/v1", api_key="sk-test", cache=False, num_retries=0)
        with dspy.context(lm=lm, adapter=adapter):
            first = predict(question="Is it?")
            second = asyncio.run(predict.acall(question="Is it?"))
        assert stub.stats().requests == 2
    assert first.toDict() == second.toDict()
    assert first.label in ("yes, please", "no")
    assert isinstance(first.n, int)
    assert isinstance(first.words, list)


def test_echo_answers_with_the_input() -> None:
    """``echo`` gives the first input back."""
    with Stub("echo") as stub:
        lm = dspy.LM("openai/stub", api_base=f"{stub.url}/v1", api_key="sk-test", cache=False)
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
            assert dspy.Predict("question -> answer")(question="Is it?").answer == "Is it?"


def test_reply_may_be_a_function_of_a_file(tmp_path: Path) -> None:
    """``file.py:function`` is called with the request and gives the text."""
    file = tmp_path / "replies.py"
    file.write_text("def shout(request):\n    return request['messages'][0]['content'].upper()\n")
    with Stub(f"{file}:shout") as stub:
        assert post(stub, "hello")["choices"][0]["message"]["content"] == "HELLO"


def test_usage_is_reported() -> None:
    """Every completion carries token counts that add up."""
    with Stub() as stub:
        usage = post(stub, "hello")["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_what_a_client_sees(fault: Fault) -> None:
    """A fault at a share of one meets every request; only unparseable text counts as served."""
    with Stub(faults={fault: 1.0}) as stub:
        assert outcome(stub, "hello", timeout=0.5 if fault == "hang" else 30) == fault
        stats = stub.stats()
    assert stats.faults == {fault: 1}
    assert len(stats.served) == (fault == "unparseable")


def test_too_many_requests_say_when_to_come_back() -> None:
    """A 429 has the Retry-After header that was set."""
    with (
        Stub(faults={"429": 1.0}, retry_after=7) as stub,
        pytest.raises(urllib.error.HTTPError) as caught,
    ):
        post(stub, "hello")
    with caught.value:
        assert caught.value.headers["Retry-After"] == "7"


def test_faults_are_the_same_in_every_run() -> None:
    """The same requests meet the same faults in the same order, at about the share that was asked for."""
    faults: dict[Fault, float] = {"429": 0.1, "500": 0.1, "empty": 0.1}
    questions = [f"question {i % 50}" for i in range(200)]
    runs = []
    for _ in range(2):
        with Stub(faults=faults) as stub:
            runs.append([outcome(stub, question) for question in questions])
    assert runs[0] == runs[1]
    assert 100 < runs[0].count("served") < 180


def test_requests_are_counted_by_content() -> None:
    """The same body is the same request, whatever the order of its keys."""
    with Stub() as stub:
        for question in ("a", "b", "a"):
            post(stub, question)
        stats = stub.stats()
    assert sorted(stats.served.values()) == [1, 2]
    assert stats.received == stats.served
    assert (stats.requests, stats.in_flight) == (3, 0)


def test_more_than_the_allowed_requests_in_flight_are_refused() -> None:
    """Above ``max_in_flight`` the answer is 429, and the most seen at once is counted."""
    with Stub(latency=1.0, max_in_flight=2) as stub, ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda i: outcome(stub, f"question {i}"), range(4)))
        assert stub.stats().most_in_flight == 4
    assert sorted(outcomes) == ["429", "429", "served", "served"]


def test_wrong_key_is_refused() -> None:
    """With a key set, another key gets 401."""
    with Stub(key="sk-right") as stub:
        assert post(stub, "hello", key="sk-right")["choices"]
        assert outcome(stub, "hello") == "401"


def test_unknown_fault_is_refused() -> None:
    """A misspelt fault does not silently never happen."""
    with pytest.raises(ValueError, match="timeout"):
        Stub(faults={"timeout": 0.1})  # type: ignore[dict-item]


def test_stub_goes_when_its_owner_is_killed() -> None:
    """No server is left behind by a test run that was killed."""
    code = "import time\nfrom limbeck.testing.stub import Stub\n"
    code += "with Stub() as stub: print(stub.url, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/stats", timeout=5).close()
        except OSError:
            return
        time.sleep(0.05)
    pytest.fail(f"{url} still answers")


def test_tokens_are_given_where_they_are_asked_for() -> None:
    """Words of an answer that is a text, tokens of one that has them, with as many others as were wanted."""
    tokens = [{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "yes", "logprob": -0.1}] * 3}]
    for asked, shown in (({}, None), ({"logprobs": True}, 0), ({"logprobs": True, "top_logprobs": 2}, 2)):
        found = logprobs(asked, tokens)
        assert (found and [len(token["top_logprobs"]) for token in found]) == (shown if shown is None else [shown])
    words = logprobs({"logprobs": True, "top_logprobs": 1}, " one\ntwo ")
    assert words is not None
    assert "".join(token["token"] for token in words) == " one\ntwo "
    assert text_of(tokens) == "yes"
    assert logprobs({"logprobs": True}, text_of(None)) is None
