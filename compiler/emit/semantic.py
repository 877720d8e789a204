"""Rows that mean nearly the same: clusters by the cosine of embeddings, all pairs compared, in bounded memory.

Why not semhash: docs/decisions/0031-near-duplicates.md.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from ...errors import UsageError
from ._clusters import merge
from .embedder import BATCH, Embedder, cached, checked, named, vectors_of
from .outdir import writing
from .spool import Numbers

_BLOCK = 1024  # rows that are compared at once


class SemanticIndex:
    """Finds rows that mean nearly the same. Used in ``with``; its file is gone at the end.

    Each row is compared with each other one, which is exact and the same every time, but takes time that grows with
    the square of the rows: for 100,000 rows of 384 numbers 90 seconds of one core, for a million two and a half hours.

    Args:
        folder: Where its file is put: 4 bytes a number of each vector.
        embedder: Name of an embedding model of litellm, or a function from texts to vectors.
        threshold: Least cosine of two rows that belong together, over 0 to 1.
        cache: Folder that keeps the vectors of a named model, by model and text; none are kept without one.

    Raises:
        OutputError: The file cannot be written.
        StoreError: The cache cannot be opened.
    """

    def __init__(self, folder: Path, embedder: Embedder, threshold: float = 0.9, *, cache: Path | None = None) -> None:
        self._threshold = threshold
        self._folder = folder
        self._waiting: list[str] = []
        self._rows = self._size = 0
        self._embed = named(embedder) if isinstance(embedder, str) else checked(embedder)
        with ExitStack() as stack:
            with writing(folder):
                file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=1 << 20)  # noqa: SIM115  # lives on
            self._file = stack.enter_context(file)
            if isinstance(embedder, str) and cache is not None:
                self._embed = cached(self._embed, embedder, stack.enter_context(vectors_of(cache)))
            self._stack = stack.pop_all()

    def __len__(self) -> int:
        return self._rows + len(self._waiting)

    def add(self, text: str) -> None:
        """Add the next row.

        Raises:
            LMSetupError: The embedding model cannot be used.
            LMUnavailable: The embedding model did not answer.
            UsageError: The embedder failed, or gave something else than a vector for each text.
        """
        self._waiting.append(text)
        if len(self._waiting) >= BATCH:
            self._flush()

    def clusters(self) -> Numbers:
        """For each row the smallest index of a row in its cluster. A row without text is alone.

        Raises:
            LimbeckError: As for ``add``.
        """
        if self._waiting:
            self._flush()
        with writing(self._folder):
            self._file.flush()
        labels = np.arange(self._rows, dtype=np.int64)
        for start in range(0, self._rows, _BLOCK):
            block = self._read(start)
            for other in range(start, self._rows, _BLOCK):
                cosines = block @ (block if other == start else self._read(other)).T
                some, others = np.nonzero(cosines >= self._threshold - 1e-6)
                merge(labels, some + start, others + other)
        return labels

    def similarity(self, row: int, other: int) -> float:
        """Cosine of two rows; after ``clusters``."""
        first, second = (self._read(index, 1)[0] for index in (row, other))
        return float(first @ second)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _flush(self) -> None:
        """Embed what waits, and write the vectors down, each of length 1; that of an empty text is of zeros."""
        texts = [text.encode("utf-8", "replace").decode() for text in self._waiting]
        wanted = [index for index, text in enumerate(texts) if text.strip()]
        vectors = self._embed([texts[index] for index in wanted]) if wanted else np.empty((0, self._size), np.float32)
        if wanted and self._size not in {0, vectors.shape[1]}:
            raise UsageError(
                f"The embedder gave vectors of {self._size} numbers, and now of {vectors.shape[1]}.",
                hint="All vectors must have one size.",
            )
        self._widen(vectors.shape[1])
        made = np.zeros((len(texts), self._size), np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        made[wanted] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        with writing(self._folder):
            self._file.write(made.tobytes())
        self._rows += len(texts)
        self._waiting = []

    def _widen(self, size: int) -> None:
        """Learn the size of vectors; rows without text that came before get theirs."""
        if size and not self._size:
            self._size = size
            with writing(self._folder):
                self._file.write(bytes(4 * size * self._rows))

    def _read(self, start: int, count: int = _BLOCK) -> Numbers:
        size = 4 * self._size
        data = os.pread(self._file.fileno(), count * size, start * size)
        return np.frombuffer(data, np.float32).reshape(-1, self._size) if size else np.zeros((0, 0), np.float32)
