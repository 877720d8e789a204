"""Whatever a user gets wrong: one clear line and a next step, exit code 2, nothing half-written."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from limbeck.testing.stub import Stub

Invoke = Callable[..., Result]
Files = Callable[[Path], set[str]]

COMPILE = "compile task.py:task --out out --quiet"
METRIC = "compile task.py:program --data good.jsonl --out out --quiet --metric"
NO_JUDGMENT = "which is no judgment"

GENERATOR = '''
import dspy
from limbeck.generators import Example, Made, Provenance


class Own:
    """Writes inputs in capitals."""

    name, judges = "own", False

    def __init__(self):
        self.program = dspy.Predict("q -> a")

    async def generate(self, bench):
        for seed in bench.seeds:
            yield Made(Example({"q": seed.inputs["q"].upper()}, seed.labels), Provenance("own", seed.id))
'''

CASES = {
    name: (typed, said)
    for name, typed, said in re.findall(
        r"^# (.+)\n\$ limbeck (.+)\n((?:.+\n)+)",
        (Path(__file__).parent / "bad_input.txt").read_text(),
        re.MULTILINE,
    )
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_use(case: str, project: Path, invoke: Invoke, files: Files) -> None:
    """Says exactly this, exits with 2, and leaves nothing behind."""
    typed, said = CASES[case]
    before = files(project)
    done = invoke(*typed.split())
    assert done.stderr == said.replace("{here}", str(project))
    assert (done.exit_code, done.stdout) == (2, "")
    assert files(project) == before
    assert not (project / ".limbeck").exists()


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("raises", "KeyError: 'nope' (task.py:"),
        ("none", f"the metric returned null, {NO_JUDGMENT}"),
        ("nan", f"the metric returned nan, {NO_JUDGMENT}"),
        ("text", f'the metric returned "yes", {NO_JUDGMENT}'),
    ],
)
@pytest.mark.parametrize("command", [METRIC, "eval task.py:program --data good.jsonl --quiet --metric"])
def test_metric_that_judges_nothing(
    command: str, metric: str, said: str, project: Path, invoke: Invoke, files: Files
) -> None:
    """A metric that raises or answers with no verdict on every row ends the run and writes no artifact."""
    before = files(project)
    done = invoke(*command.split(), metric)
    assert done.stderr.startswith(f"error: the metric failed on every one of the first 5 rows: {said}")
    assert "Try it alone on good.jsonl:" in done.stderr.splitlines()[1]
    assert done.exit_code == 2
    assert files(project) == before


def test_lm_that_cannot_be_reached(project: Path, invoke: Invoke, files: Files) -> None:
    """A closed port is told with its address, and what to check."""
    before = files(project)
    remote = [
        "--lm",
        "openai/m",
        "--lm-arg",
        "api_base=http://127.0.0.1:9/v1",
        "--lm-arg",
        "api_key=sk-12345678",
    ]
    done = invoke(*COMPILE.split(), *remote, "--retries", "0")
    first, hint = done.stderr.splitlines()
    assert first.startswith("error: openai/m cannot be reached: ")
    assert "127.0.0.1" in first
    assert hint == ("Check the address (--lm-arg api_base=...) and the network, then run the same command again.")
    assert (done.exit_code, files(project)) == (2, before)


def test_wrong_key(project: Path, invoke: Invoke, files: Files) -> None:
    """A key that is refused ends the run at once, and is itself shown nowhere."""
    before = files(project)
    with Stub(key="the-right-key") as stub:
        remote = [
            "--lm",
            "openai/m",
            "--lm-arg",
            f"api_base={stub.url}/v1",
            "--lm-arg",
            "api_key=sk-wrong-key",
        ]
        done = invoke(*COMPILE.split(), *remote)
    assert done.stderr == (
        "error: openai/m refuses: [openai/m] Incorrect API key provided\n"
        "Check OPENAI_API_KEY (or --lm-arg api_key=...) and the model's name.\n"
    )
    assert (done.exit_code, files(project)) == (2, before)


@pytest.mark.parametrize("command", [COMPILE, "traces", "eval task.py:task", "export task.py:task --out out"])
def test_corrupted_store(command: str, project: Path, invoke: Invoke, files: Files) -> None:
    """A file that is no database is told, and left as it is."""
    (project / "bad.db").write_bytes(b"no database " * 500)
    before = files(project)
    done = invoke(*command.split(), "--store", "bad.db")
    assert done.stderr == (
        "error: the store bad.db is not a database, or is corrupted\n"
        "Give another --store, or move the file away and run again: cached LM answers are not paid twice.\n"
    )
    assert (done.exit_code, files(project)) == (2, before)
    assert (project / "bad.db").read_bytes() == b"no database " * 500


def test_newer_store(compiled: Path, invoke: Invoke) -> None:
    """A store of a later limbeck is refused, and says how to go on."""
    with sqlite3.connect(compiled / ".limbeck" / "store.db") as database:
        database.execute("UPDATE limbeck_version SET version_num = '9999'")
    database.close()
    done = invoke("traces")
    first, hint = done.stderr.splitlines()
    assert first.startswith("error: the store .limbeck/store.db has schema 9999, and this limbeck knows ")
    assert hint == "Upgrade limbeck: pip install --upgrade limbeck."
    assert done.exit_code == 2


def test_artifact_of_another_lm(compiled: Path, invoke: Invoke) -> None:
    """A directory does not decide which LM is asked: where it is not the default it has to be named."""
    manifest = compiled / "out" / "limbeck.json"
    manifest.write_text(manifest.read_text().replace("embedded/analogy", "openai/gpt"))
    done = invoke("run", "out", "--input", "q=x")
    assert done.stderr == (
        "error: out was compiled with openai/gpt, and no LM is given to run it with\n"
        "Give that one or another: --lm openai/gpt, or lm= in Python.\n"
    )
    assert done.exit_code == 2


@pytest.mark.usefixtures("project")
def test_row_function_that_always_fails(invoke: Invoke) -> None:
    """An import that can map no row at all ends early."""
    done = invoke("import", "task.py:task", "--data", "good.jsonl", "--row", "task.py:bad_row", "--quiet")
    assert done.stderr == (
        "error: good.jsonl:5: the row function failed on every one of the first 5 rows: "
        "RuntimeError: no idea\nTry it alone on one line of the file.\n"
    )
    assert done.exit_code == 2


@pytest.mark.usefixtures("project")
def test_error_as_json(invoke: Invoke) -> None:
    """With --json an error is one object on stdout, beside the words on stderr."""
    done = invoke(*COMPILE.split(), "--budget", "0calls", "--json")
    assert json.loads(done.stdout) == {
        "error": {
            "kind": "UsageError",
            "message": "--budget part '0calls' is not above zero",
            "hint": "Write for example --budget 5usd,2000calls,1Mtokens,1h.",
            "exit_code": 2,
        }
    }
    assert done.stderr.startswith("error: --budget part '0calls' is not above zero\n")


def test_usage_error_as_json(invoke: Invoke) -> None:
    """So is one that click finds."""
    done = invoke("traces", "--json", "--limit", "0")
    assert json.loads(done.stdout)["error"]["exit_code"] == 2


@pytest.mark.parametrize("command", ["compile out --out again", "compile out --out again --dry-run", "check out"])
def test_artifact_is_not_compiled_again(command: str, compiled: Path, invoke: Invoke) -> None:
    """Its demos would be ignored, so the command that was meant is named."""
    done = invoke(*command.split())
    assert done.stderr == (
        "error: out is compiled already, and a compile would start without its demos\n"
        "Give what it was compiled from: task.py:task. The compiled program is for limbeck eval and limbeck run.\n"
    )
    assert (done.exit_code, (compiled / "again").exists()) == (2, False)


@pytest.mark.usefixtures("project")
def test_code_that_exits(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever code of the user's calls sys.exit, the command fails aloud, with --json too."""

    async def exits(*_: object, **__: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("limbeck.api.acheck", exits)
    done = invoke("check", "task.py:task", "--json")
    assert json.loads(done.stdout)["error"]["exit_code"] == done.exit_code == 1
    assert done.stderr.startswith("error: code that limbeck runs exits: SystemExit: 0 (")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["check", "compile --out out", "eval"])
