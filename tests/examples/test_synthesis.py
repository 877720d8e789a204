"""The example that compiles the program of a generator runs from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

import limbeck
from limbeck.signatures.target import load_target

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_generator_is_compiled_like_any_program_and_works_with_what_came_of_it(tmp_path: Path) -> None:
    """Some of the rows only; what all of them give stands in the README of the example."""
    task = load_target(f"{EXAMPLES}/synthesis/backward.py:task")
    few = {"train": task.train[::12], "val": task.val[::24], "test": task.test[::24]}  # type: ignore[index]
    out, store = tmp_path / "backward", tmp_path / "compile.db"
    compiled = limbeck.compile(replace(task, **few), out=out, store=store, optimizer="bootstrap")
    state = orjson.loads((out / "program.json").read_bytes())
    assert compiled.demos["self"] == len(state["demos"]) > 0

    router = f"{EXAMPLES}/tickets/router.py:task"
    plain, prompted = (
        limbeck.synthesize(router, "invert", set={"quotas": {"product_question": 2, "billing": 1}, "patience": 3},
                           prompts=prompts, store=tmp_path / f"{len(prompts)}.db")
        for prompts in ([], [out])
    )  # fmt: skip
    assert prompted.kept > 0
    assert plain.asked > 0
    tokens = [ran.needed["input_tokens"] / ran.asked for ran in (plain, prompted)]
    assert tokens[1] > 1.1 * tokens[0], "the demos stand in what the writer is asked"
    assert prompted.notes["full quotas"].endswith(" of 2")
