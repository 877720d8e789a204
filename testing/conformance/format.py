"""What every format must do."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson

from ...compiler.emit.formats.base import Format, Written
from ...compiler.emit.record import KINDS, Answer, Kind, LabelledStep, Record
from .others import example_trace

if TYPE_CHECKING:
    from ...records import Json

_OURS = {"provenance.jsonl", "ledger.jsonl", "README.md", "limbeck.json"}
"""Files of a dataset that are not the format's."""

_WRONG: tuple[Any, ...] = (None, 7, True, "", "text", [], [None], {}, {"": None}, "\ud800", "\0")

_NOTHING: tuple[Any, ...] = (None, 7, [], {})
"""What fills a row with nothing."""

_USER = {"role": "user", "content": "apple number 0"}
_SYSTEM = {"role": "system", "content": "Name the class of things."}
_GOOD = {"role": "assistant", "content": "fruit"}
_BAD = {"role": "assistant", "content": "vegetable"}


def check_format(target: Format, records: Sequence[Record] | None = None) -> None:
    """A format makes rows of each kind that it names, knows good ones from bad, and writes them so that they are there.

    What is promised, for each kind:

    - **Rows.** They are plain JSON, the same for the same record, which is left as it is; they pass the format's own
      check, which leaves them as they are too. Columns that were asked for are in them, where the format has columns.
    - **Nothing is lost in silence.** Input and answers, calls of tools, pictures and earlier turns either stand in the
      row, or the check refuses it. (Where steps are labelled, the input may stand without the rest of its prompt.)
    - **Check.** It refuses what is no row, and raises for nothing that could be JSON; nor does making a row of messages
      that are not as they should be.
    - **Files.** They lie inside the directory, beside limbeck's own; a path may be a pattern that finds them. The same
      rows give the same bytes, and reading gives the rows back, of which there may be none.

    Args:
        target: The format.
        records: Records to try; by default some of each of its kinds, all in need of nothing special.

    Raises:
        AssertionError: It does not.
    """
    check_shape(target)
    for kind in target.kinds:
        tried = [record for record in records if record.kind == kind] if records else examples(kind)
        rows = [check_row(target, record) for record in tried]
        if target.extra_columns:
            check_columns(target, examples(kind)[0])
        if target.turns and kind == "sft":
            check_row(target, replace(examples(kind)[0], completion=[_GOOD, _USER, _BAD]))
        check_losses(target, kind)
        check_refusals(target, kind, rows)
        check_files(target, kind, rows)


def check_shape(target: Format) -> None:
    """It has a name, kinds, and an opinion on any number of rows."""
    assert isinstance(target, Format), "it lacks a part of Format"
    assert isinstance(target.name, str), f"its name is {target.name!r}"
    assert target.name, "its name is empty"
    assert target.kinds, "it names no kind of rows"
    assert set(target.kinds) <= set(KINDS), f"{target.kinds} are not all kinds of rows"
    assert len(set(target.kinds)) == len(target.kinds), f"{target.kinds} has a kind twice"
    assert isinstance(target.extra_columns, bool), "extra_columns must say whether rows may have more columns"
    assert isinstance(target.turns, bool), "turns must say whether an answer may be several messages"
    for rows in (0, 1, 10, 1_000_000_000):
        _texts(target.check_all(rows), f"check_all({rows})")


def check_row(target: Format, record: Record) -> Json:
    """Its row of a record is plain JSON, always the same, and passes its check; return the row."""
    before = copy.deepcopy(record)
    row = target.row(record)
    assert record == before, f"{record.kind}: making a row changed the record"
    assert orjson.loads(orjson.dumps(row)) == row, f"{record.kind}: a row must be plain JSON, not {row}"
    kept = orjson.dumps(row)
    problems = _texts(target.check(row), "check")
    assert not problems, f"{record.kind}: its own row was refused: {problems}"
    assert orjson.dumps(row) == kept, f"{record.kind}: the check changed the row"
    assert orjson.dumps(target.row(record)) == kept, f"{record.kind}: the same record gave another row"
    return row


def check_columns(target: Format, record: Record) -> None:
    """Columns that were asked for are in the row."""
    columns = {"outcome": "rejected", "reward": 0.25}
    if record.kind == "preference":
        columns = {"chosen_reward": 1.0, "rejected_reward": 0.25, "rejected_outcome": "rejected"}
    row = check_row(target, replace(record, columns=columns))
    found = {name: row.get(name) for name in columns}
    assert found == columns, f"{record.kind}: of the columns {columns} the row has {found}"


