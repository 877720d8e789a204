"""Recorded answers to every kind of row, against counts made of the raw files alone.

Everything is imported (12,800 answers to 800 problems, 10,296 programs for 99 tasks, 307 solutions with the first wrong
step as people saw it); nothing is sampled, but that steps are labelled by rule in the answers of one model only.
"""

from __future__ import annotations

import gzip
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dspy
import orjson
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck import InputField, OutputField, Signature, Task, verifiers

pytestmark = pytest.mark.slow

Row = dict[str, Any]

MAX_PAIRS = 4
STEPS_OF = "gpt3-6b_finetuning"
"""Whose solutions are labelled by rule: they write ``<<3+4=7>>`` behind each calculation, and err often."""

DUCKS: Mapping[str, float] = {"18.0": 13 / 16, "4.0": 1 / 16, "26.0": 1 / 16, "224.0": 1 / 16}
"""Answers of 16 models to the first problem, as one counts them in the file."""

ROUNDED = 1e-2
"""What a recorded result may be off its calculation where decimals were left out."""


class Problem(Signature):
    """Solve the word problem step by step."""

    question: str = InputField()
    answer: float = OutputField()


class Program(Signature):
    """Complete the Python function."""

    stub: str = InputField()
    code: str = OutputField()


class Solution(Signature):
    """Solve the word problem in steps."""

    question: str = InputField()
    steps: list[str] = OutputField()


def read_raw(path: Path) -> list[Row]:
    with gzip.open(path) as lines:
        return [orjson.loads(line) for line in lines]


@dataclass(frozen=True)
class Recorded:
    """The raw files, and the tasks that they are imported into."""

    folder: Path
    store: Path
    gsm8k: list[Row]
    humaneval: list[Row]
    stubs: Mapping[str, str]
    solutions: list[Row]
    tasks: Mapping[str, Task]

    def file(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)


def answered(row: Row) -> Row | None:
    """Outputs of a recorded answer, with the number that the source read; none where it read none."""
    return None if row["answer"] is None else {"reasoning": row["output"], "answer": row["answer"]}


def gsm8k_row(row: Row) -> Row:
    return {
        "inputs": {"question": row["input"]},
        "labels": {"answer": float(row["gold"])},
        "outputs": answered(row),
        "completion": row["output"],
        "lm": row["model"],
    }


def numeric(example: Any, prediction: Any, trace: Any = None) -> bool:
    return math.isclose(example.answer, prediction.answer, rel_tol=1e-4)


@pytest.fixture(scope="module")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    stubs = {row["id"]: row["input"] for row in read_raw(shared_data / "humaneval" / "tasks.jsonl.gz")}
    codes = [
        row
        for name in ("codegen16b_100samples", "gpt_outputs")
        for row in read_raw(shared_data / "humaneval" / f"{name}.jsonl.gz")
    ]
    verdicts = {(stubs[row["id"]], row["output"]): row["passed"] for row in codes}

    def as_recorded(example: Any, prediction: Any, trace: Any = None) -> bool:
        return verdicts[example.stub, prediction.code]

    by_rule, by_people = verifiers.Steps(), verifiers.Steps(by="people", labels="first_error_step", base=1)
    tasks = {
        "gsm8k": Task(program=dspy.ChainOfThought(Problem), metric=numeric, name="gsm8k"),
        "steps": Task(program=dspy.ChainOfThought(Problem), metric=numeric, verifiers=[by_rule], name="steps"),
        "humaneval": Task(program=dspy.Predict(Program), metric=as_recorded, name="humaneval"),
        "people": Task(program=dspy.Predict(Solution), verifiers=[by_people], name="people"),
    }
    store = tmp_path_factory.mktemp("recorded") / "store.db"
    made = Recorded(
        shared_data,
        store,
        read_raw(shared_data / "gsm8k" / "outputs.jsonl.gz"),
        codes,
        stubs,
        read_raw(shared_data / "mr_gsm8k" / "step_labels.jsonl.gz"),
        tasks,
    )
    import_all(made)
    return made


