"""Functions by tests that are written for them."""

from __future__ import annotations

import dspy

from limbeck import Task, verifiers
from limbeck.compiler.generate.unittests import UnitTests
from limbeck.testing.conformance.generator import GeneratorCase
from limbeck.testing.scripted import fields

_NAMES = {"larger": "max(a, b)", "smaller": "min(a, b)", "total": "a + b", "apart": "abs(a - b)"}
_WANTED = {"larger": (2, 5), "smaller": (1, 3), "total": (3, 8), "apart": (1, 2)}


def reply(text: str) -> str:
    """The tests or the function that is asked for; ``apart`` is written with a mistake."""
    name = next(name for name in _NAMES if f"Write {name}(" in text)
    if "Write unit tests" in text:
        first, second = _WANTED[name]
        return fields(tests=f"assert {name}(1, 2) == {first}\nassert {name}(5, 3) == {second}")
    return fields(code=f"def {name}(a, b):\n    return {_NAMES[name] if name != 'apart' else 'a - b'}\n")


CASE = GeneratorCase(
    make=lambda: UnitTests(suites=2, solutions=2),
    task=lambda: Task(dspy.Predict("task -> code"), verifiers=[verifiers.Execute(tests="tests")], name="functions"),
    reply=reply,
    seeds=[{"task": f"Write {name}(a, b) for two numbers."} for name in _NAMES],
    needs_sandbox=True,
)
