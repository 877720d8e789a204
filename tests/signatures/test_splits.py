"""Splits: given or drawn, and never with an input in common."""

import json
from collections import Counter
from typing import Literal

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.errors import DataError
from limbeck.signatures import Task, make_splits


class Route(dspy.Signature):
    """Route."""

    q: str = dspy.InputField()
    team: Literal["a", "b", "c"] = dspy.OutputField()


def task(**data):
    return Task(dspy.Predict("q -> a"), **data)


def rows(*questions):
    return [{"q": str(question), "a": "x"} for question in questions]


def questions(split):
    return [example.inputs["q"] for example in split]


def parts(splits):
    return questions(splits.train), questions(splits.val), questions(splits.test)


many = st.lists(st.integers(0, 30), min_size=3, max_size=60).filter(lambda items: len(set(items)) > 10)


@given(many, st.integers(0, 5), st.sampled_from(["data", "train"]))
def test_a_draw_is_a_partition(items, seed, name):
    """Every row is in exactly one split, rows of equal inputs are in the same, and none is empty."""
    drawn = parts(make_splits(task(**{name: rows(*items)}), seed=seed, need_val=True))
    assert Counter(question for part in drawn for question in part) == Counter(map(str, items))
    sets = [set(part) for part in drawn]
    assert all(sets)
    assert sum(map(len, sets)) == len(set(items))


@given(many, st.integers(0, 3), st.randoms())
def test_a_draw_does_not_depend_on_the_order_of_rows(items, seed, random):
    """Shuffled rows are dealt out alike."""
    shuffled = list(items)
    random.shuffle(shuffled)
    one = make_splits(task(data=rows(*items)), seed=seed)
    other = make_splits(task(data=rows(*shuffled)), seed=seed)
    assert [sorted(part) for part in parts(one)] == [sorted(part) for part in parts(other)]


def test_shares():
    """Half is train, a fifth val, three tenths test."""
    assert [len(part) for part in parts(make_splits(task(data=rows(*range(100))), need_val=True))] == [50, 20, 30]


def test_test_rows_are_the_same_with_and_without_val():
    """Whoever needs no validation rows trains on them; the test rows do not depend on it."""
    with_val = make_splits(task(data=rows(*range(100))), need_val=True)
    without = make_splits(task(data=rows(*range(100))))
    assert with_val.test == without.test
    assert sorted(questions(with_val.train) + questions(with_val.val)) == sorted(questions(without.train))


def test_fractions_can_be_chosen():
    """Other shares are kept as well."""
    drawn = make_splits(task(data=rows(*range(100))), fractions=(0.8, 0.1, 0.1), need_val=True)
    assert [len(part) for part in parts(drawn)] == [80, 10, 10]


