"""Hugging Face ``datasets`` reads every format."""

from __future__ import annotations

import json

import pytest

from limbeck.compiler.emit.formats.base import BUILTINS, get_format

TARGETS = [(name, kind) for name in BUILTINS for kind in get_format(name).kinds]


@pytest.fixture(scope="module")
def loaded(exported, tool):
    """What ``datasets`` reads of each format and kind: file by file, and as a folder."""
    folders = [exported(name, kind=kind) for name, kind in TARGETS]
    return dict(zip(TARGETS, tool("load_hf.py", *folders, needs=("datasets",)), strict=True))


def without_nulls(value):
    """A value without what is null: columns have it where one row lacks what another has."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids="-".join)
def test_datasets_reads_the_files_of_every_format(target, loaded, exported, rows):
    """All rows come back, as they stand in the files where these are JSON."""
    name, kind = target
    folder = exported(name, kind=kind)
    manifest = json.loads((folder / "limbeck.json").read_text())
    by_file, _ = loaded[target]
    assert {split: len(found) for split, found in by_file.items()} == manifest["rows"]
    for split, path in manifest["paths"].items():
        if path.endswith(".jsonl"):
            assert without_nulls(by_file[split]) == without_nulls(rows(folder / path))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids="-".join)
def test_datasets_reads_the_folder_of_every_format(target, loaded):
    """The card tells it which files hold rows, so the folder as a whole is the same dataset."""
    by_file, whole = loaded[target]
    assert list(whole.values()) == list(by_file.values())
