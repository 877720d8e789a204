"""``weak``: weak-to-strong with classifiers, and what labelling costs beside the LM."""

from harness import Values, bench
from label_tasks import DATA, SKIPPED
from synth_weak import TASKS, measured


def recovered(name: str) -> None:
    @bench(f"weak: {name}")
    def run(quick: bool) -> Values:
        if not DATA.is_dir():
            return SKIPPED
        try:
            import sklearn  # noqa: F401
        except ImportError:
            return {"skipped": "needs scikit-learn"}
        return measured(DATA, name, 2 if quick else 20)


for name in TASKS:
    recovered(name)


@bench("weak: synth of 2,000 inputs, an LM that answers at once", cpu_ms_per_row="<= 2")
def overhead(quick: bool) -> Values:
    import tempfile
    import time
    from pathlib import Path
    from typing import Literal

    import dspy

    import limbeck
    from limbeck.testing.scripted import Scripted, fields

    signature = {"ticket": (str, dspy.InputField()), "team": (Literal["billing", "tech"], dspy.OutputField())}
    task = limbeck.Task(dspy.Predict(dspy.Signature(signature, "Route the ticket.")), name="tickets")

    def spent(rows: int, attempts: int) -> float:
        lm, seeds = Scripted(lambda *_: fields(team="tech")), [{"ticket": f"Ticket {n}"} for n in range(rows)]
        with tempfile.TemporaryDirectory() as folder:
            begun = time.process_time()
            limbeck.synthesize(
                task, "weak", data=seeds, lm=lm.lm, store=Path(folder, "store.db"), set={"attempts": attempts}
            )
            return 1000 * (time.process_time() - begun) / rows

    spent(100, 1)  # imports
    rows = 200 if quick else 2_000
    return {"cpu_ms_per_row": spent(rows, 1), "cpu_ms_per_row_of_5_answers": spent(rows, 5)}
