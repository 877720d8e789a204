"""Axolotl's formats, with a configuration beside the rows that trains on them.

Rules: https://docs.axolotl.ai/docs/dataset-formats/ and ``axolotl.prompt_strategies`` (``chat_template``,
``dpo.chat_template``, ``stepwise_supervised``). Columns that it does not know break preferences
(https://github.com/axolotl-ai-cloud/axolotl/issues/2415), so no kind has any. Calls of tools have their arguments, and
``tools`` is, as text: read as JSON, objects with different keys would get nulls for each other's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import yaml

from ....records import Json
from ..kinds.unpaired import weights
from ..record import Kind, Record
from ._calls import openai_tool
from ._json import json_text
from ._trl import answer_problems, chat_problems, prompt_problems, turns
from .base import JsonLines, Written
from .trl_stepwise import TRLStepwise
from .trl_unpaired import TRLUnpaired

CONFIG = "axolotl.yml"

VALIDATION = ("val", "valid", "validation", "dev", "eval")
"""Splits that are evaluated on while training; others are left alone, so that a test set stays one."""

_TRAINING = "training"
"""Key of the assistant's messages that are not to be learned."""

_TEMPLATES = (
    "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n[[dummy_message]]<|im_end|>\n<|im_start|>assistant\n",
    "<|start_header_id|>user<|end_header_id|>\n\n[[dummy_message]]<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
    "<bos><start_of_turn>user\n[[dummy_message]]<end_of_turn>\n<start_of_turn>model\n",
    "<s>[INST] [[dummy_message]] [/INST] ",
)
"""What Axolotl puts before an answer of a preference, in the most used chat templates."""


class Axolotl(JsonLines):
    """Rows as each of Axolotl's types of datasets has them, and ``axolotl.yml``."""

    name = "axolotl"
    kinds: tuple[Kind, ...] = ("sft", "preference", "unpaired", "stepwise")

    def row(self, record: Record) -> Json:
        """``messages``; with ``chosen`` and ``rejected``; ``prompt, completion, label``; or with steps."""
        return _ROWS[record.kind](record)

    def check(self, row: Json) -> list[str]:
        """Check a row by what Axolotl's prompt strategies take."""
        kind = next((kind for kind, columns in _COLUMNS.items() if columns[-1] in row), "sft")
        also = {"tools"} if kind in {"sft", "unpaired"} else set()
        problems = [f"unknown column {name!r}" for name in row if name not in {*_COLUMNS[kind], *also}]
        problems += [f"no column {name!r}" for name in _COLUMNS[kind] if name not in row]
        return problems or _CHECKS[kind](row)

    def beside(self, written: Written) -> Mapping[str, bytes]:
        """``axolotl.yml``, for ``axolotl train axolotl.yml --base-model NAME`` in the dataset's directory."""
        text = yaml.safe_dump(config(written), sort_keys=False)
        return {CONFIG: f"# In this directory: axolotl train {CONFIG} --base-model NAME\n{text}".encode()}


def config(written: Written) -> Json:
    """What trains on a dataset; the model is named on the command line."""
    names = [name for name, rows in written.rows.items() if rows]
    held = [name for name in names if name in VALIDATION]
    learned = "train" if "train" in names else next((name for name in names if name not in held), "train")

    def sets(which: Iterable[str]) -> list[Json]:
        return [{"path": written.paths.get(name, f"{name}.jsonl"), "ds_type": "json", **_TYPES[written.kind]}
                for name in which]  # fmt: skip

    return {
        "datasets": sets([learned]),
        **({"test_datasets": sets(held)} if held else {}),
        **_SETTINGS[written.kind],
        **(_weights(written) if written.kind == "unpaired" else {}),
        "dataset_prepared_path": "prepared",
        "output_dir": "trained",
        "sequence_len": 4096,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 8,
        "num_epochs": 1,
        "learning_rate": 1e-5 if written.kind in {"sft", "stepwise"} else 1e-6,
        "optimizer": "adamw_torch",
        "lr_scheduler": "cosine",
    }


_TYPES: Mapping[Kind, Json] = {
    "sft": {"type": "chat_template", "field_messages": "messages", "message_field_training": _TRAINING},
    "preference": {"type": "chat_template.default"},
    "unpaired": {},
    "stepwise": {"type": "stepwise_supervised", "step_separator": "\n"},
}

_SETTINGS: Mapping[Kind, Json] = {
    "sft": {"chat_template": "tokenizer_default"},
    "preference": {"rl": "dpo", "chat_template": "tokenizer_default"},
    # Axolotl's own types for KTO have the template of one model each. Left as they are, the rows reach TRL's trainer,
    # which applies that of the model.
    "unpaired": {"rl": "kto", "skip_prepare_dataset": True, "remove_unused_columns": False},
    "stepwise": {"process_reward_model": True, "num_labels": 2, "model_type": "AutoModelForTokenClassification"},
}


