"""Near duplicates: against other tools on the same rows, and the memory of a million.

datasketch is a development dependency. distilabel gets an environment of its own in build/peers, with datasketch 1.6.5,
since its step does not work with datasketch 2.0, which needs half the processor time.
"""

from harness import Values, bench

ROWS, QUICK = 50_000, 2_000


@bench("near duplicates in 50,000 rows, against datasketch", times_faster=">= 10", apart="<= 0.01")
def against_datasketch(quick: bool) -> Values:
    import emit_near

    return emit_near.duel(lambda texts: emit_near.timed(emit_near.datasketch, texts), QUICK if quick else ROWS)


@bench("near duplicates in 50,000 rows, against distilabel's MinHashDedup", times_faster=">= 10", apart="<= 0.01")
def against_distilabel(quick: bool) -> Values:
    import emit_near

    return emit_near.duel(emit_near.distilabel_timed, QUICK if quick else ROWS)


@bench("near duplicates in 1,000,000 rows of 220 words", peak_mib="<= 250", us_a_row="<= 60")
def million(quick: bool) -> Values:
    import resource
    import tempfile
    import time
    from pathlib import Path

    import numpy as np

    from limbeck.compiler.emit.near import NearIndex

    count = 20_000 if quick else 1_000_000
    rng = np.random.default_rng(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, NearIndex(Path(folder)) as index:
        text = rng.integers(0, 2**63, 220, np.uint64)
        for row in range(count):
            if row % 10 == 9:  # a near duplicate of the row before it
                text = text.copy()
                text[5:9] = rng.integers(0, 2**63, 4, np.uint64)
            else:
                text = rng.integers(0, 2**63, 220, np.uint64)
            index.add(text)
        filled = time.perf_counter()
        clusters = index.clusters()
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "peak_mib": peak / 1024, "us_a_row": (end - start) / count * 1e6, "seconds_to_fill": filled - start,
        "seconds_to_cluster": end - filled, "duplicates": int((clusters != np.arange(count)).sum()),
    }  # fmt: skip
