"""Read a dataset with MLX-LM's own loader: ``load_mlx.py FOLDER`` beside a student. Prints what it makes of each row.

MLX itself is not needed for that: the loader wants it for a function that prints.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

from student import make_student


def main(folder: str) -> None:
    """Load the three sets."""
    root = Path(find_spec("mlx_lm").origin).parent
    for name, path in (("mlx_lm", root), ("mlx_lm.tuner", root / "tuner")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    printing = ModuleType("mlx_lm.cli_ui")
    printing.rprint = print
    sys.modules["mlx_lm.cli_ui"] = printing
    from mlx_lm.tuner.datasets import load_dataset
    from transformers import AutoTokenizer

    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text()])
    tokenizer = AutoTokenizer.from_pretrained("student")
    settings = SimpleNamespace(data=folder, train=True, test=False, mask_prompt=True)
    made = {}
    for name, part in zip(("train", "valid", "test"), load_dataset(settings, tokenizer), strict=True):
        rows = [part.process(part[index]) for index in range(len(part))]
        made[name] = [{"shown": tokenizer.decode(ids[:start]), "learned": tokenizer.decode(ids[start:])}
                      for ids, start in rows]  # fmt: skip
    print(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