def import_all(made: Recorded) -> None:
    def code_row(row: Row) -> Row:
        return {"inputs": {"stub": made.stubs[row["id"]]}, "outputs": {"code": row["output"]}, "lm": row["model"]}

    def solution_row(row: Row) -> Row:
        return {
            "inputs": {"question": row["input"]},
            "labels": {"first_error_step": row["first_error_step"], "answer": str(row["gold"])},
            "outputs": {"steps": row["steps"]},
            "lm": row["model"],
        }

    outputs = made.file("gsm8k", "outputs.jsonl.gz")
    limbeck.ingest(made.tasks["gsm8k"], outputs, row=gsm8k_row, store=made.store)
    only = made.tasks["steps"], outputs
    limbeck.ingest(
        *only, row=lambda row: gsm8k_row(row) if row["model"] == STEPS_OF else None, store=made.store, all_verdicts=True
    )
    for name in ("codegen16b_100samples", "gpt_outputs"):
        path = made.file("humaneval", f"{name}.jsonl.gz")
        limbeck.ingest(made.tasks["humaneval"], path, row=code_row, store=made.store)
    path = made.file("mr_gsm8k", "step_labels.jsonl.gz")
    limbeck.ingest(made.tasks["people"], path, row=solution_row, store=made.store)


Export = Callable[..., tuple[Any, dict[str, list[Row]]]]


@pytest.fixture(scope="module")
def export(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export a task once for each choice: the result, and the rows of each side as its file has them."""

    @cache
    def made(task: str, format: str, kind: str, choices: tuple[tuple[str, Any], ...]) -> Any:  # noqa: A002
        out = tmp_path_factory.mktemp(kind) / "dataset"
        given = {name: dict(value) if name == "split" else value for name, value in choices}
        result = limbeck.export(recorded.tasks[task], out, store=recorded.store, format=format, kind=kind, **given)
        assert result.read + result.formed == result.combined + result.emitted + sum(result.dropped.values())
        rows = {side: read_rows(result, side) for side in result.rows}
        assert {side: len(found) for side, found in rows.items()} == dict(result.rows)
        assert all(result.rows.values())
        return result, rows

    return lambda task, format, kind, **choices: made(task, format, kind, tuple(choices.items()))  # noqa: A006


def read_rows(result: Any, side: str) -> list[Row]:
    """Rows of a side, by libraries that know nothing of limbeck."""
    if lines := sorted(result.path.glob(f"{side}.jsonl")):
        return [orjson.loads(line) for line in lines[0].read_bytes().splitlines()]
    (table,) = [*result.path.glob(f"{side}.parquet"), *result.path.glob(f"data/{side}-*.parquet")]
    return list(pq.read_table(table).to_pylist())


FIELD = re.compile(r"^\[\[ ## (\w+) ## \]\]$", re.MULTILINE)


def fields(text: str) -> tuple[str, ...]:
    """Values of the fields of a message as DSPy's chat adapter writes it."""
    said = text.partition("\n\nRespond with the corresponding output fields")[0]
    _, *parts = FIELD.split(said)
    return tuple(value.strip() for name, value in zip(parts[::2], parts[1::2], strict=True) if name != "completed")


def user(messages: Iterable[Row]) -> str:
    """The one input in a prompt."""
    (value,) = fields(next(message["content"] for message in messages if message["role"] == "user"))
    return value


def last(messages: list[Row]) -> tuple[str, ...]:
    return fields(messages[-1]["content"])


def after_prompt(text: str) -> str:
    """The input in a prompt that is one text."""
    (value,) = fields(text[text.rindex("[[ ## question ## ]]") :])
    return value


SFT: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "parquet": lambda row: (user(row["prompt"]), last(row["completion"])),
    "openai": lambda row: (user(row["messages"]), last(row["messages"])),
}
PAIRS: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "trl-preference": lambda row: (user(row["prompt"]), last(row["chosen"]), last(row["rejected"])),
    "openai-dpo": lambda row: (
        user(row["input"]["messages"]),
        last(row["preferred_output"]),
        last(row["non_preferred_output"]),
    ),
}
UNPAIRED: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "trl-unpaired": lambda row: (user(row["prompt"]), last(row["completion"]), row["label"]),
    "llama-factory": lambda row: (
        *fields(row["conversations"][0]["value"]),
        fields(row["conversations"][1]["value"]),
        row["label"],
    ),
}
PROMPTS = ("trl-prompts", "parquet")
STEPWISE: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "trl-stepwise": lambda row: (
        after_prompt(row["prompt"]),
        tuple(zip(row["completions"], row["labels"], strict=True)),
    ),
    "prm800k": lambda row: (
        row["question"]["problem"].strip(),
        tuple(
            (step["completions"][0]["text"], step["completions"][0]["rating"] >= 0) for step in row["label"]["steps"]
        ),
    ),
    "math-shepherd": lambda row: shepherd(row["label"]),
}


