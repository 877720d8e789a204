"""Run the Python on a page of the documentation: two steps of each trainer, on a small random model.

``trainers.py PAGE`` in a folder with the datasets that the page exports; prints a JSON object by heading.
"""

from __future__ import annotations

import functools
import json
import math
import re
import sys
from pathlib import Path

import torch
import trl
import trl.experimental.prm
from student import make_student

SMALL = {
    "max_steps": 2, "use_cpu": True, "report_to": "none", "save_strategy": "no", "per_device_train_batch_size": 2,
    "learning_rate": 1e-2, "disable_tqdm": True,
}  # fmt: skip


def shorten() -> None:
    """Let every configuration that the page imports ask for two steps."""
    for module, names in (
        (trl, ("SFTConfig", "DPOConfig", "KTOConfig", "RewardConfig")),
        (trl.experimental.prm, ("PRMConfig",)),
    ):
        for name in names:
            setattr(module, name, functools.partial(getattr(module, name), **SMALL))


def run(code: str) -> dict[str, object]:
    """Run a snippet, and tell what its trainer did."""
    names: dict[str, object] = {}
    exec(compile(code, "snippet", "exec"), names)
    trainer = names["trainer"]
    losses = [entry["train_loss"] for entry in trainer.state.log_history if "train_loss" in entry]
    first = trainer.model.get_input_embeddings().weight
    student = type(trainer.model).from_pretrained("student").get_input_embeddings().weight
    return {
        "trainer": type(trainer).__name__,
        "steps": trainer.state.global_step,
        "finite": bool(losses) and all(map(math.isfinite, losses)),
        "learned": not torch.equal(first.cpu(), student),
        "rows": len(trainer.train_dataset),
        "first": [trainer.processing_class.decode(ids) for key, ids in sorted(trainer.train_dataset[0].items())
                  if key.endswith("_ids")],
    }  # fmt: skip


def main(page: str) -> None:
    """Run all snippets, in a folder that has the datasets."""
    make_student(Path("student"), (path.read_text() for path in Path().glob("*/train.jsonl")))
    shorten()
    done = {}
    for section in re.split(r"^#{2,3} ", Path(page).read_text(), flags=re.MULTILINE)[1:]:
        for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            done[section.splitlines()[0]] = run(code)
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
