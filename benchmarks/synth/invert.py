"""``invert`` on the 77 intents of banking77: quotas, leaks, round trips; and its own program, compiled.

The LM that writes is scripted (see ``synth_invert.py``); what predicts is ``embedded/analogy`` with four demos a
label, other utterances than the seeds and those that the writer cuts up; ``patience`` is 400. Reject rates are of this
pair, and say nothing of a language model's. Those of each label go to ``results/synth-invert-labels.md``.
"""

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from harness import Values, bench
from label_tasks import DATA, SKIPPED

HERE = DATA.is_dir()
BARS = dict.fromkeys(("quotas_missed", "above_quota", "leaks_missed", "leaks_kept", "junk_kept"), "== 0")
BARS |= {"least_leaks": ">= 10"}
TABLE = Path(__file__).resolve().parents[1] / "results" / "synth-invert-labels.md"


@bench("invert, 77 intents, quotas of 1 to 8 drawn by seed, 5 seeds", **BARS if HERE else {})
def quotas(quick: bool) -> Values:
    if not HERE:
        return SKIPPED
    found = _runs(quick, even=False)
    if not quick:
        _write(found)
    return _values(found)


@bench("invert, 77 intents, 2 to 8 seeds an intent, target=even, 5 seeds", **BARS | {"spread": "== 0"} if HERE else {})
def even(quick: bool) -> Values:
    if not HERE:
        return SKIPPED
    found = _runs(quick, even=True)
    after = [[ran.before[label] + ran.kept[label] for label in ran.quotas] for ran in found]
    return {**_values(found), "spread": max(max(counts) - min(counts) for counts in after)}


def _runs(quick: bool, *, even: bool) -> list[Any]:
    import synth_invert

    return [synth_invert.run(seed, labels=12 if quick else 77, even=even, most=8) for seed in range(1 if quick else 5)]


def _values(found: list[Any]) -> Values:
    rates = [1 - sum(ran.kept.values()) / ran.asked for ran in found]
    by_label = _by_label(found)
    planted, phrases = (sum(getattr(ran, name) for ran in found) for name in ("leaks", "phrases"))
    return {
        "wanted": sum(sum(ran.quotas.values()) for ran in found),
        "kept": sum(sum(ran.kept.values()) for ran in found),
        "quotas_missed": sum(ran.kept[label] < n for ran in found for label, n in ran.quotas.items()),
        "above_quota": sum(ran.kept[label] > n for ran in found for label, n in ran.quotas.items()),
        "leaks_planted": planted,
        "leaks_missed": sum(ran.leaks_missed for ran in found),
        "leaks_kept": sum(ran.leaks_kept for ran in found),
        "least_leaks": min(ran.leaks for ran in found),
        "in_plain_words": phrases,
        "in_plain_words_kept": sum(ran.phrases_kept for ran in found),
        "called_leaks": sum(ran.eliminated.get("gives the output away", 0) for ran in found),
        "junk_kept": sum(ran.bad_kept for ran in found),
        "asked": sum(ran.asked for ran in found),
        "refused_by_round_trip": sum(ran.rejected for ran in found),
        "reject_rate": statistics.fmean(rates),
        "reject_rate_by_seed": f"{min(rates):.3f} to {max(rates):.3f}",
        "reject_rate_by_label": f"{min(by_label.values()):.2f} to {max(by_label.values()):.2f}",
    }


def _by_label(found: list[Any]) -> dict[str, float]:
    asked: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for ran in found:
        for label, row in ran.notes.items():
            asked[label] += row["asked"]
            kept[label] += row["kept"]
    return {label: 1 - kept[label] / n for label, n in asked.items() if n}


