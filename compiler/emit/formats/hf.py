"""A Hugging Face dataset directory: ``datasets.load_dataset(DIRECTORY)`` reads it.

Rules: https://huggingface.co/docs/datasets/repository_structure and
https://huggingface.co/docs/hub/datasets-manual-configuration: files named ``data/SPLIT-00000-of-0000N.parquet``,
``configs`` in the header of README.md. A split without rows cannot be loaded, so it has no file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ....records import Json
from ._parquet import SHARD
from .base import Written
from .parquet import Parquet


class HuggingFace(Parquet):
    """``data/train-00000-of-00001.parquet`` and so on; the rows are those of ``parquet``."""

    name = "hf"

    def path(self, split: str) -> str:
        """A pattern that finds the files of the split."""
        return f"data/{split}-{SHARD}.parquet"

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """No files."""
        return {}


def configs(paths: Mapping[str, str], rows: Mapping[str, int]) -> list[Json]:
    """``configs`` for the header of a dataset's README.md, so that ``datasets`` reads the rows and nothing else.

    Args:
        paths: File of each split, or a pattern that finds its files, relative to the directory; of any format.
        rows: Rows of each split. Those without any are left out: ``datasets`` fails on them.
    """
    files: dict[str, str] = {}
    for split, path in paths.items():
        if rows[split]:
            files[_free(split.replace("-", "_"), files)] = path
    return [{"config_name": "default", "data_files": [{"split": name, "path": path} for name, path in files.items()]}]


def _free(name: str, taken: Collection[str]) -> str:
    """A name of a split that is no other's; ``all`` means all of them."""
    while name == "all" or name in taken:
        name += "_"
    return name
