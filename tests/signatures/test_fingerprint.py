"""Identity of user code: what changes it, what does not, and that every process agrees."""

import os
import subprocess
import sys
import textwrap
from enum import Enum
from pathlib import Path

import dspy
import pytest

from limbeck.records import Candidate
from limbeck.signatures import load_target
from limbeck.signatures.fingerprint import code_fingerprint, describe_type, program_fingerprint
from limbeck.signatures.metric import metric_fingerprint
from limbeck.signatures.program import apply

SOURCE = '''
import functools
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

import dspy
import helpers
from pydantic import BaseModel

from limbeck.signatures import Task

LIMIT = 3
NAMES = {"billing", "sales", "technical"}
TABLE = {"a": [1, 2], "b": (3,)}
PATTERN = re.compile(r"[a-z]+")
PROMPT = Path(__file__).parent / "prompt.txt"
UNUSED = 1


class Colour(Enum):
    RED = "red"


class Item(BaseModel):
    name: str
    qty: int = 1


@dataclass
class Settings:
    size: int = 4
    words: list = field(default_factory=list)


class Sig(dspy.Signature):
    """Sort tickets."""

    ticket: str = dspy.InputField(desc="the ticket")
    team: Literal["a", "b"] = dspy.OutputField()
    urgency: int = dspy.OutputField(ge=1)
    item: Item = dspy.OutputField()


def clean(text):
    # strip it
    return text.strip()[:LIMIT]


def times(count):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            return [function(*args) for _ in range(count)]

        return inner

    return decorate


@times(2)
def decorated(text):
    return PATTERN.findall(text)


@functools.lru_cache
def cached(text):
    return text + str(sorted(NAMES))


def unused(text):
    return UNUSED


def tool(x: int) -> int:
    """A tool."""
    return x + 1


class Base(dspy.Module):
    def shared(self, text):
        return clean(text)


class Program(Base):
    def __init__(self, size=5):
        super().__init__()
        self.sort = dspy.Predict(Sig, temperature=0.5)
        self.agent = dspy.ReAct("q -> a", tools=[tool])
        self.size = size
        self.settings = Settings()

    def forward(self, ticket):
        import local

        text = helpers.normal(self.shared(ticket)) + local.text()
        parts = (cached(text), decorated(text), TABLE, PROMPT, [w for w in text if w in NAMES], Colour.RED)
        return self.sort(ticket=parts)


def exact(example, prediction):
    return example.team == prediction.team


task = Task(Program(), exact)
'''
HELPERS = """
def normal(text):
    return inner(text)

def inner(text):
    return text.lower()

def other(text):
    return text
"""
LOCAL = "def text():\n    return 'x'\n"


