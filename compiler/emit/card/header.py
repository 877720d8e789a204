"""The YAML header that Hugging Face reads.

Fields: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ....records import Json
from ..formats.hf import configs
from .text import one_line

# https://huggingface.co/docs/hub/repositories-licenses
_LICENCES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
    afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
    lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense
    zlib pddl lgpl-lr gemma llama2 llama3 llama3.1 llama3.2 llama3.3 unknown other
    """.split()  # noqa: SIM905 - sixty words are read best as such
)

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")

_KIND_TAGS = {
    "sft": ["sft"],
    "preference": ["preference", "dpo"],
    "unpaired": ["preference", "kto"],
    "stepwise": ["process-supervision"],
    "prompts": ["reinforcement-learning"],
    "soft": ["weak-to-strong"],
}


def header(manifest: Json) -> str:
    """Write the header, without the lines of dashes around it."""
    import yaml

    tally = manifest.get("tally") or {}
    facts = {
        "pretty_name": title(manifest),
        **_licence(manifest),
        "size_categories": [size_category(sum(manifest["rows"].values()))],
        "task_categories": ["text-generation", *(["text-classification"] if tally.get("labels") else [])],
        "tags": _tags(manifest, tally.get("origins") or {}),
        "configs": configs(manifest["paths"], manifest["rows"]) if any(manifest["rows"].values()) else [],
    }
    known = {name: value for name, value in facts.items() if value}
    return str(yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=1000))


def title(manifest: Json) -> str:
    """The dataset's name for people."""
    return one_line(f"Dataset of {manifest['task']}" if manifest["task"] else "Dataset")


def size_category(rows: int) -> str:
    """The word that Hugging Face has for a number of rows."""
    return next((name for power, name in enumerate(_SIZES, 3) if rows < 10**power), "n>1T")


def _tags(manifest: Json, origins: Mapping[str, int]) -> list[str]:
    kind = manifest.get("rows_of", "")
    synthetic = ["synthetic"] if set(origins) - {"written"} else []
    return ["limbeck", "dspy", *synthetic, *_KIND_TAGS.get(kind, [])]


def _licence(manifest: Json) -> Json:
    """The licence that was given, else those of the sources; ``unknown`` where one of them says nothing."""
    named = licences(manifest)
    ids = list(dict.fromkeys(name.casefold() for name in named))
    if all(name in _LICENCES for name in ids):
        return {"license": ids[0] if len(ids) == 1 else ids}
    other = ", ".join(name for name in named if name.casefold() not in _LICENCES)
    link = {"license_link": one_line(other, 500)} if re.fullmatch(r"https?://\S+", other) else {}
    known = [name for name in ids if name in _LICENCES]
    name = re.sub(r"[^a-z0-9.+]+", "-", one_line(other).casefold()).strip("-") or "own"
    return {"license": [*known, "other"] if known else "other", "license_name": name, **link}


def licences(manifest: Json) -> list[str]:
    """Licences of the rows, by name; that of a source with none is ``unknown``."""
    if given := (manifest.get("choices") or {}).get("licence"):
        return [one_line(given)]
    found = [licence_of(source) for source in (manifest.get("licences") or {}).values()]
    return list(dict.fromkeys(found)) or ["unknown"]


def licence_of(source: Any) -> str:
    """The licence of a source, as it stands in the manifest."""
    named = source.get("licence") if isinstance(source, Mapping) else source
    return one_line(named) if isinstance(named, str) and named.strip() else "unknown"
