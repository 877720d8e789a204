"""Targets: ``path/to/module.py:name`` becomes a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..errors import TargetError
from ..metrics import READY, Metric
from .fields import predictors
from .loading import import_errors, load_module, load_object, split_target
from .task import Task
from .values import short

_WHAT = "a Task, a DSPy program, or a function without arguments that returns one"


def load_target(target: str, *, metric: str | None = None, need_metric: bool = True) -> Task:
    """Load the task that a target names.

    Args:
        target: ``path/to/module.py:name`` or ``package.module:name``, where the name is a Task, a
            ``dspy.Module``, a subclass of it, or a function without arguments that returns one of these.
        metric: Where the metric is, likewise; a name alone is looked for in the target's own file, and then
            among the ready ones of ``limbeck.metrics``. It takes the place of the task's own metric.
        need_metric: Whether a task with no metric, checks or verifiers is an error.

    Raises:
        TargetError: It cannot be loaded or is no task; one line says why and where.
    """
    where, name = split_target(target)
    module = load_module(where)
    task = _task(load_object(module, name, where), target)
    predictors(task.program)
    module_name = Path(where).stem if where.endswith(".py") else where
    task = replace(task, name=task.name or f"{module_name}:{name}", base_dir=task.base_dir or _directory(module))
    if metric is not None:
        task = replace(task, metric=_load_metric(metric, module, where))
    if need_metric and task.metric is None and not task.checks and not task.verifiers:
        raise TargetError(
            f"{target} has no metric",
            hint="Give --metric module.py:name, or what else judges, such as --verifier judge.",
        )
    return task


def _directory(module: ModuleType) -> Path:
    return Path(module.__file__).parent if module.__file__ else Path.cwd()


def _task(found: Any, target: str) -> Task:
    import dspy

    if isinstance(found, Task):
        return found
    if isinstance(found, dspy.Module):
        return Task(found)
    if isinstance(found, type) and issubclass(found, dspy.Module):
        return Task(_call(found, target))
    if inspect.isfunction(found):
        return _made(_call(found, target), target)
    raise TargetError(f"{target} is {_shown(found)}, not {_WHAT}", hint=_hint(found))


def _made(made: Any, target: str) -> Task:
    import dspy

    if isinstance(made, Task | dspy.Module):
        return _task(made, target)
    if inspect.iscoroutine(made):
        made.close()
    raise TargetError(f"{target}() returned {_shown(made)}, not a Task or a DSPy program", hint=_hint(made))


def _call(make: Callable[[], Any], target: str) -> Any:
    required = [
        item.name
        for item in inspect.signature(make).parameters.values()
        if item.default is item.empty and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
    ]
    name = target.rpartition(":")[2]
    if required:
        raise TargetError(
            f"{target} needs arguments ({', '.join(required)})",
            hint=f"Point at an object: program = {name}(...) in the module, and :program as the target.",
        )
    with import_errors(target, "is called"):
        return make()


def _shown(found: Any) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}"
    if isinstance(found, ModuleType):
        return f"the module {found.__name__}"
    return f"{type(found).__name__} {short(found)}"


def _hint(found: Any) -> str:
    import dspy

    if isinstance(found, type) and issubclass(found, dspy.Signature):
        return f"A signature alone is no program: program = dspy.Predict({found.__name__})"
    if callable(found) and not isinstance(found, type):
        return "For a metric, use --metric; the target is the program."
    return "Declare one: task = Task(program=dspy.Predict(...), metric=..., train='train.jsonl')"


def _load_metric(metric: str, module: ModuleType, where: str) -> Callable[..., Any]:
    if metric in READY and not hasattr(module, metric):
        found: Any = READY[metric]
    elif metric.isidentifier():
        found = load_object(module, metric, where)
    else:
        place, name = split_target(metric)
        found = load_object(load_module(place), name, place)
    if isinstance(found, type) and issubclass(found, Metric):
        found = _call(found, metric)
    if callable(found):
        return cast("Callable[..., Any]", found)
    raise TargetError(
        f"the metric {metric} is {_shown(found)}, not a function",
        hint="Write def f(example, prediction): ... and point at it: --metric module.py:f",
    )
