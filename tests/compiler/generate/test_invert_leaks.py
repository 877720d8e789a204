"""What of an output an input gives away."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from limbeck.compiler.generate.invert.leaks import Mode, leaks
from limbeck.compiler.generate.invert.survey import Survey
from limbeck.compiler.generate.invert.writing import _REFUSAL
from limbeck.records import Example

ORDER: list[Mode] = ["off", "exact", "phrase", "words"]


@pytest.mark.parametrize(
    ("text", "label", "mode"),
    [
        ("card_arrival: where is it?", "card_arrival", "exact"),
        ("about cardArrival, please", "card_arrival", "exact"),
        ("see Card-Arrivals", "card_arrival", "exact"),
        ("it is CARDARRIVAL again", "cardArrival", "exact"),
        ("xx.card_arrivals.yy", "card arrival", "exact"),
        ("Card arrival!", "card_arrival", "exact"),
        ("the card arrival was late", "card_arrival", "phrase"),
        ("card arrivals", "CardArrival", "exact"),
        ("when will my card arrive? arrival is late, the card", "card_arrival", "words"),
        ("label: refunds", "refunds", "exact"),
        ("My team is refunds.", "refunds", "exact"),
        ("[refund] I want it", "refunds", "exact"),
        ("it is “refunds”", "refunds", "exact"),
        ("I want a refund", "refunds", "phrase"),
        ("refunded it was", "refunds", "phrase"),
        ("I want my money back", "refunds", None),
        ("the discarded arrivals", "card_arrival", None),
        ("billings are billed", "billing", "phrase"),
        ("", "refunds", None),
        ("see \uff52\uff45\uff46\uff55\uff4e\uff44\uff53", "refunds", "phrase"),
        ("我要退款谢谢", "退款", "phrase"),
        ("「退款」", "退款", "exact"),
        ("I am :-) happy", ":-)", "exact"),
        ("the answer is 42", 42, "exact"),
        ("is it 42?", 42, "phrase"),
        ("say true", True, "phrase"),
        ('[["Rome", "capital", "Italy"]]', [["Rome", "capital", "Italy"]], "exact"),
        ("Rome capital, Italy", [["Rome", "capital", "Italy"]], "exact"),
        ("Rome is the capital of Italy", [["Rome", "capital", "Italy"]], None),
    ],
)
def test_a_leak_is_found_from_its_mode_on(text: str, label: Any, mode: Mode | None) -> None:
    """A stricter mode finds what a milder one finds; a part of a word is none."""
    first = ORDER.index(mode) if mode else len(ORDER)
    assert [leaks(text, {"team": label}, each) is not None for each in ORDER] == [
        place >= first for place in range(len(ORDER))
    ]


@given(st.text(max_size=40), st.text(max_size=20))
@example("\ud800", "\ud800")
@example("a" * 50_000, "a b")
@example("\0", "\0")
def test_any_text_can_be_looked_at(text: str, label: str) -> None:
    """Stricter modes find no less, whatever the text."""
    found = [leaks(text, {"x": label}, mode) is not None for mode in ORDER]
    assert found == sorted(found)


@given(st.from_regex(r"[a-z]{2,8}(_[a-z]{2,8}){1,4}", fullmatch=True), st.sampled_from(["_", "-", " ", "", "."]))
def test_a_label_is_found_however_its_words_are_joined(label: str, sign: str) -> None:
    """In small letters and with capitals."""
    words = label.split("_")
    assert leaks(f"So: {sign.join(words)}!", {"x": label}, "phrase")
    assert leaks(f"So: {words[0]}{''.join(map(str.title, words[1:]))}!", {"x": label}, "exact")


def test_how_people_write_is_no_leak() -> None:
    """Where seeds of a label have the form themselves, a milder mode is taken for it, and for it alone."""
    survey = Survey("team", {"refunds", "billing"}, 0)
    seeds = [Example({"m": f"my refund number {n}"}, {"team": "refunds"}) for n in range(4)]
    seeds += [Example({"m": f"what is charged here {n}"}, {"team": "billing"}) for n in range(4)]
    survey.read(seeds, ["team"], lambda inputs: inputs["m"])
    assert survey.mode("refunds", "phrase", 0.05) == "exact"
    assert survey.mode("billing", "phrase", 0.05) == "phrase"
    assert survey.mode("billing", "words", 0.05) == "words"
    assert survey.mode("refunds", "phrase", 1.0) == "phrase"
    assert survey.mode("refunds", "off", 0.05) == "off"
    assert survey.mode("unseen", "words", 0.05) == "words"


def test_what_customers_write_is_hardly_ever_called_a_leak_or_a_refusal(shared_data: Path) -> None:
    """Measured on banking77: learned from its train rows, of its dev rows; see docs/synthesis.md."""
    train, dev = (_banking(shared_data, part) for part in ("train", "dev"))
    survey = Survey("intent", None, 0)
    survey.read(train, ["intent"], lambda inputs: inputs["text"])

    def share(mode: Mode, natural: float) -> float:
        found = [leaks(row.inputs["text"], row.labels, survey.mode(row.labels["intent"], mode, natural)) for row in dev]
        return sum(leak is not None for leak in found) / len(dev)

    assert share("exact", 1) == 0
    assert share("phrase", 0.05) < 0.01 < share("phrase", 1) < 0.05
    assert share("words", 1) > 0.15
    assert not any(_REFUSAL.match(row.inputs["text"]) for row in [*train, *dev])


def _banking(data: Path, part: str) -> list[Example]:
    with gzip.open(data / "banking77" / f"{part}_tasks.jsonl.gz") as lines:
        return [Example({"text": row["input"]}, {"intent": row["gold"]}) for row in map(json.loads, lines)]
