"""What a call costs, beside DSPy in the same run. Ours and theirs take turns, and the median of the ratios counts."""

from harness import Values, bench

_TURNS = 5


@bench("CPU a call, instant engine, 64 in flight, durable, against dspy with its disk cache (a miss)", ratio="<= 0.9")
def cpu(quick: bool) -> Values:
    from statistics import median

    import ours
    from peers import acall_cost, dspy_cache, engine_lm

    n = 500 if quick else 4_000
    mine, cached, bare = [], [], []
    for _ in range(1 if quick else _TURNS):
        mine.append(ours.evaluation_cost(engine_lm(), n)[0] * 1e6)
        with dspy_cache(disk=True):
            cached.append(acall_cost(engine_lm(cache=True), n)[0] * 1e6)
        with dspy_cache(disk=False):
            bare.append(acall_cost(engine_lm(), n)[0] * 1e6)
    return {
        "ratio": median(m / c for m, c in zip(mine, cached, strict=True)),
        "ratio_to_dspy_without_cache": median(m / b for m, b in zip(mine, bare, strict=True)),
        "us": median(mine), "dspy_disk_cache_us": median(cached), "dspy_no_cache_us": median(bare),
    }  # fmt: skip


@bench("calls a second, local HTTP stub, 64 in flight, against dspy with its disk cache", ratio=">= 1.1")
def http(quick: bool) -> Values:
    from statistics import median

    import ours
    from peers import acall_cost, dspy_cache, http_lm

    from limbeck.testing.stub import Stub

    n = 300 if quick else 2_000
    mine, cached, bare = [], [], []
    with Stub() as stub:
        for _ in range(1 if quick else _TURNS):
            mine.append(1 / ours.evaluation_cost(http_lm(stub.url, cache=False), n)[1])
            with dspy_cache(disk=True):
                cached.append(1 / acall_cost(http_lm(stub.url, cache=True), n)[1])
            with dspy_cache(disk=False):
                bare.append(1 / acall_cost(http_lm(stub.url, cache=False), n)[1])
    return {
        "ratio": median(m / c for m, c in zip(mine, cached, strict=True)),
        "ratio_to_dspy_without_cache": median(m / b for m, b in zip(mine, bare, strict=True)),
        "calls_per_s": median(mine), "dspy_disk_cache": median(cached), "dspy_no_cache": median(bare),
    }  # fmt: skip
