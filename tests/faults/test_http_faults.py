"""A provider that misbehaves at 30% of calls: every rollout ends in a trace, and passing faults change nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from limbeck import api
from limbeck.compiler.lm.gateway import Retries
from limbeck.errors import LMUnavailable
from limbeck.testing.stub import FAULTS, Stub

PASSING = [fault for fault in FAULTS if fault != "unparseable"]


@pytest.fixture(scope="module")
def expected():
    """The artifact of a compile without faults."""
    made = {}

    def once(place):
        if not made:
            with Stub() as stub:
                work = place(stub.url, "expected")
                made["artifact"], made["outcomes"] = work.compile(), work.outcomes()
        return made["artifact"], made["outcomes"]

    return once


@pytest.mark.slow
@pytest.mark.parametrize("fault", PASSING)
def test_passing_fault(place, expected, fault):
    """One kind of fault at 30% of calls: the artifact and every outcome are as without."""
    with Stub(faults={fault: 0.3}, retry_after=0.02, seed=3) as stub:
        work = place(stub.url, lm_args={"timeout": 0.5} if fault == "hang" else {})
        assert (work.compile(), work.outcomes()) == expected(place)
        assert stub.stats().faults[fault] > 5
        assert stub.stats().in_flight == 0 or fault == "hang"


@pytest.mark.slow
def test_all_faults_together(place, expected):
    """Five per cent of each."""
    with Stub(faults=dict.fromkeys(PASSING, 0.05), retry_after=0.02, seed=1) as stub:
        work = place(stub.url, lm_args={"timeout": 0.5})
        assert (work.compile(), work.outcomes()) == expected(place)


@pytest.mark.slow
def test_storm_of_too_many_requests(place, expected):
    """A provider that takes two at once, asked by 32 rollouts: slower, but the same."""
    with Stub(latency=0.002, max_in_flight=2, retry_after=0.0) as stub:
        work = place(stub.url, concurrency=32, retries=Retries(attempts=60, base=0.005, cap=0.02))
        assert (work.compile(), work.outcomes()) == expected(place)
        assert stub.stats().faults["429"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.8, 1.0])
def test_unparseable(place, share):
    """Text that no adapter reads fails its rollout only, after ChatAdapter's second try, which is part of the step."""
    with Stub(faults={"unparseable": share}, seed=5) as stub:
        work = place(stub.url)
        work.compile()
        stats = stub.stats()
    with api.open_store(work.store) as store:
        traces = list(store.traces())
    counts = Counter(trace.outcome for trace in traces)
    assert sum(counts.values()) == len(traces)
    failed = [trace for trace in traces if trace.outcome == "failed"]
    assert {trace.reason for trace in failed} <= {"parse"}
    assert failed or share < 0.8
    for trace in failed:
        calls = trace.steps[-1].calls
        assert [call.completion for call in calls] == ["I would rather not say. { ]]"] * 2
        assert "JSON" in calls[1].messages[-1]["content"]
        assert trace.steps[-1].outputs is None
    twice = [step for trace in traces for step in trace.steps if len(step.calls) == 2 and step.outputs]
    assert all(step.calls[0].completion.startswith("I would rather") for step in twice)
    assert max(stats.received.values()) == 1  # an answer that cannot be read is an answer: not asked again


@pytest.mark.slow
def test_retries_that_do_not_suffice(place):
    """Where the provider stays down, rollouts fail with the reason; the next run tries those, and only those, again."""
    with Stub() as stub:
        sound = place(stub.url, "sound")
        expected = api.evaluate(sound.target, **sound.options()).outcomes
    with Stub(faults={"500": 0.6}, seed=9) as stub:
        work = place(stub.url, retries=Retries(attempts=2, base=0.005))
        runs = []
        while not runs or runs[-1].outcomes.get("failed"):
            runs.append(api.evaluate(work.target, **work.options()))
            assert sum(runs[-1].outcomes.values()) == 10
            with api.open_store(work.store) as store:
                failed = list(store.traces(outcome="failed"))
            assert all((t.reason, t.failure.final) == ("lm", False) for t in failed)
            assert all(t.steps[-1].calls[-1].error for t in failed)
        assert len(runs) > 1
        assert runs[-1].outcomes == expected
        assert max(stub.stats().served.values()) == 1