def shepherd(label: str) -> tuple[Any, ...]:
    """Problem and steps in a label of Math-Shepherd; its steps are numbered anew where they are not."""
    problem, *steps = re.split(r"\s(?=Step \d+:)", label)
    return problem.strip(), tuple((step[:-2], step[-1] == "+") for step in steps)


Answers = dict[str, dict[tuple[str, ...], bool]]


def verdicts(rows: Iterable[tuple[str, tuple[str, ...], bool]]) -> Answers:
    """Distinct answers of each input, and whether they passed. None of the recorded ones did both."""
    found: Answers = defaultdict(dict)
    for question, answer, passed in rows:
        assert found[question.strip()].setdefault(tuple(value.strip() for value in answer), passed) == passed
    return found


def raw_answers(recorded: Recorded, task: str) -> list[tuple[str, tuple[str, ...], bool]]:
    """Input, answer and verdict of each recorded answer that was read, as the files have them."""
    if task == "humaneval":
        return [(recorded.stubs[row["id"]], (row["output"],), row["passed"]) for row in recorded.humaneval]
    rows = [row for row in recorded.gsm8k if row["answer"] is not None]
    return [(row["input"], (row["output"], str(row["answer"])), row["passed"]) for row in rows]


def flat(sides: Mapping[str, list[Row]]) -> list[Row]:
    return [row for rows in sides.values() for row in rows]


BOTH = ["gsm8k", "humaneval"]
ROWS = {"gsm8k": 12_800, "humaneval": 10_296}


@pytest.mark.parametrize(("task", "form"), [*zip(BOTH, SFT, strict=True)])
def test_every_distinct_passed_answer_is_learned_once(recorded: Recorded, export: Export, task: str, form: str) -> None:
    """The rows are the passed answers of the files, each text once but for white space behind it, by question."""
    result, sides = export(task, form, "sft")
    passed = [(question, answer) for question, answer, passed in raw_answers(recorded, task) if passed]
    texts = {(question, tuple(map(str.rstrip, answer))) for question, answer in passed}
    once = Counter((question.strip(), tuple(map(str.strip, answer))) for question, answer in texts)
    assert Counter(map(SFT[form], flat(sides))) == once
    assert result.read == ROWS[task]
    assert result.dropped["duplicate"] == len(passed) - once.total()
    assert result.dropped["rejected"] == sum(not passed for *_, passed in raw_answers(recorded, task))
    assert result.dropped.get("failed: parse", 0) == ROWS[task] - len(raw_answers(recorded, task))


@pytest.mark.parametrize(("task", "form"), [*zip(BOTH, PAIRS, strict=True)])
def test_pairs_are_of_one_input_and_as_many_as_there_can_be(
    recorded: Recorded, export: Export, task: str, form: str
) -> None:
    """Each input has a pair for each passed and rejected text, up to the cap; what is chosen passed, the other not."""
    _, sides = export(task, form, "preference")
    answers = verdicts(raw_answers(recorded, task))
    pairs = list(map(PAIRS[form], flat(sides)))
    assert {(answers[question][chosen], answers[question][rejected]) for question, chosen, rejected in pairs} == {
        (True, False)
    }
    passed = {question: sum(found.values()) for question, found in answers.items()}
    possible = {question: passed[question] * (len(found) - passed[question]) for question, found in answers.items()}
    capped = {question: min(n, MAX_PAIRS) for question, n in possible.items() if n}
    assert Counter(question for question, *_ in pairs) == capped
    assert len(set(pairs)) == len(pairs)
    assert len(capped) == {"gsm8k": 742, "humaneval": 94}[task]


