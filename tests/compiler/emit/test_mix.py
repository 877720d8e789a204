"""How many rows of what."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.choices import make_choices
from limbeck.compiler.emit.labels import FACETS
from limbeck.compiler.emit.mix import mix, parse_quota, parse_quotas
from limbeck.errors import UsageError


def kept(spool, rows):
    return [row for row, alive in zip(rows, spool.alive.tolist(), strict=True) if alive]


def entries(spool, tmp_path):
    spool.ledger.write(tmp_path / "ledger.jsonl")
    return [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("label:spam=100", ("label", "spam", 100)),
        ("source:data/a=b:c.jsonl=7", ("source", "data/a=b:c.jsonl", 7)),
        (" label :spam= 5 ", ("label", "spam", 5)),
        ("label:two words=1", ("label", "two words", 1)),
        ("label:=3", ("label", "", 3)),
        ("difficulty:easy=0", ("difficulty", "easy", 0)),
        ("label:=\ud800= 1_000", ("label", "=\ud800", 1000)),
    ],
)
def test_a_quota_is_read_up_to_its_first_colon_and_from_its_last_equals_sign(text, quota):
    """So a value may have both in it."""
    assert parse_quota(text) == quota


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Bad quota ''.\nWrite it like label:spam=100."),
        ("label=3", "Bad quota 'label=3'.\nWrite it like label:spam=100."),
        ("label:spam", "Bad quota 'label:spam'.\nWrite it like label:spam=100."),
        ("label:spam=many", "Bad quota 'label:spam=many': 'many' is no whole number.\nWrite it like label:spam=100."),
        ("label:spam=", "Bad quota 'label:spam=': '' is no whole number.\nWrite it like label:spam=100."),
        ("label:spam=1.5", "Bad quota 'label:spam=1.5': '1.5' is no whole number.\nWrite it like label:spam=100."),
        ("label:spam=-1", "Bad quota of label 'spam': -1.\nGive a whole number, at least 0."),
        (
            "lable:spam=1",
            f"There is no facet 'lable' to mix rows by.\nDid you mean 'label'? Facets: {', '.join(FACETS)}.",
        ),
    ],
)
def test_a_bad_quota_is_refused(text, problem):
    """With what is wrong and the form."""
    with pytest.raises(UsageError) as caught:
        parse_quota(text)
    assert str(caught.value) == problem


@given(st.sampled_from(list(FACETS)), st.text(), st.integers(0, 2**63 - 1))
def test_every_quota_can_be_written(facet, value, most):
    """What is written is read back."""
    assert parse_quota(f"{facet}:{value}={most}") == (facet, value, most)


@given(st.text())
def test_no_text_breaks_the_reading_of_quotas(text):
    """It is read, or refused as wrong use."""
    try:
        facet, _, most = parse_quota(text)
    except UsageError:
        return
    assert facet in FACETS
    assert most >= 0


def test_two_quotas_for_one_value_are_refused():
    """Which of them is meant cannot be told."""
    assert parse_quotas(["label:a=1", "label:b=2", "level:4=3"]) == {"label": {"a": 1, "b": 2}, "level": {"4": 3}}
    with pytest.raises(UsageError, match="Two quotas for label 'a'"):
        parse_quotas(["label:a=1", "label:a=2"])


rows_of = st.lists(
    st.fixed_dictionaries({
        "ticket": st.sampled_from("tuvwxyz"), "team": st.text(max_size=2),
        "label": st.sampled_from(["", "a", "b", "é\n"]),
        "source": st.sampled_from("mn"), "passes": st.integers(0, 4), "attempts": st.just(4),
        "score": st.floats(), "level": st.integers(0, 6),
    }),
    max_size=40,
)  # fmt: skip
asked = st.fixed_dictionaries({}, optional={
    "per_input": st.integers(1, 4),
    "quotas": st.dictionaries(
        st.sampled_from(["label", "source", "difficulty", "level"]),
        st.dictionaries(st.sampled_from(["", "a", "b", "m", "easy", "hard", "4", "none"]), st.integers(0, 5)),
    ),
    "balance": st.sampled_from(list(FACETS)),
    "limit": st.integers(1, 30),
    "seed": st.integers(),
})  # fmt: skip


@given(rows_of, asked)
def test_nothing_is_exceeded_and_nothing_is_lost(spooled, rows, given_choices):
    """Whatever rows there are and whatever is asked for."""
    choices = make_choices(given_choices)
    with spooled(rows) as spool:
        warnings = mix(spool, choices)
        left = kept(spool, rows)
        assert len(left) + spool.ledger.n_dropped == len(rows)
        for facet, values in choices.quotas.items():
            codes, names = FACETS[facet](spool)
            held = Counter(names[code] for code in codes[spool.alive])
            assert all(held[value] <= most for value, most in values.items())
        if choices.balance and not choices.limit:
            codes, _ = FACETS[choices.balance](spool)
            assert len({*Counter(codes[spool.alive].tolist()).values()}) <= 1
    assert max(Counter(row["ticket"] for row in left).values(), default=0) <= (choices.per_input or len(rows))
    assert len(left) <= (choices.limit or len(rows))
    assert len(warnings) <= sum(map(len, choices.quotas.values())) + 1


@given(rows_of, asked)
def test_nothing_is_dropped_that_need_not_be(spooled, rows, given_choices):
    """Mixed again, all stays."""
    choices = make_choices({**given_choices, "balance": None})
    with spooled(rows) as spool:
        mix(spool, choices)
        left = kept(spool, rows)
    with spooled(left) as spool:
        mix(spool, choices)
        assert kept(spool, left) == left


def test_a_quota_keeps_as_many_as_it_says(spooled, tmp_path):
    """Each row that goes is in the ledger with facet, value and number; other values are left alone."""
    rows = [{"ticket": f"t{n}", "label": "spam" if n % 3 else "ham"} for n in range(30)]
    with spooled(rows) as spool:
        assert mix(spool, make_choices({"quotas": {"label": {"spam": 4}}})) == []
        assert Counter(row["label"] for row in kept(spool, rows)) == {"spam": 4, "ham": 10}
        dropped = entries(spool, tmp_path)
    assert {(entry["reason"], entry["detail"]) for entry in dropped} == {("over the quota", "label=spam: 4")}
    numbers = [int(entry["item"].removeprefix("row ")) for entry in dropped]
    assert numbers == sorted(numbers)


def test_the_same_rows_stay_when_others_come(spooled):
    """Rows of another value, before and between, change nothing; another seed does."""
    spam = [{"ticket": f"spam {n}", "label": "spam"} for n in range(20)]
    ham = [{"ticket": f"ham {n}", "label": "ham"} for n in range(20)]
    both = [row for pair in zip(ham, spam, strict=True) for row in pair]
    found = []
    for rows, seed in ((spam, 0), (both, 0), (spam, 1)):
        with spooled(rows) as spool:
            mix(spool, make_choices({"quotas": {"label": {"spam": 5}}, "seed": seed}))
            found.append([row["ticket"] for row in kept(spool, rows) if row["label"] == "spam"])
    assert found[0] == found[1] != found[2]


def test_the_best_rows_of_an_input_stay(spooled, tmp_path):
    """By what is preferred, where it tells them apart; a score that is no number is the worst."""
    scores = [0.5, float("nan"), 1.0, 0.7]
    rows = [{"ticket": "same", "team": str(score), "score": score} for score in scores]
    with spooled([*rows, {"ticket": "other"}]) as spool:
        mix(spool, make_choices({"per_input": 2}))
        assert spool.alive.tolist() == [False, False, True, True, True]
        dropped = entries(spool, tmp_path)
    assert {(entry["reason"], entry["detail"]) for entry in dropped} == {("over the rows of its input", "2")}


def test_equally_good_rows_of_an_input_are_drawn(spooled):
    """By the seed: over a few seeds each has its turn."""
    rows = [{"ticket": "same", "team": team} for team in "abc"]
    found = set()
    for seed in range(20):
        with spooled(rows) as spool:
            mix(spool, make_choices({"per_input": 1, "prefer": (), "seed": seed}))
            found.add(kept(spool, rows)[0]["team"])
    assert found == {"a", "b", "c"}


def test_balance_gives_each_value_the_rows_of_the_rarest(spooled):
    """And says so where that costs more than half of all."""
    rows = [{"ticket": f"t{n}", "source": "abc"[min(n // 10, 2)]} for n in range(40)]
    with spooled(rows) as spool:
        assert mix(spool, make_choices({"balance": "source"})) == []
        assert Counter(row["source"] for row in kept(spool, rows)) == {"a": 10, "b": 10, "c": 10}
    with spooled(rows[:11]) as spool:
        assert mix(spool, make_choices({"balance": "source"})) == [
            "balancing by source leaves 2 of 11 rows, for 'b' has only 1: quotas for the others would leave more"
        ]


def test_a_limit_keeps_the_balance(spooled):
    """Nine rows of two values are four of each."""
    rows = [{"ticket": f"t{n}", "label": "ab"[n % 2]} for n in range(40)]
    with spooled(rows) as spool:
        mix(spool, make_choices({"balance": "label", "limit": 9}))
        assert Counter(row["label"] for row in kept(spool, rows)) == {"a": 4, "b": 4}


def test_a_limit_below_the_number_of_values_holds(spooled):
    """Then not every value has a row."""
    with spooled({"ticket": f"t{n}", "label": f"l{n}"} for n in range(10)) as spool:
        mix(spool, make_choices({"balance": "label", "limit": 3}))
        assert spool.alive.sum() == 3


def test_nothing_to_balance_is_said(spooled):
    """All rows are kept."""
    with spooled([{"ticket": "a"}, {"ticket": "b"}]) as spool:
        assert mix(spool, make_choices({"balance": "label"})) == ["nothing to balance: all rows have label ''"]
        assert spool.alive.all()


@pytest.mark.parametrize(
    ("facet", "value", "warning"),
    [
        ("label", "spma", "the quota of label 'spma' holds for no row: did you mean 'spam'?"),
        ("label", "zzz", "the quota of label 'zzz' holds for no row: there are 'spam', 'ham'"),
        ("difficulty", "esay", "the quota of difficulty 'esay' holds for no row: did you mean 'easy'?"),
    ],
)
def test_a_quota_for_what_no_row_has_is_warned_of(spooled, facet, value, warning):
    """With what was meant, or what there is."""
    with spooled([{"label": "spam"}, {"label": "ham", "ticket": "x"}, {"label": "spam", "ticket": "y"}]) as spool:
        assert mix(spool, make_choices({"quotas": {facet: {value: 1}}})) == [warning]
        assert spool.alive.all()


def test_a_quota_of_labels_says_where_labels_come_from(spooled):
    """No row has one: it takes a field that holds them."""
    with spooled([{}]) as spool:
        assert mix(spool, make_choices({"quotas": {"label": {"spam": 1}}})) == [
            "the quota of label 'spam' holds for no row: rows have no label unless --stratify names a field"
        ]


def test_a_quota_among_many_values_names_the_first(spooled):
    """And how many more there are."""
    with spooled({"ticket": f"t{n}", "label": f"l{n}"} for n in range(10)) as spool:
        (warning,) = mix(spool, make_choices({"quotas": {"label": {"": 1}}}))
    assert warning.endswith("there are 'l0', 'l1', 'l2', 'l3', 'l4', 'l5', 'l6', 'l7' and 2 more")


def test_an_export_is_mixed_shuffled_and_divided(export, tmp_path, program, trace, read_lines):
    """Quotas hold in the files, each side has its share of each label, and the counts add up."""
    traces = [trace(f"ticket {n}", "billing" if n % 4 else "tech") for n in range(200)]
    halves = {"train": 0.5, "val": 0.5}
    result = export(
        traces, out=tmp_path / "out", program=program, split=halves, shuffle=True, together="input",
        quotas={"label": {"billing": 60, "fraud": 1}},
    )  # fmt: skip
    for name in halves:
        answers = [row["messages"][-1]["content"] for row in read_lines(tmp_path / "out" / f"{name}.jsonl")]
        assert Counter("billing" in answer for answer in answers) == {True: 30, False: 25}
        assert len({"billing" in answer for answer in answers[:12]}) == 2
    assert (result.read, result.emitted, dict(result.dropped)) == (200, 110, {"over the quota": 90})
    assert any("label 'fraud' holds for no row" in warning for warning in result.warnings)
