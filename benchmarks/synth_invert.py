"""``invert`` on banking77: a scripted LM writes, ``embedded/analogy`` with demos predicts. No language model is asked.

The writer puts the beginning of one training utterance of the wanted intent before the end of another. Of its answers
some name the intent, are of another intent, copy what the prompt shows, refuse, or cannot be read; it knows which.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from label_tasks import TASKS, right

SHARES = {"leak": 0.12, "phrase": 0.05, "off": 0.12, "echo": 0.06, "refusal": 0.04, "unreadable": 0.03}
"""Share of the answers of each kind that should not be kept; ``phrase`` is the intent in plain words."""


@dataclass
class Writer:
    """Answers as an LM would that is told an intent.

    Attributes:
        pool: Utterances by intent.
        seed: Of what it answers.
        said: What it said by kind: texts, each with the intent that was wanted.
    """

    pool: dict[str, list[str]]
    seed: int
    said: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def __call__(self, text: str, _: int) -> str:
        wanted = _field(text, "output")
        rng = random.Random(f"{self.seed}/{wanted}/{self._turn(wanted)}")
        kind = rng.choices([*SHARES, "good"], [*SHARES.values(), 1 - sum(SHARES.values())])[0]
        if kind == "unreadable":
            return "I think that it could be this."
        made = getattr(self, f"_{kind}")(wanted, text, rng)
        self.said[kind][made] = wanted
        return f"[[ ## input ## ]]\n{made}\n\n[[ ## completed ## ]]"

    def _turn(self, wanted: str) -> int:
        self.turns[wanted] += 1
        return self.turns[wanted]

    def __post_init__(self) -> None:
        self.turns: Counter[str] = Counter()

    def _good(self, wanted: str, _: str, rng: random.Random) -> str:
        first, second = (text.split() for text in rng.sample(self.pool[wanted], 2))
        return " ".join([*first[: max(2, len(first) * 2 // 3)], *second[len(second) // 3 :]])

    def _leak(self, wanted: str, text: str, rng: random.Random) -> str:
        words = re.findall(r"[a-z]+", wanted.lower())
        camel = words[0] + "".join(map(str.title, words[1:]))
        plural, plain = "-".join(words) + "s" * (words[-1][-1] != "s"), " ".join(words)
        form = rng.choice([wanted, camel, plural, f"intent: {plain},", f'"{plain}"', wanted.upper()])
        return f"{form} {self._good(wanted, text, rng)}"

    def _phrase(self, wanted: str, text: str, rng: random.Random) -> str:
        words = " ".join(re.findall(r"[a-z]+", wanted.lower()))
        return f"This is about {words}. {self._good(wanted, text, rng)}"

    def _off(self, wanted: str, text: str, rng: random.Random) -> str:
        return self._good(rng.choice([label for label in self.pool if label != wanted]), text, rng)

    def _echo(self, _: str, text: str, rng: random.Random) -> str:
        shown = _field(text, "examples").split("\n\n")
        return rng.choice([*shown, "Write as the people write who use the program: the input says what the output is"])

    def _refusal(self, *_: Any) -> str:
        return "I'm sorry, but I can't help with that."


def _field(text: str, name: str) -> str:
    return re.split(r"\n\n(?:\[\[ ##|Respond)", text.rsplit(f"[[ ## {name} ## ]]\n", 1)[1], maxsplit=1)[0].strip()


@dataclass(frozen=True)
class Ran:
    """What came of one run."""

    quotas: dict[str, int]
    before: Counter[str]
    kept: Counter[str]
    notes: dict[str, dict[str, Any]]
    leaks: int
    leaks_missed: int
    leaks_kept: int
    phrases: int
    phrases_kept: int
    bad_kept: int
    eliminated: dict[str, int]
    asked: int
    rejected: int


def run(seed: int, *, labels: int, even: bool, most: int, patience: int = 400) -> Ran:
    """Fill quotas that are drawn by seed, or, from skewed seeds, make all labels equally frequent."""
    import dspy

    import limbeck
    from limbeck.testing.scripted import Scripted

    rng = random.Random(f"invert {seed}")
    pool: dict[str, list[str]] = defaultdict(list)
    for text, label in sorted(set(TASKS["banking77"].read())):
        pool[label].append(text)
    chosen = sorted(rng.sample(sorted(pool), labels))
    for texts in pool.values():
        rng.shuffle(texts)
    fields = {"text": (str, dspy.InputField()), "label": (Literal[tuple(chosen)], dspy.OutputField())}
    program = dspy.Predict(dspy.Signature(fields, TASKS["banking77"].says))
    program.demos = [dspy.Example(text=text, label=label).with_inputs("text")
                     for label in chosen for text in pool[label][:4]]  # fmt: skip
    seeds = [{"text": text, "label": label} for label in chosen for text in pool[label][4 : 4 + rng.randint(2, most)]]
    before = Counter(row["label"] for row in seeds)
    quotas = {label: rng.randint(1, most) for label in chosen}
    if even:
        top = max(before.values())
        quotas = {label: top - before[label] for label in chosen}
    writer = Writer({label: pool[label][12:] for label in chosen}, seed)
    wanted: dict[str, Any] = {"target": "even"} if even else {"quotas": quotas}
    task = limbeck.Task(program, right, name="banking77")
    with tempfile.TemporaryDirectory() as folder:
        made = limbeck.synthesize(
            task, "invert", data=seeds, seed=seed, store=Path(folder) / "s.db",
            set={**wanted, "patience": patience, "lm": Scripted(writer).lm}, concurrency=1,
            rows=sum(quotas.values()) if even else None,
        )  # fmt: skip
        with limbeck.open_store(Path(folder) / "s.db") as store:
            kept = [trace.example for trace in store.traces(outcome="passed")]
    return _told(made, kept, quotas, before, writer)


def _told(made: Any, kept: list[Any], quotas: dict[str, int], before: Counter[str], writer: Writer) -> Ran:
    from limbeck.compiler.generate.invert.leaks import leaks

    texts, said = {example.inputs["text"] for example in kept}, writer.said
    missed = sum(leaks(text, {"label": label}, "exact") is None for text, label in said["leak"].items())
    junk = [text for kind in ("echo", "refusal") for text in said[kind] if text in texts]
    leaked, phrases = (len(texts & said[kind].keys()) for kind in ("leak", "phrase"))
    return Ran(
        quotas, before, Counter(example.labels["label"] for example in kept), made.notes["label"],
        len(said["leak"]), missed, leaked, len(said["phrase"]), phrases, len(junk),
        made.eliminated, made.asked, sum(made.rejected.values()),
    )  # fmt: skip
