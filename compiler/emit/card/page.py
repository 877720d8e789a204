"""The page of a dataset's card: what is in it, where it comes from, what was left out, how to make it again.

All of it is from the manifest, so that the same rows have the same card. What the manifest does not have is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from ....records import Json
from ..kinds.unpaired import weights
from .command import call
from .header import header, licence_of, licences, title
from .pictures import LEVEL_WORDS, pictures, ranges
from .text import block, cell, table

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
    "provenance.jsonl": "for each row, by split and line, its trace, example, LM, level and verdicts; `sha256` is the "
    "hash of the row's line without the newline. `limbeck why` reads it",
    "ledger.jsonl": "what was read and not emitted, and why",
    "limbeck.json": "settings, counts and hashes of the files",
    "contaminated.jsonl": "rows that contain test texts, put aside: not for training",
    "contamination.md": "what they contain, to read",
    "private.jsonl": "rows with secrets or personal data, put aside and masked",
}

_ALWAYS = ("provenance.jsonl", "ledger.jsonl", "limbeck.json")


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
        *_makers(manifest),
        *_sources(manifest),
        *_cost(manifest),
        *_weights(manifest),
        *_summary("Contamination", manifest.get("contamination")),
        *_summary("Secrets and personal data", manifest.get("privacy")),
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
        *([f"They have {inputs:,} different inputs. All rows of one input are on one side.", ""] if inputs else []),
        *[f"- {cell(text)}" for text in manifest["warnings"]],
        *([""] if manifest["warnings"] else []),
    ]


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
        return f"{manifest['read']} rows read = {emitted} emitted + {dropped} not emitted."
    return (
        f"{manifest['read']} answers read, {manifest['combined']} of them combined into {manifest['formed']} rows: "
        f"{emitted} rows emitted, {dropped} answers or rows not."
    )


def _section(name: str, lines: list[str]) -> list[str]:
    return [f"## {name}", "", *lines] if lines else []


def _labels(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    labels = (manifest.get("tally") or {}).get("labels") or {}
    sides = list(manifest["rows"])
    rows = [(name, sum(on.values()), *(on.get(side, 0) for side in sides)) for name, on in labels.items()]
    lines = table(("label", "rows", *sides), rows, numbers=1 + len(sides))
    return _section("Labels", [*_picture(drawn, "labels", "Rows by label"), *lines] if lines else [])


def _lengths(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    lengths = (manifest.get("tally") or {}).get("lengths") or {}
    if not lengths:
        return []
    names = {"min": "shortest", "median": "median", "p90": "90% have at most", "p99": "99% have at most",
             "max": "longest", "total": "all rows together"}  # fmt: skip
    return _section("Lengths", [
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
    return _section("Difficulty", [
        "The share of all attempts at a row's input that passed, whoever made them.",
        "",
        *_picture(drawn, "difficulty", "Rows by the share of attempts that passed"),
        *table(("attempts that passed", "rows"), {**passed, **once}.items(), numbers=1),
    ])  # fmt: skip


def _levels(manifest: Json, drawn: Mapping[str, str]) -> list[str]:
    """How much people had to do with the rows, as derived from who wrote and who judged them."""
    lines = table(("level", "rows"), [(LEVEL_WORDS.get(name, name), n) for name, n in manifest["levels"].items()])
    return _section("Levels", [*_picture(drawn, "levels", "Rows by level"), *lines] if lines else [])


def _makers(manifest: Json) -> list[str]:
    """Who wrote the answers, and who judged them."""
    tally = manifest.get("tally") or {}
    lms = [(name or "none: people wrote it", n) for name, n in (tally.get("lms") or {}).items()]
    judges = [
        (found["verifier"], _BY.get(found["by"], found["by"]), found["rows"], ", ".join(found["fingerprints"]))
        for found in tally.get("verifiers") or []
    ]
    return [
        *_section("Teachers", table(("LM", "rows"), lms, numbers=1)),
        *_section("Verifiers", table(("verifier", "by", "rows", "versions"), judges)),
    ]


_BY = {"rule": "a rule", "tests": "tests", "model": "a model", "people": "people", "environment": "an environment"}


def _sources(manifest: Json) -> list[str]:
    """Where the examples come from, and under which licence."""
    sources = (manifest.get("tally") or {}).get("sources") or {}
    named = manifest.get("licences") or {}
    counts = {name: sum(on.values()) for name, on in sources.items()}
    counts |= {name: of["rows"] for name, of in named.items() if isinstance(of, Mapping) and of.get("rows")}
    rows = [(name, n, licence_of(named.get(name))) for name, n in counts.items()]
    lines = table(("source", "rows", "licence"), rows)
    if not lines:
        return []
    return _section("Sources and licences", [*lines, f"Licence of the dataset: {cell(', '.join(licences(manifest)))}.",
                                             ""])  # fmt: skip


def _cost(manifest: Json) -> list[str]:
    """What the traces behind the rows took when they were made."""
    used = (manifest.get("tally") or {}).get("usage") or {}
    if not used:
        return []
    if not used["with_calls"]:
        return _section("Cost", ["Not known: the answers were imported, and no call of an LM was recorded.", ""])
    rows = {"calls": used["calls"], "prompt tokens": used["input_tokens"], "completion tokens": used["output_tokens"]}
    usd = "not known" if used["usd"] is None else f"{used['usd']:.4f}"
    missing = used["traces"] - used["with_calls"]
    return _section("Cost", [
        f"What the {used['traces']:,} traces behind the rows took when they were made.",
        "Traces that were not emitted, and verifiers that asked an LM, are not counted.",
        "",
        *table(("what", "amount"), [*rows.items(), ("US dollars", usd)], numbers=1),
        *([f"Of {missing:,} of these traces no call was recorded.", ""] if missing else []),
    ])  # fmt: skip


def _weights(manifest: Json) -> list[str]:
    """Weights for KTO, where there are good and bad rows."""
    outcomes = (manifest.get("tally") or {}).get("outcomes")
    if manifest.get("rows_of") != "unpaired" or not outcomes:
        return []
    good = outcomes.get("passed", 0)
    bad = sum(outcomes.values()) - good
    desirable, undesirable = weights(good, bad)
    rows = [("good", good, "desirable_weight", str(desirable)), ("bad", bad, "undesirable_weight", str(undesirable))]
    return _section("Weights for KTO", [
        "With these weights good rows count between 1 and 4/3 times as much as bad ones, as TRL recommends.",
        "",
        *table(("rows", "number", "setting", "weight"), rows),
    ])  # fmt: skip


def _summary(name: str, found: object) -> list[str]:
    """Numbers and words that another stage left in the manifest."""
    rows = list(_flat(found)) if isinstance(found, Mapping) else []
    return _section(name, table(("what", "value"), rows))


def _flat(found: Mapping[str, object], above: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in found.items():
        words = f"{above}{name}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{words}: ")
        elif isinstance(value, (list, tuple)):
            rows.append((words, ", ".join(map(str, value))))
        elif value is not None:
            rows.append((words, value))
    return rows


def _dropped(manifest: Json) -> list[str]:
    """The ledger: how often each reason, and one that it was given for."""
    first = manifest.get("dropped_first") or {}
    rows = [(reason, n, *([first.get(reason, "")] if first else [])) for reason, n in manifest["dropped"].items()]
    head = ("not emitted because", "rows", *(["for example"] if first else []))
    lines = table(head, rows)
    return _section("Not emitted", [*lines, "`limbeck why DIR ID` tells more of each; `ledger.jsonl` has all of them.",
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
    return _section("Make it again", [
        *how,
        "This gives the same files, byte for byte, where the store has the same traces of the task with the same",
        "verdicts, and nothing of the following is different. The hashes of the files are in `limbeck.json`.",
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