def _weights(written: Written) -> Json:
    good, bad = weights(written.positives, sum(written.rows.values()) - written.positives)
    return {"kto_desirable_weight": good, "kto_undesirable_weight": bad}


def _chat(record: Record) -> Json:
    messages = [_recoded(turn, json_text) for turn in turns(record.messages)]
    for message in messages[: len(record.prompt)]:
        if message["role"] == "assistant":
            message[_TRAINING] = False  # a demo, or a call that led to the answer
    return {"messages": messages, **_tools(record)}


def _preference(record: Record) -> Json:
    # Without the tools, which it would not show the model, the row would teach something else: ``check`` refuses it.
    return {
        "messages": turns(record.prompt), "chosen": _answer(record.completion), "rejected": _answer(record.rejected),
        **_tools(record),
    }  # fmt: skip


def _answer(messages: Sequence[Json]) -> Any:
    """The one message of an answer, without white space at its ends; all of them where there are more.

    Axolotl finds the answer in what the template makes of it, and many templates trim.
    """
    made = turns(messages)
    if len(made) != 1 or not isinstance(made[0]["content"], str):
        return made
    return {**made[0], "content": made[0]["content"].strip()}


def _tools(record: Record) -> Json:
    return {"tools": json_text([openai_tool(tool) for tool in record.tools])} if record.tools else {}


def _unpaired(record: Record) -> Json:
    row = TRLUnpaired().row(record)
    return {**{name: row[name] for name in _COLUMNS["unpaired"]}, **_tools(record)}


def _recoded(message: Any, code: Callable[[Any], Any]) -> Any:
    """A message, the arguments of its calls written or read as JSON."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_recoded_call(call, code) for call in calls]}


def _recoded_call(call: Any, code: Callable[[Any], Any]) -> Any:
    try:
        return {**call, "function": {**call["function"], "arguments": code(call["function"]["arguments"])}}
    except (KeyError, TypeError, ValueError, RecursionError):  # for ``check`` to see
        return call


def _chat_row_problems(row: Json) -> list[str]:
    messages = row["messages"]
    if isinstance(messages, list):
        messages = [_recoded(_told(message), json.loads) for message in messages]
    return chat_problems(messages) + _tools_problems(row)


def _told(message: Any) -> Any:
    """A message without the word that it is not to be learned."""
    if not isinstance(message, dict) or message.get(_TRAINING) is not False or message.get("role") != "assistant":
        return message
    return {key: value for key, value in message.items() if key != _TRAINING}


def _tools_problems(row: Json) -> list[str]:
    return [] if isinstance(row.get("tools", ""), str) else ["tools must be JSON as text"]


def _preference_problems(row: Json) -> list[str]:
    problems = prompt_problems(row["messages"])
    if not problems and any(message["role"] == "tool" or "tool_calls" in message for message in row["messages"]):
        problems.append("calls of tools are not shown to the model")
    for name in ("chosen", "rejected"):
        problems += [f"{name}: {text}" for text in _answer_problems(row[name])]
    if not problems and row["chosen"] == row["rejected"]:
        problems.append("chosen and rejected are equal")
    return problems


def _answer_problems(answer: Any) -> list[str]:
    if not isinstance(answer, dict) or set(answer) != {"role", "content"}:
        return ["it must be one message with role and content"]
    if problems := answer_problems([answer]):
        return problems
    if answer["content"] != answer["content"].strip():
        return ["white space at the ends: templates that trim it leave nothing to be learned"]
    if any(answer["content"] in head for head in _TEMPLATES):
        return [f"{answer['content']!r} is part of chat templates: Axolotl would take it for the answer there"]
    return []


def _unpaired_problems(row: Json) -> list[str]:
    return TRLUnpaired().check({name: row[name] for name in _COLUMNS["unpaired"]}) + _tools_problems(row)


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "stepwise": ("prompt", "completions", "labels"),
    "unpaired": ("prompt", "completion", "label"),
    "preference": ("messages", "rejected", "chosen"),
    "sft": ("messages",),
}
"""Columns by kind; the last one tells a row of it from rows of the kinds after it."""

_ROWS: Mapping[str, Callable[[Record], Json]] = {
    "sft": _chat, "preference": _preference, "unpaired": _unpaired, "stepwise": TRLStepwise().row,
}  # fmt: skip

_CHECKS: Mapping[str, Callable[[Json], list[str]]] = {
    "sft": _chat_row_problems, "preference": _preference_problems, "unpaired": _unpaired_problems,
    "stepwise": TRLStepwise().check,
}  # fmt: skip
