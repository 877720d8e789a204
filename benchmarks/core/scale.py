"""Large runs: resuming, evaluating, importing."""

from harness import Values, bench


@bench("resume of a finished run with 10,000 rollouts", seconds="<= 5", lm_calls="<= 0")
def resume(quick: bool) -> Values:
    import asyncio
    import tempfile
    import time

    import dspy
    import ours
    from peers import AsyncEngine, Engine

    n = 500 if quick else 10_000
    engine = AsyncEngine()

    async def run(folder: str) -> float:
        lm = dspy.LM("bench/engine", engine=Engine(), async_engine=engine, cache=False)
        start = time.perf_counter()
        async with ours.session(lm, folder) as opened:
            await opened.bench.evaluate(opened.bench.base, ours.rows(n))
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        first = asyncio.run(run(folder))
        engine.calls = 0
        return {"seconds": asyncio.run(run(folder)), "lm_calls": engine.calls, "first_run_seconds": first}


@bench("evaluation, CPU a row: 50,000 rows against 1,000", ratio="<= 1.1", growth_mib="< 64", bytes_a_row="< 64")
def scale(quick: bool) -> Values:
    import asyncio
    import gc
    import tempfile
    import time
    import tracemalloc
    from statistics import median

    import ours
    from peers import engine_lm

    few, many = (200, 2_000) if quick else (1_000, 50_000)

    async def cost(opened: ours.Session, n: int, first: int) -> float:
        start = time.process_time()
        await opened.bench.evaluate(opened.bench.base, ours.rows(n, first))
        opened.store.flush()
        return (time.process_time() - start) / n * 1e6

    async def small_runs() -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            async with ours.session(engine_lm(), folder) as opened:
                await cost(opened, few, 10**9)
                return [await cost(opened, few, i * few) for i in range(4)]

    async def large_run() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            async with ours.session(engine_lm(), folder) as opened:
                await cost(opened, few, 10**9)
                before = ours.peak_mib()
                # Most of what is added is SQLite's page caches, which are bounded.
                return await cost(opened, many, 0), ours.peak_mib() - before

    async def held() -> float:
        """Bytes that Python still holds of each row once it is done."""
        with tempfile.TemporaryDirectory() as folder:
            async with ours.session(engine_lm(), folder) as opened:
                await cost(opened, few, 10**9)
                gc.collect()
                tracemalloc.start()
                await cost(opened, few, 0)
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
                await cost(opened, 3 * few, few)
                gc.collect()
                return (tracemalloc.get_traced_memory()[0] - before) / (3 * few)

    # Small runs before and after the large one: a machine that slows down meanwhile is no finding.
    small = asyncio.run(small_runs())
    large, growth = asyncio.run(large_run())
    small += asyncio.run(small_runs())
    return {"ratio": large / median(small), "us_a_row_few": median(small), "us_a_row_many": large,
            "growth_mib": growth, "peak_mib": ours.peak_mib(), "bytes_a_row": asyncio.run(held())}  # fmt: skip


TASK = """
import dspy
import limbeck


def right(example, prediction, trace=None):
    return example.answer == prediction.answer


def row(raw):
    return {"inputs": {"question": raw["q"]}, "labels": {"answer": raw["gold"]}, "lm": raw["model"],
            "outputs": {"answer": raw["a"]}, "completion": raw["said"]}


task = limbeck.Task(program=dspy.Predict("question -> answer"), metric=right)
"""


@bench("import of 100,000 recorded rows, verified and exported", rows_per_s=">= 5000", peak_mib="< 500")
def ingest(quick: bool) -> Values:
    import json
    import resource
    import subprocess
    import sys
    import tempfile
    import time
    from pathlib import Path

    n = 5_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "task.py").write_text(TASK)
        with Path(folder, "log.jsonl").open("w") as file:
            for i in range(n):
                said, answer = (f"Adding 2 and 2 for the {i}th time gives 4.", "4") if i % 3 else ("Maybe 5.", "5")
                file.write(json.dumps({"q": f"What is 2 + 2, asked {i}?", "gold": "4", "model": "m",
                                       "said": said, "a": answer}) + "\n")  # fmt: skip

        def limbeck(*args: str) -> tuple[dict[str, object], float]:
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "limbeck", *args, "--json", "--quiet"], cwd=folder,
                                  capture_output=True, text=True, check=True)  # fmt: skip
            return json.loads(done.stdout), time.perf_counter() - start

        imported, first = limbeck("import", "task.py:task", "--row", "task.py:row", "--data", "log.jsonl")
        exported, second = limbeck("export", "task.py:task", "--out", "dataset")
    if imported["read"] != n or exported["read"] != n or exported["rows"]["train"] != imported["outcomes"]["passed"]:
        raise RuntimeError(f"counts do not add up: {imported}, {exported}")
    return {"rows_per_s": n / (first + second), "import_rows_per_s": n / first, "export_rows_per_s": n / second,
            "peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}  # fmt: skip
