"""BIG-Bench Hard over recorded answers: 20 tasks, each input answered with and without a chain of thought.

limbeck import bbh.py:task --row bbh.py:row --data outputs.jsonl.gz
limbeck export bbh.py:task --out dataset
"""

from typing import Any

import dspy

from limbeck import InputField, OutputField, Signature, Task

MARKER = "the answer is"


class Question(Signature):
    """Answer the question. Where options are given, answer with one of them as it is written."""

    question: str = InputField()
    answer: str = OutputField()


def exact(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Compare the texts exactly; brackets of dyck_languages without the spaces between them."""
    if example.task == "dyck_languages":
        return bool(prediction.answer.replace(" ", "") == example.answer.replace(" ", ""))
    return bool(prediction.answer == example.answer)


def parse(completion: str, mode: str) -> dict[str, Any]:
    """Split a completion into reasoning and answer; empty where a chain of thought reaches no answer."""
    if mode == "direct":
        return {"reasoning": "", "answer": completion.strip().partition("\n")[0].strip()}
    reasoning, marker, answer = completion.rpartition(MARKER)
    if not marker:
        return {}
    return {
        "reasoning": reasoning.strip().removesuffix("So").strip(),
        "answer": answer.strip().removesuffix("."),
    }


def row(record: dict[str, Any]) -> dict[str, Any]:
    """Map one recorded answer to inputs, labels and outputs; ``passed`` in the file is not looked at.

    The mode stands in the name of the LM: the same model asked in two ways is two teachers.
    """
    name, mode = record["task"].removeprefix("bbh/"), record["mode"]
    return {
        "inputs": {"question": record["input"]},
        "labels": {"answer": record["gold"], "task": name},
        "outputs": parse(record["output"], mode) or None,
        "completion": record["output"],
        "lm": f"{record['model']} ({mode})",
        "meta": {"id": record["id"], "mode": mode, "task": name},
    }


task = Task(program=dspy.ChainOfThought(Question), metric=exact, name="bbh")
