"""Test texts, and rows that contain them."""

from __future__ import annotations

import gzip
import json
import random
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit import against, held_out
from limbeck.compiler.emit._runs import Lookup
from limbeck.compiler.emit.against import example_texts, file_texts
from limbeck.compiler.emit.words import words_of
from limbeck.errors import DataError
from limbeck.records import Example

QUESTION = "Natalia sold clips to 48 of her well-known friends in April, and didn't sell half as many in May. How many?"


def found(tests, asked: str, answered: str = "") -> list[against.Match]:
    asked_words, answered_words = words_of(asked), words_of(answered)
    return tests.matches(np.concatenate((asked_words, answered_words)), len(asked_words), asked)


def texts(*rows: str | list[str], overlap: float = 0.5):
    pairs = [
        (f"t.jsonl:{n}", text) for n, row in enumerate(rows, 1) for text in ([row] if isinstance(row, str) else row)
    ]
    return against.TestTexts(pairs, overlap)


def without_punctuation(text: str, by: str = "") -> str:
    return text.translate(str.maketrans(dict.fromkeys(string.punctuation, by)))


REWORDED = {
    "verbatim": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "without punctuation": without_punctuation,
    "spaces for punctuation": lambda text: without_punctuation(text, " "),
    "other white space": lambda text: "\n\n".join(text.split()),
    "embedded": lambda text: f"Here is one that came up today: {text}\nNow tell me what you think of it, at length.",
    "as JSON": lambda text: json.dumps({"q": text}),
}


@pytest.mark.parametrize("way", REWORDED)
def test_a_planted_text_is_found_however_it_is_written(way):
    """Verbatim, in other case or punctuation, and inside a longer text; its share is all of it."""
    (match,) = found(
        texts("Something else that has nothing to do with it, nothing at all", QUESTION), REWORDED[way](QUESTION)
    )
    assert match.share == 1
    assert match.sources == ("t.jsonl:2",)
    assert match.text == QUESTION


def test_a_text_in_the_answer_is_found_too():
    """Test data is no answer to learn either; the words are counted on from the input's."""
    (match,) = found(texts(QUESTION), "Tell me a story", f"Well: {QUESTION}")
    assert match.spans == ((5, 5 + len(words_of(QUESTION))),)


@pytest.mark.parametrize(("kept", "is_found"), [(16, True), (13, False)])
def test_a_part_counts_from_the_overlap_on(kept, is_found):
    """A row with the first 16 of 22 words has 9 of 15 runs of eight, with 13 it has 6."""
    words = [f"word{n}" for n in range(22)]
    assert bool(found(texts(" ".join(words)), " ".join(words[:kept]))) is is_found
    assert found(texts(" ".join(words), overlap=0.2), " ".join(words[:kept]))
    assert not found(texts(" ".join(words), overlap=0.9), " ".join(words[:kept]))


def test_parts_may_stand_apart():
    """Runs count wherever they stand, and each once; the spans say where they are."""
    words = [f"word{n}" for n in range(30)]
    row = " ".join([*words[:15], "and", "so", "on", *words[15:], *words[:15]])
    (match,) = found(texts(" ".join(words)), row)
    assert (match.shared, match.of) == (16, 23)
    assert match.spans == ((0, 15), (18, 48))


@pytest.mark.parametrize(
    ("test", "asked", "answered", "is_found"),
    [
        ("What is the minimum age?", "What is the minimum age?", "", True),
        ("What is the minimum age?", "Hello. what is the minimum age", "", True),
        ("What is the minimum age?", "WHAT IS THE MINIMUM AGE? And why?", "", True),
        ("what is the minimum age", "Hello, what is the minimum age Tell me", "", True),
        ("What is the minimum age?", "What is the minimum age to open an account?", "", False),
        ("President of the United States", "who cooks for the president of the united states", "", False),
        ("President of the United States", "who cooks for him? president of the united states", "", True),
        ("What is the minimum age?", "Hello", "What is the minimum age?", False),
        ("Is there anything else that I can help with?", "Say: is there anything else that I can help with", "", True),
        ("Is there anything else that I can help with?", "Is there anything else that I can help", "", False),
        ("Is there anything else that I can help with?", "Hi", "Is there anything else that I can help with?", False),
        ("yes", "Yes.", "", True),
        ("yes", "Yes. But", "", False),
        ("yes", "Is it so?", "yes", False),
        ("4 5 6 10", "4 5 6 10", "", True),
        ("4 5 6 10", "4 5 6 10 11", "", False),
        ("?!", "?!", "", False),
        ("", "", "", False),
    ],
)
def test_short_texts_must_be_there_as_a_whole(test, asked, answered, is_found):
    """With fewer than 13 words in the input, with fewer than eight as a sentence, with fewer than five alone."""
    assert bool(found(texts(test), asked, answered)) is is_found


