"""Read datasets with Hugging Face ``datasets``: ``load_hf.py FOLDER...`` prints the rows of each, by split.

Each is read twice: the files that its manifest names, and the folder as a whole, as the header of its card says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datasets import load_dataset


def main(*folders: str) -> None:
    """Load them all."""
    done = []
    for folder in map(Path, folders):
        paths = json.loads((folder / "limbeck.json").read_text())["paths"]
        kind = "parquet" if all(path.endswith(".parquet") for path in paths.values()) else "json"
        files = {split: str(folder / path) for split, path in paths.items()}
        by_file = load_dataset(kind, data_files=files)
        whole = load_dataset(str(folder))
        done.append([{split: list(rows) for split, rows in found.items()} for found in (by_file, whole)])
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
