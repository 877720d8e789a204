"""Targets: module.py:name becomes a task, or one clear line says why not."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dspy
import pytest

from limbeck.errors import BudgetReached, DataError, MetricError, Stop, TargetError
from limbeck.signatures import load_target

GOOD = """
import dspy
from limbeck.signatures import Task

class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.answer(question=question)

class Sig(dspy.Signature):
    q: str = dspy.InputField()
    a: str = dspy.OutputField()

def exact(example, prediction):
    return example.answer == prediction.answer

def build():
    return Program()

def build_task(threshold=0):
    return Task(Program(), exact, threshold=threshold)

def needs(size):
    return Program()

def nothing():
    return None

def breaks():
    raise ValueError("no such thing")

async def later():
    return Program()

program = Program()
task = Task(program, exact, train="train.jsonl")
named = Task(program, exact, name="other")
bare = Task(program)
checked = Task(program, checks=[exact])
text = "hello"
empty = dspy.Module()

class box:
    inner = program
"""


@pytest.fixture(autouse=True)
def _clean_modules(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("limbeck_target_") or name in ("helpers", "package"):
            del sys.modules[name]


@pytest.fixture
def module(tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path / "good.py"


def refused(target, kind=TargetError, **more):
    with pytest.raises(kind) as caught:
        load_target(str(target), **more)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return str(caught.value)


def test_a_task(module):
    """A Task is loaded with its name and the directory that its paths are relative to."""
    task = load_target(f"{module}:task")
    assert task.name == f"{module.stem}:task"
    assert task.resolve("train.jsonl") == module.parent / "train.jsonl"
    assert task.metric.__name__ == "exact"


def test_a_task_keeps_its_own_name(module):
    """A name that the task declares stands."""
    assert load_target(f"{module}:named").name == "other"


@pytest.mark.parametrize("name", ["program", "Program", "build", "box.inner"])
def test_a_program(module, name):
    """An instance, a class or a function that makes a program is taken with a metric."""
    task = load_target(f"{module}:{name}", metric=f"{module}:exact")
    assert isinstance(task.program, dspy.Module)
    assert task.name == f"good:{name}"


def test_a_function_that_makes_a_task(module):
    """Parameters with a default are no hindrance."""
    assert load_target(f"{module}:build_task").threshold == 0


def test_a_metric_by_name_alone_is_in_the_targets_file(module):
    """--metric exact means the target's own file."""
    assert load_target(f"{module}:program", metric="exact").metric.__name__ == "exact"


def test_the_given_metric_replaces_the_tasks_own(module, tmp_path):
    """--metric wins over what the task declares."""
    (tmp_path / "other.py").write_text("def always(example, prediction):\n    return True\n")
    assert load_target(f"{module}:task", metric=f"{tmp_path}/other.py:always").metric.__name__ == "always"


def test_checks_alone_can_judge(module):
    """A task with checks needs no metric."""
    assert load_target(f"{module}:checked").metric is None


def test_no_metric_is_needed_where_nothing_is_judged(module):
    """Commands that only run a program say so."""
    assert load_target(f"{module}:program", need_metric=False).metric is None


def test_a_dotted_name(tmp_path, monkeypatch):
    """package.module:name is imported from the current directory."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "module.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    assert load_target("package.module:task").base_dir == tmp_path / "package"


def test_siblings_can_be_imported(tmp_path):
    """A target imports what stands beside it."""
    (tmp_path / "helpers.py").write_text("NAME = 'first'\n")
    (tmp_path / "t.py").write_text("import helpers\n" + GOOD + "named.name = helpers.NAME\n")
    assert load_target(f"{tmp_path}/t.py:named").name == "first"


def test_targets_of_the_same_stem_do_not_clash(tmp_path):
    """Two task.py in two folders, each with a sibling of the same name, are two."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helpers.py").write_text(f"NAME = '{folder}'\n")
        (tmp_path / folder / "t.py").write_text("import helpers\n" + GOOD + "named.name = helpers.NAME\n")
    before = set(sys.modules)
    names = [load_target(f"{tmp_path}/{folder}/t.py:named").name for folder in ("one", "two", "one")]
    assert names == ["one", "two", "one"]
    made = {name for name in sys.modules if name.startswith("limbeck_target_")} - before
    assert len(made) == 2


