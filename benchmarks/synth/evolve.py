"""What ``evolve`` costs beside the LM, what it holds in memory, and what it pays when it is killed."""

from harness import Values, bench

_TASK = """
import dspy
import limbeck


def answered(example, prediction, trace=None):
    return prediction.answer.startswith("It is")


task = limbeck.Task(dspy.Predict("question -> answer"), metric=answered, name="questions")
"""


@bench("CPU a kept row of evolve (evolver, judge, answer), instant LM in the process, against bare DSPy",
       over_dspy_ms="<= 2")  # fmt: skip
def overhead(quick: bool) -> Values:
    from statistics import median

    import synth_evolve

    few, many = (25, 100) if quick else (500, 1_500)
    ours, bare = [], []
    for _ in range(1 if quick else 3):
        # The cost of one more row: what a run costs however short it is (opening, the figures at its end) cancels.
        first, second = synth_evolve.cost(few), synth_evolve.cost(many)
        ours.append((second.cpu - first.cpu) / (second.kept - first.kept) * 1e3)
        bare.append(synth_evolve.bare_cost(second.calls) / second.kept * 1e3)
    alone = synth_evolve.engine_cost(second.calls) / second.kept * 1e3
    calls = len(second.calls) / second.kept
    return {
        "over_dspy_ms": median(o - b for o, b in zip(ours, bare, strict=True)),
        "ms": median(ours) - alone, "dspy_ms": median(bare) - alone, "lm_ms": alone, "lm_calls_a_row": calls,
        "kept": second.kept,
    }  # fmt: skip


@bench("100,000 evolved rows: memory of the process against that with 10,000", growth_mib="< 64")
def memory(quick: bool) -> Values:
    import json
    import subprocess
    import sys
    from pathlib import Path

    few, many = (100, 500) if quick else (2_500, 25_000)  # seeds, of which each evolves four times
    told = []
    for seeds in (few, many):
        command = [sys.executable, str(Path(__file__).parents[1] / "synth_evolve.py"), str(seeds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout.splitlines()[-1]))
    small, large = told
    return {"growth_mib": large["peak_mib"] - small["peak_mib"], "peak_mib_few": small["peak_mib"],
            "peak_mib": large["peak_mib"], "kept": large["kept"], "seconds": large["seconds"],
            "rows_per_s": large["kept"] / large["seconds"]}  # fmt: skip


@bench("evolve killed with SIGKILL and gone on with, over a local HTTP provider", paid_twice="<= 0", other_rows="<= 0",
       kills=">= 1")  # fmt: skip
def killed(quick: bool) -> Values:
    import random
    import tempfile
    from collections import Counter
    from pathlib import Path

    import synth_evolve
    import synth_evolve_lm

    from limbeck.testing.stub import Stub

    moments, draw = (2 if quick else 20), random.Random(6)
    twice = other = kills = 0
    with tempfile.TemporaryDirectory() as folder, Stub(f"{synth_evolve_lm.__file__}:stub_reply", latency=0.01) as stub:
        Path(folder, "task.py").write_text(_TASK)
        whole = synth_evolve.Killed(Path(folder), "whole", stub)
        whole.run()
        expected, calls = whole.rows(), whole.paid().total()
        for moment in range(moments):
            one = synth_evolve.Killed(Path(folder), f"killed{moment}", stub)
            kills += one.run(kill_after=draw.randint(1, calls - 1))
            paid, before = one.paid(), Counter(stub.stats().received)
            one.run()
            sent, new = Counter(stub.stats().received) - before, one.paid() - paid
            twice += (sent - new).total()
            other += one.rows() != expected
    return {"paid_twice": twice, "other_rows": other, "kills": kills, "calls": calls, "rows": len(expected)}
