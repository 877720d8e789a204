"""What rows are counted by."""

from __future__ import annotations

import pytest

from limbeck.compiler.emit.labels import (
    FACETS,
    OTHER,
    check_facets,
    check_quotas,
    counts,
    label_fields,
    label_of,
    lm_of,
    source_of,
)
from limbeck.compiler.emit.record import Answer
from limbeck.compiler.emit.spool import MOST_NAMES
from limbeck.errors import UsageError
from limbeck.records import Call, Step


def test_fields_with_few_values_hold_labels(program, two_steps):
    """A Literal does and a text does not, unless it is named."""
    assert label_fields(program) == ("team",)
    assert label_fields(two_steps) == ()
    assert label_fields(two_steps, "summary") == ("summary",)
    assert label_fields(program, "") == ()


def test_a_field_that_does_not_exist_is_refused(program):
    """With the one that was meant."""
    with pytest.raises(UsageError) as caught:
        label_fields(program, "taem")
    assert str(caught.value) == "No output field 'taem' to stratify by.\nDid you mean 'team'?"


@pytest.mark.parametrize(
    ("value", "label"),
    [("tech", "tech"), (True, "True"), (None, "None"), ("x" * 100, "x" * 100), ("x" * 101, "x" * 99 + "…"),
     ("\ud800é", "?é"), ("", ""), (["a", 1], "['a', 1]")],
)  # fmt: skip
def test_a_label_is_a_short_text(record, trace, value, label):
    """Whatever the program answered."""
    step = Step("self", {"ticket": "x"}, {"team": value})
    made = record(answers=[Answer(trace(steps=[step]), 0)])
    assert label_of(made, ("team",)) == label
    assert label_of(made, ()) == "" == label_of(made, ("nothing",))


def test_the_source_is_noted_or_a_file_or_the_origin(record, trace):
    """In this order; a source that is no text is none."""
    assert source_of(record(answers=[Answer(trace(meta={"source": "crm"}), 0)])) == "crm"
    assert source_of(record(answers=[Answer(trace(meta={"source": 3}), 0)])) == "tickets.jsonl"
    plain = trace()
    object.__setattr__(plain.example, "source", None)
    assert source_of(record(answers=[Answer(plain, 0)])) == "rollout"


def test_the_lm_is_that_of_the_last_call(record, trace):
    """Of a log without calls it is the trace's."""
    said = [Call("cheap", [], "?"), Call("big", [], "tech")]
    for calls, lm in ((said, "big"), ([], "teacher/big")):
        steps = [Step("self", {"ticket": "x"}, {"team": "tech"}, calls)]
        assert lm_of(record(answers=[Answer(trace(steps=steps), 0)])) == lm


def test_difficulty_is_the_pass_rate(spooled):
    """From 0.8 on easy, up to 0.2 hard; unknown where nothing was judged."""
    rates = [(5, 5), (4, 5), (3, 5), (2, 5), (1, 5), (0, 5), (0, 0)]
    with spooled({"passes": passes, "attempts": attempts} for passes, attempts in rates) as spool:
        assert list(counts(spool, "difficulty").items()) == [("easy", 2), ("medium", 2), ("hard", 2), ("unknown", 1)]


def test_length_is_counted_in_characters(spooled):
    """The bounds belong to the longer ones."""
    lengths = [0, 399, 400, 3999, 4000]
    with spooled({"characters": n} for n in lengths) as spool:
        assert counts(spool, "length") == {"short": 2, "medium": 2, "long": 1}


def test_only_rows_that_are_alive_are_counted(spooled):
    """The most frequent value comes first; levels stand in their order, and whatever the facet the sum is the same."""
    values = zip("abbccc", (0, 6, 4, 4, 4, 1), strict=True)
    with spooled({"label": label, "level": level, "lm": "big"} for label, level in values) as spool:
        spool.drop([5], "duplicate")
        assert list(counts(spool, "label").items()) == [("b", 2), ("c", 2), ("a", 1)]
        assert list(counts(spool, "level").items()) == [("none", 1), ("4", 3), ("6", 1)]
        assert {sum(counts(spool, facet).values()) for facet in FACETS} == {5}


def test_names_of_rows_do_not_fill_the_memory(spooled):
    """After ten thousand labels all new ones are one."""
    with spooled({"label": str(n % (MOST_NAMES + 5))} for n in range(MOST_NAMES + 10)) as spool:
        held = counts(spool, "label")
    assert (len(held), held[OTHER], held["0"]) == (MOST_NAMES + 1, 5, 2)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("lable", "There is no facet 'lable' to mix rows by.\nDid you mean 'label'? "),
        ("", "There is no facet '' to mix rows by.\n"),
        (None, "There is no facet None to mix rows by.\n"),
    ],
)
def test_a_facet_that_does_not_exist_is_refused(name, problem):
    """With those that do."""
    with pytest.raises(UsageError) as caught:
        check_facets(["label", name])
    assert str(caught.value) == f"{problem}Facets: label, source, lm, difficulty, length, level."


@pytest.mark.parametrize("most", [-1, 1.5, True, "3", None])
def test_a_quota_that_is_no_number_of_rows_is_refused(most):
    """From Python too."""
    with pytest.raises(UsageError) as caught:
        check_quotas({"label": {"spam": most}})
    assert str(caught.value) == f"Bad quota of label 'spam': {most!r}.\nGive a whole number, at least 0."
