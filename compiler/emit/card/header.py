"""The YAML header that Hugging Face reads.

Fields: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

from collections.abc import Mapping

from ....records import Json
from ..formats.hf import configs
from ..licences import card_licence
from .text import one_line

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B",
          "10B<n<100B", "100B<n<1T")  # fmt: skip

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
        **licence(manifest),
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


def licence(manifest: Json) -> Json:
    """The licence that was given, else that of the sources, as the header has it."""
    given = (manifest.get("choices") or {}).get("licence")
    return {name: one_line(value, 500) for name, value in card_licence(manifest.get("licences") or {}, given).items()}
