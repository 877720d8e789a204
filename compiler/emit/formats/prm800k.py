"""PRM800K's format for process reward models: each step with a rating of -1, 0 or 1, so that neutral stays neutral.

Rules: https://github.com/openai/prm800k (README, Data). A step has one completion, which is the chosen one; labelling
stops at the first error (``found_error``, as in phase 2), else at the end (``solution``). Nobody sat and labelled, so
``total_time`` is null; provenance.jsonl has the verdicts.
"""

from __future__ import annotations

from typing import Any

from ....records import Json
from ..record import Kind, LabelledStep, Record
from ._json import json_text
from .base import JsonLines
from .trl_stepwise import NO_TEXT, is_text, prompt_text

RATINGS = {"positive": 1, "neutral": 0, "negative": -1}
"""Labels of steps as PRM800K has them."""


class PRM800K(JsonLines):
    """``{"question": {"problem", "ground_truth_answer"}, "label": {"steps": [...], "finish_reason"}}``."""

    name = "prm800k"
    kinds: tuple[Kind, ...] = ("stepwise",)

    def row(self, record: Record) -> Json:
        """The problem without the words of its prompt, null with pictures or tools; the known answer; the steps."""
        wrong = any(step.label == "negative" for step in record.steps)
        return {
            "question": {
                "problem": None if prompt_text(record) is None else record.input_text,
                "ground_truth_answer": _known_answer(record.known),
            },
            "label": {
                "steps": [_step(step) for step in record.steps],
                "total_time": None,
                "finish_reason": "found_error" if wrong else "solution",
            },
        }

    def check(self, row: Json) -> list[str]:
        """Check a row by what readers of PRM800K take."""
        try:
            problem, answer = (row["question"][name] for name in ("problem", "ground_truth_answer"))
            steps = [step["completions"][step["chosen_completion"]] for step in row["label"]["steps"]]
            said = [(step["text"], step["rating"]) for step in steps]
        except (KeyError, IndexError, TypeError):
            return ["the row is not of PRM800K's form"]
        problems = [] if is_text(problem) else [f"the problem {NO_TEXT}"]
        if not isinstance(answer, str | None):
            problems.append("ground_truth_answer is no text")
        if not said:
            problems.append("there is no step")
        problems += [f"step {n} is empty or no text" for n, (text, _) in enumerate(said) if not is_text(text)]
        problems += [f"rating {it!r} is none of -1, 0, 1" for _, it in said if it not in tuple(RATINGS.values())]
        if any(rating == -1 for _, rating in said[:-1]):
            problems.append("there are steps after the first wrong one")
        return problems


def _step(step: LabelledStep) -> Json:
    completion = {"text": step.text, "rating": RATINGS[step.label], "flagged": False}
    return {"completions": [completion], "human_completion": None, "chosen_completion": 0}


def _known_answer(known: Json) -> Any:
    """The right answer as text: the only thing known, or what is known as ``answer``, or all of it as JSON."""
    if not known:
        return None
    value = known.get("answer", next(iter(known.values())) if len(known) == 1 else known)
    return value if isinstance(value, str) else json_text(value)
