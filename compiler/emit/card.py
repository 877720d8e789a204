"""The README.md of a dataset directory."""

from __future__ import annotations

from collections.abc import Mapping

from ...records import Json
from ..keep.level import LEVELS

_PROMPTS = {
    "bare": "the signature alone: no demos, instructions as declared",
    "compiled": "with the instruction and the demos of the compiled program",
    "sent": "the messages as the teacher saw them, the completion verbatim",
}


def dataset_card(manifest: Json) -> str:
    """Write a short card from a dataset's manifest."""
    title = f"Dataset of {manifest['task']}" if manifest["task"] else "Dataset"
    return "\n".join(
        [
            f"# {_inline(title)}",
            "",
            "Made by `limbeck export` from verified traces.",
            "",
            *_table(("setting", "value"), _settings(manifest)),
            "",
            "## Rows",
            "",
            *_table(("file", "rows"), _rows(manifest)),
            "",
            _sum(manifest),
            "",
            *_levels(manifest["levels"]),
            *_dropped(manifest["dropped"]),
            "## Files",
            "",
            "- `provenance.jsonl`: for each row, by split and line, its trace, example, LM, level and verdicts;",
            "  `sha256` is the hash of the row's line without the newline.",
            "- `ledger.jsonl`: what was read and not emitted, and why.",
            "- `limbeck.json`: settings, counts and hashes of the files.",
            "",
        ]
    )


def _settings(manifest: Json) -> Mapping[str, object]:
    settings = {
        "format": manifest["format"],
        "prompt": f"{manifest['prompt']} ({_PROMPTS[manifest['prompt']]})",
        "predictors": ", ".join(manifest["predictors"]),
        "split seed": manifest["seed"],
    }
    settings |= {"highest level": manifest["max_level"]} if manifest["max_level"] else {}
    return settings | ({"adapter": manifest["adapter"]} if manifest["adapter"] else {})


def _rows(manifest: Json) -> Mapping[str, object]:
    return {manifest["paths"][split]: count for split, count in manifest["rows"].items()}


def _sum(manifest: Json) -> str:
    emitted, dropped = sum(manifest["rows"].values()), sum(manifest["dropped"].values())
    if not manifest["formed"]:
        return f"{manifest['read']} rows read = {emitted} emitted + {dropped} not emitted."
    return (
        f"{manifest['read']} answers read, {manifest['combined']} of them combined into {manifest['formed']} rows: "
        f"{emitted} rows emitted, {dropped} answers or rows not."
    )


def _levels(levels: Mapping[str, int]) -> list[str]:
    """How much people had to do with the rows, as derived from who wrote and who judged them."""
    meanings = {**{str(number): f"{number}: {words}" for number, words in LEVELS.items()}, "none": "none: nothing says"}
    named = {meanings[level]: count for level, count in levels.items()}
    return [*_table(("level", "rows"), named), ""] if named else []


def _dropped(dropped: Mapping[str, int]) -> list[str]:
    return [*_table(("not emitted because", "rows"), dropped), ""] if dropped else []


def _table(head: tuple[str, str], cells: Mapping[str, object]) -> list[str]:
    return [
        f"| {head[0]} | {head[1]} |",
        "| --- | --- |",
        *(f"| {_inline(name)} | {_inline(str(value))} |" for name, value in cells.items()),
    ]


def _inline(text: str) -> str:
    """Keep a value on its line and inside its cell."""
    return " ".join(text.split()).replace("|", "\\|")
