"""``invert``: outputs by quota, an input for each, no leak, and there and back again."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dspy
import pytest

import limbeck
from limbeck.compiler.generate.invert import Invert
from limbeck.compiler.generate.invert.survey import POOL, Survey
from limbeck.compiler.keep.level import level_of
from limbeck.compiler.progress import Silent
from limbeck.errors import BudgetReached, DataError, UsageError
from limbeck.records import Example
from limbeck.signatures.task import Task
from limbeck.testing.scripted import Scripted, fields

if TYPE_CHECKING:
    from .conftest import Synth

TEAMS = ("billing", "shipping", "returns")
SEEDS = [{"message": f"seed {n} of {team[:2]}", "team": team} for team in TEAMS for n in range(4)]


def same(example: Any, prediction: Any, trace: Any = None) -> bool:
    """Exact match."""
    return bool(example.team == prediction.team)


def teams(metric: Any = same, **more: Any) -> Task:
    """Messages of customers, and who answers them."""
    made = {"message": (str, dspy.InputField()), "team": (Literal[TEAMS], dspy.OutputField(desc="who answers"))}
    return Task(dspy.Predict(dspy.Signature(made, "Say which team answers.")), metric, name="teams", **more)


def field(text: str, name: str) -> str:
    """What a request gives in a field."""
    return re.split(r"\n\n(?:\[\[ ##|Respond)", text.rsplit(f"[[ ## {name} ## ]]\n", 1)[1], maxsplit=1)[0]


def writes(write: Callable[[str, int], str], name: str = "message") -> Callable[[str], str]:
    """An LM that writes ``write(wanted, number)`` and takes what stands behind the last star for the output."""
    numbers: Counter[str] = Counter()

    def answer(text: str) -> str:
        if "Write an input" in text:
            wanted = field(text, "output")
            numbers[wanted] += 1
            return fields(input=write(wanted, numbers[wanted]))
        return fields(team=field(text, name).rsplit("*", 1)[-1].strip())

    return answer


def good(wanted: str, number: int) -> str:
    """An input that leads back, without the label in it: ``*billin`` is not ``billing``."""
    return f"message {number} about it {TEAMS.index(wanted)}"


def by_digit(write: Callable[[str, int], str] = good) -> Callable[[str], str]:
    """As ``writes``; the program takes the last digit for the team's number."""
    inner = writes(write)

    def answer(text: str) -> str:
        return inner(text) if "Write an input" in text else fields(team=TEAMS[int(field(text, "message")[-1]) % 3])

    return answer


def kept_of(ran: Any) -> Counter[str]:
    """Kept rows by label."""
    return Counter(trace.example.labels["team"] for trace in ran.kept)


def test_quotas_are_met_exactly_and_nothing_is_asked_beyond_them(synth: Synth) -> None:
    """Every label gets its number, by as many requests to write, and as many to predict."""
    ran = synth(Invert(quotas={"billing": 3, "shipping": 1}), teams(), SEEDS, by_digit())
    assert kept_of(ran) == {"billing": 3, "shipping": 1}
    assert len(ran.asked) == 8
    assert ran.result.notes["team"]["billing"] == {"target": 3, "kept": 3, "asked": 3, "reject rate": 0.0}
    assert ran.result.notes["full quotas"] == "2 of 2"


def test_an_input_that_leads_elsewhere_is_refused_and_asked_for_again(synth: Synth) -> None:
    """The prediction is made from the input alone, and the metric says that it is another label."""
    ran = synth(
        Invert(quotas={"billing": 2}), teams(), SEEDS,
        by_digit(lambda wanted, n: f"message {n} is {1 if n == 1 else 0}"),
    )  # fmt: skip
    assert kept_of(ran) == {"billing": 2}
    assert ran.result.rejected == {"metric": 1}
    assert ran.result.notes["team"]["billing"]["reject rate"] == round(1 / 3, 4)
    assert [t.meta["synth"]["round"] for t in ran.traces if t.outcome == "rejected"] == [1]
    assert sorted(t.meta["synth"]["round"] for t in ran.kept) == [1, 2]


def test_the_program_never_sees_the_output(synth: Synth) -> None:
    """What is predicted for has the input alone in it."""
    ran = synth(Invert(quotas={"returns": 2}, same=0, others=0), teams(), SEEDS, by_digit())
    predicted = [text for text in ran.asked if "Write an input" not in text]
    assert len(predicted) == 2
    assert all("returns" not in field(text, "message") for text in predicted)


