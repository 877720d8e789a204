"""Text and references of user code: what a function says, and what it reads from its module."""

from __future__ import annotations

import dis
import importlib
import importlib.util
import inspect
import io
import linecache
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..records import Json
from .where import is_library_file

_READS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


def text_of(item: Any) -> str | None:
    """Source without comments, blank lines and indentation of the whole; None where there is none.

    A lambda has none either: its source is the whole statement in which it stands.
    """
    if getattr(item, "__name__", "") == "<lambda>":
        return None
    try:
        linecache.checkcache(inspect.getsourcefile(item) or "")
        return without_comments(textwrap.dedent(inspect.getsource(item)))
    except (OSError, TypeError, IndexError, SyntaxError):  # exec, a notebook cell that is gone, a builtin
        return None


def without_comments(source: str) -> str:
    """Drop comments, trailing space and blank lines; strings stay as they are."""
    lines = source.splitlines(keepends=True)
    inside: set[int] = set()  # lines whose end belongs to a string
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column] + "\n"
            elif token.end[0] > token.start[0] and token.type != tokenize.NEWLINE:
                inside.update(range(token.start[0], token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        return source
    kept = (line if number in inside else line.rstrip() + "\n" for number, line in enumerate(lines, 1))
    return "".join(line for number, line in enumerate(kept, 1) if number in inside or line.strip())


def bytecode(code: CodeType) -> Json:
    """What a code object does, without file names and line numbers; nested code is described likewise."""
    constants = [bytecode(item) if isinstance(item, CodeType) else constant(item) for item in code.co_consts]
    names = [*code.co_names, *code.co_varnames, *code.co_freevars]
    return {"code": code.co_code.hex(), "names": names, "constants": constants}


def constant(item: object) -> str:
    """Describe a constant of a code object; sets are written in a fixed order."""
    if isinstance(item, frozenset):
        return f"frozenset({sorted(map(constant, item))})"
    if isinstance(item, tuple):
        return f"({', '.join(map(constant, item))})"
    return repr(item)


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all code nested in it."""
    yield code
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield from codes(item)


def global_names(function: FunctionType) -> set[str]:
    """Names that a function, or code nested in it, reads from its module."""
    return {
        str(instruction.argval)
        for code in codes(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname in _READS
    }


def attribute_names(function: FunctionType) -> set[str]:
    """Names of the attributes that a function, or code nested in it, reads off anything."""
    return {
        str(instruction.argval)
        for code in codes(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname in _ATTRIBUTES
    }


def imports(function: FunctionType) -> set[tuple[str, int, tuple[str, ...]]]:
    """Imports inside a function, as (module, level, names)."""
    found = set()
    for code in codes(function.__code__):
        loaded: list[Any] = []
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
                loaded.append(instruction.argval)
            elif instruction.opname == "IMPORT_NAME" and len(loaded) > 1:
                found.add((str(instruction.argval), int(loaded[-2]), tuple(loaded[-1] or ())))
    return found


def directory(function: FunctionType) -> set[str]:
    """Directory of the module of a function; empty where it has no file."""
    file = function.__globals__.get("__file__")
    return {Path(file).parent.as_posix()} if isinstance(file, str) else set()


def cells(function: FunctionType) -> list[tuple[str, Any]]:
    """Closure cells by name; one that is still empty (a class body being run) has nothing to say."""
    pairs = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return [(name, cell) for name, cell in pairs if _is_filled(cell)]


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def local_imports(function: FunctionType, is_library: Any) -> dict[str, Any]:
    """User code that a function imports when it runs.

    It is imported now: whether something else has done so already must make no difference.
    """
    found: dict[str, Any] = {}
    package = str(function.__globals__.get("__package__") or "")
    for name, level, members in sorted(imports(function)):
        module = _import_user_module("." * level + name, package, is_library)
        if module is not None:
            found |= {f"{name}.{member}": getattr(module, member, None) for member in members} or {name: module}
    return found


def _import_user_module(written: str, package: str, is_library: Any) -> ModuleType | None:
    try:
        name = importlib.util.resolve_name(written, package)
        return importlib.import_module(name) if _is_users(name, is_library) else None
    except Exception:  # noqa: BLE001  # it fails when the function runs, too, and says so there
        return None


def _is_users(name: str, is_library: Any) -> bool:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or is_library(top):
        return False
    spec = importlib.util.find_spec(top)
    return spec is not None and spec.origin is not None and not is_library_file(spec.origin)
