"""How quickly the command line answers."""

from harness import Values, bench


@bench("limbeck --help", seconds="< 0.2", heavy_imports="<= 0")
def start(quick: bool) -> Values:
    import subprocess
    import sys
    import time

    command = [sys.executable, "-m", "limbeck", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    taken = []
    for _ in range(3 if quick else 15):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *command[1:]], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in traced.stderr.splitlines()}
    heavy = imported & {"dspy", "litellm", "optuna", "sqlalchemy", "numpy", "pydantic"}
    return {"seconds": sorted(taken)[len(taken) // 2], "heavy_imports": len(heavy), "which": ", ".join(sorted(heavy))}
