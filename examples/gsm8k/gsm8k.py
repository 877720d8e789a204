"""GSM8K over recorded answers: grade-school word problems, answered by 16 models in four formats.

limbeck import gsm8k.py:task --row gsm8k.py:row --data outputs.jsonl.gz
limbeck export gsm8k.py:task --out dataset
"""

import json
import math
import re
from typing import Any

import dspy

from limbeck import InputField, OutputField, Signature, Task

NUMBER = re.compile(r"(?<![\w.)])(-?)\$?\s?((?:\d[\d,]*)?\.?\d+)")
FRACTION = re.compile(r"\s*(-?\d+)/(\d+)")
LAST_LINE = re.compile(r"^(?:A:|####)(.*)\Z", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r'"answer"\s*:\s*"?([^"}\n]*)')
PROGRAM_OUTPUT = re.compile(r"```output\n(.*?)```", re.DOTALL)
BOXED = re.compile(r"\\boxed\{([^}]*)\}")


class WordProblem(Signature):
    """Solve the word problem step by step."""

    question: str = InputField()
    answer: float = OutputField(desc="the number asked for, without its unit")


def numeric(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Compare the numbers at a relative tolerance of 1e-4, as ZeroEval does."""
    return math.isclose(example.answer, prediction.answer, rel_tol=1e-4)


def numbers(text: str) -> list[float]:
    """Find the numbers in a text: ``-$1,200.50`` is -1200.5."""
    found = (float(sign + digits.replace(",", "")) for sign, digits in NUMBER.findall(text))
    return [number for number in found if math.isfinite(number)]


def quantity(text: str) -> list[float]:
    """Find the numbers in a short answer, which may start with a fraction."""
    fraction = FRACTION.match(text)
    if fraction and float(fraction[2]):
        return [float(fraction[1]) / float(fraction[2])]
    return numbers(text)


def from_json(text: str) -> dict[str, Any] | None:
    """Read ``{"reasoning": ..., "answer": ...}``, also where quotes inside it break the JSON."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError):
        field = FIELD.findall(text)
        value = {"reasoning": text[: text.rfind('"answer"')], "answer": field[-1]} if field else None
    if not isinstance(value, dict) or "answer" not in value:
        return None
    found = quantity(str(value["answer"]))
    return {"reasoning": str(value.get("reasoning", "")).strip(), "answer": found[0]} if found else {}


def parse(completion: str) -> dict[str, Any]:
    """Split a completion into reasoning and answer; empty where it gives no number."""
    if "{" in completion and (fields := from_json(completion)) is not None:
        return fields
    if line := LAST_LINE.search(completion):
        found, reasoning = numbers(line[1])[:1], completion[: line.start()]
    elif marked := BOXED.findall(completion) or PROGRAM_OUTPUT.findall(completion):
        found, reasoning = numbers(marked[-1])[-1:], completion
    else:
        found, reasoning = numbers(completion)[-1:], completion
    return {"reasoning": reasoning.strip(), "answer": found[0]} if found else {}


def executed(program: str, value: float | None) -> dict[str, Any]:
    """Take the value that the source recorded when it ran the program; empty where it did not run."""
    return {} if value is None else {"reasoning": program.strip(), "answer": value}


def row(record: dict[str, Any]) -> dict[str, Any]:
    """Map one recorded answer to inputs, labels and outputs; ``passed`` in the file is not looked at."""
    completion = record["output"]
    is_program = record["format"].startswith("python program")
    return {
        "inputs": {"question": record["input"]},
        "labels": {"answer": float(record["gold"])},
        "outputs": (executed(completion, record["answer"]) if is_program else parse(completion)) or None,
        "completion": completion,
        "lm": record["model"],
        "meta": {"id": record["id"], "format": record["format"]},
    }


task = Task(program=dspy.ChainOfThought(WordProblem), metric=numeric, name="gsm8k")