def test_what_many_test_rows_share_does_not_count():
    """The frame of all questions is no test data; what it frames is."""
    frame = "You are a helpful assistant who answers questions about colours of things, now tell me:"
    tests = texts(*(f"{frame} what is the colour of thing {n} over there, my dear friend?" for n in range(50)))
    assert not found(tests, f"{frame} how many colours has a rainbow?")
    assert not found(tests, f"{frame} what is the colour of thing 51 over there, my dear friend?")
    assert found(tests, f"Hi! {frame} what is the colour of thing 37 over there, my dear friend?")[0].sources == (
        "t.jsonl:38",
    )


def test_a_text_that_is_only_what_others_share_must_be_there_as_a_whole():
    """Many test rows that begin with another one do not hide it."""
    words = [f"word{n}" for n in range(40)]
    tests = texts(*(" ".join([*words, *(f"end{n}{m}" for m in range(n))]) for n in range(8)))
    assert [match.text for match in found(tests, " ".join(words))] == [" ".join(words)]
    assert not found(tests, " ".join(words[:39]))


def test_a_text_of_all_rows_does_not_count():
    """A prompt that each row has is left out, and said to be."""
    prompt = "Answer each of the following questions as well as you can, step by step."
    tests = texts(
        *([prompt, f"question {n} is about something that no other one is about at all, {n * 7}"] for n in range(9))
    )
    assert (tests.n_rows, tests.n_texts, tests.n_common) == (9, 10, 1)
    assert not found(tests, prompt)
    assert found(tests, "question 4 is about something that no other one is about at all, 28")


def test_attempts_at_one_question_are_one_row():
    """However many answers a test file holds to a question, and however often they repeat it, the question counts."""
    rows = [[QUESTION, f"{n}. Let us see. {QUESTION} So it is {n}, is it not, {n} it must be."] for n in range(5)]
    others = [f"Some other question, number {n}, of which there is only this one here" for n in range(5)]
    assert found(texts(*rows, *others), QUESTION)[0].share == 1


def test_sources_of_a_text_are_told_up_to_a_few():
    """A text that stands in many rows of a file names the first five."""
    others = [f"Some other question, number {n}, of which there is only this one here" for n in range(20)]
    (match,) = found(texts(*[QUESTION] * 9, *others), QUESTION)
    assert match.sources == tuple(f"t.jsonl:{n}" for n in range(1, 6))


def test_the_matches_told_are_the_largest():
    """Of many texts that a row contains the five with the largest share, the largest first."""
    own = [[f"word{n}{m}" for m in range(20)] for n in range(8)]
    tests = texts(*(" ".join([*words, *(f"end{n}{m}" for m in range(n))]) for n, words in enumerate(own)))
    told = found(tests, " ".join(word for words in own for word in words))
    assert len(told) == 5
    assert [match.share for match in told] == sorted((match.share for match in told), reverse=True)


@given(st.lists(st.text(max_size=80), max_size=8), st.text(max_size=80))
def test_any_texts_and_rows(tests, asked):
    """No text breaks it; a row that is a test text is found, unless that has no words or all test rows have it."""
    index = texts(*tests)
    told = found(index, asked)
    mine = words_of(asked).tolist()
    if mine and mine in [words_of(text).tolist() for text in tests] and len(tests) <= 3:
        assert any(words_of(match.text).tolist() == mine for match in told)
    assert all(0 < match.share <= 1 and match.spans for match in told)


@given(st.lists(st.integers(0, 2**64 - 2), max_size=50), st.lists(st.integers(0, 2**64 - 2), max_size=50))
def test_a_lookup_finds_what_is_there(sought, numbers):
    """What it tells is what a search would tell."""
    table = np.unique(np.array(sought, np.uint64))
    at, which = Lookup(table).find(np.array(numbers, np.uint64))
    assert at.tolist() == [place for place, number in enumerate(numbers) if number in sought]
    assert table[which].tolist() == [numbers[place] for place in at]