ANSWERS = {
    "refusal": "I'm sorry, but I can't help with that.",
    "no text": " ...!? ",
    "too long": "so on " * 500,
    "copies the prompt": "Write as the people write who use the program: the input says what the output follows from",
    "copies an example": "Seed 1 of BI!",
    "gives the output away": "label: billing, it seems",
    "input known already": "seed 0 of  bi".replace("  ", " "),
}


@pytest.mark.parametrize("rule", [rule for rule in ANSWERS if rule not in {"copies an example", "input known already"}])
def test_what_is_no_input_is_dropped_by_a_rule_and_asked_for_again(synth: Synth, rule: str) -> None:
    """Each kind has its rule, a line in the ledger, and costs its label one more attempt and no prediction."""
    ran = synth(
        Invert(quotas={"billing": 2}), teams(), SEEDS,
        by_digit(lambda wanted, n: ANSWERS[rule] if n == 1 else good(wanted, n)),
    )  # fmt: skip
    assert ran.result.eliminated == {rule: 1}
    assert kept_of(ran) == {"billing": 2}
    assert len(ran.asked) == 3 + 2
    assert [(entry.item, entry.reason) for entry in ran.ledger] == [("billing #1", rule)]


def test_a_copy_of_an_example_that_was_shown_is_dropped(synth: Synth) -> None:
    """Capitals and signs make no other text of it, nor do words around it."""
    copies = ["SEED 1, of: bi!", "well then: seed 1 of bi, I say"]
    seeds = [{"message": "seed 1 of bi", "team": "billing"}]
    ran = synth(
        Invert(quotas={"billing": 1}), teams(), seeds,
        by_digit(lambda wanted, n: copies[0] if n == 1 else good(wanted, n)),
    )  # fmt: skip
    assert ran.result.eliminated == {"copies an example": 1}


@pytest.mark.parametrize("known", ["seed 1 of bi", "held out 0"])
def test_an_input_that_is_a_seed_or_held_out_is_dropped_before_it_is_predicted(synth: Synth, known: str) -> None:
    """Such a row would be dropped in the end, and its label would lack one."""
    task = teams(
        train=SEEDS,
        val=[{"message": "held out 0", "team": "billing"}],
        test=[{"message": "held out 1", "team": "billing"}],
    )
    ran = synth(
        Invert(quotas={"billing": 1}, same=0, others=0), task, None,
        by_digit(lambda wanted, n: known if n == 1 else good(wanted, n)),
    )  # fmt: skip
    assert ran.result.eliminated == {"input known already": 1}
    assert kept_of(ran) == {"billing": 1}
    assert len(ran.asked) == 3


def test_of_equal_inputs_one_counts(synth: Synth) -> None:
    """Two attempts of a round may come to the same; the quota is filled by another."""
    ran = synth(
        Invert(quotas={"billing": 2}), teams(), SEEDS, by_digit(lambda wanted, n: f"message {max(n, 2)} on 0"),
    )  # fmt: skip
    assert kept_of(ran) == {"billing": 2}
    assert ran.result.eliminated == {"input known already": 1}


@pytest.mark.parametrize("answer", ["", "no fields at all", "[[ ## inputs ## ]]\nx", "\ud800"])
def test_an_unreadable_answer_is_dropped(synth: Synth, answer: str) -> None:
    """What the adapter cannot read is no input, and the label is given up after its patience."""
    ran = synth(Invert(quotas={"billing": 1}, patience=2), teams(), SEEDS, lambda _: answer)
    assert ran.result.kept == 0
    assert ran.result.asked == 2
    assert set(ran.result.eliminated) <= {"unreadable answer", "no text"}


def test_a_refusal_without_fields_is_a_refusal(synth: Synth) -> None:
    """Most refusals come as they are."""
    ran = synth(Invert(quotas={"billing": 1}, patience=2), teams(), SEEDS, lambda _: ANSWERS["refusal"])
    assert ran.result.eliminated == {"refusal": 2}


def test_a_label_of_which_nothing_comes_is_given_up(synth: Synth) -> None:
    """After so many attempts in a row, and never more; the others are filled."""
    ran = synth(
        Invert(quotas={"billing": 2, "returns": 3}, patience=5), teams(), SEEDS,
        by_digit(lambda wanted, n: "nobody knows 1" if wanted == "returns" else good(wanted, n)),
    )  # fmt: skip
    assert kept_of(ran) == {"billing": 2}
    row = ran.result.notes["team"]["returns"]
    assert (row["asked"], row["kept"], row["reject rate"]) == (5, 0, 1.0)
    assert row["given up"] == "input known already"
    assert ran.result.notes["full quotas"] == "1 of 2"


