"""Read a dataset with MLX-LM's own loader: ``load_mlx.py FOLDER...`` prints what it makes of the rows.

MLX itself is not needed for that: the loader wants it for a function that prints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from bare import bare
from student import make_student


def main(*folders: str) -> None:
    """Load the three sets of each."""
    bare("mlx_lm", "mlx_lm.tuner")
    printing = ModuleType("mlx_lm.cli_ui")
    printing.rprint = print
    sys.modules["mlx_lm.cli_ui"] = printing
    from mlx_lm.tuner.datasets import load_dataset
    from transformers import AutoTokenizer

    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text() for folder in folders])
    tokenizer = AutoTokenizer.from_pretrained("student")
    print(json.dumps([read(folder, tokenizer, load_dataset) for folder in folders]))


def read(folder: str, tokenizer: Any, load: Any) -> dict[str, list[dict[str, str]]]:
    """What is shown and what is learned, by set."""
    settings = SimpleNamespace(data=folder, train=True, test=False, mask_prompt=True)
    made = {}
    for name, part in zip(("train", "valid", "test"), load(settings, tokenizer), strict=True):
        rows = [part.process(part[index]) for index in range(len(part))]
        made[name] = [{"shown": tokenizer.decode(ids[:start]), "learned": tokenizer.decode(ids[start:])}
                      for ids, start in rows]  # fmt: skip
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
