"""Decontamination on recorded data: what is planted is found, and what is clean stays."""

from harness import Values, bench


@bench("planted test data in recorded tasks", found=">= 1", clean_rows_with_a_match="<= 0.005")
def tasks(quick: bool) -> Values:
    import emit_contamination as c

    return (c.measured(c.TASKS[:1] if quick else c.TASKS)) if c.DATA.is_dir() else c.SKIPPED


@bench("planted test data among questions that are alike", found=">= 0.99")
def alike(quick: bool) -> Values:
    import emit_contamination as c

    return (c.measured(c.ALIKE[:1] if quick else c.ALIKE)) if c.DATA.is_dir() else c.SKIPPED


@bench("rows of 220 words against 10,000 test texts", us_a_row="<= 25")
def speed(quick: bool) -> Values:
    import time

    import numpy as np

    from limbeck.compiler.emit.against import TestTexts

    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.integers(0, 20_000, 60))) for _ in range(1_000 if quick else 10_000)]
    start = time.perf_counter()
    index = TestTexts((f"t:{n}", text) for n, text in enumerate(texts))
    made = time.perf_counter()
    rows = [rng.integers(0, 2**63, 220, np.uint64) for _ in range(10_000)]
    begin = time.perf_counter()
    hits = sum(bool(index.matches(row, 150, "")) for row in rows)
    return {"us_a_row": (time.perf_counter() - begin) / len(rows) * 1e6, "hits": hits, "seconds_to_read": made - start}
