"""Under which licences the rows of a dataset stand, by source: what importers noted, made into ids that are known.

Ids: SPDX (https://spdx.org/licenses), by ``packaging``, and those of Hugging Face's cards
(https://huggingface.co/docs/hub/repositories-licenses).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...records import Json
from .labels import OTHER, source_of
from .record import Record

UNKNOWN = "unknown"
"""Licence of rows of which nothing says any."""

MOST = 500
"""Sources that are told apart, and licences of one of them."""

_LONGEST = 200  # characters of a name that is no id

HUB = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
    lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
    openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
    fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown
    other
    """.split()  # noqa: SIM905  # eighty words are read best as such
)
"""Ids that a card's ``license`` may have."""

_HUB_NAMES = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "gfdl-1.3": "gfdl", "c-uda-1.0": "c-uda"}
_RELEASES = re.compile(r"-(?:only|or-later)$")
_ADDRESSES = (
    (re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)"), r"cc-\1-\2"),
    (re.compile(r"creativecommons\.org/publicdomain/zero/(\d\.\d)"), r"cc0-\1"),
    (re.compile(r"(?:opensource\.org/licenses?|spdx\.org/licenses|choosealicense\.com/licenses)/([A-Za-z0-9.+-]+?)(?:\.html)?/?$"),
     r"\1"),
    (re.compile(r"apache\.org/licenses/LICENSE-(\d\.\d)"), r"apache-\1"),
)  # fmt: skip
_NOT_COMMERCIAL = re.compile(
    r"(?:^|-)nc(?:-|$)|non-?commercial|h-research|intel-research|apple-amlr|deepfloyd", re.IGNORECASE
)
_NOT_CHANGED = re.compile(r"(?:^|-)nd(?:-|$)", re.IGNORECASE)
_ALIKE = re.compile(r"-sa(?:-|$)|(?:^|\b)[al]?gpl|odbl|cdla-sharing|gfdl", re.IGNORECASE)
_MEANINGS = (
    (_NOT_COMMERCIAL, "non-commercial", ""),
    (_NOT_CHANGED, "no derivatives", ""),
    (_ALIKE, "share-alike", ": what is made of them may have to stand under the same licence"),
)


@lru_cache(maxsize=1024)
def licence_id(text: str) -> tuple[str, bool]:
    """The id of a licence, and whether it is one: Hugging Face's, else SPDX's, else the text as it was.

    ``MIT License``, ``CC BY 4.0`` and the addresses of Creative Commons are understood, too.
    """
    text = " ".join(text.split())
    for form in _forms(text):
        if (small := form.casefold()) in HUB:
            return small, True
        if spdx := _spdx(form):
            small = _RELEASES.sub("", spdx.casefold())
            small = _HUB_NAMES.get(small, small)
            return (small if small in HUB else spdx), True
    return text[:_LONGEST] or UNKNOWN, not text


def _forms(text: str) -> Iterator[str]:
    """Ways to read a licence's name."""
    yield text
    for address, form in _ADDRESSES:
        if match := address.search(text):
            yield match.expand(form)
    short = re.sub(r"^the |,? licen[sc]e\b|,? version\b|\bv(?=\d)", "", text, flags=re.IGNORECASE).strip()
    for form in (short, short.replace(" ", "-"), re.sub(r"(?<=\d)$", ".0", short.replace(" ", "-"))):
        yield form


def _spdx(text: str) -> str | None:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, RecursionError):
        return None


class Licences:
    """Rows by source and licence. Memory is bounded; time a row is constant."""

    def __init__(self) -> None:
        self._rows: dict[str, Counter[str]] = {}
        self._own: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Count a row."""
        self.count(source_of(record), record.first.trace.meta)

    def count(self, source: str, meta: Mapping[str, Any]) -> None:
        """Count a row.

        Args:
            source: Where its example comes from.
            meta: What the importer noted, with ``licence`` or ``license``.
        """
        source = source if source in self._rows or len(self._rows) < MOST else OTHER
        of = self._rows.setdefault(source, Counter())
        licence, known = _said(meta)
        if len(of) >= MOST and licence not in of:
            licence = OTHER
        of[licence] += 1
        if not known and (licence in self._own or len(self._own) < MOST):
            self._own[licence] += 1

    def as_json(self) -> Json:
        """Rows and licence of each source, for the manifest.

        A source whose rows stand under several has them joined by AND, for whoever takes all of its rows is bound by
        each, and the rows by licence.
        """
        return {source: _summed(of) for source, of in sorted(self._rows.items())}

    @property
    def totals(self) -> Counter[str]:
        """Rows by licence."""
        return sum(self._rows.values(), Counter())

    def warnings(self, given: str | None = None) -> list[str]:
        """What whoever publishes or sells the dataset should know.

        Args:
            given: The licence that the user wants on the card.
        """
        totals = self.totals
        found = [
            f"{word} ({licence}) in {_rows(n)}{more}"
            for meaning, word, more in _MEANINGS
            for licence, n in sorted(totals.items())
            if meaning.search(licence)
        ]
        found += [
            f"licence {licence!r} of {_rows(n)} is no known id; it is kept as it stands"
            for licence, n in sorted(self._own.items())
        ]
        if totals[UNKNOWN] and set(totals) - {UNKNOWN}:
            found.append(f"no licence is known of {_rows(totals[UNKNOWN])}, while others have one")
        if given is not None and not licence_id(given)[1]:
            found.append(f"licence {given!r} is no known id; the card calls it other")
        return found


def _said(meta: Mapping[str, Any]) -> tuple[str, bool]:
    """The licence that an importer noted, and whether it is a known one; several are joined."""
    value = meta.get("licence") or meta.get("license")
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    ids = [licence_id(text[:10_000]) for text in texts if isinstance(text, str) and text.strip()]
    if not ids:
        return UNKNOWN, True
    return " AND ".join(dict.fromkeys(name for name, _ in ids)), all(known for _, known in ids)


def _summed(of: Counter[str]) -> Json:
    facts: Json = {"rows": of.total(), "licence": " AND ".join(sorted(of))}
    if set(of) == {UNKNOWN}:
        facts["licence"] = None
    return facts | ({"by_licence": dict(sorted(of.items()))} if len(of) > 1 else {})


def _rows(n: int) -> str:
    return f"{n:,} {'row' if n == 1 else 'rows'}"


def card_licence(found: Mapping[str, Any], given: str | None = None) -> Json:
    """What a card's header says: ``license``, and for one that Hugging Face does not know its name.

    Args:
        found: ``Licences.as_json``.
        given: The licence that the user wants; it goes before those that were found.
    """
    names = [given] if given else [source["licence"] or UNKNOWN for source in found.values()]
    ids = list(dict.fromkeys(licence_id(name)[0] for name in names)) or [UNKNOWN]
    if len(ids) == 1 and ids[0] in HUB:
        return {"license": ids[0]}
    name = re.sub(r"[^a-z0-9.+]+", "-", " and ".join(sorted(ids)).casefold()).strip("-") or "own"
    link = {"license_link": ids[0]} if re.fullmatch(r"https?://\S+", ids[0]) else {}
    return {"license": "other", "license_name": name[:_LONGEST], **link}
