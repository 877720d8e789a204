"""A process reward model of the user's: what it is asked, and what is made of its answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from limbeck.compiler.generate.steps import prm
from limbeck.compiler.generate.steps.prm import ByModel, Function, Server, model_of
from limbeck.compiler.verify.steps.labels import Case, Labels, Unlabelled
from limbeck.errors import LMUnavailable, Stop, UsageError
from limbeck.records import Example, Trace

EXAMPLE = Example({"question": "How many?"})
CASE: Any = Case(["one", "two"], "reasoning", Trace("i", "t", EXAMPLE, "c", "lm"), EXAMPLE, None)  # type: ignore[arg-type]


def label(said: Any, neutral: Any = "positive", threshold: float = 0.5) -> Labels:
    """Labels by a function that says so."""
    return asyncio.run(ByModel(Function("f", lambda question, steps: said), neutral, threshold)(CASE))


def test_a_number_a_step_is_its_chance() -> None:
    """From the threshold on a step is right; steps after a wrong one have their chance, too."""
    labels = label([0.2, 0.5])
    assert [(step.label, step.score) for step in labels.steps] == [("negative", 0.2), ("positive", 0.5)]
    assert labels.lm == "f"


@pytest.mark.parametrize(("neutral", "score"), [("positive", 0.9), ("negative", 0.3), ("skip", 0.75)])
def test_of_three_chances_neutral_counts_as_is_said(neutral: str, score: float) -> None:
    """As in the paper the label is the likeliest, and the score is that of right, or of right and neutral."""
    labels = label([{"positive": 0.3, "neutral": 0.6, "negative": 0.1}, [0.0, 0.0, 1.0]], neutral)
    assert [step.label for step in labels.steps] == ["neutral", "negative"]
    assert labels.steps[0].score == pytest.approx(score)


@pytest.mark.parametrize(
    "said",
    [None, [], [0.5], [0.5, 0.5, 0.5], "0.5", [0.5, "0.5"], [0.5, True], [0.5, float("nan")], [0.5, 1.1], [0.5, -1],
     [0.5, None], {"scores": 1}, {"other": [1, 1]}, [0.5, [0.5, 0.5]], [0.5, [0.5, 0.5, 0.5]], [0.5, {"positive": 1}],
     [0.5, 10**400], 0.5],
)  # fmt: skip
def test_what_is_no_chance_is_no_label(said: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(Unlabelled, match="PRM gave"):
        label(said)


def test_arrays_and_objects_with_scores_are_read() -> None:
    """As numpy and torch give them, and as a server answers."""
    import numpy as np

    assert [step.score for step in label(np.array([0.25, 1.0])).steps] == [0.25, 1.0]
    assert [step.score for step in label({"scores": [0.25, 1.0]}).steps] == [0.25, 1.0]


def test_a_function_that_raises_costs_these_steps() -> None:
    """And says where."""
    with pytest.raises(Unlabelled, match="ZeroDivisionError"):
        asyncio.run(Function("f", lambda question, steps: 1 / 0)("q", ["s"]))


def test_a_function_is_loaded_by_its_name(tmp_path: Path) -> None:
    """A plain or an async one; what is no function is told."""
    file = tmp_path / "mine.py"
    file.write_text("async def chances(question, steps):\n    return [len(step) / 4 for step in steps]\nnone = 1\n")
    model = model_of(f"{file}:chances")
    assert model.name == "mine.py:chances"
    assert asyncio.run(model("q", ["ab"])) == [0.5]
    with pytest.raises(UsageError, match="is no function"):
        model_of(f"{file}:none")
    with pytest.raises(UsageError, match="password") as refused:
        model_of("http://ann:hidden@a/")
    assert "hidden" not in str(refused.value)
    for address, why in (("http://", "no host"), ("http://[", "no address"), ("http://a:port/", "no address")):
        with pytest.raises(UsageError, match=why):
            model_of(address)


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[str, list[Any]]]]:
    """``served((status, body), ...)``: a server that answers so, one after the other; its address and what it got."""
    servers: list[HTTPServer] = []

    def start(*answers: tuple[int, bytes]) -> tuple[str, list[Any]]:
        got: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                status, body = answers[min(len(got), len(answers)) - 1]
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/score?key=1", got

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_gets_question_and_steps(served: Callable[..., tuple[str, list[Any]]]) -> None:
    """And its name has no key in it."""
    url, got = served((200, b'{"scores": [0.5, 1]}'))
    server = model_of(url)
    labels = asyncio.run(ByModel(server, "positive", 0.5)(CASE))
    assert [step.score for step in labels.steps] == [0.5, 1.0]
    assert got == [{"question": "How many?", "steps": ["one", "two"]}]
    assert asyncio.run(server("\ud800", ["\x00"])) == {"scores": [0.5, 1]}
    assert got[1] == {"question": "\ufffd", "steps": ["\ufffd"]}
    assert "key" not in server.name


def test_a_server_that_fails_is_asked_again(
    served: Callable[..., tuple[str, list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times; what it refuses once and for all is not."""
    monkeypatch.setattr(prm, "_WAIT", 0)
    url, got = served((500, b"busy"), (429, b"busy"), (200, b"[1, 1]"))
    assert asyncio.run(Server(url)("q", ["a", "b"])) == [1, 1]
    assert len(got) == 3
    url, got = served((500, b"busy"))
    with pytest.raises(Unlabelled, match="status 500") as failed:
        asyncio.run(Server(url)("q", ["a"]))
    assert not failed.value.final
    url, got = served((422, b'{"detail": "no"}'))
    with pytest.raises(Unlabelled, match="status 422"):
        asyncio.run(Server(url)("q", ["a"]))
    assert len(got) == 1


def test_a_server_that_is_not_there_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or every trace would be dropped, one by one."""
    monkeypatch.setattr(prm, "_WAIT", 0)

    async def dead(url: str, body: Any) -> tuple[int, Any]:
        raise OSError("connection refused")

    with pytest.raises(Stop) as stop:
        asyncio.run(Server("http://localhost:9/x", send=dead)("q", ["a"]))
    assert isinstance(stop.value.error, LMUnavailable)
