"""The page of a dataset's card: what is in it, where it comes from, what was left out, how to make it again.

All of it is from the manifest, so that the same rows have the same card. What the manifest does not have is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from ....records import Json
from ..names import CONTAMINATED, CONTAMINATION, LEDGER, MANIFEST, PRIVATE, PROVENANCE
from .about import cost, kto_weights, makers, sources, summary
from .command import call
from .header import header, title
from .pictures import LEVEL_WORDS, pictures, ranges
from .text import block, cell, section, table

_PROMPTS = {
    "bare": "the signature alone: no demos, instructions as declared",
    "compiled": "with the instruction and the demos of the compiled program",
    "sent": "the messages as the teacher saw them, the completion verbatim",
}

_KINDS = {
    "sft": "a prompt and the answer to learn",
    "preference": "a prompt, a better answer and a worse one",
    "unpaired": "a prompt, an answer, and whether it is good",
    "stepwise": "a prompt, and an answer in steps with a label each",
    "prompts": "a prompt without an answer, for reinforcement learning",
    "soft": "a prompt, and how likely each label is",
}

_FILES = {
    PROVENANCE: "for each row, by split and line, its trace, example, LM, level and verdicts; `sha256` is the "
    "hash of the row's line without the newline. `limbeck why` reads it",
    LEDGER: "what was read and not emitted, and why",
    MANIFEST: "settings, counts and hashes of the files",
    CONTAMINATED: "rows that contain test texts, put aside: not for training",
    CONTAMINATION: "what they contain, to read",
    PRIVATE: "rows with secrets or personal data, put aside and masked",
}

_WARNING = 500  # characters of one

_ALWAYS = (PROVENANCE, LEDGER, MANIFEST)


def dataset_card(manifest: Json) -> str:
    """Write the card from a dataset's manifest."""
    drawn = pictures(manifest)
    lines = [
        "---",
        *header(manifest).splitlines(),
        "---",
        "",
        f"# {cell(title(manifest)).rstrip('# ')}",
        "",
        *_what(manifest),
        *table(("setting", "value"), _settings(manifest).items()),
        *_rows(manifest, drawn),
        *_labels(manifest, drawn),
        *_lengths(manifest, drawn),
        *_difficulty(manifest, drawn),
        *_levels(manifest, drawn),
        *makers(manifest),
        *sources(manifest),
        *cost(manifest),
        *kto_weights(manifest),
        *summary("Contamination", manifest.get("contamination")),
        *summary("Secrets and personal data", manifest.get("privacy")),
        *_dropped(manifest),
        *_again(manifest),
        *_files(manifest),
    ]
    return "\n".join(lines)


def _what(manifest: Json) -> list[str]:
    """What the dataset is, in two sentences."""
    rows, kind = sum(manifest["rows"].values()), manifest.get("rows_of", "")
    origins = (manifest.get("tally") or {}).get("origins") or {}
    written = origins.get("written", 0)
    by = "people" if written == rows else "language models" if not written else "language models and people"
    said = [f"{rows:,} {'row' if rows == 1 else 'rows'}, each {_KINDS[kind]}."] if kind in _KINDS else []
    said += [f"The answers are by {by}."] if rows and origins and kind != "prompts" else []
    return ["Made by `limbeck export` from verified traces.", *said, ""]


def _settings(manifest: Json) -> Mapping[str, object]:
    settings = {
        "format": manifest["format"],
        "kind": manifest.get("rows_of", ""),
        "prompt": f"{manifest['prompt']} ({_PROMPTS[manifest['prompt']]})",
        "predictors": ", ".join(manifest["predictors"]),
        "split seed": manifest["seed"],
    }
    settings |= {"highest level": manifest["max_level"]} if manifest["max_level"] else {}
    return settings | ({"adapter": manifest["adapter"]} if manifest["adapter"] else {})


def _picture(drawn: Mapping[str, str], name: str, words: str) -> list[str]:
    """A picture, if it was drawn; the table after it has the same numbers."""
    return [f"![{words}](card/{name}.svg)", ""] if f"card/{name}.svg" in drawn else []


