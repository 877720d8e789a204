"""A local server that speaks OpenAI's embeddings, answers deterministically and fails on demand.

It runs in a thread::

    with EmbeddingStub() as stub:
        os.environ["OPENAI_API_BASE"] = stub.url
        dspy.Embedder("openai/stub")(["hello"])

A vector is the sum of one for each word, so that texts with the same words have the same vector.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import numpy as np
import orjson

SIZE = 64
"""Numbers of a vector."""


class EmbeddingStub:
    """Serves ``POST /v1/embeddings`` while the ``with`` block lasts.

    Args:
        status: What it answers with, once ``good`` requests were served.
        good: Requests that are served well.

    Attributes:
        url: Base of the API, with ``/v1``.
        texts: All texts that it was asked for.
    """

    def __init__(self, status: int = 200, good: int = 0) -> None:
        self.texts: list[str] = []
        self._status, self._good, self._requests = status, good, 0
        self._lock = threading.Lock()

    def answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and JSON for a request."""
        request = orjson.loads(body)
        with self._lock:
            self._requests += 1
            if self._requests > self._good and self._status != 200:
                return self._status, {"error": {"message": f"the stub says {self._status}", "code": "stub"}}
            self.texts += request["input"]
        vectors = [vector_of(text) for text in request["input"]]
        as_text = request.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_text else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "data": data, "model": request["model"], "usage": usage}

    def __enter__(self) -> Self:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, content = stub.answer(body) if self.path.endswith("/embeddings") else (404, {})
                data = orjson.dumps(content)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def vector_of(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The vector of a text: that of its words, whatever their order and case."""
    made = np.zeros(SIZE, np.float32)
    for word in text.casefold().split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        made += np.random.default_rng(seed).standard_normal(SIZE, np.float32)
    return made
