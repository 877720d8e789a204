"""Embeddings of texts: of a model that litellm knows, or of a function; checked, and kept on disk."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import LMSetupError, LMUnavailable, StoreError, UsageError
from .spool import Numbers

Embed = Callable[[list[str]], Any]
"""Gives a vector for each text: an array (texts, size), or what makes one."""

Embedder = str | Embed
"""Name of an embedding model of litellm, or a function."""

BATCH = 128
"""Texts that are embedded at once."""

_RETRIES = 3
_SHAPE = "It must give an array (texts, size) of finite numbers."


def named(model: str) -> Embed:
    """An embedding model of litellm, through DSPy; its vectors are checked.

    It raises LMSetupError where the model cannot be used, and LMUnavailable where it does not answer.
    """
    import dspy

    ask = dspy.Embedder(model, batch_size=BATCH, caching=False, num_retries=_RETRIES)

    def embed(texts: list[str]) -> Numbers:
        import openai

        try:
            made = ask(texts)
        except (openai.AuthenticationError, openai.BadRequestError, openai.NotFoundError) as error:
            raise LMSetupError(
                f"Embedding model {model!r} cannot be used: {_first_line(error)}",
                hint="Give --embedder a model of litellm, such as openai/text-embedding-3-small, and its key.",
            ) from error
        except openai.OpenAIError as error:
            raise LMUnavailable(
                f"Embedding model {model!r} did not answer: {_first_line(error)}",
                hint="Run it again: vectors that came in are kept. Or choose --dedup near, which needs no model.",
            ) from error
        return _vectors(made, texts, repr(model))

    return embed


def checked(embed: Embed) -> Embed:
    """A function of the user's; it raises UsageError where that fails, or gives something else than vectors."""

    def tried(texts: list[str]) -> Numbers:
        try:
            made = embed(texts)
        except Exception as error:
            raise UsageError(
                f"The embedder raised {type(error).__name__}: {_first_line(error)}", hint=_SHAPE
            ) from error
        return _vectors(made, texts, "The embedder")

    return tried


def _vectors(made: Any, texts: list[str], name: str) -> Numbers:
    """Refuse what is no vector of finite numbers for each text."""
    try:
        vectors = np.asarray(made, np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} gave no vectors: {_first_line(error)}", hint=_SHAPE) from error
    if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1]:
        raise UsageError(f"{name} gave an array {vectors.shape} for {len(texts)} texts.", hint=_SHAPE)
    if not np.isfinite(vectors).all():
        raise UsageError(f"{name} gave a vector with a number that is not finite.", hint=_SHAPE)
    return vectors


def cached(embed: Embed, model: str, vectors: sqlite3.Connection) -> Embed:
    """Ask only for texts whose vectors are not kept yet; keep them before they are used.

    Args:
        embed: Asks the model.
        model: Its name.
        vectors: Where they are kept, from ``vectors_of``.
    """

    def known(texts: list[str]) -> Numbers:
        keys = [hashlib.sha256(f"{model}\0{text}".encode()).digest() for text in texts]
        held = {key: _kept(vectors, key) for key in keys}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if held[key] is None}
        if missing:
            made = embed(list(missing.values()))
            with _clear_errors("cannot be written"), vectors:
                rows = zip(missing, (vector.astype("<f4").tobytes() for vector in made), strict=True)
                vectors.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            held |= dict(zip(missing, made, strict=True))
        return np.stack([vector for key in keys if (vector := held[key]) is not None])

    return known


@contextmanager
def vectors_of(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the vectors that are kept in a folder; it is made where there is none.

    Raises:
        StoreError: They cannot be opened.
    """
    with _clear_errors(f"in {folder} cannot be opened"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # texts may be private, and vectors tell of them
        vectors = sqlite3.connect(folder / "embeddings.db", timeout=60)
    try:
        with _clear_errors(f"in {folder} cannot be opened"):
            vectors.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        yield vectors
    finally:
        vectors.close()


def _kept(vectors: sqlite3.Connection, key: bytes) -> Numbers | None:
    with _clear_errors("cannot be read"):
        found = vectors.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
    return np.frombuffer(found[0], "<f4").astype(np.float32) if found is not None else None


@contextmanager
def _clear_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The cache of embeddings {what}: {error}",
            hint="Delete it (its vectors are then asked for again), or give another place with --store.",
        ) from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
