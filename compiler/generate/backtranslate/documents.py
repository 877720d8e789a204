"""Documents on disk: which there are, and their text, one at a time.

What lies in a folder may be anything. A file that cannot be used costs one ``Dropped``: it is never followed out of its
folder, never read beyond the limit, and nothing is guessed of how it is encoded.
"""

from __future__ import annotations

import codecs
import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ....errors import DataError, UsageError
from ..base import Dropped

KINDS = {".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown", ".markdown": "markdown",
         ".txt": "text", ".text": "text"}  # fmt: skip
"""What is read, by the end of a name; each also with ``.gz`` behind."""

_WILD = re.compile(r"[*?\[]")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_DECLARED = re.compile(
    rb"<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{2,30})", re.IGNORECASE
)
_CHARSETS = re.compile(
    r"(?:iso-?8859|windows-?125\d|latin-?\d|koi8|gb(?:k|2312|18030)|big5|euc|shift|cp\d|us-ascii|utf-?8)", re.IGNORECASE
)
"""Of those that Python knows some are no encodings of texts (zip, rot13), or slow ones (punycode)."""

_LATIN = re.compile(r"iso-?8859-?1|latin-?1|(?:us-)?ascii", re.IGNORECASE)
"""Names of what browsers read as Windows-1252, by the standard (https://encoding.spec.whatwg.org/#names-and-labels)."""

_HINT = "Give a file, a folder or a pattern: --set documents=DIR, or --set 'documents=docs/**/*.md'."


@dataclass(frozen=True)
class Document:
    """A document.

    Attributes:
        name: What it is called in provenance: its path below what the user named.
        kind: ``html``, ``markdown`` or ``text``.
        text: What stands in it.
    """

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Place:
    """Where documents are.

    Attributes:
        base: Folder that names are relative to, and that nothing may lead out of.
        pattern: Which files below it; None for all.
        file: The one that the user named, instead.
    """

    base: Path
    pattern: str | None = None
    file: Path | None = None


def place_of(documents: str) -> Place:
    """Find out what the user named.

    Raises:
        UsageError: Nothing was.
        DataError: There is no such thing, or it is a file of another kind.
    """
    if not documents.strip():
        raise UsageError("there are no documents to take answers from", hint=_HINT)
    path = Path(documents).expanduser()
    if _is(path.is_dir):
        return Place(path)
    if _is(path.is_file):
        if kind_of(path) is None:
            hint = f"Documents end in {', '.join(KINDS)}, each also with .gz behind."
            raise DataError(f"{path.name} is no document that can be read", hint=hint)
        return Place(path.parent, file=path)
    parts = path.parts
    wild = next((n for n, part in enumerate(parts) if _WILD.search(part)), None)
    if wild is None:
        raise DataError(f"no such file or folder: {documents}", hint=_HINT)
    base = Path(*parts[:wild]) if wild else Path()
    if not _is(base.is_dir):
        raise DataError(f"no such folder: {base}", hint=_HINT)
    pattern = str(Path(*parts[wild:]))
    try:
        next(base.glob(pattern), None)
    except (ValueError, NotImplementedError) as error:
        raise UsageError(f"{pattern} is no pattern: {error}", hint=_HINT) from error
    return Place(base, pattern=pattern)


def paths(place: Place) -> Iterator[Path]:
    """All files that may be documents, in an order by their names. Hidden files and folders are left out."""
    if place.file is not None:
        yield place.file
    elif place.pattern is not None:
        found = (path for path in place.base.glob(place.pattern) if not _hidden(path.relative_to(place.base)))
        yield from sorted(path for path in found if path.is_symlink() or not path.is_dir())
    else:
        yield from _below(place.base)


def read(path: Path, place: Place, limit: int) -> Document | Dropped:
    """Read a document.

    Args:
        path: One of ``paths``.
        place: Where it was found.
        limit: Bytes at most, when unpacked.
    """
    name = named(path, place)
    kind = kind_of(path)
    if kind is None:
        unread = _is(path.is_dir) and not path.is_symlink()  # a folder is here only where it could not be listed
        return Dropped("cannot be read" if unread else "not a document", name, path.suffix or "no suffix")
    try:
        if place.file is None and not path.resolve().is_relative_to(place.base.resolve()):
            return Dropped("leads out of the folder", name)
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its writer
            return Dropped("not a document", name, "no regular file")
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, RuntimeError, zlib.error) as error:  # RuntimeError: links in a ring
        return Dropped("cannot be read", name, getattr(error, "strerror", None) or type(error).__name__)
    if len(data) > limit:
        return Dropped("too large", name, f"over {limit:,} bytes")
    return _decoded(data, name, kind)


def named(path: Path, place: Place) -> str:
    """What a document is called; bytes of a name that are no text become question marks."""
    relative = path.relative_to(place.base)
    return os.fsencode(relative).decode("utf-8", "replace").replace("\\", "/")


def kind_of(path: Path) -> str | None:
    """What kind of document a file is by its name; None for anything else."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return KINDS.get(suffixes[-1]) if suffixes else None


def _below(folder: Path) -> Iterator[Path]:
    """Files below a folder, without recursion: folders may be nested as deep as the disk allows."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            yield here  # reading it says what is wrong
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                yield Path(entry.path)
        waiting += folders[::-1]


def _is(kind: Callable[[], bool]) -> bool:
    """What a path says of itself; no, where its name is too long or no name at all."""
    try:
        return kind()
    except (OSError, ValueError):
        return False


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _decoded(data: bytes, name: str, kind: str) -> Document | Dropped:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if encoding is None:
        if b"\0" in data:
            return Dropped("no text", name, "binary")
        encoding = (_declared(data) if kind == "html" else None) or "utf-8"
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return Dropped("unknown encoding", name, f"not {encoding}")
    if "\0" in text:
        return Dropped("no text", name, "binary")
    if not text.strip():
        return Dropped("no text", name, "empty")
    return Document(name, kind, text)


def _declared(data: bytes) -> str | None:
    """The encoding that a page says it has; the first kilobyte has to say it (HTML, section 4.2.5.4)."""
    try:
        data.decode()
    except UnicodeDecodeError:
        found = _DECLARED.search(data[:1024])
        said = found[1].decode("ascii", "replace") if found else ""
        if _LATIN.fullmatch(said):
            return "windows-1252"
        return said if _CHARSETS.match(said) else None
    return None  # what is UTF-8 is nothing else, whatever it says