def test_patience_begins_anew_with_every_input_that_is_kept(synth: Synth) -> None:
    """A label with one good answer in three is filled with a patience of three."""
    ran = synth(
        Invert(quotas={"billing": 4}, patience=3), teams(), SEEDS,
        by_digit(lambda wanted, n: good(wanted, n) if n % 3 == 0 else f"elsewhere {n} is 1"), concurrency=1,
    )  # fmt: skip
    assert kept_of(ran) == {"billing": 4}


def test_a_budget_that_ends_keeps_what_there_is_and_the_same_call_goes_on(synth: Synth) -> None:
    """What was paid for is not paid again, and in the end there is what one call would have made."""
    quotas = Invert(quotas={"billing": 3, "shipping": 3})
    with pytest.raises(BudgetReached):
        synth(quotas, teams(), SEEDS, by_number(), budget="7calls", concurrency=2, progress=(told := Told()))
    assert any("team: billing: target 3, kept" in line for line in told.lines)
    ran = synth(Invert(quotas={"billing": 3, "shipping": 3}), teams(), SEEDS, by_number(), concurrency=2)
    assert kept_of(ran) == {"billing": 3, "shipping": 3}
    assert len(ran.asked) <= 12 - 6


class Told(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Remember it."""
        self.lines.append(text)


def by_number() -> Callable[[str], str]:
    """A pure function: the input depends on the seeds that were shown."""

    def answer(text: str) -> str:
        if "Write an input" not in text:
            return fields(team=TEAMS[int(field(text, "message")[-1])])
        shown = "".join(c for c in field(text, "examples") + field(text, "others") if c.isdigit())
        return fields(input=f"about {shown} it is {TEAMS.index(field(text, 'output'))}")

    return answer


def test_every_attempt_shows_other_seeds_of_the_label_and_of_others(synth: Synth) -> None:
    """That is what makes inputs differ, beside the number of the attempt."""
    ran = synth(Invert(quotas={"billing": 6}, same=2, others=2), teams(), SEEDS, by_digit())
    written = [text for text in ran.asked if "Write an input" in text]
    shown = [field(text, "examples") for text in written]
    assert len(set(shown)) > 3
    assert all(part.count("of bi") == 2 for part in shown)
    assert all("billing" not in field(text, "others") and "[returns]" in field(text, "others") for text in written)
    assert len(ran.kept[0].meta["synth"]["shown"]) == 4


def test_without_seeds_it_asks_without_examples(synth: Synth) -> None:
    """A task that nobody has rows for is what it is for."""
    ran = synth(Invert(quotas={"billing": 1}), teams(), None, by_digit())
    assert kept_of(ran) == {"billing": 1}
    assert field(ran.asked[0], "examples") == "None."


def test_rows_ends_before_the_quotas_do(synth: Synth) -> None:
    """Nothing is asked for that will not be kept."""
    ran = synth(Invert(per_label=5), teams(), SEEDS, by_digit(), rows=4)
    assert kept_of(ran) == {"billing": 2, "shipping": 1, "returns": 1}
    assert len(ran.asked) == 8


def test_even_fills_the_labels_that_have_few(synth: Synth) -> None:
    """Seeds and new rows together have equally many of each."""
    ran = synth(Invert(target="even"), teams(), [*SEEDS[:4], *SEEDS[4:6], SEEDS[8]], by_digit(), rows=5)
    assert kept_of(ran) == {"shipping": 2, "returns": 3}


def test_data_keeps_the_distribution_of_the_seeds(synth: Synth) -> None:
    """A label that the seeds do not have gets nothing."""
    ran = synth(Invert(target="data"), teams(), [*SEEDS[:4], *SEEDS[4:6]], by_digit(), rows=3)
    assert kept_of(ran) == {"billing": 2, "shipping": 1}


# Without a metric


def test_without_a_metric_equality_is_the_verdict(synth: Synth) -> None:
    """It is the method's own, stays for ever, and refuses what leads elsewhere."""
    ran = synth(
        Invert(quotas={"billing": 1}), teams(None), SEEDS,
        by_digit(lambda wanted, n: f"message {n} is {1 if n == 1 else 0}"),
    )  # fmt: skip
    assert ran.result.rejected == {"synth:round trip": 1}
    (kept,) = ran.kept
    assert [(v.verifier, v.passed) for v in kept.verdicts if v.born] == [("synth:round trip", True)]
    assert level_of(kept).number == 4
    assert kept.prediction == {"team": "billing"}
    assert kept.steps[0].messages, "the rollout's own messages are kept"


def test_a_check_of_form_does_not_replace_the_round_trip(synth: Synth) -> None:
    """Verifiers judge beside equality, not in its place."""
    task = teams(None, checks=[lambda prediction: True])
    ran = synth(
        Invert(quotas={"billing": 1}), task, SEEDS, by_digit(lambda wanted, n: f"message {n} is {1 if n == 1 else 0}")
    )
    assert ran.result.rejected == {"synth:round trip": 1}
    assert kept_of(ran) == {"billing": 1}


def test_who_refused_it_is_told_where_a_label_is_given_up(synth: Synth) -> None:
    """The prediction was right here, and no round trip failed."""

    def never(prediction: Any) -> bool:
        return False

    ran = synth(Invert(quotas={"billing": 1}, patience=1), teams(checks=[never]), SEEDS, by_digit())
    assert ran.result.notes["team"]["billing"]["given up"] == "check:never"


# Outputs that are no labels


def triples() -> Task:
    """A text, and what it says, as triples: the task of SynthIE."""
    made = {"text": (str, dspy.InputField()), "facts": (list[list[str]], dspy.OutputField())}
    return Task(dspy.Predict(dspy.Signature(made, "List the facts.")), name="facts")


def says(text: str) -> str:
    """Writes a sentence a triple, and reads them back."""
    if "Write an input" in text:
        facts = json.loads(field(text, "output"))
        return fields(input=" ".join(f"{s} is the {p} of {o}." for s, p, o in facts))
    found = [part.split(" is the ") for part in field(text, "text").rstrip(".").split(". ")]
    return fields(facts=json.dumps([[s, *rest.split(" of ")] for s, rest in found]))


def test_outputs_of_a_file_get_as_many_inputs_as_they_ask_for(synth: Synth, tmp_path: Path) -> None:
    """Structured outputs: the parts stand in the text, of course, and the whole does not."""
    rows = [{"facts": [["Rome", "capital", "Italy"]]},
            {"facts": [["Oslo", "capital", "Norway"], ["Ann", "mother", "Bo"]], "count": 2}]  # fmt: skip
    (tmp_path / "outputs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    generator = Invert(outputs=Path("outputs.jsonl"), patience=3).at(tmp_path)
    ran = synth(generator, triples(), None, says)
    assert ran.result.kept == 2
    assert ran.result.eliminated == {"input known already": 3}, "it writes the same each time"
    assert ran.kept[0].example.labels["facts"]
    row = next(row for name, row in ran.result.notes["output"].items() if "Oslo" in name)
    assert (row["target"], row["kept"]) == (2, 1)


def test_outputs_that_are_the_same_are_told_by_their_rows(synth: Synth, tmp_path: Path) -> None:
    """In the table and the ledger; CSV has its counts as text."""
    (tmp_path / "outputs.csv").write_text("team,count\nbilling,2\nbilling,1\nreturns,1\n")
    answer = by_digit(lambda wanted, n: good(wanted, n) if wanted == "billing" else "...")
    ran = synth(Invert(outputs=tmp_path / "outputs.csv", patience=1), teams(), SEEDS, answer)
    kept = {name: row["kept"] for name, row in ran.result.notes["output"].items()}
    assert kept == {"billing (row 1)": 2, "billing (row 2)": 1, "returns (row 3)": 0}
    assert [entry.item for entry in ran.ledger] == ["returns (row 3) #1"]


def test_an_output_written_out_in_the_input_is_a_leak(synth: Synth, tmp_path: Path) -> None:
    """As JSON, or its words in a row."""
    (tmp_path / "outputs.jsonl").write_text('{"facts": [["Rome", "capital", "Italy"]]}\n')
    answers = itertools.chain(['[["Rome", "capital", "Italy"]]', "Rome, capital, Italy"], itertools.repeat("no"))

    def leaky(text: str) -> str:
        return fields(input=next(answers))

    ran = synth(Invert(outputs=tmp_path / "outputs.jsonl", patience=2), triples(), None, leaky)
    assert ran.result.eliminated == {"gives the output away": 2}


def test_an_input_of_several_fields_is_written_as_json(synth: Synth) -> None:
    """What does not fit the signature is dropped."""
    made = {"subject": (str, dspy.InputField(desc="its head")), "age": (int, dspy.InputField()),
            "team": (Literal[TEAMS], dspy.OutputField())}  # fmt: skip
    task = Task(dspy.Predict(dspy.Signature(made, "Say which team answers.")), same, name="two")
    said = ["no JSON", "[1]", '{"subject": "late"}', '{"subject": "late", "age": "old"}',
            '```json\n{"subject": "late", "age": 3}\n```']  # fmt: skip
    answers = iter(said)

    def answer(text: str) -> str:
        return fields(input=next(answers)) if "Write an input" in text else fields(team="billing")

    ran = synth(Invert(quotas={"billing": 1}), task, None, answer)
    assert ran.result.eliminated == {"not of the form": 4}
    assert ran.kept[0].example.inputs == {"subject": "late", "age": 3}
    assert "subject (str): its head" in field(ran.asked[0], "form")


def test_many_outputs_are_told_in_sum(synth: Synth, tmp_path: Path) -> None:
    """Notes do not grow with the file."""
    lines = (json.dumps({"facts": [[f"A{n}", "b", "c"]]}) for n in range(201))
    (tmp_path / "outputs.jsonl").write_text("\n".join(lines))
    ran = synth(Invert(outputs=tmp_path / "outputs.jsonl"), triples(), None, says)
    assert ran.result.notes == {"full quotas": "201 of 201", "wanted": 201, "reject rate": 0.0}


# What is wrong


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"quotas": {"biling": 3, "returns": 1}}, "team has no label 'biling'"),
        ({}, "nothing says how many"),
        ({"per_label": 1, "target": "even"}, "per_label and target"),
        ({"per_label": 1, "field": "taem"}, "no such output"),
    ],
)
def test_wrong_options_are_told(synth: Synth, options: dict[str, Any], told: str) -> None:
    """One clear error, before anything is asked."""
    with pytest.raises(UsageError, match=told):
        synth(Invert(**options), teams(), SEEDS, by_digit())


