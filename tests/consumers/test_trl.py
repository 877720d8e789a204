"""TRL trains on what is exported, by the code in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "training.md"

TRAINERS = {
    "Supervised fine-tuning": ("SFTTrainer", "sft"),
    "Preference (DPO)": ("DPOTrainer", "pairs"),
    "Reward model": ("RewardTrainer", "pairs"),
    "Unpaired (KTO)": ("KTOTrainer", "judged"),
    "Process reward model": ("PRMTrainer", "steps"),
    "From Parquet": ("SFTTrainer", "sft"),
}


@pytest.fixture(scope="module")
def exports(project, exported):
    """The datasets that the page exports, under the names that it gives them."""
    made = {}
    for line in re.findall(r"^limbeck export .*$", PAGE.read_text(), re.MULTILINE):
        (out,), (name,) = re.findall(r"--out (\S+)", line), re.findall(r"--format (\S+)", line)
        split = {"split": {"train": 1.0}} if "--split" not in line else {}
        made[out] = exported(name, **split)
        (project / out).symlink_to(made[out])
    return made


@pytest.fixture(scope="module")
def trained(exports, tool):
    """What each trainer on the page did."""
    return tool("trainers.py", PAGE, needs=("trl", "torch", "transformers", "datasets"))


def contents(value):
    """All texts in a row, but for roles."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key != "role" for text in contents(inner)]
    return (
        [text for inner in value for text in contents(inner)]
        if isinstance(value, list)
        else [value] * (isinstance(value, str))
    )


@pytest.mark.slow
@pytest.mark.parametrize("heading", TRAINERS)
def test_each_trainer_takes_two_steps_on_an_export(heading, trained, exports, rows):
    """It takes them on all rows, reads every text of a row, its loss is a number, and the weights change."""
    trainer, dataset = TRAINERS[heading]
    found = trained[heading]
    assert (found["trainer"], found["steps"]) == (trainer, 2)
    assert found["finite"]
    assert found["learned"]
    written = rows(exports[dataset] / "train.jsonl")
    assert found["rows"] == len(written)
    seen = "".join(found["first"])
    assert [text for text in contents(written[0]) if text.strip() not in seen] == []


@pytest.mark.slow
def test_every_snippet_of_the_page_is_run(trained):
    """No example is left out."""
    assert list(trained) == list(TRAINERS)
