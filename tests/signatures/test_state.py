"""State of objects that code reads: every kind counts with its value, and is the same in every process."""

import importlib.util
import os
import random
import subprocess
import sys
from types import SimpleNamespace

import dspy
import httpx
import numpy as np
import pytest

from limbeck.signatures.fingerprint import code_fingerprint
from limbeck.signatures.state import attributes, is_data, is_thing, reduced

KINDS = {  # source that defines X, with VALUE in it
    "slots": "class K:\n    __slots__ = ('v',)\n    def __init__(s, v): s.v = v\nX = K(VALUE)",
    "slots of a dataclass": "import dataclasses as d\n@d.dataclass(slots=True)\nclass K:\n    v: str\nX = K(VALUE)",
    "slots in a list": "class K:\n    __slots__ = ('v',)\n    def __init__(s, v): s.v = v\nX = ({'q': [K(VALUE)]},)",
    "inherited slots": (
        "class A:\n    __slots__ = ('__v',)\n    def __init__(s, v): s.__v = v\nclass K(A): pass\nX = K(VALUE)"
    ),
    "set of objects": "class K:\n    def __init__(s, v): s.v = v\nX = {K('a'), K('b'), K(VALUE)}",
    "SimpleNamespace": "from types import SimpleNamespace\nX = SimpleNamespace(v=VALUE)",
    "namespace in one with a lock": (
        "import threading\nfrom types import SimpleNamespace as S\nX = S(lock=threading.Lock(), inner=S(v=VALUE))"
    ),
    "argparse.Namespace": "from argparse import Namespace\nX = Namespace(v=VALUE)",
    "dspy.Example": "import dspy\nX = dspy.Example(v=VALUE).with_inputs('v')",
    "pydantic instance": "from pydantic import BaseModel\nclass K(BaseModel):\n    v: str\nX = K(v=VALUE)",
    "private attribute of an instance": (
        "from pydantic import BaseModel, PrivateAttr\nclass K(BaseModel):\n    _v: str = PrivateAttr()\n"
        "X = K()\nX._v = VALUE"
    ),
    "private attribute of a class": (
        "from pydantic import BaseModel, PrivateAttr\nclass X(BaseModel):\n    _v: str = PrivateAttr(VALUE)"
    ),
    "default factory of a field": (
        "from pydantic import BaseModel, Field\nclass X(BaseModel):\n    v: str = Field(default_factory=lambda: VALUE)"
    ),
    "alias of a field": "from pydantic import BaseModel, Field\nclass X(BaseModel):\n    v: str = Field(alias=VALUE)",
    "config of a model": "from pydantic import BaseModel\nclass X(BaseModel):\n    model_config = {'title': VALUE}",
    "TypeAdapter": "from pydantic import TypeAdapter\nfrom typing import Literal\nX = TypeAdapter(Literal[VALUE])",
    "Template": "from string import Template\nX = Template(VALUE)",
    "range": "X = range(len(VALUE))",
    "deque": "from collections import deque\nX = deque([VALUE])",
    "decimal": "from decimal import Decimal\nX = Decimal(len(VALUE))",
    "flags of a pattern": "import re\nX = re.compile('a', re.I if VALUE == 'one' else 0)",
    "array of objects": "import numpy as np\nX = np.array([{'v': VALUE}], dtype=object)",
    "default of a ContextVar": "import contextvars\nX = contextvars.ContextVar('x', default=VALUE)",
    "bound dict.get": "X = {'a': VALUE}.get",
    "bound str.format": "X = VALUE.format",
    "bound method-wrapper": "X = VALUE.__eq__",
    "bound pattern.search": "import re\nX = re.compile(VALUE).search",
    "method of str": "X = str.upper if VALUE == 'one' else str.lower",
    "itemgetter": "from operator import itemgetter\nX = itemgetter(VALUE)",
    "methodcaller": "from operator import methodcaller\nX = methodcaller('startswith', VALUE)",
    "partialmethod": (
        "import functools\nclass K:\n    def f(s, v): return v\n    g = functools.partialmethod(f, VALUE)\nX = K()"
    ),
    "singledispatch": (
        "import functools\n@functools.singledispatch\ndef X(a): return 0\n@X.register\ndef _(a: str): return VALUE"
    ),
    "attribute of a function": "def X(): return 1\nX.v = VALUE",
    "metaclass": "class M(type):\n    @property\n    def v(c): return VALUE\nclass X(metaclass=M): pass",
    "class of a wrapper": (
        "import functools\nclass K:\n    def __init__(s, f): functools.update_wrapper(s, f)\n"
        "    def __call__(s): return VALUE\n@K\ndef X(): pass"
    ),
    "__getattr__": "class K:\n    def __getattr__(s, name): return VALUE\nX = K()",
    "factory of a defaultdict": "from collections import defaultdict\nX = defaultdict(lambda: VALUE)",
    "subclass of str": "class S(str): pass\nX = S(VALUE)",
    "subclass of int": "class S(int): pass\nX = S(len(VALUE))",
    "subclass of Decimal": "from decimal import Decimal\nclass S(Decimal): pass\nX = S(len(VALUE))",
    "items of a subclass of list": "class L(list): pass\nX = L([VALUE])",
    "attribute of a subclass of list": "class L(list): pass\nX = L()\nX.v = VALUE",
    "attribute of a subclass of dict": "class L(dict): pass\nX = L()\nX.v = VALUE",
    "method of a subclass of dict": "class L(dict):\n    def __missing__(s, key): return VALUE\nX = L()",
    "dunder global": "__config__ = VALUE\ndef X(): return __config__",
    "user's objects that refer to each other": (
        "class K: pass\nX = K()\nX.other = K()\nX.other.other = X\nX.all = {X, X.other}\nX.v = VALUE"
    ),
}