@pytest.mark.parametrize(("task", "form"), [*zip(BOTH, UNPAIRED, strict=True)])
def test_every_distinct_answer_is_good_or_bad_as_recorded(
    recorded: Recorded, export: Export, task: str, form: str
) -> None:
    """The rows are the distinct answers of the files with their verdicts, and the weights balance the two."""
    result, sides = export(task, form, "unpaired")
    answers = verdicts(raw_answers(recorded, task))
    expected = {(question, text, good) for question, found in answers.items() for text, good in found.items()}
    rows = list(map(UNPAIRED[form], flat(sides)))
    assert set(rows) == expected
    assert len(rows) == len(expected)
    positives = sum(good for *_, good in expected)
    weighted = positives * result.weights["desirable_weight"]
    assert 1 <= weighted / ((len(rows) - positives) * result.weights["undesirable_weight"]) <= 4 / 3


def fared(recorded: Recorded, task: str) -> dict[str, tuple[int, float]]:
    """Attempts at each input and the share of them that passed; an answer that could not be read did not."""
    found: dict[str, list[bool]] = defaultdict(list)
    for row in recorded.gsm8k if task == "gsm8k" else recorded.humaneval:
        question = row["input"] if task == "gsm8k" else recorded.stubs[row["id"]]
        found[question.strip()].append(row["passed"])
    return {question: (len(passed), sum(passed) / len(passed)) for question, passed in found.items()}


@pytest.mark.parametrize(("task", "form"), [*zip(BOTH, PROMPTS, strict=True)])
def test_prompts_tell_how_recorded_attempts_fared(recorded: Recorded, export: Export, task: str, form: str) -> None:
    """One row an input, with the number of its attempts and the share that passed, which is their mean reward."""
    _, sides = export(task, form, "prompts")
    rows = flat(sides)
    found = {user(row["prompt"]): (row["attempts"], row["pass_rate"]) for row in rows}
    assert len(found) == len(rows)
    assert found == fared(recorded, task)
    assert all(row["reward"] == row["pass_rate"] for row in rows)


def test_prompts_know_the_recorded_gold(recorded: Recorded, export: Export) -> None:
    """The right number stands beside each prompt, for a reward function to compare with."""
    _, sides = export("gsm8k", "trl-prompts", "prompts")
    gold = {row["input"].strip(): float(row["gold"]) for row in recorded.gsm8k}
    assert {user(row["prompt"]): row["answer"] for row in flat(sides)} == gold


@pytest.mark.parametrize(("task", "form"), [*zip(BOTH, ["parquet", "hf"], strict=True)])
def test_soft_labels_are_the_shares_of_recorded_answers(
    recorded: Recorded, export: Export, task: str, form: str
) -> None:
    """The probability of an answer is its share of those that were read, and the likeliest stands first."""
    _, sides = export(task, form, "soft")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for question, answer, _ in raw_answers(recorded, task):
        counts[question.strip()][answer[-1]] += 1
    rows = flat(sides)
    found = {user(row["prompt"]): dict(zip(row["labels"], row["probabilities"], strict=True)) for row in rows}
    shares = {q: pytest.approx({answer: n / of.total() for answer, n in of.items()}) for q, of in counts.items()}
    assert found == shares
    assert len(rows) == len(found)
    assert all(row["probabilities"] == sorted(row["probabilities"], reverse=True) for row in rows)


def test_soft_labels_of_one_problem(export: Export) -> None:
    """Janet's ducks, counted by hand: of 16 answers 13 are $18."""
    _, sides = export("gsm8k", "parquet", "soft")
    (row,) = [row for row in flat(sides) if user(row["prompt"]).startswith("Janet’s ducks lay 16 eggs")]
    assert dict(zip(row["labels"], row["probabilities"], strict=True)) == DUCKS


@pytest.mark.parametrize("form", STEPWISE)
def test_steps_are_labelled_as_people_did_up_to_the_first_wrong_one(
    recorded: Recorded, export: Export, form: str
) -> None:
    """Each solution gives a row: steps before the first wrong one are right, and none follows it."""
    result, sides = export("people", form, "stepwise")
    expected = Counter(
        (row["input"].strip(), tuple((text.strip(), n < row["first_error_step"]) for n, text in steps))
        for row in recorded.solutions
        for steps in [list(enumerate(row["steps"], 1))[: row["first_error_step"]]]
    )
    assert Counter(map(STEPWISE[form], flat(sides))) == expected
    assert result.emitted == 307