def check_losses(target: Format, kind: Kind) -> None:
    """What a record has is in the row, or the row is refused."""
    for what, record, words in _rich(kind):
        row = target.row(record)
        if _texts(target.check(row), "check"):
            continue
        text = json.dumps(row)
        lost = [word for word in words if word not in text]
        assert not lost, f"{kind}: of {what}, {', '.join(lost)} was lost, and the row was not refused"


def check_refusals(target: Format, kind: Kind, rows: Sequence[Json]) -> None:
    """Its check refuses nonsense, and raises for nothing; nor does making a row of odd messages."""
    shapeless: list[Json] = [{}, {"nonsense": 1}, {"messages": []}, {"messages": "text"}, {"messages": [_ROLE_ONLY]}]
    for row in rows:
        shapeless += [dict.fromkeys(row, value) for value in _NOTHING]
    empty = Record(kind=kind, answers=examples(kind)[0].answers, prompt=[])
    for nonsense in [*shapeless, target.row(empty)]:
        assert _checked(target, nonsense), f"{kind}: {nonsense} was not refused"
    for row in rows:
        for changed in _changed(row):
            _checked(target, changed)
    for record in _odd(kind):
        _checked(target, _made(target, record))


_ROLE_ONLY = {"role": "user"}


def check_files(target: Format, kind: Kind, rows: Sequence[Json]) -> None:
    """Files of rows lie where they may, are the same for the same rows, and can be read back."""
    paths = {split: target.path(split) for split in ("train", "test")}
    assert len(set(paths.values())) == len(paths), f"two splits have one file: {paths}"
    many = [*rows] * 3
    written = Written("task", kind, {"train": len(many), "test": 0}, paths)
    once, again = (_written(target, {"train": many, "test": []}, written) for _ in range(2))
    assert once == again, f"{kind}: the same rows gave other files"
    for name in (*paths.values(), *once):
        _inside(name)
    beside = set(target.beside(written))
    ours = (beside | set(paths.values())) & _OURS
    assert not ours, f"{kind}: {ours} are limbeck's own files"
    for split, wanted in (("train", many), ("test", [])):
        contents = [once[name] for name in sorted(once) if fnmatchcase(name, paths[split])]
        read = [row for content in contents for row in _read(paths[split], content)]
        assert len(read) == len(wanted), f"{kind}: {len(wanted)} rows were written, and {len(read)} read"
        if not paths[split].endswith(".parquet"):
            assert read == wanted, f"{kind}: other rows were read than were written"


def _inside(name: str) -> None:
    place = PurePosixPath(name)
    assert not place.is_absolute(), f"{name} lies outside of the directory"
    assert ".." not in place.parts, f"{name} lies outside of the directory"


