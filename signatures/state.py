"""State of objects: what their attributes, slots, built-in bases and libraries say about them."""

from __future__ import annotations

import argparse
import copyreg
import os
import weakref
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from random import Random
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType, SimpleNamespace
from typing import Any, get_origin

BAGS = (SimpleNamespace, argparse.Namespace)
"""Library classes all of whose attributes are the user's."""

_ATOMS = (str, int, float, bool, bytes, type(None), PurePath, Enum, type, ModuleType)
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, MethodWrapperType)
_THINGS = (Random, type(os.environ), weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
_VERBS = ("__next__", "__anext__", "acquire", "aclose", "close", "wait")  # of iterators, locks, clients, files
_MOST_PARTS = 20_000  # beyond them an object is no constant, but a model or a corpus
_BUILT_IN: dict[type, Callable[[Any], Any]] = {  # called so that no overridden method runs
    dict: lambda obj: dict(dict.items(obj)),
    list: lambda obj: list(list.__iter__(obj)),
    tuple: lambda obj: list(tuple.__iter__(obj)),
    set: lambda obj: set(set.__iter__(obj)),
    frozenset: lambda obj: set(frozenset.__iter__(obj)),
    str: str.__str__,
    bytes: lambda obj: bytes.__getitem__(obj, slice(None)),
    float: float.__float__,
    int: int.__int__,
}


def attributes(obj: object) -> dict[str, Any]:
    """Attributes of an object in its ``__dict__`` and in its slots, also inherited ones."""
    found = object.__getstate__(obj)
    parts = found if isinstance(found, tuple) else (found,)
    return {name: value for part in parts if part for name, value in part.items()}


def built_in_value(obj: Any, is_user: Callable[[Any], bool]) -> Any:
    """Value that an object of a user's class has from its base: the list of a ``class Rows(list)``; else None."""
    for kind, value in _BUILT_IN.items():
        if isinstance(obj, kind):
            return value(obj)
    if isinstance(obj, Enum) or is_thing(obj):
        return None
    definer = next(base for base in type(obj).__mro__ if {"__reduce__", "__reduce_ex__"} & vars(base).keys())
    return None if definer is object or is_user(definer) else reduced(obj)


def is_thing(obj: object) -> bool:
    """Whether a library object is none that could be written down: it changes with use, or stands outside."""
    kind = type(obj)
    if isinstance(obj, _THINGS) or kind.__module__.startswith("numpy.random"):
        return True
    return any(hasattr(kind, name) for name in _VERBS)


def reduced(obj: Any) -> list[Any] | None:
    """Parts from which pickle would make the object again; None where it cannot be pickled."""
    try:
        reducer = copyreg.dispatch_table.get(type(obj))
        found = reducer(obj) if reducer else obj.__reduce_ex__(2)
        if isinstance(found, str):
            return [found]
        make, made_of, state, items, pairs = (*found, None, None, None)[:5]
        return [make, list(made_of), _without_hashes(state), list(items or ()), dict(pairs or ())]
    except Exception:  # noqa: BLE001  # any library may raise anything here, and then it has no state
        return None


def _without_hashes(state: Any) -> Any:
    """Leave out kept hashes, which differ between processes."""
    if isinstance(state, tuple):
        return [_without_hashes(part) for part in state]
    if not isinstance(state, dict):
        return state
    return {key: value for key, value in state.items() if not (str(key).endswith("hash") and isinstance(value, int))}


def is_data(root: Any, is_user: Callable[[Any], bool]) -> bool:
    """Whether a library object is made of plain data and of the user's own objects only."""
    pending, seen = [root], {}  # what was seen is held, so that its id stays its own
    while pending:
        obj = pending.pop()
        if isinstance(obj, _ATOMS + _FUNCTIONS) or id(obj) in seen:
            continue
        seen[id(obj)] = obj
        parts = [] if get_origin(obj) is not None or is_user(obj) else _parts(obj)
        if parts is None or len(seen) + len(pending) + len(parts) > _MOST_PARTS:
            return False
        pending += parts
    return True


def _parts(obj: Any) -> list[Any] | None:
    if is_thing(obj) or type(obj).__module__.partition(".")[0] == "dspy":
        return None
    if isinstance(obj, Mapping):
        return [*obj.keys(), *obj.values()]
    if isinstance(obj, list | tuple | AbstractSet):
        return list(obj)
    return [] if is_array(obj) else reduced(obj)


def is_array(obj: object) -> bool:
    """Whether it is an array or scalar of numpy, found without importing it."""
    return type(obj).__module__.partition(".")[0] == "numpy" and hasattr(obj, "tolist")
