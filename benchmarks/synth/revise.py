"""Preference labels of ``revise`` against people, on recorded judgments; both orders were not recorded."""

from harness import Values, bench
from label_tasks import DATA, SKIPPED

_BARS = {"lost_or_changed": "== 0", "published_inside": "== 1"} if DATA.is_dir() else {}


@bench(
    "PandaLM's recorded judgments as preference labels of revise; published agreement of the whole set 69.8%", **_BARS
)
def preferences(quick: bool) -> Values:
    if not DATA.is_dir():
        return SKIPPED
    import synth_revise

    return synth_revise.measure(DATA, quick=quick)


@bench("CPU a kept row of revise (four rounds), instant LM in the process, against bare DSPy", over_dspy_ms="<= 2")
def overhead(quick: bool) -> Values:
    import synth_cost
    import synth_revise

    few, many = (10, 40) if quick else (60, 240)
    return synth_cost.overhead(
        synth_revise.method,
        synth_revise.task(),
        synth_revise.row,
        synth_revise.answer,
        few=few,
        many=many,
        times=1 if quick else 3,
    )
