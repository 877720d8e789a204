"""``backtranslate``: candidates of real and of planted text, scores of recorded judgments, cost beside the LM."""

import tempfile
from pathlib import Path

from harness import Values, bench
from label_tasks import DATA, SKIPPED

_NO_EXTRACTOR = {"skipped": "needs trafilatura: pip install 'limbeck[documents]'"}


def _has_extractor() -> bool:
    try:
        import trafilatura  # noqa: F401
    except ImportError:
        return False
    return True


@bench("backtranslate: candidates of this repository's docs")
def docs(quick: bool) -> Values:
    import synth_backtranslate as work

    return work.figures(work.ROOT / "docs")


@bench("backtranslate: candidates of 800 passages of Wikipedia, six an article")
def wikipedia(quick: bool) -> Values:
    if not DATA.is_dir():
        return SKIPPED
    import synth_backtranslate as work

    with tempfile.TemporaryDirectory() as name:
        for number, article in enumerate(work.articles(work.passages(DATA))):
            text = "".join(f"## {title}\n\n{text}\n\n" for title, text in article)
            (Path(name) / f"{number:04}.md").write_text(f"# Article {number}\n\n{text}", encoding="utf-8")
        return work.figures(Path(name))


def page(style: str, *, extractor: bool) -> None:
    @bench(f"backtranslate: pages with planted navigation, {style}, {'trafilatura' if extractor else 'tags taken out'}")
    def run(quick: bool) -> Values:
        if not DATA.is_dir():
            return SKIPPED
        if extractor and not _has_extractor():
            return _NO_EXTRACTOR
        import synth_backtranslate as work

        return work.planted(work.passages(DATA)[: 120 if quick else None], style, extractor=extractor)


for name in ("semantic", "named", "plain"):
    page(name, extractor=True)
    page(name, extractor=False)


@bench("backtranslate: planted sections of Markdown")
def sections(quick: bool) -> Values:
    if not DATA.is_dir():
        return SKIPPED
    import synth_backtranslate as work

    return work.sections(work.passages(DATA), 40 if quick else 400)


@bench("backtranslate: scores of recorded judgments (GPT-4 on MT-Bench)", read_otherwise="== 0")
def readings(quick: bool) -> Values:
    if not DATA.is_dir():
        return {**SKIPPED, "read_otherwise": 0}
    import synth_backtranslate as work

    return work.readings(DATA)


@bench("CPU a kept row of backtranslate (instruction, two scores), instant LM in the process, against bare DSPy",
       over_dspy_ms="<= 2")  # fmt: skip
def overhead(quick: bool) -> Values:
    from statistics import median

    import synth_backtranslate as work

    few, many = (20, 60) if quick else (100, 350)  # documents of four sections each
    ours, bare = [], []
    for _ in range(1 if quick else 3):
        first, second = work.run(few), work.run(many)  # what a run costs however short it is cancels
        ours.append((second["cpu"] - first["cpu"]) / (second["kept"] - first["kept"]) * 1e3)
        bare.append(work.bare_dspy(second["calls"]) / second["kept"] * 1e3)
    over = median(one - other for one, other in zip(ours, bare, strict=True))
    return {"over_dspy_ms": over, "ms": median(ours), "dspy_ms": median(bare),
            "lm_calls_a_row": second["calls"] / second["kept"], "kept": second["kept"]}  # fmt: skip


@bench("backtranslate: memory of the process with 20,000 kept rows against that with 5,000", growth_mib="< 64")
def memory(quick: bool) -> Values:
    import json
    import subprocess
    import sys

    told = []
    for documents in (30, 150) if quick else (1_250, 5_000):
        command = [sys.executable, str(Path(__file__).parents[1] / "synth_backtranslate.py"), str(documents)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout.splitlines()[-1]))
    small, large = told
    return {"growth_mib": large["peak_mib"] - small["peak_mib"], "peak_mib": large["peak_mib"], "kept": large["kept"]}


@bench("backtranslate killed with SIGKILL and gone on with, over a local HTTP provider", paid_twice="<= 0",
       other_rows="<= 0", kills=">= 1")  # fmt: skip
def killed(quick: bool) -> Values:
    import synth_backtranslate as work

    return work.killed(2 if quick else 20)