def _write(found: list[Any]) -> None:
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for ran in found:
        for label, row in ran.notes.items():
            found_now = (row[name] for name in ("target", "kept", "asked"))
            totals[label] = [have + new for have, new in zip(totals[label], found_now, strict=True)]
    rates = _by_label(found)
    lines = [f"| {label} | {totals[label][0]} | {totals[label][1]} | {totals[label][2]} | {100 * rates[label]:.0f} |"
             for label in sorted(rates, key=lambda label: -rates[label])]  # fmt: skip
    head = ["`invert` on banking77, sums of 5 seeds; see `synth/invert.py`.", "",
            "| intent | target | kept | asked | reject rate % |", "| --- | --- | --- | --- | --- |"]  # fmt: skip
    TABLE.write_text("\n".join([*head, *lines, ""]))


@bench("what people wrote on banking77 and is called a leak, %; labels and habits from train, counted on dev",
       **{"by_default": "<= 2", "refusals": "== 0"} if HERE else {})  # fmt: skip
def natural(quick: bool) -> Values:
    if not HERE:
        return SKIPPED
    from limbeck.compiler.generate.invert.leaks import leaks
    from limbeck.compiler.generate.invert.survey import Survey
    from limbeck.compiler.generate.invert.writing import _REFUSAL
    from limbeck.records import Example

    rows = {}
    for part in ("train", "dev"):
        with gzip.open(DATA / "banking77" / f"{part}_tasks.jsonl.gz") as lines:
            rows[part] = [Example({"text": row["input"]}, {"intent": row["gold"]}) for row in map(json.loads, lines)]
    survey = Survey("intent", None, 0)
    survey.read(rows["train"], ["intent"], lambda inputs: inputs["text"])

    def share(mode: Any, natural: float) -> float:
        found = [leaks(row.inputs["text"], row.labels, survey.mode(row.labels["intent"], mode, natural))
                 for row in rows["dev"]]  # fmt: skip
        return 100 * sum(leak is not None for leak in found) / len(found)

    modes = Counter(survey.mode(label, "phrase", 0.05) for label in survey.counts)
    return {
        "exact": share("exact", 1), "phrase": share("phrase", 1), "words": share("words", 1),
        "by_default": share("phrase", 0.05), "words_but_natural": share("words", 0.05),
        "intents_relaxed": modes["exact"], "rows": len(rows["dev"]),
        "refusals": sum(_REFUSAL.match(row.inputs["text"]) is not None for part in rows.values() for row in part),
    }  # fmt: skip


@bench("invert's own program compiled on examples/tickets, embedded/analogy: inputs that lead back, %",
       low_of_gain="> 0", kept_by_seed_better="== 3")  # fmt: skip
def compiled(quick: bool) -> Values:
    import limbeck

    examples = Path(__file__).resolve().parents[2] / "examples"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = examples / "synthesis" / "backward.py"
        made = limbeck.compile(f"{task}:task", out=folder / "backward", store=folder / "b.db")
        limbeck.compile(f"{examples / 'tickets' / 'router.py'}:task", out=folder / "router", store=folder / "r.db")
        shares: list[list[float]] = [[], []]
        calls: list[list[float]] = [[], []]
        for seed in range(3):
            for which, prompts in enumerate([(), (folder / "backward",)]):
                ran = limbeck.synthesize(folder / "router", "invert", set={"per_label": 5, "leak": "exact"}, seed=seed,
                                         prompts=prompts, store=folder / f"s{seed}{which}.db")  # fmt: skip
                shares[which].append(100 * ran.kept / ran.asked)
                calls[which].append(ran.cost["calls"])
    gate = made.gate
    return {
        "baseline": 100 * gate.baseline, "compiled": 100 * gate.compiled,
        "low_of_gain": 100 * gate.interval.low, "high_of_gain": 100 * gate.interval.high, "test_rows": gate.n,
        "kept_of_asked_before": statistics.fmean(shares[0]), "kept_of_asked_with_prompts": statistics.fmean(shares[1]),
        "calls_a_row_before": statistics.fmean(calls[0]), "calls_a_row_with_prompts": statistics.fmean(calls[1]),
        "kept_by_seed_better": sum(b > a for a, b in zip(*shares, strict=True)),
    }  # fmt: skip