def _written(target: Format, rows: Mapping[str, Sequence[Json]], written: Written) -> dict[str, bytes]:
    """Files, by name, that it writes for rows by split."""
    with tempfile.TemporaryDirectory() as folder:
        for split, some in rows.items():
            path = Path(folder) / target.path(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            with target.open(path) as file:
                for row in some:
                    file.write(orjson.dumps(row))
        files = {str(path.relative_to(folder)): path for path in sorted(Path(folder).rglob("*")) if path.is_file()}
        contents = {PurePosixPath(name).as_posix(): path.read_bytes() for name, path in files.items()}
    for name, content in target.beside(written).items():
        assert isinstance(content, bytes), f"{name} beside the rows must be bytes"
        contents.setdefault(name, content)
    return contents


def _read(name: str, content: bytes) -> list[Any]:
    """Read rows as any consumer might."""
    if name.endswith(".parquet"):
        import pyarrow as pa
        from pyarrow import parquet

        rows: list[Any] = parquet.read_table(pa.BufferReader(content)).to_pylist()
        return rows
    text = content.decode("utf-8-sig")
    if name.endswith(".jsonl"):
        assert not text or text.endswith("\n"), f"the last line of {name} has no end"
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return list(json.loads(text))


def examples(kind: Kind) -> list[Record]:
    """Records of a kind that every format which names it can hold."""
    good, bad = Answer(example_trace("fruit"), 0), Answer(example_trace("vegetable"), 0)
    base = Record(kind=kind, answers=(good,), prompt=[_USER], completion=[_GOOD], input_text="apple", answer_text="a")
    if kind == "preference":
        base = replace(base, answers=(good, bad), rejected=[_BAD])
    if kind == "stepwise":
        steps = [LabelledStep("An apple grows on a tree.", "positive"), LabelledStep("So it is wood.", "negative")]
        base = replace(base, completion=(), steps=steps)
    if kind == "prompts":
        base = replace(base, completion=(), known={"label": "fruit"})
    if kind == "soft":
        base = replace(base, soft={"fruit": 0.75, "vegetable": 0.25})
    if kind == "unpaired":
        base = replace(base, label=True)
    others = [replace(base, prompt=[_SYSTEM, _USER])]
    if kind == "unpaired":
        others.append(replace(base, completion=[_BAD], label=False))
    return [base, *others]


_CALL = {"id": "call-17", "name": "look_up", "arguments": {"word": "quince"}}
_OPENAI_CALL = {"id": "call-17", "type": "function", "function": {"name": "look_up", "arguments": '{"word":"quince"}'}}
_PARAMETERS = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
_TOOL = {"type": "function", "name": "look_up", "description": "Finds words.", "parameters": _PARAMETERS}
_OPENAI_TOOL = {"type": "function", "function": {key: _TOOL[key] for key in ("name", "description", "parameters")}}
_URL = "https://example.com/quince.png"
_PICTURE = {"type": "image_url", "image_url": {"url": _URL}}


def _rich(kind: Kind) -> Iterator[tuple[str, Record, tuple[str, ...]]]:
    """Records, each with what it has and words that must be in its row."""
    base = examples(kind)[0]
    texts = [str(message["content"]) for message in (*base.completion, *base.rejected)]
    yield "plain texts", base, ("apple", *texts, *(step.text for step in base.steps), *base.soft)
    earlier = [{"role": "user", "content": "a pomelo"}, {"role": "assistant", "content": "a citrus"}]
    if kind != "stepwise":  # whose problem may stand without what was said before
        yield "earlier turns", replace(base, prompt=[*earlier, _USER]), ("pomelo", "citrus")
    yield "a picture", replace(base, prompt=[{"role": "user", "content": [_PICTURE]}]), (_URL,)
    for call, tool in ((_CALL, _TOOL), (_OPENAI_CALL, _OPENAI_TOOL)):
        calling = {"role": "assistant", "content": None, "tool_calls": [call]}
        answer = {"role": "tool", "content": "a yellow thing", "tool_call_id": "call-17"}
        yield "tools", replace(base, tools=[tool]), ("look_up", "Finds words.", "word")
        used = replace(base, prompt=[_USER, calling, answer], tools=[tool])
        yield "calls in the prompt", used, ("look_up", "quince", "yellow")
        if base.completion and kind != "soft":  # there the labels are what is learned
            yield "calls", replace(base, completion=[calling], tools=[tool]), ("look_up", "quince")
            several = replace(base, completion=[calling, answer, _GOOD], tools=[tool])
            yield "calls with answers", several, ("look_up", "quince", "yellow", "fruit")
        if base.rejected:
            yield "rejected calls", replace(base, rejected=[calling], tools=[tool]), ("look_up", "quince")


def _odd(kind: Kind) -> Iterator[Record]:
    """Records whose messages are not as they should be, as logs may have them."""
    base = examples(kind)[0]
    for value in _WRONG:
        for key in ("role", "content", "tool_calls", "tool_call_id"):
            for role in ("user", "assistant", "tool"):
                message = {"role": role, "content": "text", key: value}
                yield replace(base, prompt=[message])
                if base.completion:
                    yield replace(base, completion=[message])
                if base.rejected:
                    yield replace(base, rejected=[message])
        yield replace(base, tools=[value])
        for key in ("id", "name", "arguments", "type", "function"):
            calls = [{**_OPENAI_CALL, key: value}, {**_CALL, key: value}]
            yield replace(base, prompt=[_USER, {**_GOOD, "tool_calls": calls}])
            yield replace(base, tools=[{**_OPENAI_TOOL, key: value}, {**_TOOL, key: value}])


def _changed(value: Any) -> Iterator[Any]:
    """A row with one thing in it replaced, for each thing."""
    parts: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        parts = iter(value.items())
    elif isinstance(value, list):
        parts = iter(enumerate(value))
    for key, item in parts:
        for other in (*_WRONG, *_changed(item)):
            made = copy.copy(value)
            made[key] = other
            yield made


def _checked(target: Format, row: Json) -> list[str]:
    return _texts(_calm(lambda: target.check(row), f"check of {row}"), "check")


def _made(target: Format, record: Record) -> Json:
    row: Json = _calm(lambda: target.row(record), f"making a row of {record.messages} with tools {record.tools}")
    return row


def _calm(work: Callable[[], Any], what: str) -> Any:
    try:
        return work()
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r}") from error


def _texts(problems: Any, what: str) -> list[str]:
    assert isinstance(problems, list), f"{what} must give a list, not {problems!r}"
    assert all(isinstance(problem, str) for problem in problems), f"{what} must give texts, not {problems!r}"
    return problems