def _rows(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    inputs = (manifest.get("tally") or {}).get("inputs")
    rows = [(_file(manifest, side), n) for side, n in manifest["rows"].items()]
    return [
        "## Rows",
        "",
        *_picture(drawn, "rows", "Rows by split"),
        *table(("file", "rows"), rows, numbers=1),
        _sum(manifest),
        "",
        *([f"{_inputs(inputs)} All rows of one input are on one side.", ""] if inputs else []),
        *[f"- {cell(text, _WARNING)}" for text in manifest["warnings"]],
        *([""] if manifest["warnings"] else []),
    ]


def _inputs(n: int) -> str:
    return "All have one input." if n == 1 else f"They have {n:,} different inputs."


def _file(manifest: Json, side: str) -> str:
    """The file of a side, or the files that its pattern finds."""
    path = str(manifest["paths"][side])
    found = [name for name in manifest.get("files", {}) if fnmatchcase(name, path)]
    if path in found or not found:
        return path
    return f"{found[0]} and {len(found) - 1} more" if found[1:] else str(found[0])


def _sum(manifest: Json) -> str:
    emitted, dropped = sum(manifest["rows"].values()), sum(manifest["dropped"].values())
    if not manifest["formed"]:
        return f"{manifest['read']:,} rows read = {emitted:,} emitted + {dropped:,} not emitted."
    return (
        f"{manifest['read']:,} answers read, {manifest['combined']:,} of them combined into {manifest['formed']:,} "
        f"rows: {emitted:,} rows emitted, {dropped:,} answers or rows not."
    )


def _labels(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    labels = (manifest.get("tally") or {}).get("labels") or {}
    sides = list(manifest["rows"])
    rows = [(name, sum(on.values()), *(on.get(side, 0) for side in sides)) for name, on in labels.items()]
    lines = table(("label", "rows", *sides), rows, numbers=1 + len(sides))
    return section("Labels", [*_picture(drawn, "labels", "Rows by label"), *lines] if lines else [])


def _lengths(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    lengths = (manifest.get("tally") or {}).get("lengths") or {}
    if not lengths:
        return []
    names = {"min": "shortest", "median": "median", "p90": "90% have at most", "p99": "99% have at most",
             "max": "longest", "total": "all rows together"}  # fmt: skip
    return section("Lengths", [
        "In characters of the input and the answer, without the words that all prompts share.",
        "",
        *_picture(drawn, "lengths", "Rows by length"),
        *table(("length", "characters"), [(words, lengths[name]) for name, words in names.items()], numbers=1),
        *table(("characters", "rows"), ranges(lengths), numbers=1),
    ])  # fmt: skip


def _difficulty(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    found = (manifest.get("tally") or {}).get("difficulty") or {}
    passed = found.get("passed") or {}
    if not passed:
        return []
    once = {"only one attempt": found["one_attempt"]} if found.get("one_attempt") else {}
    return section("Difficulty", [
        "The share of all attempts at a row's input that passed, whoever made them.",
        "",
        *_picture(drawn, "difficulty", "Rows by the share of attempts that passed"),
        *table(("attempts that passed", "rows"), {**passed, **once}.items(), numbers=1),
    ])  # fmt: skip


def _levels(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    """How much people had to do with the rows, as derived from who wrote and who judged them."""
    rows = [(LEVEL_WORDS.get(name, name), n) for name, n in manifest["levels"].items()]
    lines = table(("level", "rows"), rows, numbers=1)
    return section("Levels", [*_picture(drawn, "levels", "Rows by level"), *lines] if lines else [])


def _dropped(manifest: Json) -> list[str]:
    """The ledger: how often each reason, and one that it was given for."""
    first = manifest.get("dropped_first") or {}
    rows = [(reason, n, *([first.get(reason, "")] if first else [])) for reason, n in manifest["dropped"].items()]
    head = ("not emitted because", "rows", *(["for example"] if first else []))
    lines = table(head, rows)
    return section("Not emitted", [*lines, "`limbeck why DIR ID` tells more of each; `ledger.jsonl` has all of them.",
                                    ""] if lines else [])  # fmt: skip


def _again(manifest: Json) -> list[str]:
    """The command that gives the same files, and what it needs."""
    tally, versions = manifest.get("tally") or {}, manifest.get("versions") or {}
    made = manifest.get("command")
    how = block(made, "sh") if made else block(call(manifest["choices"]), "python") if "choices" in manifest else []
    needs = [
        ("task", manifest["task"]),
        *(("program", name) for name in tally.get("programs") or {} if name),
        *(("candidate", name) for name in [manifest.get("candidate")] if name),
        *versions.items(),
    ]
    return section("Make it again", [
        *how,
        "This gives the same files, byte for byte, where the store has the same traces of the task with the same",
        "verdicts, and nothing of the following is different. The hashes of the files are in `limbeck.json`.",
        "Where the store is not `.limbeck/store.db`, name it with `--store`; in Python, with `store=`.",
        "",
        *table(("what", "value"), needs),
    ])  # fmt: skip


def _files(manifest: Json) -> list[str]:
    names = dict.fromkeys([*manifest.get("files", {}), *_ALWAYS])
    return ["## Files", "", *(f"- {_path(name)}: {_use(manifest, name)}" for name in sorted(names)), ""]


def _use(manifest: Json, name: str) -> str:
    """What a file is."""
    paths = manifest["paths"].items()
    sides = [side for side, path in paths if name == path or fnmatchcase(name, path)]
    return _FILES.get(name) or (f"rows of {sides[0]}" if sides else "for the trainer")


def _path(name: str) -> str:
    return f"`{name}`" if re.fullmatch(r"[\w./-]+", name, re.ASCII) else cell(name)
