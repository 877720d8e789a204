"""CPU a call on an instant engine, 64 in flight."""

from harness import Values, bench


@bench("CPU a call, instant engine, 64 in flight: DSPy with and without its cache")
def dspy_cpu(quick: bool) -> Values:
    from peers import acall_cost, dspy_cache, engine_lm

    n = 1_000 if quick else 10_000
    with dspy_cache(disk=True):
        cached, _ = acall_cost(engine_lm(cache=True), n)
    with dspy_cache(disk=False):
        bare, _ = acall_cost(engine_lm(), n)
    return {"dspy_disk_cache_us": cached * 1e6, "dspy_no_cache_us": bare * 1e6}