def build(source):
    return f"{source}\n\ndef metric(e, p):\n    return X\n"


def load(path, source):
    path.write_text(build(source))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        return code_fingerprint(module.metric)
    finally:
        del sys.modules[path.stem]


@pytest.mark.parametrize("kind", KINDS)
def test_state_counts(tmp_path, kind):
    """Other values make other code, the same value the same, wherever it stands."""
    prints = []
    for name, value in (("a", "one"), ("b", "three"), ("c", "one")):
        (tmp_path / name).mkdir()
        prints.append(load(tmp_path / name / "kinds_of_state.py", KINDS[kind].replace("VALUE", repr(value))))
    assert prints[0] == prints[2] != prints[1]


def test_every_process_agrees(tmp_path):
    """Hash order and addresses have no say in any kind of state."""
    for number, source in enumerate(KINDS.values()):
        (tmp_path / f"kind_{number}.py").write_text(build(source.replace("VALUE", "'one'")))
    code = (
        "import importlib\nfrom limbeck.signatures.fingerprint import code_fingerprint\n"
        f"for n in range({len(KINDS)}): print(code_fingerprint(importlib.import_module(f'kind_{{n}}').metric))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    differing = [kind for kind, one, two in zip(KINDS, *outputs, strict=True) if one != two]
    assert not differing


def of(value):
    def function():
        return value

    return code_fingerprint(function)


class Broken:
    def __getattribute__(self, name):
        raise RuntimeError(name)


class Node:
    def __init__(self, after, word):
        self.after = after
        self.word = word


def test_things_count_by_name():
    """What changes with use or stands outside adds its class only, and is left as it is."""
    rng, other = random.Random(1), random.Random(2)
    state = rng.getstate()
    assert of(rng) == of(other)
    assert of(rng.random) == of(other.random)
    assert rng.getstate() == state
    assert of(httpx.Client(timeout=1)) == of(httpx.Client(timeout=2))
    assert of(np.random.default_rng(1)) == of(np.random.default_rng(2))
    rows = iter([1, 2])
    of(SimpleNamespace(rows=rows))
    assert list(rows) == [1, 2]


def test_the_environment_does_not_count(monkeypatch):
    """Environment variables differ between machines."""
    before = of(os.environ)
    monkeypatch.setenv("ANY_NAME", "1")
    assert of(os.environ) == before


def test_namespaces_with_clients_count_by_the_rest():
    """A client beside a setting neither hides nor disturbs it."""
    lm = dspy.LM("openai/any", api_key="x")
    one, same, two = (of(SimpleNamespace(lm=lm, client=httpx.Client(), v=value)) for value in (1, 1, 2))
    assert one == same != two


def test_use_of_a_singledispatch_function_changes_nothing(tmp_path):
    """Its cache is no part of what it does."""
    import functools

    @functools.singledispatch
    def function(value):
        return value

    before = code_fingerprint(function)
    function(1)
    assert code_fingerprint(function) == before


def test_no_object_breaks_it():
    """Objects that raise whenever they are looked at, and chains of any length, have a description."""
    assert of(Broken()) == of(Broken())
    chains = []
    for word in ("a", "a", "b"):
        node = Node(None, word)
        for _ in range(3000):
            node = Node(node, "")
        chains.append(of(node))
    assert chains[0] == chains[1] != chains[2]


def test_attributes_are_those_of_dict_and_slots():
    """Inherited slots and the dict are one set of attributes."""

    class Slots:
        __slots__ = ("one",)

    class Both(Slots):
        pass

    both = Both()
    both.one, both.two = 1, 2
    assert attributes(both) == {"one": 1, "two": 2}
    assert attributes(object()) == {}


def test_plain_data():
    """An object of a library is data if all that pickle would write of it is."""
    assert is_data(range(3), lambda obj: False)
    assert not is_data(httpx.Client(), lambda obj: False)
    assert is_thing(iter([]))
    assert reduced(iter) == ["iter"]
    assert reduced(x for x in ()) is None
