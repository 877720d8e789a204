"""Calls a second against a local HTTP server, 64 in flight."""

from harness import Values, bench


@bench("calls a second, local HTTP stub, 64 in flight: DSPy with and without its cache")
def dspy_http(quick: bool) -> Values:
    from peers import acall_cost, dspy_cache, http_lm

    from limbeck.testing.stub import Stub

    n = 500 if quick else 5_000
    with Stub() as stub:
        with dspy_cache(disk=True):
            _, cached = acall_cost(http_lm(stub.url, cache=True), n)
        with dspy_cache(disk=False):
            _, bare = acall_cost(http_lm(stub.url, cache=False), n)
    return {"dspy_disk_cache": 1 / cached, "dspy_no_cache": 1 / bare}