def test_an_unknown_label_has_the_near_one_named(synth: Synth) -> None:
    """A slip of the finger is the usual reason."""
    with pytest.raises(UsageError) as error:
        synth(Invert(quotas={"biling": 3, "Shipping": 1}), teams(), SEEDS, by_digit())
    assert error.value.hint == "Did you mean billing, shipping?"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"facts": [["a", "b", "c"]], "count": 0}', "count is 0"),
        ('{"facts": "a"}', "facts"),
        ('{"fact": []}', "no output"),
        ("{", "outputs.jsonl:1"),
    ],
)
def test_a_bad_row_of_outputs_is_told_with_its_line(synth: Synth, tmp_path: Path, line: str, told: str) -> None:
    """Before anything is asked."""
    (tmp_path / "outputs.jsonl").write_text(f"{line}\n")
    with pytest.raises(DataError, match=told) as error:
        synth(Invert(outputs=tmp_path / "outputs.jsonl"), triples(), None, lambda _: pytest.fail("nothing is asked"))
    assert "outputs.jsonl:1" in error.value.message
    (tmp_path / "outputs.jsonl").write_text('{"facts": [["A", "b", "C"]]}\n' + f"{line}\n")
    with pytest.raises(DataError, match=r"outputs\.jsonl:2"):
        synth(Invert(outputs=tmp_path / "outputs.jsonl"), triples(), None, lambda _: pytest.fail("nothing is asked"))


