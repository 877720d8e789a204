"""Recordings: what was answered once is answered again, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from limbeck.compiler.lm.replay import Recording, ReplayBackend
from limbeck.errors import LMSetupError, Stop


class Bomb:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return (Path.touch, (self.sentinel,))


@pytest.fixture
def recorded(lab, tmp_path):
    """A recording of a few questions, the second of them asked twice with different salts."""
    path = tmp_path / "recording.jsonl"
    recording = Recording(path)
    for text, salt in (("a", ()), ("b", ()), ("b", (1, None, None))):
        recording.add(lab.ask(text), salt, lab.answer(f"answer to {text} {salt}"))
    recording.close()
    return path


def replay(path, **settings):
    return ReplayBackend(f"replay/{path}", str(path), settings)


def said(backend, request, salt=()):
    return asyncio.run(backend.complete(request, salt)).message.text


def test_replays(lab, recorded):
    """Each request gets the answer it was given, attempts told apart."""
    backend = replay(recorded)
    assert said(backend, lab.ask("a")) == "answer to a ()"
    assert said(backend, lab.ask("b")) == "answer to b ()"
    assert said(backend, lab.ask("b"), (1, None, None)) == "answer to b (1, None, None)"


@pytest.mark.parametrize(
    ("text", "config", "salt"), [("c", {}, ()), ("a", {"temperature": 1.0}, ()), ("a", {}, (2, None, None))]
)
def test_not_recorded(lab, recorded, text, config, salt):
    """Anything else ends the run with what to do; it is never sent anywhere."""
    with pytest.raises(Stop) as caught:
        said(replay(recorded), lab.ask(text, **config), salt)
    assert isinstance(caught.value.error, LMSetupError)
    assert repr(text) in caught.value.error.message
    assert "--record" in caught.value.error.hint


def test_written_once(lab, recorded):
    """What a recording holds already is not written again, by this process or the next."""
    size = recorded.stat().st_size
    for _ in range(2):
        recording = Recording(recorded)
        recording.add(lab.ask("a"), (), lab.answer("other"))
        recording.close()
    assert recorded.stat().st_size == size


@given(cut=st.integers(1, 400))
def test_cut_short(lab, tmp_path_factory, cut):
    """A recording cut short by a killed process keeps its whole rows and can be gone on with."""
    path = tmp_path_factory.mktemp("cut") / "recording.jsonl"
    recording = Recording(path)
    for text in ("a", "b"):
        recording.add(lab.ask(text), (), lab.answer(text))
    recording.close()
    data = path.read_bytes()
    first = data.index(b"\n") + 1
    path.write_bytes(data[: max(1, len(data) - cut)])
    if len(path.read_bytes()) >= first:
        assert said(replay(path), lab.ask("a")) == "a"
    recording = Recording(path)
    for text in ("a", "b", "c"):
        recording.add(lab.ask(text), (), lab.answer(text))
    recording.close()
    assert [said(replay(path), lab.ask(text)) for text in "abc"] == ["a", "b", "c"]
    assert sorted(path.read_bytes().splitlines(keepends=True)[:2]) == sorted(data.splitlines(keepends=True))


def test_last_row_without_newline(lab, recorded):
    """A last row whose newline an editor took away is whole."""
    recorded.write_bytes(recorded.read_bytes().rstrip(b"\n"))
    assert said(replay(recorded), lab.ask("b"), (1, None, None)) == "answer to b (1, None, None)"
    recording = Recording(recorded)
    recording.add(lab.ask("c"), (), lab.answer("c"))
    recording.close()
    assert said(replay(recorded), lab.ask("c")) == "c"
    assert len(recorded.read_bytes().splitlines()) == 4


def two_models(lab, path):
    recording = Recording(path)
    for model in ("one/a", "two/b"):
        recording.add(replace(lab.ask("q"), model=model), (), lab.answer(model))
    recording.close()


def test_two_models(lab, tmp_path):
    """A recording of two models asks which one is meant, and answers for it."""
    path = tmp_path / "recording.jsonl"
    two_models(lab, path)
    with pytest.raises(LMSetupError, match="one/a, two/b") as caught:
        replay(path)
    assert "--lm-arg model=one/a" in caught.value.hint
    assert said(replay(path, model="two/b"), lab.ask("q")) == "two/b"
    with pytest.raises(LMSetupError, match="only one/a, two/b"):
        replay(path, model="three/c")


def test_identity_is_the_content(recorded, tmp_path):
    """Where the file lies does not decide what a rollout is known by."""
    other = tmp_path / "elsewhere.jsonl"
    other.write_bytes(recorded.read_bytes())
    assert replay(recorded).identity == replay(other).identity


def test_settings(recorded):
    """Sampling parameters are sent as when it was recorded; what means nothing is refused without showing its value."""
    assert replay(recorded, temperature=0.5).defaults == {"temperature": 0.5}
    with pytest.raises(LMSetupError, match="api_key") as caught:
        replay(recorded, api_key="sk-secret-0123456789")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"not json\n", b"[]\n", b"{}\n", b'{"key": "k"}\n', b"null\n", b"not json without a newline", b"\x80\x04.",
     b'{"key":"k","model":"m","response":{}}\nbroken\n'],
)  # fmt: skip
def test_no_recording(tmp_path, content):
    """A file that is no recording is refused for reading and for writing, and is left as it is."""
    path = tmp_path / "file"
    path.write_bytes(content)
    for use in (replay, Recording):
        with pytest.raises(LMSetupError, match="no recorded answer"):
            use(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("response", [None, 1, [], {}, {"message": 3}, {"message": [], "finish_reason": "stop"}])
def test_answer_that_is_none(lab, recorded, response):
    """A recorded answer that is no response is a clear error when it is asked for."""
    rows = [orjson.loads(line) for line in recorded.read_bytes().splitlines()]
    rows[0]["response"] = response
    recorded.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with pytest.raises(Stop) as caught:
        said(replay(recorded), lab.ask("a"))
    assert isinstance(caught.value.error, LMSetupError)


def test_missing(tmp_path):
    """A recording that is not there, and a place that cannot be written, are errors with the path."""
    with pytest.raises(LMSetupError, match="does not exist"):
        replay(tmp_path / "nowhere.jsonl")
    with pytest.raises(LMSetupError, match="--record"):
        Recording(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(LMSetupError, match="--record"):
        Recording(tmp_path / "file" / "below")


def test_planted_pickle(lab, recorded, tmp_path):
    """A pickle in place of a recording, of a row, or of an answer is never run."""
    bomb = pickle.dumps(Bomb(tmp_path / "ran"))
    path = tmp_path / "planted.jsonl"
    for content in (bomb, bomb + b"\n", recorded.read_bytes() + bomb + b"\n"):
        path.write_bytes(content)
        for use in (replay, Recording):
            with pytest.raises(LMSetupError):
                use(path)
    rows = [orjson.loads(line) for line in recorded.read_bytes().splitlines()]
    rows[0]["response"]["message"]["parts"] = bomb.decode("latin-1")
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with contextlib.suppress(Stop):
        said(replay(path), lab.ask("a"))
    assert not (tmp_path / "ran").exists()
