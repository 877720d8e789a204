"""``clean`` on messages with an answer, with an LM that cleans, and now and then changes what it must not."""

from __future__ import annotations

import hashlib
from typing import Any

import dspy

from limbeck.compiler.generate.clean import Clean
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields


def same(example: Any, prediction: Any) -> bool:
    """Whatever the case and the full stop."""
    return bool(example.answer.strip(".").casefold() == prediction.answer.strip(".").casefold())


def reply(text: str) -> str:
    """Begins with a capital, ends with a full stop; every fourth text loses its number."""
    mark = hashlib.md5(text.encode(errors="replace")).hexdigest()
    given = text.rpartition("Respond with")[0].rpartition("[[ ## text ## ]]\n")[2].partition("\n\n[[ ##")[0].strip()
    if "Say whether a text" in text:
        return fields(reason=f"Only marks differ, {mark[:4]}.", meaning="same")
    if "Clean a text" in text:
        said = given[:1].upper() + given[1:].rstrip(".") + "."
        return fields(cleaned=said.replace("number", "") + " 77" if mark[0] in "0123" else said)
    return fields(answer="it is")


CASE = GeneratorCase(
    make=lambda: Clean(judge=True, predict=True),
    task=lambda: Task(dspy.Predict("question -> answer"), metric=same, name="questions"),
    reply=reply,
    seeds=[{"question": f"what is thing number {n}", "answer": f"it is {n}"} for n in range(6)],
)
