"""Suites made of HumanEval's and MBPP's, and verdicts on recorded programs against what is on record.

Shares have Wilson's interval; precision and recall are means over twenty draws of three suites a specification, with
the interval of that mean: it tells of the draws, not of other specifications. What they rest on goes to
``results/synth-tests-SET.md``.
"""

from importlib import import_module
from pathlib import Path

from harness import Values, bench
from label_tasks import DATA, SKIPPED

RESULTS = Path(__file__).resolve().parents[1] / "results"

SETS = {
    "gpt": ("HumanEval, GPT-4 and text-davinci-003", False),
    "gpt-reference": ("HumanEval, GPT-4 and text-davinci-003, with reference", True),
    "codegen": ("HumanEval, 8 of 100 samples of CodeGen-16B", False),
    "codegen-reference": ("HumanEval, 8 of 100 samples of CodeGen-16B, with reference", True),
    "mbpp": ("MBPP, GPT-4", False),
}


def part(name: str, title: str, *, reference: bool) -> None:
    @bench(f"tests: {title}")
    def run(quick: bool) -> Values:
        if not DATA.is_dir():
            return SKIPPED
        tests = import_module("synth_tests")
        specs = tests.mbpp(DATA) if name == "mbpp" else tests.humaneval(DATA, 8, gpt=name.startswith("gpt"))
        values, lines = tests.figures(specs[:: 15 if quick else 1], reference=reference)
        if not quick:
            said = [f"- {key}: {value}" for key, value in values.items()]
            text = "\n".join([f"# {title}", "", *said, "", "Suites by kind, and what became of them:", "", *lines, ""])
            (RESULTS / f"synth-tests-{name}.md").write_text(text)
        return values


for key, (words, with_reference) in SETS.items():
    part(key, words, reference=with_reference)
