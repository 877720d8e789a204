"""The card of a dataset: its README.md, as Hugging Face shows it, and the pictures in it."""

from __future__ import annotations

from pathlib import Path

from ....records import Json
from ..outdir import writing
from .command import command
from .page import dataset_card
from .pictures import pictures

__all__ = ["command", "dataset_card", "pictures", "write_card"]


def write_card(folder: Path, manifest: Json) -> None:
    """Write ``README.md`` and the pictures into the directory of a dataset.

    Raises:
        OutputError: The disk does not take them.
    """
    for name, text in {**pictures(manifest), "README.md": dataset_card(manifest)}.items():
        path = folder / name
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
