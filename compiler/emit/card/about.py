"""Sections of the card on where rows come from: who made and judged them, their sources, what they took."""

from __future__ import annotations

from collections.abc import Mapping

from ....records import Json
from ..kinds.unpaired import weights
from .header import licence
from .text import cell, section, table


def makers(manifest: Json) -> list[str]:
    """Who wrote the answers, and who judged them."""
    tally = manifest.get("tally") or {}
    lms = [(name or "none: people wrote it", n) for name, n in (tally.get("lms") or {}).items()]
    judges = [
        (found["verifier"], _BY.get(found["by"], found["by"]), found["rows"], ", ".join(found["fingerprints"]))
        for found in tally.get("verifiers") or []
    ]
    return [
        *section("Teachers", table(("LM", "rows"), lms, numbers=1)),
        *section("Verifiers", table(("verifier", "by", "rows", "versions"), judges)),
    ]


_BY = {"rule": "a rule", "tests": "tests", "model": "a model", "people": "people", "environment": "an environment"}


def sources(manifest: Json) -> list[str]:
    """Where the examples come from, and under which licence."""
    found = (manifest.get("tally") or {}).get("sources") or {}
    named = manifest.get("licences") or {}
    counts = {name: sum(on.values()) for name, on in found.items()}
    counts |= {name: of["rows"] for name, of in named.items()}
    rows = [(name, n, (named.get(name) or {}).get("licence") or "unknown") for name, n in counts.items()]
    whole = licence(manifest)
    words = [f"Licence of the dataset: {cell(whole.get('license_name') or whole['license'])}.", ""]
    lines = table(("source", "rows", "licence"), rows)
    return section("Sources and licences", [*lines, *words] if lines else [])


def cost(manifest: Json) -> list[str]:
    """What the traces behind the rows took when they were made."""
    used = (manifest.get("tally") or {}).get("usage") or {}
    if not used.get("traces"):
        return []
    if not used["with_calls"]:
        return section("Cost", ["Not known: the answers were imported, and no call of an LM was recorded.", ""])
    rows = {"calls": used["calls"], "prompt tokens": used["input_tokens"], "completion tokens": used["output_tokens"]}
    usd = "not known" if used["usd"] is None else f"{used['usd']:.4f}"
    missing = used["traces"] - used["with_calls"]
    return section("Cost", [
        f"What the {used['traces']:,} traces behind the rows took when they were made.",
        "Traces that were not emitted, and verifiers that asked an LM, are not counted.",
        "",
        *table(("what", "amount"), [*rows.items(), ("US dollars", usd)], numbers=1),
        *([f"Of {missing:,} of these traces no call was recorded.", ""] if missing else []),
    ])  # fmt: skip


def kto_weights(manifest: Json) -> list[str]:
    """Weights for KTO, where there are good and bad rows."""
    outcomes = (manifest.get("tally") or {}).get("outcomes")
    if manifest.get("rows_of") != "unpaired" or not outcomes:
        return []
    good = outcomes.get("passed", 0)
    bad = sum(outcomes.values()) - good
    desirable, undesirable = weights(good, bad)
    rows = [("good", good, "desirable_weight", str(desirable)), ("bad", bad, "undesirable_weight", str(undesirable))]
    return section("Weights for KTO", [
        "With these weights good rows count between 1 and 4/3 times as much as bad ones, as TRL recommends.",
        "",
        *table(("rows", "number", "setting", "weight"), rows),
    ])  # fmt: skip


def summary(name: str, found: object) -> list[str]:
    """Numbers and words that another stage left in the manifest."""
    rows = list(_flat(found)) if isinstance(found, Mapping) else []
    return section(name, table(("what", "value"), rows))


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