def test_metric_that_exits(command: str, invoke: Invoke) -> None:
    """A metric that calls sys.exit ends no command in silence."""
    name, *rest = command.split()
    done = invoke(name, "task.py:program", *rest, "--metric", "exits", "--data", "good.jsonl")
    assert "SystemExit: 0 (task.py:" in done.stdout + done.stderr
    assert (name, done.exit_code) in {("check", 0), ("compile", 2), ("eval", 2)}


@pytest.mark.usefixtures("project")
def test_quota_of_a_label_that_there_is_not(invoke: Invoke) -> None:
    """Labels are known once the data are read; nothing was asked by then."""
    command = "synth task.py:task --method invert --set quotas=yse=3,no=2 --out rows.jsonl --quiet"
    done = invoke(*command.split())
    assert done.stderr == "error: a has no label 'yse'\nDid you mean yes?\n"
    assert (done.exit_code, Path("rows.jsonl").exists()) == (2, False)


def test_labels_that_only_a_metric_has(project: Path, invoke: Invoke) -> None:
    """What is made has none, so a metric that compares with them fails on all of it, and the way out is told."""
    method = GENERATOR.replace("seed.labels", "{}")
    (project / "own.py").write_text(method)
    done = invoke("synth", "task.py:task", "--method", "own.py:Own", "--quiet")
    first, hint = done.stderr.splitlines()
    assert first.startswith("error: the metric failed on every one of the first 5 rows: AttributeError: ")
    assert hint.startswith("What is made has no labels, and a metric that compares with them cannot judge it. Give the")
    assert done.exit_code == 2


@pytest.mark.usefixtures("compiled")
def test_prompts_that_do_not_fit(invoke: Invoke) -> None:
    """Compiled prompts of another program than the method's are refused with what both have."""
    done = invoke("synth", "task.py:task", "--method", "tests", "--prompts", "out")
    assert done.stderr == (
        "error: out has prompts of 'self', and no predictor of the program has its fields\n"
        "The program has self (specification, tests). Compile again if it changed.\n"
    )
    assert done.exit_code == 2


@pytest.mark.usefixtures("compiled")
def test_options_of_a_method_can_be_asked_for(invoke: Invoke) -> None:
    """Each with what it is for and its default, at 80 columns, or as one object."""
    command = ("synth", "task.py:task", "--method", "steps", "--set", "help")
    shown = invoke(*command)
    assert "  shuffles   Of the Monte-Carlo estimate of the best of N. (default 400)" in shown.stdout.splitlines()
    assert max(map(len, shown.stdout.splitlines())) <= 80
    told = json.loads(invoke(*command, "--json").stdout)["options"]
    assert told["ask"] == "How many. (default 100)"
    assert "Undefined" not in shown.stdout
