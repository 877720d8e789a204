"""Importing the user's module files, with an error of one line where that fails."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.util
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import LimbeckError, Stop, TargetError
from .where import describe, user_frame

_directories: list[Path] = []
"""Directories of the files that were loaded, the latest last."""


def split_target(target: str) -> tuple[str, str]:
    """Split ``module.py:name`` into its two parts.

    Raises:
        TargetError: There is no ``:name``, or the name is none.
    """
    module, colon, name = target.rpartition(":")
    if colon and module and all(part.isidentifier() for part in name.split(".")):
        return module, name
    file = Path(target if not colon or "/" in name or "\\" in name else module)
    raise TargetError(f"the target {target!r} does not end in :name", hint=_name_hint(file))


def _name_hint(file: Path) -> str:
    names = _names_in(file)
    if not names:
        return "Write path/to/module.py:name, where name is a Task or a DSPy program in it."
    near = ", ".join(f"{file}:{name}" for name in names[-3:])
    return f"Say which object in it, for example {near}"


def _names_in(file: Path) -> list[str]:
    """Names that a file assigns or defines at its top level, read without running it."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def load_module(module: str) -> ModuleType:
    """Import ``path/to/module.py``, or ``package.module`` by its dotted name.

    Raises:
        TargetError: There is no such module, or importing it raises or exits.
    """
    if module.endswith(".py") or "/" in module or "\\" in module:
        return _load_file(Path(module))
    return _load_dotted(module)


def load_object(module: ModuleType, name: str, shown: str) -> Any:
    """Get an object of a module by its name, which may be dotted.

    Args:
        module: Where to look.
        name: Name in it.
        shown: How to call the module in the message.

    Raises:
        TargetError: There is none of this name; with near matches.
    """
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise _no_such_name(found, part, shown)
        found = getattr(found, part)
    return found


def _no_such_name(scope: Any, name: str, shown: str) -> TargetError:
    names = [item for item in dir(scope) if not item.startswith("_")]
    own = [item for item in names if _is_candidate(scope, item)]
    near = difflib.get_close_matches(name, own) or difflib.get_close_matches(name, names)
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    else:
        hint = f"It has: {', '.join(own)}." if own else "It has no Task and no DSPy program."
    return TargetError(f"{shown} has no {name!r}", hint=hint)


def _is_candidate(scope: Any, name: str) -> bool:
    import dspy

    from .task import Task

    value = getattr(scope, name)
    if isinstance(value, type):
        return issubclass(value, dspy.Module) and not value.__module__.startswith("dspy.")
    return isinstance(value, Task | dspy.Module)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"no such file: {path}", hint=_file_hint(path))
    path = path.resolve()
    # Stable, so that types are the same in every process; unique, so that no two task.py clash.
    digest = hashlib.sha256(path.as_posix().encode()).hexdigest()[:8]
    name = f"limbeck_target_{digest}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is no Python file", hint="Give the path of a .py file.")
    module = importlib.util.module_from_spec(spec)
    _make_importable(path.parent)
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with import_errors(path.name):
            # Compiled and run here, which is what importing is: a cached .pyc would be stale for a file that
            # is edited twice within a second.
            linecache.checkcache(str(path))
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102
    except BaseException:
        sys.modules.pop(name)
        if previous is not None:
            sys.modules[name] = previous
        raise
    return module


def _file_hint(path: Path) -> str:
    if path.is_dir():
        return "It is a directory; give a .py file in it."
    if not path.parent.is_dir():
        return f"There is no directory {path.parent}."
    near = difflib.get_close_matches(path.name, [item.name for item in path.parent.glob("*.py")], n=1)
    return f"Did you mean {path.with_name(near[0])}?" if near else "Check the path."


def _make_importable(directory: Path) -> None:
    """Let the module import its siblings, also where an earlier target had siblings of the same name."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." in name or name.startswith("limbeck_target_") or file is None:
            continue
        from_earlier = any(Path(file).is_relative_to(other) for other in _directories if other != directory)
        if from_earlier and ((directory / f"{name}.py").exists() or (directory / name).is_dir()):
            _forget(name)
    if directory in _directories:
        _directories.remove(directory)
    _directories.append(directory)
    if str(directory) in sys.path:
        sys.path.remove(str(directory))
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()


def _forget(name: str) -> None:
    for loaded in [item for item in sys.modules if item == name or item.startswith(f"{name}.")]:
        del sys.modules[loaded]


def _load_dotted(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(
            f"{name!r} is neither a .py file nor the name of a module", hint="Write path/to/module.py:name"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        with import_errors(name):
            return importlib.import_module(name)
    except TargetError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name and f"{name}.".startswith(f"{cause.name}."):
            raise TargetError(
                f"no module {name!r}", hint=f"For a file, write its path: {name.replace('.', '/')}.py:name"
            ) from cause
        raise


@contextmanager
def import_errors(shown: str, doing: str = "is imported") -> Iterator[None]:
    """Turn whatever the user's code raises at its top level into a TargetError of one line."""
    try:
        yield
    except (KeyboardInterrupt, Stop):
        raise
    except LimbeckError as error:
        place = user_frame(error.__traceback__)
        raise type(error)(f"{error.message} ({place or shown})", hint=error.hint) from error
    except SystemExit as error:
        place = user_frame(error.__traceback__)
        raise TargetError(
            f"{shown} exits when it {doing}: {describe(error)}",
            hint=f"Put what runs as a script under: if __name__ == '__main__':  ({place or shown})",
        ) from error
    except BaseException as error:
        raise TargetError(f"{shown} raises when it {doing}: {describe(error)}", hint=_import_hint(error)) from error


def _import_hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return f"Install {top} in the environment of limbeck, or run limbeck in the program's own."
    return "Correct it there; limbeck runs the file as python would import it."