def test_an_edited_file_is_read_again(tmp_path):
    """Loading after an edit within the same second sees the edit."""
    for threshold in (1, 2, 3):
        (tmp_path / "t.py").write_text(GOOD + f"task.threshold = {threshold}\n")
        assert load_target(f"{tmp_path}/t.py:task").threshold == threshold


def test_the_module_is_registered(module):
    """Pickling, dataclasses and type hints find the module by its name."""
    task = load_target(f"{module}:task")
    assert sys.modules[type(task.program).__module__].task.program is task.program


def test_main_guard_does_not_run(tmp_path):
    """What runs as a script stays out."""
    (tmp_path / "t.py").write_text(GOOD + "if __name__ == '__main__':\n    raise SystemExit(1)\n")
    load_target(f"{tmp_path}/t.py:task")


WRONG_NAMES = [
    ("taks", "has no 'taks'\nDid you mean task?"),
    ("zzzzzz", "has no 'zzzzzz'\nIt has: Program, bare, checked, empty, named, program, task."),
    ("box.outer", "has no 'outer'\n"),
    (
        "text",
        ':text is str "hello", not a Task, a DSPy program, or a function',
    ),
    (
        "Sig",
        "A signature alone is no program: program = dspy.Predict(Sig)",
    ),
    ("dspy", ":dspy is the module dspy, not a Task"),
    ("needs", ":needs needs arguments (size)\n"),
    ("exact", ":exact needs arguments (example, prediction)\n"),
    ("nothing", ":nothing() returned NoneType null, not a Task or a DSPy program\n"),
    ("later", ":later() returned coroutine <coroutine object later>, not a Task or a DSPy program\n"),
    ("breaks", ":breaks raises when it is called: ValueError: no such thing (good.py:33)\n"),
    ("empty", "the program Module has no predictor that could be compiled\n"),
    ("program", ":program has no metric\nGive --metric module.py:name"),
    ("bare", ":bare has no metric\nGive --metric module.py:name"),
]


@pytest.mark.parametrize(("name", "expected"), WRONG_NAMES)
def test_names_that_are_no_task(module, name, expected):
    """Each wrong name has one line that says what it is, and a next step."""
    assert expected in refused(f"{module}:{name}")


def test_no_name(module):
    """A target without :name is answered with names that are in the file."""
    assert refused(module).endswith(f"Say which object in it, for example {module}:text, {module}:empty, {module}:box")
    assert "does not end in :name\nWrite path/to/module.py:name" in refused("nothing")


@pytest.mark.parametrize("target", ["", ":", "a.py:", ":name", "a.py:1x", "a.py:x y"])
def test_targets_that_are_none(target):
    """Whatever the text, the answer is one clear line."""
    assert "does not end in :name" in refused(target)


def test_missing_file(module):
    """A misspelt path is answered with the file that is there."""
    assert refused(f"{module.parent}/godo.py:task") == (
        f"no such file: {module.parent}/godo.py\nDid you mean {module.parent}/good.py?"
    )
    assert "There is no directory" in refused(f"{module.parent}/x/y.py:task")
    assert "It is a directory" in refused(f"{module.parent}/:task")


def test_missing_module(tmp_path, monkeypatch):
    """A dotted name that does not exist is answered with how to write a path."""
    monkeypatch.chdir(tmp_path)
    assert refused("no_such.module:task") == (
        "no module 'no_such.module'\nFor a file, write its path: no_such/module.py:name"
    )
    assert "is neither a .py file nor the name of a module" in refused("no-such:task")


