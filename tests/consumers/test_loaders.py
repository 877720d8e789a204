"""LLaMA-Factory, Axolotl and MLX-LM read what is exported for them, with their own code.

What they make of it is compared with the rows of TRL's formats, which other code writes.
"""

from __future__ import annotations

import pytest

SYSTEM = "In adhering to this structure, your objective is"


@pytest.fixture(scope="module")
def answers(exported, rows):
    """Question and answer of each row, as TRL's formats have them."""

    def read(format, *columns, split="train", **choices):
        found = rows(exported(format, **choices) / f"{split}.jsonl")
        return [[row[name][-1]["content"] if isinstance(row[name], list) else row[name] for name in columns]
                for row in found]  # fmt: skip

    return read


@pytest.fixture(scope="module")
def llama_factory(exported, tool):
    def load(kind, stage):
        folder = exported("llama-factory", kind=kind)
        return tool("load_llama_factory.py", folder, stage, needs=("llamafactory", "torch", "peft"))

    return load


@pytest.fixture(scope="module")
def axolotl(exported, tool):
    def load(kind, **choices):
        return tool("load_axolotl.py", exported("axolotl", kind=kind, **choices), needs=("axolotl", "torch", "addict"))

    return load


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_llama_factory_reads_answers(split, llama_factory, answers):
    """System text, question and answer are where it looks for them; the answer alone is learned."""
    made = llama_factory("sft", "sft")[split]
    expected = answers("trl-prompt-completion", "prompt", "completion", split=split)
    assert [[row["_prompt"][-1]["content"], row["_response"][0]["content"]] for row in made["rows"]] == expected
    assert all(SYSTEM in row["_system"] and row["_tools"] == "" for row in made["rows"])
    for text, (question, answer) in zip(made["texts"], expected, strict=True):
        assert question in text["input_ids"]
        assert SYSTEM in text["input_ids"]
        assert text["labels"].startswith(answer)


@pytest.mark.slow
def test_llama_factory_reads_pairs(llama_factory, answers):
    """The better answer comes first."""
    made = llama_factory("preference", "rm")["train"]
    expected = answers("trl-preference", "prompt", "chosen", "rejected")
    found = [[row["_prompt"][-1]["content"], *(answer["content"] for answer in row["_response"])] for row in made["rows"]]
    assert found == expected
    for text, (_, chosen, rejected) in zip(made["texts"], expected, strict=True):
        assert text["chosen_labels"].startswith(chosen)
        assert text["rejected_labels"].startswith(rejected)


@pytest.mark.slow
def test_llama_factory_reads_judged_answers(llama_factory, answers):
    """Good ones and bad ones keep their label."""
    made = llama_factory("unpaired", "kto")["train"]
    expected = answers("trl-unpaired", "completion", "label")
    assert {label for _, label in expected} == {True, False}
    for text, (answer, label) in zip(made["texts"], expected, strict=True):
        assert text["labels"].startswith(answer)
        assert text["kto_tags"] is label


@pytest.mark.slow
def test_axolotl_reads_answers(axolotl, answers):
    """The answer alone is learned, and val is what it evaluates on."""
    made = axolotl("sft")
    assert made["unknown"] == []
    assert [item["path"] for item in made["config"]["test_datasets"]] == ["val.jsonl"]
    expected = answers("trl-prompt-completion", "prompt", "completion")
    for text, (question, answer) in zip(made["made"], expected, strict=True):
        assert question in text["shown"]
        assert SYSTEM in text["shown"]
        assert text["learned"] == f"{answer.strip()}<|im_end|>"


@pytest.mark.slow
def test_axolotl_reads_pairs(axolotl, answers):
    """Its strategy finds both answers whole, and no column is left that its trainer does not know."""
    made = axolotl("preference")
    assert (made["unknown"], made["config"]["rl"]) == ([], "dpo")
    for row, (question, chosen, rejected) in zip(
        made["made"], answers("trl-preference", "prompt", "chosen", "rejected"), strict=True
    ):
        assert set(row) == {"prompt", "chosen", "rejected"}
        assert question in row["prompt"]
        assert row["prompt"].endswith("<|im_start|>assistant\n")
        assert row["chosen"] == f"{chosen.strip()}<|im_end|>"
        assert row["rejected"] == f"{rejected.strip()}<|im_end|>"


@pytest.mark.slow
def test_axolotl_hands_judged_answers_to_trl(axolotl, answers):
    """No strategy changes the rows; the trainer inside applies the model's template."""
    made = axolotl("unpaired")
    assert (made["unknown"], made["config"]["rl"]) == ([], "kto")
    assert made["made"]["steps"] == 2
    found = [[row["completion"][-1]["content"], row["label"]] for row in made["made"]["rows"]]
    assert found == answers("trl-unpaired", "completion", "label")


@pytest.mark.slow
def test_axolotl_reads_steps(axolotl, answers, exported, rows):
    """Each step has its label."""
    made = axolotl("stepwise", dedup="none")
    assert made["config"]["process_reward_model"]
    expected = rows(exported("trl-stepwise", dedup="none") / "train.jsonl")
    assert {False, True} == {label for row in expected for label in row["labels"]}
    for row, wanted in zip(made["made"], expected, strict=True):
        assert row["labels"] == [int(label) for label in wanted["labels"]]
        assert row["shown"].endswith("\n".join(wanted["completions"]) + "\n")


@pytest.mark.slow
def test_mlx_reads_answers(exported, tool, answers):
    """Val is what it validates on, and the prompt can be masked."""
    made = tool("load_mlx.py", exported("mlx"), needs=("mlx_lm", "transformers", "torch"))
    assert made["test"] == []
    for name, split in (("train", "train"), ("valid", "val")):
        expected = answers("trl-prompt-completion", "prompt", "completion", split=split)
        for text, (question, answer) in zip(made[name], expected, strict=True):
            assert question in text["shown"]
            assert text["learned"] == f"{answer.strip()}<|im_end|>\n"
