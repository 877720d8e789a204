"""Changes of meaning that ``clean`` notices, and harmless ones that it refuses."""

from harness import Values, bench
from label_tasks import DATA, SKIPPED

_BARS = {"ms_a_check": "<= 2"} if DATA.is_dir() else {}


@bench("planted changes in cleaned texts of people, by rules alone", **_BARS)
def planted(quick: bool) -> Values:
    if not DATA.is_dir():
        return SKIPPED
    import synth_clean

    found = synth_clean.measure(DATA, quick=quick)
    tables = {
        "caught": found.pop("caught"),
        "refused though harmless": found.pop("false_alarms"),
        **found.pop("by_set"),
    }
    named = {}
    for what, told in tables.items():
        named |= {f"{what}: {kind}": said for kind, said in told.items()} if isinstance(told, dict) else {what: told}
    return {**found, **named}


@bench(
    "CPU a kept row of clean (originals included), instant LM in the process, against bare DSPy", over_dspy_ms="<= 2"
)
def overhead(quick: bool) -> Values:
    import synth_clean
    import synth_cost

    few, many = (20, 80) if quick else (200, 800)
    return synth_cost.overhead(
        synth_clean.method,
        synth_clean.task(),
        synth_clean.row,
        synth_clean.answer,
        few=few,
        many=many,
        times=1 if quick else 3,
    )
