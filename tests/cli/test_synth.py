"""``limbeck synth``, as users type it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from limbeck.compiler.generate.registry import BUILTINS
from tests.conftest import Cli

GENERATOR = '''
import dspy
from limbeck.generators import Dropped, Example, Made, Provenance


class Shout:
    """Writes inputs in capitals."""

    name, judges = "shout", False

    def __init__(self):
        self.program = dspy.Predict("text -> louder")

    async def generate(self, bench):
        for n, seed in enumerate(bench.seeds):
            inputs = {name: value.upper() for name, value in seed.inputs.items()}
            made = Made(Example(inputs, seed.labels), Provenance("odd" if n % 2 else "even", seed.id))
            yield Dropped("every tenth", seed.id, seed.source or "") if n % 10 == 9 else made
'''


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """The tickets, and a method of one's own."""
    shutil.copytree(root / "examples" / "tickets", tmp_path / "tickets")
    (tmp_path / "shout.py").write_text(GENERATOR)
    return tmp_path


def test_it_shows_the_yield_stage_by_stage(cli: Cli, folder: Path) -> None:
    """What was asked, eliminated, generated, refused and kept, with operations, labels, cost and diversity."""
    ran = cli("synth", "tickets/router.py:task", "--method", "shout.py:Shout", "--out", "rows.jsonl", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    lines = {line.split("  ")[1]: line for line in ran.stdout.splitlines() if line.startswith("  ")}
    for part in ("asked", "eliminated: every tenth", "generated", "rejected: metric", "kept", "even", "odd", "billing",
                 "a kept row", "distinct", "nearest", "spent", "rows", "store"):  # fmt: skip
        assert part in lines, ran.stdout
    assert "limbeck export tickets/router.py:task --out dataset" in ran.stdout
    kept = int(lines["kept"].split()[1])
    assert len((folder / "rows.jsonl").read_text().splitlines()) == kept
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_json_has_all_of_it(cli: Cli, folder: Path) -> None:
    """One object on stdout, whose numbers add up."""
    ran = cli("synth", "tickets/router.py:task", "--method", "shout.py:Shout", "--json", "--rows", "5", cwd=folder)
    value = json.loads(ran.stdout)
    assert value["kept"] == 5
    assert value["asked"] == value["generated"] + sum(value["eliminated"].values())
    assert {"diversity", "labels", "cost_per_kept_row", "operations", "spent"} <= value.keys()


def test_what_was_dropped_and_what_was_made_can_be_looked_at(cli: Cli, folder: Path) -> None:
    """The ledger of the newest run, and where a trace comes from."""
    cli("synth", "tickets/router.py:task", "--method", "shout.py:Shout", cwd=folder)
    ran = cli("traces", "--dropped", "last", "--limit", "3", cwd=folder)
    assert "every tenth" in ran.stdout
    assert "3 of 21 (21 every tenth)" in ran.stdout
    trace = json.loads(cli("traces", "--limit", "1", "--json", cwd=folder).stdout)["traces"][0]
    shown = cli("traces", "--show", trace["id"], cwd=folder).stdout
    assert f"shout: {trace['meta']['synth']['operation']}, round 1, of {trace['meta']['synth']['parent'][:10]}" in shown
    wrong = cli("traces", "--dropped", "nope", cwd=folder)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 2)


def test_a_second_run_asks_nothing(cli: Cli, folder: Path) -> None:
    """What was paid for once answers at once, and the rows are the same."""
    command = ("synth", "tickets/router.py:task", "--method", "shout.py:Shout", "--json")
    first, second = (json.loads(cli(*command, cwd=folder).stdout) for _ in range(2))
    assert second["spent"]["calls"] == 0
    assert first["kept"] == second["kept"]


def test_help_lists_the_methods(cli: Cli, folder: Path) -> None:
    """Each with what it makes, at 80 columns; loading them would make the help slow."""
    lines = cli("synth", "--help", cwd=folder).stdout.splitlines()
    above = lines[: lines.index("Options:")]
    assert {line.split()[0] for line in above if "  " in line[2:]} == set(BUILTINS)
    assert max(map(len, above)) <= 80


def test_a_budget_that_ends_it_promises_no_file(cli: Cli, folder: Path) -> None:
    """It says what there is so far, and rows are written whole or not at all."""
    command = ("--method", "shout.py:Shout", "--out", "rows.jsonl", "--budget", "3calls")
    ran = cli("synth", "tickets/router.py:task", *command, cwd=folder)
    assert ran.returncode == 3
    assert "rows.jsonl" not in ran.stderr
    assert not (folder / "rows.jsonl").exists()
