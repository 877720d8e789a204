"""Which code is the user's, and where in it an exception came from."""

from __future__ import annotations

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType

from .values import clip

_PACKAGE = __name__.partition(".")[0]
_INSTALLED = ("site-packages", "dist-packages")


@lru_cache(maxsize=4096)
def is_library_file(filename: str) -> bool:
    """Whether a file belongs to the standard library, to an installed package, or is frozen."""
    if filename.startswith("<frozen"):
        return True
    path = Path(filename)
    if any(part in _INSTALLED for part in path.parts):
        return True
    return any(path.is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def is_library_module(name: str) -> bool:
    """Whether a module is of the standard library, installed, built in, or of limbeck itself."""
    top = name.partition(".")[0]
    if top in (_PACKAGE, "builtins"):
        return True
    if top == "__main__":
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return top in sys.stdlib_module_names
    return is_library_file(file)


def user_frame(trace: TracebackType | None) -> str | None:
    """Name the last frame in the user's own code, as ``file.py:12``."""
    found = None
    while trace is not None:
        if _is_user_frame(trace.tb_frame):
            found = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _is_user_frame(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] != _PACKAGE and not is_library_file(frame.f_code.co_filename)


def describe(error: BaseException) -> str:
    """Say on one line what was raised and where in the user's code: ``TypeError: ... (module.py:12)``."""
    message = clip(str(error), 200)
    place = user_frame(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        message, place = clip(error.msg), f"{Path(error.filename).name}:{error.lineno}"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return f"{text} ({place})" if place else text
