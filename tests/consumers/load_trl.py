"""Read datasets with TRL's SFTTrainer: ``load_trl.py FOLDER...`` prints each row as the model is shown it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datasets import load_dataset
from student import make_student
from trl import SFTConfig, SFTTrainer


def main(*folders: str) -> None:
    """Prepare each dataset for training."""
    make_student(Path("student"), [next(Path(folder).glob("train.*")).read_bytes().decode("utf-8", "replace")
                                   for folder in folders])  # fmt: skip
    done = []
    for folder in map(Path, folders):
        args = SFTConfig(output_dir="trained", max_length=4096, use_cpu=True, report_to="none")
        kind = "parquet" if (folder / "train.parquet").exists() else "json"
        rows = load_dataset(kind, data_files=str(next(folder.glob("train.*"))), split="train")
        trainer = SFTTrainer(model="student", args=args, train_dataset=rows)
        done.append([trainer.processing_class.decode(row["input_ids"]) for row in trainer.train_dataset])
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
