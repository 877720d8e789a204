"""Inputs of other datasets."""

from __future__ import annotations

import json
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.apart import Inputs, inputs_of
from limbeck.errors import DataError, UsageError


@pytest.fixture
def dataset(tmp_path):
    """Make a dataset directory that names these inputs."""

    def make(inputs, *, name="other", lines=None):
        (tmp_path / name).mkdir()
        (tmp_path / name / "limbeck.json").write_text('{"kind": "dataset"}')
        lines = [json.dumps({"row": "r", "input": input_id}) for input_id in inputs] if lines is None else lines
        (tmp_path / name / "provenance.jsonl").write_text("".join(f"{line}\n" for line in lines))
        return tmp_path / name

    return make


def test_the_inputs_of_a_real_dataset_are_found(export, tmp_path, program, trace):
    """Those of its rows, and not those of what it left out."""
    traces = [trace(f"t{n}", team) for n in range(5) for team in ("billing", "tech")] + [trace("bad", passed=False)]
    export(traces, out=tmp_path / "sft", program=program)
    assert set(inputs_of(tmp_path / "sft")) == {t.example.input_id for t in traces[:-1]}
    assert traces[-1].example.input_id not in inputs_of(tmp_path / "sft")


ids = st.lists(st.text("01f", min_size=32, max_size=32) | st.sampled_from(["0" * 31 + "1", "0" * 32]), max_size=20)


@given(ids, ids)
def test_it_is_a_set_of_ids(here, other):
    """With as many as there are different ones, sorted."""
    halves = sorted({(int(i[:16], 16), int(i[16:], 16)) for i in here})
    found = Inputs(*(array("Q", half) for half in ([h for h, _ in halves], [low for _, low in halves])))
    assert (list(found), len(found)) == (sorted(set(here)), len(set(here)))
    assert all((input_id in found) == (input_id in here) for input_id in [*here, *other])


def test_several_datasets_are_read_as_one(dataset):
    """Each input once."""
    one, two = dataset(["a" * 32, "b" * 32, "a" * 32], name="one"), dataset(["f" * 32, "a" * 32], name="two")
    found = inputs_of(str(one), two)
    assert list(found) == ["a" * 32, "b" * 32, "f" * 32]
    assert "c" * 32 not in found


def test_what_is_no_id_is_not_among_them(dataset):
    """Nor breaks the question."""
    found = inputs_of(dataset(["a" * 32]))
    assert not any(thing in found for thing in (None, "", "A" * 32, "a" * 31, "a" * 33, 5, "\ud800" * 32))


def test_no_datasets_and_empty_ones_have_no_inputs(dataset):
    """Nothing is left out for them."""
    assert list(inputs_of()) == list(inputs_of(dataset([]))) == []


def refusal(error, *directories):
    with pytest.raises(error) as caught:
        inputs_of(*directories)
    return str(caught.value)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    """With what to give."""
    assert refusal(UsageError, tmp_path / "no") == (
        f"There is no dataset {tmp_path / 'no'}: no such directory.\nGive a directory that limbeck export wrote."
    )


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (None, "limbeck.json: No such file or directory."),
        ('{"kind": "artifact"}', "its limbeck.json is of something else."),
        ("[]", "its limbeck.json is of something else."),
        ("{", "limbeck.json: unexpected end of data"),
    ],
)
def test_a_directory_that_is_no_dataset_is_refused(tmp_path, manifest, why):
    """An artifact, too."""
    if manifest is not None:
        (tmp_path / "limbeck.json").write_text(manifest)
    assert f"{tmp_path} is no dataset: {why}" in refusal(UsageError, tmp_path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", ":2 is no JSON: "),
        ("[1]", ":2 names no input."),
        ("{}", ":2 names no input."),
        ('{"input": null}', ":2 names no input."),
        ('{"input": "a"}', ":2 names no input."),
        ("", ":2 is no JSON: "),
    ],
)
def test_a_broken_line_is_named_with_its_number(dataset, line, why):
    """Rows that cannot be told apart are not silently let through."""
    path = dataset([], lines=[json.dumps({"input": "a" * 32}), line])
    assert f"{path / 'provenance.jsonl'}{why}" in refusal(DataError, path)


def test_a_dataset_without_provenance_is_refused(dataset):
    """There is no telling what it holds."""
    path = dataset([])
    (path / "provenance.jsonl").unlink()
    assert "provenance.jsonl cannot be read: No such file or directory." in refusal(DataError, path)


def test_two_datasets_share_no_input(export, tmp_path, program, trace):
    """What the first has a row of, the second leaves out and says so; with several, of any of them."""
    some = [trace(f"t{n}") for n in range(4)]
    for name, traces in (("one", some[:1]), ("two", some[1:3])):
        export(traces, out=tmp_path / name, program=program)
    places = (str(tmp_path / "one"), str(tmp_path / "two"))
    result = export([*some, trace("t0", "tech")], out=tmp_path / "out", program=program, apart_from=places)
    assert (result.emitted, dict(result.dropped)) == (1, {"in the other dataset": 4})
    assert not set(inputs_of(*places)) & set(inputs_of(tmp_path / "out"))


def test_a_bad_directory_is_refused_before_anything_is_written(export, tmp_path, program, trace):
    """There is no dataset then."""
    with pytest.raises(UsageError, match="no such directory"):
        export([trace()], out=tmp_path / "out", program=program, apart_from=(str(tmp_path / "no"),))
    assert not (tmp_path / "out").exists()
