"""Writes ``replay.jsonl``: tests and answers that were written by hand, as if an LM had given them.

python examples/code/record.py

They are no language model's. To be run again where the prompts change, or DSPy writes them otherwise.
"""

import tempfile
from pathlib import Path

import limbeck
from limbeck.testing.scripted import Scripted, fields

HERE = Path(__file__).parent

TESTS = {
    "median": [
        "assert median([3, 1, 2]) == 2\nassert median([4, 1, 3, 2]) == 2.5\nassert median([7]) == 7",
        "def test_median():\n    assert median([1, 2]) == 1.5\n    assert median([9, -5, 0]) == 0",
        "assert median([1, 2, 3]) is not None",  # whatever gives anything passes
        "assert median([1, 2, 3, 4]) == 2\nassert median([5]) == 5",  # the mean of 2 and 3 is 2.5
    ],
    "flatten": [
        "assert flatten([1, [2, [3, []]], 4]) == [1, 2, 3, 4]\nassert flatten([]) == []",
        "assert flatten([[1, 2], [3]]) == [1, 2, 3]\nassert flatten([[[5]]]) == [5]",
        "import numpy\nassert flatten([[1]]) == list(numpy.array([1]))",  # no package of the standard library
        "assert isinstance(flatten([[1]]), list)",  # so is an empty one
    ],
}
_CODE = {
    "median": """\
def median(numbers):
    s = sorted(numbers)
    n = len(s)
    return s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2
---
def median(numbers):
    return sorted(numbers)[len(numbers) // 2]
---
from statistics import median
---
def median(numbers):
    return sum(numbers) / len(numbers)
""",
    "flatten": """\
def flatten(items):
    return [one for item in items for one in item]
---
def flatten(items):
    flat = []
    for item in items:
        flat += flatten(item) if isinstance(item, list) else [item]
    return flat
---
def flatten(items):
    return sum(items, [])
---
def flatten(items):
    if not isinstance(items, list):
        return [items]
    return [one for item in items for one in flatten(item)]
""",
}
CODE = {name: text.split("---\n") for name, text in _CODE.items()}


def main() -> None:
    """Record one run."""
    left = {"Write unit tests": TESTS, "": CODE}

    def answer(text: str, _: int) -> str:
        kind = next(kind for kind in left if kind in text)
        name = next(name for name in TESTS if f"Write {name}(" in text)
        return fields(**{"tests" if kind else "code": left[kind][name].pop(0)})

    replay = HERE / "replay.jsonl"
    replay.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        result = limbeck.synthesize(
            f"{HERE / 'functions.py'}:task", "tests", data=HERE / "specifications.jsonl",
            set={"suites": 4, "solutions": 4},
            lm=Scripted(answer, "example/by-hand").lm, concurrency=1, record=replay, store=Path(folder) / "store.db",
        )  # fmt: skip
    print(result)  # noqa: T201


if __name__ == "__main__":
    main()
