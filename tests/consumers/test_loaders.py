"""LLaMA-Factory, Axolotl and MLX-LM read what is exported for them, with their own code.

What they make of it is compared with the rows of TRL's formats, which other code writes.
"""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.formats.axolotl import Axolotl

SYSTEM = "In adhering to this structure, your objective is"


@pytest.fixture(scope="module")
def answers(exported, rows):
    """Question and answer of each row, as TRL's formats have them."""

    def read(name, *columns, split="train"):
        found = rows(exported(name) / f"{split}.jsonl")
        return [[row[it][-1]["content"] if isinstance(row[it], list) else row[it] for it in columns] for row in found]

    return read


@pytest.fixture(scope="module")
def llama_factory(exported, with_tools, tool):
    """What LLaMA-Factory makes of each kind of rows."""
    stages = {"sft": "sft", "preference": "rm", "unpaired": "kto"}
    folders = [f"{stage}={exported('llama-factory', kind=kind)}" for kind, stage in stages.items()]
    folders.append(f"sft={with_tools('llama-factory')}")
    made = tool("load_llama_factory.py", *folders, needs=("llamafactory", "torch", "peft"))
    return dict(zip([*stages, "tools"], made, strict=True))


@pytest.fixture(scope="module")
def axolotl(exported, with_tools, tool):
    """What Axolotl makes of each kind of rows."""
    kinds = ("sft", "preference", "unpaired", "stepwise")
    folders = [exported("axolotl", kind=kind) for kind in kinds] + [with_tools("axolotl")]
    made = tool("load_axolotl.py", *folders, needs=("axolotl", "torch", "addict", "trl"))
    return dict(zip([*kinds, "tools"], made, strict=True))


@pytest.fixture(scope="module")
def mlx(exported, with_tools, tool):
    """What MLX-LM makes of rows without tools, and with them."""
    return tool("load_mlx.py", exported("mlx"), with_tools("mlx"), needs=("mlx_lm", "transformers", "torch"))


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_llama_factory_reads_answers(split, llama_factory, answers):
    """System text, question and answer are where it looks for them; the answer alone is learned."""
    made = llama_factory["sft"][split]
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
    made = llama_factory["preference"]["train"]
    expected = answers("trl-preference", "prompt", "chosen", "rejected")
    found = [
        [row["_prompt"][-1]["content"], *(answer["content"] for answer in row["_response"])] for row in made["rows"]
    ]
    assert found == expected
    for text, (_, chosen, rejected) in zip(made["texts"], expected, strict=True):
        assert text["chosen_labels"].startswith(chosen)
        assert text["rejected_labels"].startswith(rejected)


@pytest.mark.slow
def test_llama_factory_reads_judged_answers(llama_factory, answers):
    """Good ones and bad ones keep their label."""
    made = llama_factory["unpaired"]["train"]
    expected = answers("trl-unpaired", "completion", "label")
    assert {label for _, label in expected} == {True, False}
    for text, (answer, label) in zip(made["texts"], expected, strict=True):
        assert text["labels"].startswith(answer)
        assert text["kto_tags"] is label


@pytest.mark.slow
def test_axolotl_reads_answers(axolotl, answers):
    """The answer alone is learned, and val is what it evaluates on."""
    made = axolotl["sft"]
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
    made = axolotl["preference"]
    assert (made["unknown"], made["config"]["rl"]) == ([], "dpo")
    for row, (question, chosen, rejected) in zip(
        made["made"]["rows"], answers("trl-preference", "prompt", "chosen", "rejected"), strict=True
    ):
        assert set(row) == {"prompt", "chosen", "rejected"}
        assert question in row["prompt"]
        assert row["prompt"].endswith("<|im_start|>assistant\n")
        assert row["chosen"] == f"{chosen.strip()}<|im_end|>"
        assert row["rejected"] == f"{rejected.strip()}<|im_end|>"


@pytest.mark.slow
def test_axolotl_would_take_other_words_for_what_is_refused(axolotl):
    """Where this changes the check can be milder."""
    refused = axolotl["preference"]["made"]["refused"]
    assert refused["tech\n"] == ""
    assert refused["user"].startswith("user\n[[dummy_message]]")
    for content in refused:
        row = {"messages": [{"role": "user", "content": "x"}], "rejected": {"role": "assistant", "content": "y"}}
        assert Axolotl().check({**row, "chosen": {"role": "assistant", "content": content}})


@pytest.mark.slow
def test_axolotl_hands_judged_answers_to_trl(axolotl, answers):
    """No strategy changes the rows; the trainer inside applies the model's template."""
    made = axolotl["unpaired"]
    assert (made["unknown"], made["config"]["rl"]) == ([], "kto")
    assert made["made"]["steps"] == 2
    found = [[row["completion"][-1]["content"], row["label"]] for row in made["made"]["rows"]]
    assert found == answers("trl-unpaired", "completion", "label")


@pytest.mark.slow
def test_axolotl_reads_steps(axolotl, exported, rows):
    """Each step has its label."""
    made = axolotl["stepwise"]
    assert made["config"]["process_reward_model"]
    expected = rows(exported("trl-stepwise") / "train.jsonl")
    assert {False, True} == {label for row in expected for label in row["labels"]}
    for row, wanted in zip(made["made"], expected, strict=True):
        assert row["labels"] == [int(label) for label in wanted["labels"]]
        assert row["shown"].endswith("\n".join(wanted["completions"]) + "\n")


@pytest.mark.slow
def test_mlx_reads_answers(mlx, answers):
    """Val is what it validates on, and the prompt can be masked."""
    made, _ = mlx
    assert made["test"] == []
    for name, split in (("train", "train"), ("valid", "val")):
        expected = answers("trl-prompt-completion", "prompt", "completion", split=split)
        for text, (question, answer) in zip(made[name], expected, strict=True):
            assert question in text["shown"]
            assert text["learned"] == f"{answer.strip()}<|im_end|>\n"


def check(asked, told):
    """Each row has its own tools and arguments, and nothing of the other's."""
    assert all(text in asked for text in ("look", "place", "errors", "What went wrong?"))
    assert all(text in told for text in ("weather", "city", "Oslo", "Will it rain?", "dry", "It stays dry."))
    assert not [text for text in ("weather", "city", "days", "null") if text in asked]
    assert not [text for text in ("look", "place", "null") if text in told]


@pytest.mark.slow
def test_trl_shows_tools(with_tools, tool):
    """SFTTrainer gives them to the template, from JSON and from Parquet."""
    folders = [with_tools(name) for name in ("trl-sft", "trl-prompt-completion", "parquet")]
    for rows in tool("load_trl.py", *folders, needs=("trl", "torch")):
        check(*rows)


@pytest.mark.slow
def test_mlx_shows_tools(mlx):
    """So does MLX-LM."""
    _, made = mlx
    check(*(row["shown"] + row["learned"] for row in made["train"]))


@pytest.mark.slow
def test_axolotl_shows_tools(axolotl):
    """It reads arguments and schemas from their text, and learns the last message alone."""
    asked, told = axolotl["tools"]["made"]
    check(asked["shown"], told["shown"])
    assert "errors" in asked["learned"]
    assert "What went wrong?" not in asked["learned"]
    assert told["learned"] == "It stays dry.<|im_end|>"


@pytest.mark.slow
def test_llama_factory_shows_tools(llama_factory):
    """Its template writes calls its own way."""
    made = llama_factory["tools"]["train"]
    check(*(row["input_ids"] for row in made["texts"]))
    assert [turn["role"] for turn in made["rows"][1]["_prompt"]] == ["user", "function", "observation"]
