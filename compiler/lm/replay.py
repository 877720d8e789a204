"""Record answers once, replay them anywhere: in CI, without keys, network or cost.

A recording is JSON lines of ``{"key", "model", "request", "response"}``. The key leaves the model out, so that
``replay/FILE`` answers whatever asks the same thing; what was not recorded is an error, never a call.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ...errors import LMSetupError, Stop
from ...records import Json
from .prices import Price
from .wire import chat_messages, decode_response, encode_request, encode_response, model_free_key

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response


_START = b'{"key":'
"""How every row begins."""


class Recording:
    """Appends each distinct request and its answer to a file.

    Args:
        path: Created if missing; what it already holds is not written again.

    Raises:
        LMSetupError: It cannot be written, or is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            rows, end = _rows(path) if path.exists() else ([], 0)
            self._file = path.open("a+b")
            self._file.truncate(end)  # a row cut short when it was written would spoil the next one
            if end and (self._file.seek(end - 1), self._file.read())[1] != b"\n":
                self._file.write(b"\n")
        except OSError as error:
            raise LMSetupError(f"--record {path}: {error.strerror}", hint="Give a file that can be written.") from error
        self._seen = {(row["key"], row["model"]) for row, _ in rows}

    def add(self, request: Request, salt: tuple[Any, ...], response: Response) -> None:
        """Write an answer down, once."""
        sent = encode_request(request)
        key = (model_free_key(sent, salt), request.model)
        with self._lock:
            if key in self._seen:
                return
            self._seen.add(key)
            row = {"key": key[0], "model": key[1], "request": sent,
                   "response": orjson.Fragment(encode_response(response))}  # fmt: skip
            self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ReplayBackend:
    """``replay/FILE``: answers from a recording. Holds an offset a row in memory, not the answers."""

    def __init__(self, name: str, file: str, settings: Json) -> None:
        from .backends import sampling_settings

        settings = dict(settings)
        model = settings.pop("model", None)
        self.name = name
        self.defaults: Json = sampling_settings(name, settings, "model")
        self.price: Price | None = Price()
        self.max_output: int | None = None
        self.remote = False
        self._path = Path(file)
        if not self._path.is_file():
            raise LMSetupError(f"recording {file} does not exist", hint="Make it with --record FILE and a real LM.")
        self._offsets: dict[str, int] = {}
        models: dict[str, None] = {}
        for row, offset in _rows(self._path)[0]:
            models[row["model"]] = None
            if model in (None, row["model"]):
                self._offsets.setdefault(row["key"], offset)
        if model is None and len(models) > 1:
            raise LMSetupError(
                f"recording {file} holds several models: {', '.join(sorted(models))}",
                hint=f"Choose one with --lm-arg model={next(iter(models))}.",
            )
        if model is not None and model not in models:
            raise LMSetupError(f"recording {file} holds no answers of {model!r}, only {', '.join(sorted(models))}")
        # The answers decide what a rollout gives, not where the file lies.
        self.identity: Json = {"name": "replay", "model": model or next(iter(models), "")}

    async def complete(self, request: Request, salt: tuple[int | str | None, ...]) -> Response:
        """Give the recorded answer.

        Raises:
            Stop: The request was not recorded.
        """
        offset = self._offsets.get(model_free_key(encode_request(request), salt))
        if offset is None:
            last = str(chat_messages(request)[-1]["content"]).strip().replace("\n", " ")
            raise Stop(LMSetupError(
                f"{self._path} holds no answer to a request that ends in {last[-80:]!r}",
                hint="The program, data or settings changed since it was recorded: record again with --record.",
            ))  # fmt: skip
        with self._path.open("rb") as file:
            file.seek(offset)
            row = orjson.loads(file.readline())
        try:
            return decode_response(orjson.dumps({**row["response"], "model": request.model}))
        except (KeyError, TypeError, ValueError) as error:
            raise Stop(LMSetupError(
                f"{self._path} holds an answer that cannot be read: {error!r}", hint="Record it again."
            )) from error  # fmt: skip

    async def aclose(self) -> None:
        """Nothing is open."""


def _rows(path: Path) -> tuple[list[tuple[Json, int]], int]:
    """Key and model of each row, with its offset in bytes, and where the last row ends.

    A row cut short at the end of the file is left out.

    Raises:
        LMSetupError: It is no recording.
    """
    rows: list[tuple[Json, int]] = []
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = orjson.loads(line)
                rows.append(({"key": str(row["key"]), "model": str(row["model"])}, offset))
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                if line.endswith(b"\n") or not _START.startswith(line[: len(_START)]):
                    raise LMSetupError(f"{path}:{number} is no recorded answer", hint="Record it again.") from error
                break
            offset += len(line)
    return rows, offset
