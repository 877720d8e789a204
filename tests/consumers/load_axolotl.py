"""Read a dataset with Axolotl's own schema and prompt strategies: ``load_axolotl.py FOLDER...``.

Prints for each the configuration that its schema makes of ``axolotl.yml``, and what its strategies make of the rows.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import yaml
from bare import bare
from student import make_student


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
    """The rows that reach the trainer, and what it takes for the answer where that is found too early, or nowhere."""
    from axolotl.prompt_strategies.dpo.chat_template import default

    transform, options = default(cfg, dataset_idx=0)
    refused = {
        content: transform({**rows[0], "chosen": {"role": "assistant", "content": content}}, tokenizer)["chosen"]
        for content in ("tech\n", "user")
    }
    return {"rows": list(rows.map(transform, fn_kwargs={"tokenizer": tokenizer}, **options)), "refused": refused}


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


def main(*folders: str) -> None:
    """Validate each configuration, and read the rows that it names."""
    bare("axolotl", "axolotl.utils", "axolotl.utils.data", "axolotl.prompt_strategies")
    from axolotl.utils.dict import DictDefault
    from axolotl.utils.schemas.config import AxolotlInputConfig
    from datasets import load_dataset
    from transformers import AutoTokenizer

    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text() for folder in folders])
    tokenizer = AutoTokenizer.from_pretrained("student")
    student = Path("student").resolve()
    done = []
    for folder in folders:
        os.chdir(folder)
        given = yaml.safe_load(Path("axolotl.yml").read_text())
        valid = AxolotlInputConfig(**given, base_model=str(student)).model_dump(exclude_none=True, mode="json")
        cfg = DictDefault(given)
        # A path that is a file has one split (axolotl.utils.data.shared).
        first = given["datasets"][0]
        rows = load_dataset(first["ds_type"], data_files=first["path"], split="train")
        os.chdir(student.parent)
        unknown = sorted(set(given) - set(AxolotlInputConfig.model_fields))
        done.append({"config": valid, "unknown": unknown, "made": READ[cfg.datasets[0].type](cfg, tokenizer, rows)})
    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