CALCULATION = re.compile(r"<<([\d.+*/() -]+)=(-?[\d.]+)>>")


def is_wrong(step: str) -> bool:
    """Whether a calculation that the model marked has another result, rounding aside."""
    return any(
        abs(eval(left) - float(right)) > ROUNDED * abs(float(right)) for left, right in CALCULATION.findall(step)
    )


@pytest.mark.parametrize("form", ["trl-stepwise", "prm800k"])
def test_steps_by_rule_end_with_the_first_wrong_calculation(recorded: Recorded, export: Export, form: str) -> None:
    """A row has the lines of a recorded solution up to the first whose calculation is wrong."""
    _, sides = export("steps", form, "stepwise")
    solutions: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in recorded.gsm8k:
        if row["model"] == STEPS_OF and row["answer"] is not None:
            lines = tuple(line.strip() for line in row["output"].splitlines() if line.strip())
            solutions[row["input"].strip()].add(lines)
    rows = list(map(STEPWISE[form], flat(sides)))
    assert len(rows) == sum(map(len, solutions.values()))
    for question, steps in rows:
        texts, good = tuple(text for text, _ in steps), [label for _, label in steps]
        assert any(lines[: len(texts)] == texts for lines in solutions[question])
        assert all(good[:-1])
        assert good[-1] or "=" in texts[-1]
        assert not any(is_wrong(text) for text in texts[:-1])
        assert not (good[-1] and is_wrong(texts[-1]))
        assert not good[-1] or texts in solutions[question]
    wrong = sum(any(map(is_wrong, lines)) for found in solutions.values() for lines in found)
    assert sum(not steps[-1][1] for _, steps in rows) >= wrong > 0


@pytest.mark.parametrize(("task", "form"), [("gsm8k", "trl-preference"), ("humaneval", "openai-dpo")])
def test_sides_share_no_input(recorded: Recorded, export: Export, task: str, form: str) -> None:
    """Pairs of one problem are on one side, the sides have their shares, and no pair is lost or made by the split."""
    whole, _ = export(task, form, "preference")
    result, sides = export(task, form, "preference", split=(("train", 0.8), ("val", 0.2)))
    train, val = ({PAIRS[form](row)[0] for row in sides[name]} for name in ("train", "val"))
    assert not train & val
    assert result.emitted == whole.emitted
    assert result.rows["val"] / result.emitted == pytest.approx(0.2, abs=0.05)


def test_pairs_apart_from_the_rows_of_another_dataset(recorded: Recorded, export: Export) -> None:
    """Pairs are made of all inputs but those that the other dataset has."""
    learned, sides = export("humaneval", "openai", "sft", limit=60)
    known = {SFT["openai"](row)[0] for row in flat(sides)}
    _, everything = export("humaneval", "openai-dpo", "preference")
    result, sides = export("humaneval", "openai-dpo", "preference", apart_from=(str(learned.path),))
    theirs = sum(stub.strip() in known for stub, *_ in raw_answers(recorded, "humaneval"))
    expected = [pair for pair in map(PAIRS["openai-dpo"], flat(everything)) if pair[0] not in known]
    assert Counter(map(PAIRS["openai-dpo"], flat(sides))) == Counter(expected)
    assert result.dropped["in the other dataset"] == theirs > 0


def test_failures_come_with_their_outcome(recorded: Recorded, export: Export) -> None:
    """With failures every distinct answer is a row, with what became of it and the reward it would earn."""
    _, sides = export("gsm8k", "parquet", "sft", failures=True)
    rows = flat(sides)
    texts = {(row["input"], row["output"].rstrip(), str(row["answer"])): row["passed"] for row in recorded.gsm8k}
    unread = sum(answer == "None" for *_, answer in texts)
    passed = sum(texts.values())
    expected = {"passed": passed, "rejected": len(texts) - passed - unread, "failed": unread}
    assert Counter(row["outcome"] for row in rows) == expected
    assert all(row["reward"] == (row["outcome"] == "passed") for row in rows)


def reworded(text: str) -> str:
    """Another case, other punctuation, other white space."""
    return re.sub(r"[^\w\s.]", " ", text).replace(". ", " ;\n").swapcase()