def test_every_string_of_a_row_counts(tmp_path):
    """Nested ones too; numbers and names of fields do not."""
    rows = [{"question": "one", "context": {"titles": ["two", ["three"]], "n": 4}, "none": None}, {"question": "five"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.csv").write_text("question,n\none,2\n")
    with gzip.open(tmp_path / "d.jsonl.gz", "wt") as file:
        file.write(json.dumps(rows[1]))
    told = list(file_texts([tmp_path / name for name in ("a.jsonl", "b.json", "c.csv", "d.jsonl.gz")]))
    first = [(f"{tmp_path}/a.jsonl:1", text) for text in ("one", "two", "three")] + [(f"{tmp_path}/a.jsonl:2", "five")]
    assert told[:4] == first
    assert [text for _, text in told[4:]] == ["one", "two", "three", "five", "one", "2", "five"]


def test_parquet_counts_too(tmp_path):
    """Strings of a Parquet file, with the row they are in."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"q": ["one", "two"], "list": [["three"], []]}), tmp_path / "t.parquet")
    assert [text for _, text in file_texts([tmp_path / "t.parquet"])] == ["one", "three", "two"]


def test_lines_of_a_text_file_count(tmp_path):
    """Each line is a text of its own."""
    (tmp_path / "t.txt").write_text("\ufeffone\n\ntwo wörds\n", encoding="utf-8")
    told = [(source, text.strip()) for source, text in file_texts([tmp_path / "t.txt"]) if text.strip()]
    assert told == [(f"{tmp_path}/t.txt:1", "one"), (f"{tmp_path}/t.txt:3", "two wörds")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"a": "b"}\n{"a": \n', r"t\.jsonl:2"),
        ("t.txt", b"one\ntwo\n\xff\n", r"t\.txt.*not UTF-8"),
        ("t.txt", b"\xef\xbb\xbf\n \n", r"t\.txt has no text"),
        ("t.xlsx", b"", r"unknown kind of file '\.xlsx'\nTest data is read from .* and from \.txt"),
        ("t.csv", b"", "has no rows"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    """One clear error, with file and line."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(file_texts([tmp_path / name]))


@pytest.mark.parametrize("name", ["no.txt", "no.jsonl"])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    """One clear error."""
    with pytest.raises(DataError, match=name):
        list(file_texts([tmp_path / name]))


def test_examples_count_with_inputs_and_labels():
    """The source is that of the example, or its number."""
    told = list(example_texts([Example({"q": "one"}, {"a": ["two"]}, source="t.jsonl:7"), Example({"q": "three"})]))
    assert told == [("t.jsonl:7", "one"), ("t.jsonl:7", "two"), ("test example:2", "three")]


SETS = {  # files whose rows are questions, with their field; and how many rows of one half contain some of the other
    "gsm8k/train_tasks.jsonl.gz": 0,
    "humaneval/tasks.jsonl.gz": 1,  # correct_bracketing is there with round and with angular brackets
    "nq_passages/tasks.jsonl.gz": 1,
    "banking77/train_tasks.jsonl.gz": 2,
    "banking77/dev_tasks.jsonl.gz": 1,
    "hotpotqa/cot_goldcontext.jsonl.gz": 0,
    "creative_writing/outputs.jsonl.gz": 0,
}


def halves(path: Path) -> tuple[list[dict], list[dict]]:
    """Rows of a file, those of one input in one half."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    inputs = sorted({held_out_text(row) for row in rows})
    random.Random(0).shuffle(inputs)
    chosen = set(inputs[: len(inputs) // 2])
    return [row for row in rows if held_out_text(row) in chosen], [
        row for row in rows if held_out_text(row) not in chosen
    ]


def held_out_text(row: dict) -> str:
    return "\n".join(held_out._strings(row["input"]))


@pytest.mark.parametrize("name", SETS)
def test_planted_contamination_is_found_in_recorded_data(shared_data, name):
    """Every question of the test half, in every wording; short ones only where nothing stands around them."""
    tests, _ = halves(shared_data / name)
    index = against.TestTexts((f"t:{n}", text) for n, row in enumerate(tests) for text in held_out._strings(row))
    for way, reword in REWORDED.items():
        alone = way not in {"embedded", "as JSON"}
        questions = {text for text in map(held_out_text, tests) if alone or len(words_of(text)) >= against.SHORT}
        assert [text for text in questions if not found(index, reword(text))] == [], way


def test_clean_rows_of_recorded_data_stay(shared_data):
    """Of rows of the other half, with their answers, at most one in two hundred; what is found is nearly the same."""
    clean = lost = 0
    for name, known in SETS.items():
        tests, others = halves(shared_data / name)
        index = against.TestTexts((f"t:{n}", text) for n, row in enumerate(tests) for text in held_out._strings(row))
        answers = ["\n".join(held_out._strings([row.get("output"), row.get("gold")])) for row in others]
        hits = [row for row, answer in zip(others, answers, strict=True) if found(index, held_out_text(row), answer)]
        assert len({held_out_text(row) for row in hits}) <= known, name
        clean, lost = clean + len(others), lost + len(hits)
    assert lost / clean <= 0.005
