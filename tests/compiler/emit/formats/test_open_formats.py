"""Hostile records in formats of open tools: what a log holds can be anything."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.compiler.emit.formats.base import Written, get_format
from limbeck.compiler.emit.record import KINDS, LabelledStep

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow, which writes Parquet, is not installed")

OPEN = (
    "trl-sft", "trl-prompt-completion", "trl-preference", "trl-unpaired", "trl-stepwise", "trl-prompts", "sharegpt",
    "alpaca", "math-shepherd", "prm800k", "parquet", "hf",
)  # fmt: skip
TARGETS = [(target, kind) for target in map(get_format, OPEN) for kind in target.kinds]

SAID = [{"role": "assistant", "content": "tech"}]
GOOD = {
    "sft": {"completion": SAID},
    "preference": {"completion": SAID, "rejected": [{"role": "assistant", "content": "billing"}]},
    "unpaired": {"completion": SAID, "label": True},
    "stepwise": {"steps": [LabelledStep("One.", "neutral")]},
    "prompts": {"known": {}},
    "soft": {"soft": {"tech": 1.0}},
}
"""What is learned, in order; the rest is as it comes."""

texts = st.text(max_size=8) | st.sampled_from(["", " ", "\ud800", "\x00", "{", '{"a": 1}', "user"])
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=2) | st.just({1, 2}),
    lambda of: st.lists(of, max_size=2) | st.dictionaries(texts, of, max_size=2),
    max_leaves=4,
)
functions = st.fixed_dictionaries({}, optional={"name": odd, "arguments": odd, "description": odd, "parameters": odd})
calls = odd | functions | st.fixed_dictionaries({}, optional={"id": odd, "type": odd, "function": odd | functions})
parts = odd | st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"])}, optional={"text": odd})
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer"]) | odd},
        optional={
            "content": texts | odd | st.lists(parts, max_size=2), "tool_calls": odd | st.lists(calls, max_size=2),
            "name": odd, "tool_call_id": odd, "cache_control": odd,
        },
    ),
    max_size=4,
)  # fmt: skip
steps = st.lists(st.builds(LabelledStep, texts, st.sampled_from(["positive", "neutral", "negative"])), max_size=3)
values = st.fixed_dictionaries(
    {
        "prompt": messages, "completion": messages, "rejected": messages, "label": st.booleans() | st.none(),
        "steps": steps, "soft": st.dictionaries(texts, st.floats(), max_size=3),
        "known": st.dictionaries(texts, odd, max_size=3), "tools": st.lists(odd | calls, max_size=2),
        "columns": st.just({}) | st.fixed_dictionaries({"outcome": st.just("failed"), "reward": st.floats()}),
        "input_text": texts,
    }
)  # fmt: skip


def as_json(row):
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError:
        return None


@given(made=values)
def test_any_record_is_a_row_or_a_problem(made, record):
    """Nothing in it raises, whatever the format."""
    for target, kind in TARGETS:
        row = target.row(record(kind=kind, **(made if target.extra_columns else {**made, "columns": {}})))
        problems = target.check(row)
        assert all(isinstance(problem, str) and problem for problem in problems)


@given(made=values, kind=st.sampled_from(KINDS))
def test_what_passes_the_check_of_a_table_fits_into_it(made, kind, record):
    """A row that does not would end the whole export when all rows are made."""
    target, some = get_format("parquet"), record(kind=kind, **{**made, **GOOD[kind]})
    row = target.row(some)
    line = as_json(row)
    if target.check(row) or line is None:
        return
    columns = tuple(some.columns)
    written = Written("t", kind, {"train": 1}, {"train": "a"}, tools=some.has_tools, columns=columns)
    with tempfile.TemporaryDirectory() as folder:
        with target.open(Path(folder) / "a", written) as file:
            file.write(line)
        assert pq.read_table(Path(folder) / "a").num_rows == 1
