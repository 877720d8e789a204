"""Bootstrapping with an LM that takes 200 ms."""

from harness import Values, bench

LATENCY = 0.2
IN_FLIGHT = 16


@bench("bootstrap, 200 examples, 200 ms an LM call: DSPy's BootstrapFewShot")
def dspy_bootstrap(quick: bool) -> Values:
    from peers import bootstrap_seconds

    n = 20 if quick else 200
    return {"seconds": bootstrap_seconds(n, LATENCY), "ideal_at_16_in_flight": n * LATENCY / IN_FLIGHT}
