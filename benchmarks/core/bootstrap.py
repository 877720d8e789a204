"""Bootstrapping: how long it takes with a slow LM, and whether it keeps the same demos."""

from harness import Values, bench

LATENCY = 0.2
IN_FLIGHT = 16


@bench("bootstrap: 200 examples, LM of 200 ms, 16 in flight, all kept", over_ideal="<= 1.15")
def bootstrap_time(quick: bool) -> Values:
    import asyncio
    import tempfile
    import time

    import ours
    import peers

    from limbeck.optimizers.bootstrap import Bootstrap

    n = 32 if quick else 200

    async def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            lm = peers.engine_lm(LATENCY)
            async with ours.session(lm, folder, concurrency=IN_FLIGHT, train=list(ours.rows(n))) as opened:
                start = time.perf_counter()
                found = await Bootstrap(max_bootstrapped_demos=n, max_labeled_demos=0).optimize(opened.bench)
                opened.store.flush()
                seconds = time.perf_counter() - start
            if len(found.demos["self"]) != n:
                raise RuntimeError(f"kept {len(found.demos['self'])} of {n}")
            return seconds

    seconds, ideal = asyncio.run(run()), n * LATENCY / IN_FLIGHT
    theirs = peers.bootstrap_seconds(n, LATENCY)
    return {"over_ideal": seconds / ideal, "seconds": seconds, "ideal": ideal, "dspy_seconds": theirs,
            "times_faster_than_dspy": theirs / seconds}  # fmt: skip


@bench("bootstrap: pass rate 50%, 3 rounds, 20 seeds: same demos as DSPy's BootstrapFewShot", different_seeds="<= 0")
def bootstrap_demos(quick: bool) -> Values:
    import asyncio
    import tempfile

    import dspy
    import ours
    from flaky import ROWS, flaky_lm, metric

    from limbeck.optimizers.bootstrap import Bootstrap
    from limbeck.records import Example
    from limbeck.signatures.task import Task

    settings = {"max_bootstrapped_demos": 16, "max_labeled_demos": 20, "max_rounds": 3}
    seeds = 3 if quick else 20

    def theirs(seed: int) -> list[dict[str, object]]:
        with dspy.context(lm=flaky_lm(seed), adapter=dspy.ChatAdapter(), disable_history=True, max_errors=10**6):
            compiled = dspy.BootstrapFewShot(metric=metric, **settings).compile(
                dspy.ChainOfThought("question -> answer"),
                trainset=[dspy.Example(**row).with_inputs("question") for row in ROWS],
            )
        return [dict(demo) for _, predictor in compiled.named_predictors() for demo in predictor.demos]

    async def mine(seed: int) -> list[dict[str, object]]:
        task = Task(program=dspy.ChainOfThought("question -> answer"), metric=metric, name="demos")
        train = [Example({"question": row["question"]}, {"answer": row["answer"]}) for row in ROWS]
        with tempfile.TemporaryDirectory() as folder:
            async with ours.session(flaky_lm(seed), folder, concurrency=IN_FLIGHT, task=task, train=train) as opened:
                found = await Bootstrap(**settings).optimize(opened.bench)
        return [dict(demo) for demos in found.demos.values() for demo in demos]

    different = compared = 0
    for seed in range(seeds):
        expected, got = theirs(seed), asyncio.run(mine(seed))
        compared += len(expected)
        different += expected != got
    return {"different_seeds": different, "seeds": seeds, "demos_compared": compared}
