"""Read a dataset with LLaMA-Factory's own loader: ``load_llama_factory.py FOLDER STAGE`` beside a student.

Prints what it makes of each row: the parts of the conversation, and the text that the model is shown and learns.
"""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

from student import make_student


def without_what_is_not_needed() -> None:
    """Stand in for a package that only reads sound, and for the one module that imports all arguments."""
    sound = ModuleType("torchaudio")
    sound.__spec__ = ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = sound
    arguments = ModuleType("llamafactory.hparams")
    arguments.__path__ = [str(Path(find_spec("llamafactory").origin).parent / "hparams")]
    sys.modules["llamafactory.hparams"] = arguments


def main(folder: str, stage: str) -> None:
    """Load train and val as its trainers do."""
    without_what_is_not_needed()
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.hparams.data_args import DataArguments
    from transformers import AutoTokenizer

    make_student(Path("student"), [(Path(folder) / "train.jsonl").read_text()])
    tokenizer = AutoTokenizer.from_pretrained("student")
    data = DataArguments(template="qwen", dataset="train", eval_dataset="val", dataset_dir=folder, cutoff_len=4096)
    model = SimpleNamespace(cache_dir=None, hf_hub_token=None, ms_hub_token=None, om_hub_token=None)
    training = SimpleNamespace(
        seed=0, should_log=False, should_save=False, local_process_index=0, predict_with_generate=False,
        dataloader_num_workers=0, main_process_first=lambda **_: contextlib.nullcontext(),
    )  # fmt: skip
    template = get_template_and_fix_tokenizer(tokenizer, data)
    made = {}
    tokens = get_dataset(template, model, data, training, stage, tokenizer)
    for split, part in (("train", "train_dataset"), ("val", "eval_dataset")):
        aligned = _get_merged_dataset([split], model, data, training, stage)
        texts = [
            {key: tokenizer.decode([token for token in ids if token >= 0]) for key, ids in row.items() if "ids" in key
             or "labels" in key} | {"kto_tags": row.get("kto_tags")}
            for row in tokens[part]
        ]  # fmt: skip
        made[split] = {"rows": list(aligned), "texts": texts}
    print(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
