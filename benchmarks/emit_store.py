"""Stores of made traces for the benchmarks of emit: four answers an input, one of them rejected."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TASK = """
import dspy
import limbeck


def right(example, prediction, trace=None):
    return prediction.answer.startswith("yes")


task = limbeck.Task(program=dspy.Predict("question -> answer"), metric=right)
"""

ATTEMPTS = 4
WORDS_OF_QUESTION, WORDS_OF_ANSWER = 25, 30  # with the calls and the verdict about 2 KB of JSON a trace
COPIES = 20  # one answer in so many is another one with a word changed
LEAKS = 500  # one question in so many contains a test question


class Texts:
    """Text of made words; seeded."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = ["".join(self.rng.choices(letters, k=self.rng.randint(2, 9))) for _ in range(20_000)]

    def text(self, words: int) -> str:
        """So many words."""
        return " ".join(self.rng.choices(self.words, k=words))

    def changed(self, text: str, words: int = 1) -> str:
        """The same, with so many words replaced."""
        parts = text.split(" ")
        for place in self.rng.sample(range(len(parts)), words):
            parts[place] = self.rng.choice(self.words)
        return " ".join(parts)


def make(folder: Path, traces: int) -> float:
    """Write ``task.py``, ``test.jsonl`` and a store; return the mean size of a stored trace in bytes."""
    from limbeck.compiler.keep.store import Store
    from limbeck.compiler.verify.registry import verifiers_of
    from limbeck.records import Call, Example, Step, Trace, Verdict, fingerprint
    from limbeck.signatures.target import load_target

    folder.mkdir(parents=True)
    (folder / "task.py").write_text(TASK)
    task = load_target(f"{folder / 'task.py'}:task")
    form, metric = (version for verifier in verifiers_of(task) for version in verifier.fingerprints)
    made = Texts()
    tests = [made.text(30) for _ in range(1000)]
    (folder / "test.jsonl").write_text("".join(json.dumps({"question": text}) + "\n" for text in tests))
    with Store.open(folder / ".limbeck" / "store.db") as store:
        run = store.start_run(task.name or "", "import", {})
        for n in range(traces // ATTEMPTS):
            question = made.text(WORDS_OF_QUESTION)
            if n % LEAKS == 0:
                question = f"{question[:60]} {tests[n // LEAKS % len(tests)]} {question[60:]}"
            answers = [made.text(WORDS_OF_ANSWER) for _ in range(ATTEMPTS)]
            if n % (COPIES // ATTEMPTS) == 0:
                answers[2] = made.changed(answers[1])
            for attempt, said in enumerate(answers):
                passed = attempt > 0
                answer = f"{'yes' if passed else 'no'} {said}"
                inputs = {"question": question}
                call = Call("made", [{"role": "user", "content": question}], answer)
                step = Step("self", inputs, {"answer": answer}, [call])
                verdicts = [
                    Verdict("check:types", passed=True, fingerprint=form),
                    Verdict("metric", passed, float(passed), fingerprint=metric),
                ]
                store.add(
                    Trace(
                        id=fingerprint("made", n, attempt),
                        task=task.name or "",
                        example=Example(inputs, {"answer": "yes"}, f"made.jsonl:{n + 1}"),
                        candidate="made",
                        lm="made",
                        attempt=attempt,
                        prediction={"answer": answer},
                        steps=[step],
                        verdicts=verdicts,
                        origin="import",
                    ),
                    run=run,
                )
        store.finish_run(run, "completed", {})
    return (folder / ".limbeck" / "store.db").stat().st_size / traces


def command(out: str, *flags: str) -> list[str]:
    """The command that exports the store."""
    return [sys.executable, "-m", "limbeck", "export", "task.py:task", "--out", out, "--json", "--quiet", *flags]


CLEAN = ("--dedup", "near", "--against", "test.jsonl", "--split", "train=0.9,val=0.1")
"""Deduplicated, decontaminated and split."""


def export(folder: Path, out: str, *flags: str) -> tuple[dict[str, Any], float]:
    """Export by the command line; return its result and the seconds."""
    start = time.perf_counter()
    done = subprocess.run(command(out, *flags), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout), time.perf_counter() - start


def peak_mib() -> float:
    """Most memory that a child of this process has had."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
