"""Read a dataset with Axolotl's own schema and prompt strategies: ``load_axolotl.py FOLDER`` beside a student.

Prints the configuration that its schema makes of ``axolotl.yml``, and what its strategies make of each row.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import yaml
from student import make_student


def bare(*names: str) -> None:
    """Import modules of packages whose ``__init__`` imports what is not installed here."""
    for name in names:
        package = ModuleType(name)
        root, *inner = name.split(".")
        package.__path__ = [str(Path(find_spec(root).origin).parent.joinpath(*inner))]
        sys.modules[name] = package


def learned(tokenizer, row):
    """The text whose tokens have labels."""
    return tokenizer.decode([token for token in row["labels"] if token >= 0])


def chat(cfg, tokenizer, rows):
    """What is shown and what is learned of a conversation."""
    from axolotl.prompt_strategies.chat_template import load

    strategy = load(tokenizer, cfg, ds_cfg=cfg.datasets[0].to_dict())
    made = map(strategy.tokenize_prompt, rows)
    return [{"shown": tokenizer.decode(row["input_ids"]), "learned": learned(tokenizer, row)} for row in made]


def preference(cfg, tokenizer, rows):
    """The rows that reach the trainer."""
    from axolotl.prompt_strategies.dpo.chat_template import default

    transform, options = default(cfg, dataset_idx=0)
    return list(rows.map(transform, fn_kwargs={"tokenizer": tokenizer}, **options))


def stepwise(cfg, tokenizer, rows):
    """What is shown, and the labels."""
    from axolotl.prompt_strategies.stepwise_supervised import load

    strategy = load(tokenizer, cfg, cfg.datasets[0])
    made = map(strategy.tokenize_prompt, rows)
    return [
        {"shown": tokenizer.decode(row["input_ids"]), "labels": [label for label in row["labels"] if label >= 0]}
        for row in made
    ]


def as_they_are(cfg, tokenizer, rows):
    """The rows, which no strategy changes, and the steps that TRL takes on them."""
    from trl import KTOConfig, KTOTrainer

    arguments = KTOConfig(
        output_dir="axolotl", max_steps=2, use_cpu=True, report_to="none", save_strategy="no", max_length=4096,
        per_device_train_batch_size=2, disable_tqdm=True, desirable_weight=cfg.kto_desirable_weight,
        undesirable_weight=cfg.kto_undesirable_weight,
    )  # fmt: skip
    trainer = KTOTrainer(model="student", args=arguments, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    return {"rows": list(rows), "steps": trainer.state.global_step}


READ = {"chat_template": chat, "chat_template.default": preference, "stepwise_supervised": stepwise, None: as_they_are}


def main(folder: str) -> None:
    """Validate the configuration, and read the rows that it names."""
    bare("axolotl", "axolotl.utils", "axolotl.utils.data", "axolotl.prompt_strategies")
    from axolotl.utils.dict import DictDefault
    from axolotl.utils.schemas.config import AxolotlInputConfig
    from datasets import load_dataset
    from transformers import AutoTokenizer

    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text()])
    tokenizer = AutoTokenizer.from_pretrained("student")
    student = os.path.abspath("student")
    os.chdir(folder)
    given = yaml.safe_load(Path("axolotl.yml").read_text())
    valid = AxolotlInputConfig(**given, base_model=student).model_dump(exclude_none=True)
    cfg = DictDefault(given)
    # A path that is a file has one split, whatever is asked for (axolotl.utils.data.shared).
    found = [load_dataset(item["ds_type"], data_files=item["path"], split="train") for item in given["datasets"]]
    made = READ[cfg.datasets[0].type](cfg, tokenizer, found[0])
    unknown = sorted(set(given) - set(AxolotlInputConfig.model_fields))
    print(json.dumps({"config": json.loads(json.dumps(valid, default=str)), "unknown": unknown, "made": made}))


if __name__ == "__main__":
    main(*sys.argv[1:])