IMPORTS = [
    (
        "import dspy\nx = 1 / 0\n",
        "t.py raises when it is imported: ZeroDivisionError: division by zero (t.py:2)\n",
    ),
    (
        "import no_such_module_x\n",
        "ModuleNotFoundError: No module named 'no_such_module_x' (t.py:1)\nInstall no_such_module_x in",
    ),
    ("def f(:\n", "t.py raises when it is imported: SyntaxError: invalid syntax (t.py:1)\n"),
    ("import json\njson.loads('{')\n", "(t.py:2)\n"),
    (
        "import sys\nsys.exit(3)\n",
        "t.py exits when it is imported: SystemExit: 3 (t.py:2)\nPut what runs as a script under",
    ),
    ("raise ValueError('a\\n\\nb')\n", "t.py raises when it is imported: ValueError: a b (t.py:1)\n"),
    (
        "import asyncio\nraise asyncio.CancelledError\n",
        "t.py raises when it is imported: CancelledError (t.py:2)\n",
    ),
    ("raise type('Odd', (BaseException,), {})\n", "t.py raises when it is imported: Odd (t.py:1)\n"),
    ("\x00", "t.py raises when it is imported: "),
]


@pytest.mark.parametrize(("source", "expected"), IMPORTS)
def test_modules_that_raise_on_import(tmp_path, source, expected):
    """The error names the exception and the line of the user's file, without a traceback."""
    (tmp_path / "t.py").write_text(source)
    before = {name for name in sys.modules if name.startswith("limbeck_target_")}
    assert expected in refused(f"{tmp_path}/t.py:task")
    assert {name for name in sys.modules if name.startswith("limbeck_target_")} == before


def test_not_utf8(tmp_path):
    """A file in another encoding is an error of one line, too."""
    (tmp_path / "t.py").write_bytes(b"x = '\xe9'\n")
    assert "t.py raises when it is imported: SyntaxError" in refused(f"{tmp_path}/t.py:task")


def test_the_helpers_frame_is_named(tmp_path):
    """Where a sibling raises, its own file and line are named."""
    (tmp_path / "helpers.py").write_text("\n\nraise KeyError('k')\n")
    (tmp_path / "t.py").write_text("import helpers\n")
    assert "KeyError: 'k' (helpers.py:3)" in refused(f"{tmp_path}/t.py:task")


def test_limbecks_own_errors_keep_their_words(tmp_path):
    """A wrong Task in the file is reported as such, with its place."""
    (tmp_path / "t.py").write_text("from limbeck.signatures import Task\n\nTask('q -> a')\n")
    assert 'the program of the task is "q -> a", not a DSPy program (t.py:3)\n' in refused(f"{tmp_path}/t.py:task")
    (tmp_path / "t.py").write_text(
        "import dspy\nfrom limbeck.signatures import Task\nTask(dspy.Predict('q -> a'), 5)\n"
    )
    assert "the metric is 5, not a function (t.py:3)" in refused(f"{tmp_path}/t.py:task", MetricError)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop(BudgetReached("spent"))])
def test_interrupts_pass_through(tmp_path, error, monkeypatch):
    """Ctrl-C and the budget are no errors of the target."""
    monkeypatch.setitem(sys.modules, "helpers", SimpleNamespace(error=error))
    (tmp_path / "t.py").write_text("import helpers\nraise helpers.error\n")
    with pytest.raises(type(error)):
        load_target(f"{tmp_path}/t.py:task")


METRICS = [
    ("txet", "has no 'txet'\nDid you mean text?"),
    ("text", 'the metric text is str "hello", not a function\n'),
    ("nowhere.py:f", "no such file: nowhere.py"),
    ("a b", "the target 'a b' does not end in :name"),
]


@pytest.mark.parametrize(("metric", "expected"), METRICS)
def test_metrics_that_are_none(module, metric, expected):
    """A wrong --metric is answered like a wrong target."""
    assert expected in refused(f"{module}:program", metric=metric)


def test_a_command_line_is_not_needed(module):
    """A target loads in a fresh process from another directory."""
    code = f"from limbeck.signatures import load_target; print(load_target({f'{module}:task'!r}).name)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], cwd="/", env=env, capture_output=True, text=True, check=True)
    assert ran.stdout == "good:task\n"
    assert not (Path(module).parent / "__pycache__").exists()


def test_data_errors_keep_their_class(tmp_path):
    """A DataError raised while the module runs stays one."""
    (tmp_path / "t.py").write_text("from limbeck.errors import DataError\nraise DataError('bad', hint='do')\n")
    assert refused(f"{tmp_path}/t.py:task", DataError) == "bad (t.py:2)\ndo"