def test_options_come_as_the_command_line_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, as JSON, or in a file."""
    monkeypatch.chdir(tmp_path)
    Path("quotas.yaml").write_text("billing: 2\nreturns: 1\n")
    lm = Scripted(lambda text, _: by_digit()(text))
    for quotas in ("billing=2, returns=1", {"billing": 2, "returns": 1}, "quotas.yaml"):
        found = limbeck.synthesize(
            teams(), "invert", data=SEEDS, set={"quotas": quotas}, lm=lm.lm, store=tmp_path / f"{id(quotas)}.db"
        )
        assert {name: row["target"] for name, row in found.notes["team"].items()} == {"billing": 2, "returns": 1}


def test_what_is_held_of_the_seeds_does_not_grow_with_them() -> None:
    """A few of each label, each with the same chance, and counts."""

    def many() -> Iterator[Example]:
        return (Example({"message": f"m {n}"}, {"team": TEAMS[n % 3]}) for n in range(3_000))

    survey = Survey("team", set(TEAMS), 0)
    survey.read(many(), ["team"], lambda inputs: inputs["message"])
    assert survey.counts == dict.fromkeys(TEAMS, 1_000)
    assert {len(pool) for pool in survey._pools.values()} == {POOL}
    assert max(int(seed.text.split()[1]) for seed in survey._pools["billing"]) > 1_500