@pytest.fixture(autouse=True)
def _clean_modules(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("limbeck_target_") or name in ("helpers", "local"):
            del sys.modules[name]


def write(folder, *edits):
    """Write the module and its helpers with text replaced in whichever file has it."""
    folder.mkdir(exist_ok=True)
    sources = {"task.py": SOURCE, "helpers.py": HELPERS, "local.py": LOCAL}
    for old, new in edits:
        assert any(old in source for source in sources.values())
        sources = {name: source.replace(old, new) for name, source in sources.items()}
    for name, source in sources.items():
        (folder / name).write_text(source)
    return folder / "task.py"


def fingerprints(folder, *edits):
    """Identity of program and metric after some edits; each set of files has a folder of its own."""
    task = load_target(f"{write(folder, *edits)}:task")
    return program_fingerprint(task.program), metric_fingerprint(task.metric, task.threshold)


CHANGES = [
    ("LIMIT = 3", "LIMIT = 4"),
    ("text.strip()", "text.lstrip()"),
    ("text.lower()", "text.upper()"),
    ("return 'x'", "return 'y'"),
    ('"technical"}', '"support"}'),
    ('"b": (3,)', '"b": (4,)'),
    ("[a-z]+", "[a-y]+"),
    ("prompt.txt", "prompts.txt"),
    ("@times(2)", "@times(3)"),
    ("str(sorted(NAMES))", "str(len(NAMES))"),
    ("size: int = 4", "size: int = 5"),
    ('"""Sort tickets."""', '"""Sort tickets well."""'),  # __init__ reads Sig, and so might any method
    ("size=5", "size=6"),
    ("return x + 1", "return x + 2"),
    ('"""A tool."""', '"""Another tool."""'),
    ("temperature=0.5", "temperature=0.6"),
    ('"a", "b"]', '"a", "c"]'),
    ("ge=1", "ge=2"),
    ('desc="the ticket"', 'desc="a ticket"'),
    ("qty: int = 1", "qty: int = 2"),
    ("qty: int = 1", "qty: float = 1"),
    ("    urgency: int", "    urgent: int"),
    ('RED = "red"', 'RED = "rouge"'),
    ("class Program(Base):", "class Program(Base):\n    FLAG = 1\n"),
    ("self.shared(ticket)", "self.shared(ticket[1:])"),
]


@pytest.mark.parametrize("edit", CHANGES, ids=[new for _, new in CHANGES])
def test_edits_that_change_the_program(tmp_path, edit):
    """Whatever the program's run may depend on changes its identity, and not the metric's."""
    program, metric = fingerprints(tmp_path / "a")
    edited, same = fingerprints(tmp_path / "b", edit)
    assert edited != program
    assert same == metric


KEEPS = [
    ("# strip it", "# strip it well"),
    ("    # strip it\n", "\n"),
    ("UNUSED = 1", "UNUSED = 2"),
    ("def unused(text):", "def unused(text, more):"),
    ("def other(text):\n    return text", "def other(text):\n    return 1"),
    ('"billing", "sales", "technical"', '"technical", "billing", "sales"'),
    ('"a": [1, 2], "b": (3,)', '"b": (3,), "a": [1, 2]'),
    ("import helpers\n", "import helpers\n\n# more\n\n"),
]


@pytest.mark.parametrize("edit", KEEPS, ids=[new for _, new in KEEPS])
def test_edits_that_change_nothing(tmp_path, edit):
    """Comments, unused code and the order of sets and dicts have no say."""
    assert fingerprints(tmp_path / "b", edit) == fingerprints(tmp_path / "a")


def test_editing_the_metric_leaves_the_program(tmp_path):
    """Rollouts stay good when only the metric changes."""
    program, metric = fingerprints(tmp_path / "a")
    same, edited = fingerprints(tmp_path / "b", ("example.team ==", "not example.team =="))
    assert same == program
    assert edited != metric


def test_every_process_and_folder_agrees(tmp_path):
    """Hash randomisation, folder and import order have no say."""
    code = (
        "import sys\n"
        "if len(sys.argv) > 2: sys.path.insert(0, sys.argv[2]); import local\n"
        "from limbeck.signatures import load_target\n"
        "from limbeck.signatures.fingerprint import program_fingerprint\n"
        "from limbeck.signatures.metric import metric_fingerprint\n"
        "task = load_target(sys.argv[1] + '/task.py:task')\n"
        "print(program_fingerprint(task.program), metric_fingerprint(task.metric))\n"
    )
    outputs = set()
    for seed, folder, more in (("0", "a", []), ("1", "b", []), ("2", "b", ["local"])):
        write(tmp_path / folder)
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        where = str(tmp_path / folder)
        argv = [sys.executable, "-c", code, where, *([where] if more else [])]
        outputs.add(subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1


def test_a_candidate_is_not_part_of_the_program(tmp_path):
    """Instructions and demos are the candidate's; the program stays the same."""
    program = load_target(f"{write(tmp_path)}:task").program
    before = program_fingerprint(program)
    candidate = Candidate({"sort": "Other words."}, {"sort": [{"ticket": "x", "team": "a"}]})
    assert program_fingerprint(apply(program, candidate)) == before
    assert program_fingerprint(program) == before


def test_two_instances_are_one_program(tmp_path):
    """Ids and DSPy's random stage names have no say."""
    program = load_target(f"{write(tmp_path)}:task").program
    assert program_fingerprint(type(program)()) == program_fingerprint(program)
    assert program_fingerprint(type(program)(size=9)) != program_fingerprint(program)


def test_frozen_predictors_count_with_their_prompts():
    """No candidate reaches a compiled sub-module, so its prompt is part of the program."""

    class Outer(dspy.Module):
        def __init__(self, instructions):
            super().__init__()
            self.open = dspy.Predict("q -> a")
            self.closed = dspy.ChainOfThought(dspy.Signature("q -> a", instructions))
            self.closed._compiled = True

    assert program_fingerprint(Outer("one")) == program_fingerprint(Outer("one"))
    assert program_fingerprint(Outer("one")) != program_fingerprint(Outer("two"))


def reward_one(_args, _pred):
    return 1.0


def reward_two(_args, _pred):
    return 2.0


def test_code_inside_dspys_own_modules_is_seen():
    """BestOfN hides its reward function in a lambda of DSPy's."""
    one, same, two = (
        program_fingerprint(dspy.BestOfN(dspy.Predict("q -> a"), N=2, reward_fn=reward, threshold=1.0))
        for reward in (reward_one, reward_one, reward_two)
    )
    assert one == same != two


def test_fields_are_part_of_the_program():
    """Two plain predictors differ by their fields, not by their instructions."""
    one = program_fingerprint(dspy.Predict("q -> a"))
    assert one == program_fingerprint(dspy.Predict(dspy.Signature("q -> a", "Other words.")))
    assert len({one, *(program_fingerprint(dspy.Predict(s)) for s in ("q -> b", "q -> a: int", "q, r -> a"))}) == 4
    assert one != program_fingerprint(dspy.ChainOfThought("q -> a"))


def run(source, **scope):
    exec(textwrap.dedent(source), scope)
    return scope["f"]


def test_functions_without_source():
    """Code made by exec, as in some notebooks, is known by its bytecode, constants and globals."""
    one = run("def f(a, b):\n    return a == b + 1")
    same = run("\n\ndef f(a, b):\n    # words\n    return a == b + 1")
    other = run("def f(a, b):\n    return a == b + 2")
    assert code_fingerprint(one) == code_fingerprint(same) != code_fingerprint(other)


def test_globals_of_functions_without_source():
    """What such a function reads counts, too."""
    source = "def g():\n    return K\ndef f():\n    return g()"
    assert (
        code_fingerprint(run(source, K=1)) == code_fingerprint(run(source, K=1)) != code_fingerprint(run(source, K=2))
    )


def test_lambdas_of_one_line_are_told_apart():
    """A lambda is known by what it does, not by the line on which it stands."""
    pair = (lambda a: a + 1, lambda a: a + 2)
    assert code_fingerprint(pair[0]) != code_fingerprint(pair[1])
    assert code_fingerprint(pair[0]) == code_fingerprint(lambda a: a + 1)


def make(limit):
    def check(text):
        return len(text) < limit

    return check


def test_closures_and_defaults():
    """What a function carries along is part of it."""
    assert code_fingerprint(make(1)) == code_fingerprint(make(1)) != code_fingerprint(make(2))

    def with_default(limit):
        def check(text, limit=limit):
            return len(text) < limit

        return check

    assert code_fingerprint(with_default(1)) != code_fingerprint(with_default(2))


def test_callable_objects():
    """A metric may be an object: its class and its attributes count."""

    class Metric:
        def __init__(self, weight):
            self.weight = weight

        def __call__(self, example, prediction):
            return self.weight

    assert code_fingerprint(Metric(1)) == code_fingerprint(Metric(1)) != code_fingerprint(Metric(2))
    assert code_fingerprint(Metric(1).__call__) != code_fingerprint(Metric(2).__call__)


def even(number):
    return number == 0 or odd(number - 1)


def odd(number):
    return number > 0 and even(number - 1)


def test_mutual_recursion_ends():
    """Code that refers to itself is described once."""
    assert code_fingerprint(even) == code_fingerprint(even) != code_fingerprint(odd)


def test_an_lm_as_judge_counts_with_its_prompt():
    """A metric that asks a predictor changes with that predictor's instructions."""

    def metric(instructions):
        ask = dspy.Predict(dspy.Signature("q -> good: bool", instructions))

        def judge(_example, prediction):
            return ask(q=prediction.a).good

        return judge

    assert code_fingerprint(metric("one")) == code_fingerprint(metric("one")) != code_fingerprint(metric("two"))


def test_iterators_are_not_used_up():
    """Describing an object does not run it."""
    rows = iter([1, 2])

    def function():
        return rows

    code_fingerprint(function)
    assert list(rows) == [1, 2]


class Colour(Enum):
    RED = 1


def test_types():
    """A type is known by what it says."""
    assert describe_type(list[Colour]) == describe_type(list[Colour]) != describe_type(list[int])
    assert describe_type(int | None) != describe_type(int)


def test_library_code_counts_by_name_only():
    """Installed packages and the standard library are not walked through."""
    assert code_fingerprint(Path) != code_fingerprint(dspy.Predict)
    assert code_fingerprint(len) != code_fingerprint(max)
