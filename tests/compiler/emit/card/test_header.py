"""The YAML header: read by Hugging Face's own code, and by a YAML parser."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.card.header import header, size_category

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub, which reads cards, is not installed")

BASE = {"rows_of": "sft", "task": "tickets", "rows": {"train": 3}, "paths": {"train": "train.jsonl"}}
hostile = st.text(st.one_of(st.sampled_from("-:#\n\"'{}[]&*!|>%@`\x85\u2028\ud800\x00"), st.characters()), max_size=60)


def read(**given):
    return yaml.safe_load(header({**BASE, **given}))


def test_a_header_is_exactly_this():
    """The golden example."""
    tally = {"labels": {"spam": {"train": 3}}, "origins": {"rollout": 3}}
    assert header({**BASE, "tally": tally, "choices": {"licence": "Apache-2.0"}}) == (
        "pretty_name: Dataset of tickets\nlicense: apache-2.0\nsize_categories:\n- n<1K\ntask_categories:\n"
        "- text-generation\n- text-classification\ntags:\n- limbeck\n- dspy\n- synthetic\n- sft\nconfigs:\n"
        "- config_name: default\n  data_files:\n  - split: train\n    path: train.jsonl\n"
    )


@given(hostile, hostile, hostile)
def test_any_name_gives_valid_yaml_that_hugging_face_reads(task, licence, path):
    """The header is closed where it ends, and its values are texts."""
    manifest = {**BASE, "task": task, "choices": {"licence": licence}, "paths": {"train": path.replace("\ud800", "")}}
    card = huggingface_hub.DatasetCard(f"---\n{header(manifest)}---\n\n# Title\n")
    facts = card.data.to_dict()
    assert card.text.strip() == "# Title"
    assert isinstance(facts["pretty_name"], str)
    assert isinstance(facts["license"], str)
    assert huggingface_hub.DatasetCardData(**facts).to_dict() == facts


@pytest.mark.parametrize(
    ("rows", "named"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**10, "10B<n<100B"), (10**12, "n>1T")],
)
def test_sizes(rows, named):
    """The words of Hugging Face."""
    assert size_category(rows) == named


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, {"license": "unknown"}),
        ({"choices": {"licence": "MIT"}, "licences": {"a": {"licence": "gpl-3.0"}}}, {"license": "mit"}),
        ({"licences": {"a": {"rows": 1, "licence": "mit"}, "b": {"licence": "mit"}}}, {"license": "mit"}),
        ({"choices": {"licence": "My Own 1.0"}}, {"license": "other", "license_name": "my-own-1.0"}),
    ],
)
def test_licences(given, said):
    """What was given counts; else those of the sources; one that Hugging Face does not know is named."""
    assert {name: value for name, value in read(**given).items() if name.startswith("license")} == said


def test_what_people_wrote_is_not_synthetic():
    """The tag is for what a model wrote."""
    assert "synthetic" not in read(tally={"origins": {"written": 3}})["tags"]
    assert "synthetic" in read(tally={"origins": {"written": 3, "import": 1}})["tags"]


def test_a_split_without_rows_and_a_name_with_a_dash():
    """Hugging Face fails on files without rows, and has no dashes in names of splits."""
    given = {"rows": {"train": 0, "my-val": 2}, "paths": {"train": "train.jsonl", "my-val": "my-val.jsonl"}}
    assert read(**given)["configs"] == [
        {"config_name": "default", "data_files": [{"split": "my_val", "path": "my-val.jsonl"}]}
    ]
    assert "configs" not in read(rows={"train": 0})