def test_seeds_draw_differently():
    """The seed decides, and the same seed decides the same."""
    draws = [parts(make_splits(task(data=rows(*range(50))), seed=seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_order_within_a_split_is_that_of_the_data():
    """Rows are not shuffled."""
    for part in parts(make_splits(task(data=rows(*range(100, 200))))):
        assert part == sorted(part)


def test_labels_are_spread_evenly():
    """With one Literal output, each split has each label in its share."""
    data = [{"q": str(number), "team": "abc"[number % 10 // 4]} for number in range(200)]
    splits = make_splits(Task(dspy.Predict(Route), data=data), need_val=True)
    for part, share in ((splits.train, 0.5), (splits.val, 0.2), (splits.test, 0.3)):
        counts = Counter(example.labels["team"] for example in part)
        assert all(abs(counts[team] - share * total) <= 1 for team, total in zip("abc", (80, 80, 40), strict=True))


def test_unlabelled_data_is_drawn_too():
    """Without labels there is nothing to spread."""
    splits = make_splits(Task(dspy.Predict(Route), data=[{"q": str(number)} for number in range(10)]), need_val=True)
    assert len(splits.train) == 5


WANTED = [
    ({"train": 60, "val": 20, "test": 20}, False, (60, 20, 20), ()),
    ({"train": 60, "test": 20}, False, (60, 0, 20), ()),
    ({"train": 60, "test": 20}, True, (48, 12, 20), ("val",)),
    ({"train": 60, "val": 20}, False, (42, 20, 18), ("test",)),
    ({"train": 100}, False, (70, 0, 30), ("test",)),
    ({"train": 100}, True, (50, 20, 30), ("val", "test")),
    ({"data": 100}, False, (70, 0, 30), ("train", "test")),
    ({"data": 100}, True, (50, 20, 30), ("train", "val", "test")),
    ({"data": 100, "test": 20}, True, (80, 20, 20), ("train", "val")),
    ({"test": 20}, False, (0, 0, 20), ()),
    ({"val": 5, "test": 20}, True, (0, 5, 20), ()),
]


@pytest.mark.parametrize(("given", "need_val", "sizes", "drawn"), WANTED)
def test_what_is_drawn(given, need_val, sizes, drawn):
    """What is given stays as it is; what is missing and wanted is drawn."""
    start, data = 0, {}
    for name, count in given.items():
        data[name], start = rows(*range(start, start + count)), start + count
    splits = make_splits(task(**data), need_val=need_val)
    assert tuple(len(part) for part in parts(splits)) == sizes
    assert splits.drawn == drawn


def test_given_splits_that_share_rows(tmp_path):
    """The first shared row is named with both places, and the shared inputs are counted."""
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(1, 2, 3, 4, 5)))
    (tmp_path / "b.jsonl").write_text(
        "".join(json.dumps({"q": q, "a": "other"}) + "\n" for q in ("9", "5", "3", "3", "1"))
    )
    with pytest.raises(DataError) as caught:
        make_splits(task(train="a.jsonl", test="b.jsonl", base_dir=tmp_path))
    assert caught.value.message == "train and test share 3 rows, first: a.jsonl:5 = b.jsonl:2"
    assert caught.value.hint


@pytest.mark.parametrize("pair", [("train", "val"), ("train", "test"), ("val", "test"), ("data", "test")])
def test_every_pair_is_compared(pair):
    """No two given splits may touch."""
    with pytest.raises(DataError, match=f"{pair[0]} and {pair[1]} share 1 row, first: {pair[0]}.0. = {pair[1]}.1."):
        make_splits(task(**{pair[0]: rows(1, 2), pair[1]: rows(3, 1)}))


def test_equal_rows_within_a_split_are_allowed():
    """A split may say a thing twice."""
    assert questions(make_splits(task(train=rows(1, 1), test=rows(2, 2))).train) == ["1", "1"]


def test_too_few_rows():
    """A split that would be empty is an error that says how many inputs there are."""
    with pytest.raises(DataError, match="data has 1 different input, too few to draw val and test from"):
        make_splits(task(data=rows(2, 2)), need_val=True)


def test_no_data():
    """A task without data is an error that says how to give some."""
    with pytest.raises(DataError, match="the task has no data\nGive --train FILE"):
        make_splits(task())
    with pytest.raises(DataError, match="the task router has no data"):
        make_splits(task(name="router"))


def test_train_and_data():
    """Two pools to draw from are one too many."""
    with pytest.raises(DataError, match="both train and data are given"):
        make_splits(task(train=rows(1), data=rows(2)))


def test_what_is_given_here_wins(tmp_path, monkeypatch):
    """Files of the command line replace the task's own, and are relative to the current directory."""
    (tmp_path / "t.jsonl").write_text(json.dumps(rows("here")[0]))
    monkeypatch.chdir(tmp_path)
    splits = make_splits(task(train=rows(1), test=rows(2), base_dir=tmp_path / "elsewhere"), test="t.jsonl")
    assert questions(splits.test) == ["here"]
    assert splits.test[0].source == "t.jsonl:1"
    assert questions(splits.train) == ["1"]


def test_data_given_here_replaces_all_that_is_declared():
    """--data stands for the whole of the task's data."""
    splits = make_splits(task(train=rows(1), test=rows(2)), data=rows(*range(10, 20)))
    assert not {"1", "2"} & {question for part in parts(splits) for question in part}
