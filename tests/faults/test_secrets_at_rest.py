"""Invariant 9: keys reach no disk and no output, also when the provider echoes them."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import orjson
import pytest

from limbeck.testing.stub import Stub

KEY = "sk-live-Zm9vYmFy0123456789abcdef"

HEADERS = f'{{"Authorization": "Bearer {KEY}", "X-Auth": "{KEY}"}}'

REPLIES = f'''
"""A provider that repeats the key it was given, in an answer or an error."""
from limbeck.testing._stub_replies import hash_reply


def echo_key(request):
    return hash_reply(request).replace("\\nnote ", '\\nyour "key" is {KEY} ')
'''


def forms(key):
    """A key as it is, and as encodings may show it."""
    return [key.encode(), base64.b64encode(key.encode()).rstrip(b"="), quote(key, safe="").encode(), key[::-1].encode()]


def leaks(folder, key=KEY, *, but=()):
    """Files under a folder that hold the key in any form, databases and their journals included."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in but]
    return [str(path.relative_to(folder)) for path in files if any(form in path.read_bytes() for form in forms(key))]


def compiled(cli, work, *args, **env):
    recording = work.folder / "recording.jsonl"
    return cli(*work.command(), "--record", recording, *args, env=env, cwd=work.folder)


def everything(cli, work):
    """The commands that read the store and write more."""
    yield cli("export", work.target, "--out", work.folder / "dataset", "--store", work.store, cwd=work.folder)
    yield cli("traces", "--store", work.store, "--json", cwd=work.folder)
    yield cli("report", work.folder / "out", "--store", work.store, cwd=work.folder)
    yield cli("doctor", cwd=work.folder)


@pytest.mark.slow
@pytest.mark.parametrize("given", ["environment", "lm-arg", "header", "url", "debug"])
@pytest.mark.parametrize("reply", ["hash", "echo_key"])
def test_nowhere_on_disk(place, cli, given, reply):
    """A key that was given in any way, and echoed in every answer, is in no file and in no output."""
    work = place()
    (work.folder / "replies.py").write_text(REPLIES)
    named = reply if reply == "hash" else f"{work.folder / 'replies.py'}:{reply}"
    with Stub(reply=named) as stub:
        work.url = stub.url
        ways = {
            "environment": ([], {"OPENAI_API_KEY": KEY}),
            "lm-arg": (["--lm-arg", f"api_key={KEY}"], {}),
            "header": (
                ["--lm-arg", f'extra_headers={{"Authorization": "Bearer {KEY}", "X-Auth": "{KEY}"}}'],
                {"OPENAI_API_KEY": KEY},
            ),
            "url": (["--lm-arg", f"api_base={stub.url}/v1?api_key={KEY}"], {"OPENAI_API_KEY": KEY}),
            "debug": (["--lm-arg", f"api_key={KEY}", "--debug"], {}),
        }
        args, env = ways[given]
        done = compiled(cli, work, *args, **env)
    assert done.returncode == (2 if given == "url" else 0), done.stderr
    assert KEY not in done.stdout + done.stderr
    (work.folder / "replies.py").unlink()
    for cache in work.folder.rglob("__pycache__"):
        for file in cache.iterdir():
            file.unlink()
    assert leaks(work.folder) == []
    if given == "environment":
        for more in everything(cli, work):
            assert KEY not in more.stdout + more.stderr
        assert leaks(work.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("debug", [False, True])
def test_wrong_key_is_not_shown(place, cli, debug):
    """A provider that refuses the key and names it in the error: nowhere on disk, nor on the terminal."""
    with Stub(key="sk-another") as stub:
        work = place(stub.url)
        done = compiled(cli, work, "--lm-arg", f"api_key={KEY}", *(["--debug"] if debug else []))
    assert done.returncode == 2
    assert KEY not in done.stdout + done.stderr
    assert leaks(work.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_echoed_in_an_error(place, cli, status, debug):
    """An error body that repeats the key and the headers is blanked out in messages, traces and tracebacks."""
    server = subprocess.Popen(
        [sys.executable, "-c", ECHO, str(status), KEY], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        url = server.stdout.readline().strip()
        work = place(url)
        args = ["--lm-arg", f"api_key={KEY}", "--retries", "1", *(["--debug"] if debug else [])]
        done = compiled(cli, work, *args)
    finally:
        server.terminate()
        server.communicate()
    assert KEY not in done.stdout + done.stderr
    assert leaks(work.folder) == []


ECHO = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        said = ('{"error": {"message": "key %s in %s", "type": "x", "code": "x"}}' % (sys.argv[2], "headers")).encode()
        self.send_response(int(sys.argv[1]))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *a):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


OWN = """
import dspy
from limbeck import Task


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.p = dspy.Predict("question -> answer")
        self.p.lm = dspy.LM("openai/own", api_base={url!r}, api_key={key!r}, cache=False)

    def forward(self, question):
        return self.p(question=question)


def metric(example, prediction):
    return True


rows = [{{"question": f"q{{n}}", "answer": "x"}} for n in range(40)]
task = Task(Program(), metric, data=rows, name="own")
"""


@pytest.mark.slow
def test_lm_of_the_program(place, cli):
    """A key that the program itself gave to its LM stays in the program's file."""
    with Stub() as stub:
        work = place(stub.url)
        (work.folder / "own.py").write_text(OWN.format(url=f"{stub.url}/v1", key=KEY))
        done = cli(
            "compile",
            f"{work.folder / 'own.py'}:task",
            "--store",
            work.store,
            "--out",
            work.folder / "out",
            cwd=work.folder,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert stub.stats().requests > 0
    assert KEY not in done.stdout + done.stderr
    assert leaks(work.folder, but=("own.py",)) == []
    state = orjson.loads((work.folder / "out" / "program.json").read_bytes())
    assert state["p"]["lm"] is None


@pytest.mark.slow
def test_interrupted(place):
    """Ctrl-C prints the command that resumes, without the key."""
    with Stub(latency=0.2) as stub:
        work = place(stub.url)
        command = [sys.executable, "-m", "limbeck", *work.command(), "--lm-arg", f"api_key={KEY}"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work.folder, env=dict(os.environ)
        )
        end = time.monotonic() + 30
        while stub.stats().requests < 3 and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert KEY not in out + err
    assert "Traceback" not in err
    assert leaks(work.folder) == []
