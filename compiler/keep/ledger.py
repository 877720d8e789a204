"""The ledger: what was planned or read but not kept or not emitted, and why. Its counts add up."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...errors import LimbeckError, OutputError
from ...records import Json
from .jsontext import dumps

_IN_MEMORY = 1 << 20  # bytes of entries that are held before they go to a temporary file


@dataclass(frozen=True)
class LedgerEntry:
    """One thing that was dropped.

    Attributes:
        stage: What was done when it was dropped (``import``, ``bootstrap``, ``export``, ...).
        item: What it was: a trace's or a row's id, or ``file:line``.
        reason: A word to count by (``duplicate``, ``rejected``, ...).
        detail: Words for people.
    """

    stage: str
    item: str
    reason: str
    detail: str = ""


class Ledger:
    """Counts what streams through a pipeline, and holds what it drops until ``write``; memory stays bounded.

    Args:
        stage: Name of the pipeline, in every entry.

    Attributes:
        clean: Applied to the words of each entry; takes out what must not be written down.
        n_read: Items that came in.
        n_emitted: Items that went out.
        n_combined: Items that became part of one made of several.
        n_formed: Items that were made of several.
    """

    def __init__(self, stage: str = "export") -> None:
        self.stage = stage
        self.clean: Callable[[str], str] = str
        self.n_read = 0
        self.n_emitted = 0
        self.n_combined = 0
        self.n_formed = 0
        self._reasons: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._entries = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # lives as long as this
        weakref.finalize(self, _close, self._entries)

    def read(self, item: str = "") -> None:
        """Count an item that came in."""
        self.n_read += 1

    def emitted(self, item: str = "") -> None:
        """Count an item that went out."""
        self.n_emitted += 1

    def combined(self, item: str = "") -> None:
        """Count an item that became part of one or more that were made of several."""
        self.n_combined += 1

    def formed(self, item: str = "") -> None:
        """Count an item that was made of several; it goes on as if it had been read."""
        self.n_formed += 1

    def dropped(self, item: str, reason: str, detail: str = "") -> None:
        """Count and write down an item that goes no further.

        Raises:
            OutputError: There is no room for temporary files.
        """
        self._reasons[reason] += 1
        self._first.setdefault(reason, item)
        entry = {
            "stage": self.stage,
            "item": item,
            "reason": reason,
            "detail": self.clean(detail),
        }  # a LedgerEntry, at a third
        try:
            self._entries.write(dumps(entry).lstrip().encode() + b"\n")
        except OSError as error:
            raise _no_room(error) from error

    @property
    def n_dropped(self) -> int:
        """Items that were dropped."""
        return self._reasons.total()

    def reasons(self) -> dict[str, int]:
        """Items that were dropped, by reason in alphabetical order."""
        return dict(sorted(self._reasons.items()))

    def first(self) -> dict[str, str]:
        """The first item that was dropped for each reason, by reason in alphabetical order."""
        return dict(sorted(self._first.items()))

    def check(self) -> None:
        """See that nothing was lost: read + formed = combined + emitted + dropped.

        Raises:
            LimbeckError: Something was, or was counted twice. That is a mistake in limbeck, not in the data.
        """
        if self.n_read + self.n_formed != self.n_combined + self.n_emitted + self.n_dropped:
            raise LimbeckError(
                f"the ledger of {self.stage} does not add up: "
                f"{self.n_read} read, {self.n_combined} combined into {self.n_formed}, "
                f"{self.n_emitted} emitted, {self.n_dropped} dropped",
                hint="This is a mistake in limbeck; please report it with the command that you ran.",
            )

    def as_json(self) -> Json:
        """Counts for a manifest."""
        return {
            "stage": self.stage,
            "read": self.n_read,
            "emitted": self.n_emitted,
            "dropped": self.n_dropped,
            "reasons": self.reasons(),
        }

    def write(self, path: Path) -> None:
        """Write the entries, one JSON object a line, in the order in which items were dropped.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._entries.seek(0)
        except OSError as error:
            raise _no_room(error) from error
        try:
            with path.open("wb") as out:
                shutil.copyfileobj(self._entries, out)
        except OSError as error:
            raise OutputError(
                f"the ledger {path} cannot be written: {error.strerror}",
                hint="Give a directory that you can write to, with --out.",
            ) from error
        finally:
            self._entries.seek(0, 2)


def _close(entries: IO[bytes]) -> None:
    with suppress(OSError):  # what a full disk did not take is not needed any more
        entries.close()


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"the ledger cannot be written to {tempfile.gettempdir()}: {error.strerror}",
        hint="Make room there, or name another folder for temporary files: TMPDIR=DIR.",
    )