PLANT: Mapping[str, Callable[[str], str]] = {
    "verbatim": str,
    "reworded": reworded,
    "embedded": lambda text: (
        f"This came up at dinner, and nobody at the table knew. {text} So what is it, in your view?"
    ),
}


def test_planted_questions_are_found_and_others_are_not(recorded: Recorded, tmp_path: Path) -> None:
    """Of 150 rows made from the test questions all are found, of 800 recorded ones at most 0.5% are."""
    tasks = recorded.file("gsm8k", "train_tasks.jsonl.gz")
    planted = [
        {
            "inputs": {"question": PLANT[how](row["input"])},
            "labels": {"answer": 1.0},
            "outputs": {"reasoning": "It is one.", "answer": 1.0},
            "lm": how,
        }
        for how, rows in zip(PLANT, (read_raw(tasks)[n::30] for n in range(3)), strict=True)
        for row in rows
    ]
    data, store = tmp_path / "planted.jsonl", tmp_path / "store.db"
    clean = [gsm8k_row(row) for row in recorded.gsm8k if row["model"] == "gpt-4o-2024-08-06"]
    data.write_bytes(b"\n".join(map(orjson.dumps, planted + clean)))
    task = recorded.tasks["gsm8k"]
    limbeck.ingest(task, data, store=store)
    result = limbeck.export(task, tmp_path / "out", store=store, format="parquet", failures=True, against=(str(tasks),))
    how_of = {row["inputs"]["question"].strip(): row["lm"] for row in planted}
    found = Counter(how_of.get(user(line["data"]["prompt"]), "clean") for line in quarantined(tmp_path / "out"))
    clean_found = found.pop("clean", 0)
    assert found == dict.fromkeys(PLANT, 50)
    assert clean_found <= 0.005 * len(clean)
    assert result.dropped["contaminated"] == 150 + clean_found


def quarantined(dataset: Path) -> Iterator[Row]:
    """What was put aside."""
    yield from map(orjson.loads, (dataset / "contaminated.jsonl").read_bytes().splitlines())


def test_programs_for_half_the_tasks_are_found_and_the_others_are_not(recorded: Recorded, tmp_path: Path) -> None:
    """With every other HumanEval task as test data the rows of those go, and at most 0.5% of the others."""
    names = sorted(recorded.stubs)[::2]
    lines = read_raw(recorded.file("humaneval", "tasks.jsonl.gz"))
    against = tmp_path / "tests.jsonl"
    against.write_bytes(b"\n".join(orjson.dumps(row) for row in lines if row["id"] in names))
    out = tmp_path / "out"
    result = limbeck.export(
        recorded.tasks["humaneval"], out, store=recorded.store, kind="unpaired", format="trl-unpaired",
        against=(str(against),),
    )  # fmt: skip
    tested = {recorded.stubs[name].strip() for name in names}
    rows = Counter(user(row["prompt"]) for row in read_rows(result, "train"))
    aside = Counter(user(line["data"]["prompt"]) for line in quarantined(out))
    assert not tested & set(rows)
    assert set(aside) >= tested
    others = Counter({question: n for question, n in aside.items() if question not in tested})
    assert others.total() <= 0.005 * (rows.total() + others.total())


def test_the_commands_of_the_example_make_what_its_readme_says(
    shared_data: Path, cli: Callable[..., Any], root: Path, tmp_path: Path
) -> None:
    """Import and export as the README of the GSM8K example writes them: 8,543 kept, and a row for each distinct one."""
    example = root / "examples" / "gsm8k" / "gsm8k.py"
    data = shared_data / "gsm8k" / "outputs.jsonl.gz"
    done = cli("import", f"{example}:task", "--row", f"{example}:row", "--data", data, "--json")
    assert orjson.loads(done.stdout)["outcomes"] == {"failed": 115, "passed": 8_543, "rejected": 4_142}
    made = orjson.loads(cli("export", f"{example}:task", "--out", "dataset", "--json").stdout)
    assert made["rows"] == {"train": 8_531}
    assert made["dropped"] == {"duplicate": 12, "failed: parse": 115, "rejected": 4_142}
    assert len((tmp_path / "dataset" / "train.jsonl").read_bytes().splitlines()) == 8_531
