"""Splits by input, by near inputs, and by label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.split import check_split, connected, parse_split, place, sides
from limbeck.errors import UsageError

THREE = {"val": 0.1, "train": 0.7, "test": 0.2}


def words(numbers):
    """Numbers that stand for inputs, as the spool has them."""
    return np.array(numbers, dtype=np.uint64)


def test_a_split_is_read_in_its_order():
    """Names and shares, spaces allowed."""
    assert list(parse_split("train=0.9, val=0.1").items()) == [("train", 0.9), ("val", 0.1)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train", "Bad split 'train': 'train'."),
        ("", "Bad split '': ''."),
        ("train=0.5,train=0.5", "Bad split 'train=0.5,train=0.5': 'train' is there twice."),
        ("train=most", "Bad split 'train=most': 'most' is no number."),
        ("train=0.9,val=0.2", "The shares of the split add up to 1.1, not to 1."),
        ("train=1,val=0", "Bad share of split 'val': 0.0."),
        ("train=1.5,val=-0.5", "Bad share of split 'train': 1.5."),
        ("train=nan", "Bad share of split 'train': nan."),
        ("../train=1", "Bad name of a split: '../train'."),
        ("private=1", "Bad name of a split: 'private', which another file has."),
        ("provenance=1", "Bad name of a split: 'provenance', which another file has."),
    ],
)
def test_a_bad_split_is_refused_in_one_line(text, problem):
    """Each mistake is named with the value, and the form is shown."""
    with pytest.raises(UsageError) as caught:
        parse_split(text)
    assert str(caught.value).startswith(f"{problem}\nWrite it like train=0.9,val=0.1.")


def test_no_shares_at_all_are_refused():
    """From Python too."""
    with pytest.raises(UsageError):
        check_split({})


def test_shares_are_about_what_was_asked():
    """Ten thousand inputs fall as the shares say, to two points."""
    placed = sides(np.arange(10_000), {"train": 0.7, "val": 0.2, "test": 0.1}, seed=3)
    for number, share in enumerate((0.7, 0.2, 0.1)):
        assert abs((placed == number).mean() - share) < 0.02


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers())
def test_the_side_depends_on_group_and_seed_alone(groups, seed):
    """The same group falls on the same side, now and when there is more."""
    shares = {"train": 0.5, "val": 0.5}
    placed = sides(np.array(groups, dtype=np.uint64), shares, seed)
    assert placed[0] == sides(np.array(groups[:1], dtype=np.uint64), shares, seed)[0]


def test_the_seed_moves_the_sides():
    """Another seed, another split."""
    one, two = (sides(np.arange(64), {"train": 0.5, "val": 0.5}, seed).tolist() for seed in (1, 2))
    assert one != two


def components(inputs, clusters):
    """Rows that hang together, found one by one."""
    parent = list(range(len(inputs)))

    def root(row):
        while parent[row] != row:
            row = parent[row]
        return row

    for row, (value, near) in enumerate(zip(inputs, clusters, strict=True)):
        for other in (inputs.index(value), near):
            parent[root(row)] = root(other)
    return [min(inputs[n] for n in range(len(inputs)) if root(n) == root(row)) for row in range(len(inputs))]


@given(st.data(), st.integers(1, 40))
def test_rows_hang_together_by_input_and_by_nearness(data, n):
    """Over any number of steps, as a plain union-find says; the name is the smallest input."""
    inputs = data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    clusters = data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    assert connected(words(inputs), np.array(clusters)).tolist() == components(inputs, clusters)


@pytest.mark.parametrize("order", ["up", "down", "random", "alternating"])
def test_a_long_chain_is_one_group(order):
    """Every row is near the next one only, in whatever order they came."""
    n = 5_000
    chain = {
        "up": np.arange(n),
        "down": np.arange(n)[::-1],
        "random": np.random.default_rng(0).permutation(n),
        "alternating": np.argsort(np.arange(n) * 2 % (n + 1)),
    }[order]
    clusters = np.arange(n)
    clusters[chain[1:]] = chain[:-1]
    assert set(connected(words(range(10, n + 10)), clusters).tolist()) == {10}


def test_the_name_of_a_group_rests_on_no_order():
    """The same rows from last to first fall on the same sides."""
    inputs, clusters = words([7, 5, 9, 3]), np.array([0, 0, 2, 2])
    assert connected(inputs, clusters).tolist() == [5, 5, 3, 3]
    assert connected(inputs[::-1], 3 - clusters[::-1]).tolist() == [3, 3, 5, 5]


groups_with_labels = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=120)


@given(
    groups_with_labels, st.sampled_from([{"train": 0.5, "val": 0.5}, {"train": 0.9, "val": 0.1}, THREE]), st.integers()
)
def test_each_side_has_its_share_of_each_label(drawn, shares, seed):
    """To within the largest group of the label and a row, where a label has groups enough for every side."""
    sizes, of_group = (np.array(column) for column in zip(*drawn, strict=True))
    groups, labels = np.repeat(np.arange(len(sizes)), sizes), np.repeat(of_group, sizes)
    placed = sides(groups, shares, seed, labels=labels)
    for label in set(labels.tolist()):
        held = of_group == label
        if held.sum() < 1 / min(shares.values()):
            continue
        for side, share in enumerate(shares.values()):
            rows = (placed[labels == label] == side).sum()
            assert abs(rows - share * sizes[held].sum()) < sizes[held].max() + 1


@given(groups_with_labels, st.integers())
def test_groups_are_never_divided(drawn, seed):
    """Not even where the rows of one have several labels."""
    groups = np.repeat(np.arange(len(drawn)), [size for size, _ in drawn])
    labels = np.random.default_rng(0).integers(0, 3, len(groups))
    placed = sides(groups, THREE, seed, labels=labels)
    assert len({*zip(groups.tolist(), placed.tolist(), strict=True)}) == len(drawn)
    assert set(placed.tolist()) <= {0, 1, 2}


@given(st.permutations(range(60)), st.integers())
def test_the_order_of_rows_does_not_matter(order, seed):
    """With labels, too."""
    groups, labels = words(range(60)) // np.uint64(2), np.arange(60) % 3
    placed = sides(groups, THREE, seed, labels=labels)
    assert sides(groups[order], THREE, seed, labels=labels[order]).tolist() == placed[order].tolist()


def test_every_label_is_on_the_smallest_side():
    """By hash alone, about one label in three would be missing there."""
    labels = np.repeat(np.arange(50), 20)
    placed = sides(np.arange(1000), {"train": 0.95, "val": 0.05}, 0, labels=labels)
    assert np.bincount(labels[placed == 1], minlength=50).tolist() == [1] * 50
    alone = sides(np.arange(1000), {"train": 0.95, "val": 0.05}, 0)
    assert not np.bincount(labels[alone == 1], minlength=50).all()


def test_labels_of_one_row_each_are_cut_as_one():
    """A free text as label divides by the shares, and not all to one side."""
    placed = sides(np.arange(1000), {"train": 0.9, "val": 0.1}, 0, labels=np.arange(1000))
    assert 99 <= (placed == 1).sum() <= 101


def test_more_data_moves_few_groups_of_a_label():
    """Doubling 20 labels of 1,000 groups moves those close to a cut: less than two in a hundred; alone, none."""
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 2**63, 40_000, dtype=np.uint64), rng.integers(0, 20, 40_000)
    shares = {"train": 0.9, "val": 0.1}
    before = sides(groups[:20_000], shares, 0, labels=labels[:20_000])
    assert (before != sides(groups, shares, 0, labels=labels)[:20_000]).mean() < 0.02
    assert (sides(groups[:20_000], shares, 0) == sides(groups, shares, 0)[:20_000]).all()


def test_a_large_group_leaves_something_for_the_other_side():
    """Wherever its hash is: it stands on the largest side, and the others are divided."""
    groups, labels = np.repeat(np.arange(41), [360, *[1] * 40]), np.zeros(400, dtype=int)
    for seed in range(20):
        placed = sides(groups, {"val": 0.1, "train": 0.9}, seed, labels=labels)
        assert placed[0] == 1
        assert (placed == 0).sum() == 40


def test_rows_that_are_dropped_count_for_nothing():
    """Shares hold for the rows that are written."""
    alive = np.arange(1000) % 5 > 0
    labels = np.where(np.arange(1000) % 2, 1, 0)
    placed = sides(np.arange(1000), {"train": 0.5, "val": 0.5}, 0, labels=labels, alive=alive)
    assert np.bincount(placed[alive & (labels == 1)]).tolist() == [200, 200]


def test_rows_of_a_spool_are_placed_by_label_and_nearness(spooled):
    """Both labels are halved; rows that are near each other stay together."""
    rows = [{"ticket": f"t{n}", "label": "ab"[n % 2]} for n in range(80)]
    with spooled(rows) as spool:
        placed, warnings = place(spool, {"train": 0.5, "val": 0.5}, 0, np.arange(80) // 4 * 4)
    assert (np.bincount(placed).tolist(), warnings) == ([40, 40], [])
    assert len({*zip((np.arange(80) // 4).tolist(), placed.tolist(), strict=True)}) == 20


def test_rows_with_labels_need_not_be_placed_by_them(spooled):
    """Then each is where it would be without one."""
    with spooled({"ticket": f"t{n}", "label": "ab"[n % 2]} for n in range(80)) as spool:
        placed, _ = place(spool, THREE, 0, stratify=False)
        assert placed.tolist() == sides(spool.columns.input, THREE, 0).tolist() != place(spool, THREE, 0)[0].tolist()


def test_labels_do_not_depend_on_which_row_came_first(spooled):
    """The same rows in another order fall on the same sides."""
    rows = [{"ticket": f"t{n}", "label": "abc"[n % 3]} for n in range(90)]
    found = []
    for given_rows in (rows, rows[::-1]):
        with spooled(given_rows) as spool:
            placed, _ = place(spool, {"train": 0.5, "val": 0.5}, 0)
        found.append({row["ticket"]: side for row, side in zip(given_rows, placed.tolist(), strict=True)})
    assert found[0] == found[1]


def test_a_group_of_many_rows_is_warned_of(spooled):
    """With its share of the rows that are written and what to do; where nothing is divided there is nothing to say."""
    halves = {"train": 0.5, "val": 0.5}
    near = np.array([*[0] * 6, *range(6, 20)])
    with spooled([{"ticket": f"t{n}"} for n in range(20)]) as spool:
        assert place(spool, {"train": 1.0}, 0, near)[1] == []
        assert place(spool, halves, 0)[1] == []
        spool.drop([19, 18, 17, 16, 15, 14, 13, 12], "duplicate")
        (warning,) = place(spool, halves, 0, near)[1]
    assert warning == (
        "50% of the rows have inputs near each other, and so are all on one side: "
        "--together input would keep only equal ones together, a higher --similarity fewer"
    )
    with spooled([{"ticket": "same", "team": str(n)} for n in range(5)]) as spool:
        assert place(spool, halves, 0, np.arange(5))[1] == [
            "100% of the rows are of one input, and so are all on one side"
        ]


def test_no_rows_have_no_sides(spooled):
    """An empty dataset is no error here."""
    with spooled([]) as spool:
        placed, warnings = place(spool, {"train": 0.5, "val": 0.5}, 0, np.empty(0, int))
    assert (placed.tolist(), warnings) == ([], [])