# A server that says exactly what it is told


class Script(ThreadingHTTPServer):
    """Answers chat completions with (status, headers, body) given one after the other; the last one for ever."""

    daemon_threads = True

    def __init__(self, *answers):
        self.answers, self.times, self.bodies = list(answers), [], []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.times.append(time.monotonic())
            self.server.bodies.append(body)
            answers = self.server.answers
            status, headers, said = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


def fine(text="[[ ## note ## ]]\nx\n\n[[ ## team ## ]]\na\n\n[[ ## completed ## ]]", **message):
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return (
        200,
        {},
        orjson.dumps(
            {"id": "x", "object": "chat.completion", "created": 0, "model": "stub", "choices": [choice], "usage": usage}
        ),
    )


def error(status, message="no", code="error", **headers):
    return status, headers, orjson.dumps({"error": {"message": message, "type": code, "code": code}})


def run(place, server, **more):
    work = place(server.url)
    began = time.monotonic()
    prediction = api.run(work.target, {"message": "hello"}, **work.options(**more))
    return prediction, time.monotonic() - began


@pytest.mark.parametrize(
    "first",
    [
        error(429),
        error(429, **{"Retry-After": "0"}),
        error(429, **{"Retry-After": "nonsense"}),
        error(429, **{"Retry-After": "-5"}),
        error(503, **{"Retry-After": "0"}),
        error(529, "Overloaded"),
        error(500),
        error(502),
        (502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"),
        (200, {}, b""),
        (200, {}, b"null"),
        (200, {}, b"[]"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"choices": [{"index": 0, "mess'),
        (200, {}, b"\x80\x04\x95 not json"),
        (408, {}, b"timed out"),
    ],
    ids=lambda answer: f"{answer[0]} {answer[2][:20]!r}",
)
def test_one_fault(place, first):
    """A fault of any kind, once, costs a retry."""
    with Script(first, fine()) as server:
        prediction, _ = run(place, server)
        assert prediction == {"team": "a"}
        assert len(server.times) == 3
        assert server.bodies[0] == server.bodies[1]


def test_retry_after_is_waited_for(place):
    """Seconds that the provider names are waited for."""
    with Script(error(429, **{"Retry-After": "1"}), fine()) as server:
        run(place, server)
        assert server.times[1] - server.times[0] >= 1


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_key(place, status):
    """A key that is refused ends the run after one call, with the variable to check."""
    with Script(error(status, "Incorrect API key provided", "invalid_api_key")) as server:
        with pytest.raises(LMUnavailable, match="OPENAI_API_KEY"):
            run(place, server, concurrency=1)
        assert len(server.times) == 1


def test_wrong_model(place):
    """A model that the provider does not have ends the run."""
    with Script(error(404, "The model does not exist", "model_not_found")) as server, pytest.raises(LMUnavailable):
        run(place, server)


def test_account_without_money(place):
    """A quota that is used up is no storm that would pass: the run ends."""
    with Script(error(429, "You exceeded your current quota", "insufficient_quota")) as server:
        with pytest.raises(LMUnavailable, match="quota"):
            run(place, server, concurrency=1)
        assert len(server.times) == 1


def test_nobody_there(place):
    """A provider that refuses connections is given up in seconds, with the default retries."""
    work = place("http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(LMUnavailable, match="api_base"):
        api.run(work.target, {"message": "hello"}, **work.options(retries=Retries()))
    assert time.monotonic() - began < 15


def test_no_text(place):
    """An answer without text is no prediction, and the run goes on to say so."""
    with Script(fine(None)) as server, pytest.raises(Exception, match="no prediction"):
        run(place, server)


def test_native_tool_calls_are_kept(place):
    """Tool calls in an answer are recorded with it."""
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
    with Script(fine(tool_calls=[call])) as server:
        work = place(server.url)
        traces = list(_traces(work))
    assert traces[0].steps[0].calls[0].tool_calls == [{"id": "1", "name": "look", "arguments": {"a": 1}}]


def _traces(work):
    import asyncio

    async def collect():
        return [t async for t in api.arun_traces(work.target, [{"message": "hello"}], **work.options())]

    return asyncio.run(collect())
