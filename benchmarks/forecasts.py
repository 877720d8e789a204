"""How far the forecast of a compile is off: tasks of different shapes, each with any optimizer.

The programs and metrics of examples/ are used as they are; an LM in this process, which is right now and then, and more
often with demos, stands in for a provider, and rows are made up, so that it runs anywhere.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy

from limbeck import api
from limbeck.compiler.targets import DEFAULT_LM
from limbeck.records import Json
from limbeck.signatures.task import Task

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CHANCE = 0.4  # that an answer is right without demos
BETTER = 0.4  # how much better it gets with demos: by half of that with three, as real LMs do
FICKLE = 0.25  # share of the questions, others for each prompt, that luck decides
ROWS = 120

_ASKED = re.compile(r"\[\[ ## (\w+) ## \]\]")
_WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


@dataclass(frozen=True)
class Oracle:
    """Knows all answers, and gives a wrong one now and then: by hashes of the request, the same in every run.

    Some questions are hard, whatever the prompt, as they are to real LMs. Were it a coin for each request, prompts
    would be right on all of a few validation rows by chance alone, and a search would be over.

    Attributes:
        answers: Values of output fields by the text of the question.
    """

    answers: Mapping[str, Json]

    def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        """Fill every field that is asked for."""
        text = request.messages[-1].text or ""
        whole = repr((request.system, [m.text for m in request.messages], request.config.temperature))
        draw = hashlib.sha256(whole.encode()).digest()
        asking, gold = next(((q, answer) for q, answer in self.answers.items() if q in text), ("", {}))
        demos = (len(request.messages) - 1) // 2
        hard = hashlib.sha256(asking.encode()).digest()[0]
        right = (draw[0] if draw[7] < 256 * FICKLE else hard) < 256 * (CHANCE + BETTER * demos / (demos + 3))
        asked = dict.fromkeys(_ASKED.findall(text.rpartition("Respond with")[2]))
        fields = {name: str(gold[name]) if right and name in gold else _wrong(name, gold, draw) for name in asked}
        fields.pop("completed", None)
        said = "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items())
        return dspy.lm15.Response(
            id=None, model=request.model, message=dspy.lm15.Message.assistant(f"{said}\n\n[[ ## completed ## ]]"),
            finish_reason="stop",
            usage=dspy.lm15.Usage(input_tokens=len(whole) // 4, output_tokens=max(1, len(said) // 4)),
        )  # fmt: skip


class AwaitedOracle:
    """The same, for programs that await."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    async def complete(self, request: dspy.lm15.Request) -> dspy.lm15.Response:
        """Answer at once."""
        return self.oracle.complete(request)


def _wrong(name: str, gold: Json, draw: bytes) -> str:
    """Something of the right type for a known field, and a few words for any other."""
    if isinstance(gold.get(name), (int, float)):
        return str(-1 - draw[1])
    return " ".join(_WORDS[byte % len(_WORDS)] for byte in draw[1:7])


class TwoSteps(dspy.Module):  # type: ignore[misc]  # dspy is untyped
    """A draft, and an answer that sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = dspy.Predict("question -> draft")
        self.answer = dspy.Predict("question, draft -> answer")

    def forward(self, question: str) -> Any:
        """One after the other."""
        return self.answer(question=question, draft=self.draft(question=question).draft)


def right(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.answer == prediction.answer)


def tickets() -> tuple[Task, Any]:
    """One predictor, eight labels, with the embedded LM."""
    task, _ = api.load(f"{EXAMPLES / 'tickets' / 'router.py'}:task")
    return task, DEFAULT_LM


def gsm8k() -> tuple[Task, Any]:
    """A chain of thought to a number."""
    rows = [{"question": f"Ann has {n} apples and buys {n + 3}. How many has she?", "answer": 2.0 * n + 3}
            for n in range(ROWS)]  # fmt: skip
    return _with_oracle(_example("gsm8k"), rows)


def bbh() -> tuple[Task, Any]:
    """A chain of thought to a short answer, with a column that only the metric reads."""
    rows = [{"question": f"Take {n} steps, turn around, take {n % 7} steps. Are you back at the start?",
             "answer": "Yes" if n < 7 else "No", "task": "navigate"} for n in range(ROWS)]  # fmt: skip
    return _with_oracle(_example("bbh"), rows)


def reasoning() -> tuple[Task, Any]:
    """A chain of thought to a text."""
    return _with_oracle(Task(dspy.ChainOfThought("question -> answer"), right, name="reasoning"), _texts())


def two_steps() -> tuple[Task, Any]:
    """Two predictors, one of which no row has an answer for."""
    return _with_oracle(Task(TwoSteps(), right, name="two_steps"), _texts())


TASKS: Mapping[str, Callable[[], tuple[Task, Any]]] = {
    made.__name__: made for made in (tickets, gsm8k, bbh, reasoning, two_steps)
}
OPTIMIZERS = ("labeled", "bootstrap", "search", "tpe", "reflect", "auto", "bootstrap,search,reflect")


@dataclass(frozen=True)
class Measured:
    """One compile: what was forecast, and what it came to.

    Attributes:
        optimizer: Name of the one that worked.
        calls: LM calls that were forecast.
        needed: LM calls that were needed.
        tokens: Prompt tokens that were forecast, as a share of those that were needed; None where some came from the
            store.
    """

    optimizer: str
    calls: int
    needed: int
    tokens: float | None

    @property
    def error(self) -> float:
        """Forecast against what was needed: 0.1 is ten percent too many."""
        return self.calls / self.needed - 1


def measure(task: str, optimizer: str, runs: int = 1, **settings: Any) -> list[Measured]:
    """Compile a task so many times, each time with another seed, with one store for all: the first knows nothing."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(runs):
            made, lm = TASKS[task]()
            done = api.compile(made, Path(folder) / f"out{seed}", optimizer=optimizer, lm=lm, seed=seed,
                               store=Path(folder) / "s.db", **settings)  # fmt: skip
            with api.open_store(Path(folder) / "s.db") as store:
                _, used = store.used(run=done.run)
            found.append(
                Measured(
                    done.forecast.optimizer, done.forecast.calls, done.needed,
                    done.forecast.input_tokens / max(1, used.input_tokens) if not seed else None,
                )
            )  # fmt: skip
    return found


def _example(name: str) -> Task:
    path = EXAMPLES / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"forecast_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Task = module.task
    return found


def _with_oracle(task: Task, rows: Sequence[Json]) -> tuple[Task, dspy.LM]:
    oracle = Oracle({row["question"]: {"answer": row["answer"]} for row in rows})
    lm = dspy.LM("bench/oracle", engine=oracle, async_engine=AwaitedOracle(oracle), cache=False, num_retries=0)
    return Task(task.program, task.metric, data=list(rows), name=task.name), lm


def _texts() -> list[Json]:
    return [{"question": f"What comes after item number {n} in the list?", "answer": f"item {n + 1}"}
            for n in range(ROWS)]  # fmt: skip


if __name__ == "__main__":
    for name in TASKS:
        for chosen in OPTIMIZERS:
            for number, one in enumerate(measure(name, chosen, runs=2)):
                print(f"{name:10} {chosen:25} run {number}: {one.optimizer:25} forecast {one.calls:6,}", end="  ")
                print(f"needed {one.needed:6,}  off {100 * one.error:+6.1f}%", flush=True)
