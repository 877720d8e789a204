"""Read a dataset with LLaMA-Factory's own loader: ``load_llama_factory.py STAGE=FOLDER...``.

Prints for each what it makes of the rows: the parts of the conversation, and the text that the model is shown and
learns.
"""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

from bare import bare
from student import make_student


def without_what_is_not_needed() -> None:
    """Stand in for a package that only reads sound, and for the one module that imports all arguments."""
    sound = ModuleType("torchaudio")
    sound.__spec__ = ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = sound
    bare("llamafactory", "llamafactory.hparams")


def main(*stages: str) -> None:
    """Load train and val of each, as its trainers do."""
    without_what_is_not_needed()
    from transformers import AutoTokenizer

    folders = [stage.split("=", 1) for stage in stages]
    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text() for _, folder in folders])
    tokenizer = AutoTokenizer.from_pretrained("student")
    print(json.dumps([read(stage, folder, tokenizer) for stage, folder in folders]))


def read(stage: str, folder: str, tokenizer: object) -> dict[str, object]:
    """The conversations, and their tokens as text, of each split."""
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.hparams.data_args import DataArguments

    splits = list(json.loads((Path(folder) / "dataset_info.json").read_text()))
    held = "val" if "val" in splits else None
    data = DataArguments(template="qwen", dataset="train", eval_dataset=held, dataset_dir=folder, cutoff_len=4096)
    model = SimpleNamespace(cache_dir=None, hf_hub_token=None, ms_hub_token=None, om_hub_token=None)
    training = SimpleNamespace(
        seed=0, should_log=False, should_save=False, local_process_index=0, predict_with_generate=False,
        dataloader_num_workers=0, main_process_first=lambda **_: contextlib.nullcontext(),
    )  # fmt: skip
    template = get_template_and_fix_tokenizer(tokenizer, data)
    tokens = get_dataset(template, model, data, training, stage, tokenizer)
    return {
        split: {
            "rows": list(_get_merged_dataset([split], model, data, training, stage)),
            "texts": [{key: as_text(tokenizer, value) for key, value in row.items()} for row in tokens[part]],
        }
        for split, part in zip(splits, ("train_dataset", "eval_dataset"), strict=False)
    }


def as_text(tokenizer: object, value: object) -> object:
    """Tokens as text, but for those that are not learned; anything else as it is."""
    return tokenizer.decode([token for token in value if token >= 0]) if isinstance(value, list) and value else value


if __name__ == "__main__":
    main(*sys.argv[1:])
