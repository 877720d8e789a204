"""The conformance suite for generators: every one of ours passes it, and wrong ones do not."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import dspy
import pytest

from limbeck.compiler.generate.base import Bench, Dropped, Made, Provenance, Written
from limbeck.compiler.generate.registry import BUILTINS
from limbeck.records import Example
from limbeck.signatures.task import Task
from limbeck.testing.conformance.generator import GeneratorCase, check_generator
from limbeck.testing.scripted import fields

CASES = Path(__file__).parents[1] / "compiler" / "generate" / "cases"
SEEDS = [{"text": f"word {n} of many", "label": "even" if n % 2 == 0 else "odd"} for n in range(8)]


def load(name: str) -> GeneratorCase:
    """The case of one of our generators."""
    spec = importlib.util.spec_from_file_location(f"case_{name}", CASES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case: GeneratorCase = module.CASE
    return case


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_every_generator_passes_the_suite(name: str, request: pytest.FixtureRequest) -> None:
    """What is registered does what a generator must."""
    case = load(name)
    if case.needs_sandbox:
        request.getfixturevalue("sandboxed")
    check_generator(case)


class Loud:
    """A generator that does what it must: it writes inputs in other words, and the program answers."""

    name = "loud"
    judges = False

    def __init__(self) -> None:
        self.program = dspy.Predict(dspy.Signature("text -> louder", "Write the text louder."))

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        """One of each seed, or why there is none."""
        for seed in bench.seeds:
            yield await self.louder(bench, seed)

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        """Ask for one."""
        said = await bench.ask(self.program, {"text": seed.inputs["text"]})
        if said.prediction is None:
            return Dropped("no answer", seed.id)
        made = Example({"text": str(said.prediction["louder"])}, seed.labels)
        return Made(made, Provenance("louder", seed.id, lm=said.lm))


def reply(text: str) -> str:
    """Louder, and always the label ``even``."""
    if "Write the text louder" in text:
        return fields(louder=text.rpartition("[[ ## text ## ]]\n")[2].partition("\n")[0].upper())
    return fields(label="even")


def task() -> Task:
    """Says of a text whether its number is even."""
    return Task(dspy.Predict("text -> label"), metric=lambda gold, said: gold.label == said.label, name="numbers")


def case(kind: type[Loud], **settings: Any) -> GeneratorCase:
    """Something to work on."""
    return GeneratorCase(kind, task, reply, SEEDS, settings=settings)


def test_a_right_one_passes() -> None:
    """The suite is not so strict that nothing can pass."""
    check_generator(case(Loud))


class Shared(Loud):
    """Draws from the random numbers of everybody."""

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        for seed in sorted(bench.seeds, key=lambda _: random.random()):
            yield await self.louder(bench, seed)


class Unordered(Loud):
    """Yields in another order where much is under way."""

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        seeds = list(bench.seeds)
        for seed in seeds if bench.concurrency == 1 else reversed(seeds):
            yield await self.louder(bench, seed)


class Forgetful(Loud):
    """Asks something else each time that it is run."""

    runs = itertools.count()

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        number = next(self.runs)
        await bench.ask(self.program, {"text": f"{number} {seed.inputs['text']}"})
        return await super().louder(bench, seed)


class Greedy(Loud):
    """Reads all seeds before it begins."""

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        seeds = list(bench.seeds)
        for seed in seeds:
            yield await self.louder(bench, seed)


class Fragile(Loud):
    """Takes it that there is an answer."""

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        said = await bench.ask(self.program, {"text": seed.inputs["text"]})
        assert said.prediction is not None
        return await super().louder(bench, seed)


class Writer(Loud):
    """Changes the seeds that it was given."""

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        made = await super().louder(bench, seed)
        for row in SEEDS:
            row["text"] += "!"
        return made


class Restless(Loud):
    """Leaves work under way when it is closed."""

    async def generate(self, bench: Bench) -> AsyncIterator[Made | Dropped]:
        seeds = iter(bench.seeds)
        self.kept = [asyncio.create_task(asyncio.sleep(60))]
        for seed in seeds:
            yield await self.louder(bench, seed)
        self.kept[0].cancel()


class Nameless(Loud):
    """Does not say what it did."""

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        made = await super().louder(bench, seed)
        return Made(made.example, Provenance("", seed.id)) if isinstance(made, Made) else made


class Barren(Loud):
    """Makes nothing."""

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        return Dropped("not today", seed.id)


class Unstable(Loud):
    """Writes what no database takes."""

    async def louder(self, bench: Bench, seed: Example) -> Made | Dropped:
        made = await super().louder(bench, seed)
        if not isinstance(made, Made):
            return made
        return Made(
            made.example, Provenance("louder", seed.id, facts={"at": object()}), Written({"label": "even"}, "lm")
        )


WRONG: list[tuple[type[Loud], str]] = [
    (Shared, "random numbers that everybody shares"),
    (Forgetful, "."),
    (Greedy, "it holds 2000 of 2000 seeds"),
    (Fragile, "it raised AssertionError"),
    (Writer, "."),
    (Restless, "go on after it was closed"),
    (Nameless, "its operation has no name"),
    (Barren, "0 rows were kept"),
    (Unordered, "concurrency"),
]


@pytest.mark.parametrize(("kind", "says"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_one_is_told(kind: type[Loud], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite says what is wrong with it."""
    copies = [dict(row) for row in SEEDS]
    monkeypatch.setitem(globals(), "SEEDS", copies)
    with pytest.raises(AssertionError, match=says):
        check_generator(GeneratorCase(kind, task, reply, copies))


def test_values_that_nothing_can_keep_are_told() -> None:
    """A generator whose facts are no JSON is wrong, and is told so in some way."""
    make: Callable[[], Any] = Unstable
    with pytest.raises((AssertionError, TypeError)):
        check_generator(GeneratorCase(make, task, reply, SEEDS))
