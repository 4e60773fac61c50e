"""The function to sweep: an expression, or a Python function that a module has."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..expression import Expression
from .failures import FAILED, Failure, one_line

_MODULE_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def function_of(text: str, names: Sequence[str]) -> Callable[..., Any]:
    """What the argument EXPRESSION says; ``names`` are those of its variables and params."""
    if not _MODULE_FUNCTION.fullmatch(text):
        return Expression(text, names)
    module_name, _, path = text.partition(":")
    found = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise Failure(f"{text}: module {module_name!r} has no {path!r}")
        found = getattr(found, name)
    if not callable(found):
        raise Failure(f"{text} is no function but {type(found).__name__}")
    return _Guarded(found, text)


def _module(name: str) -> Any:
    # As `python -m` does: the user's own modules are in the current directory.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            problem = f"there is no module {missing!r}, neither installed nor in the current directory"
        else:
            problem = f"module {name!r} cannot be imported: {one_line(error)}"
        raise Failure(problem) from error


class _Guarded:
    """The user's function; what it raises is a failure of its own, not bad input."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.__wrapped__ = function
        self.__qualname__ = name

    def __call__(self, *values: Any, **named: Any) -> Any:
        try:
            return self.__wrapped__(*values, **named)
        except (Exception, SystemExit) as error:
            raise Failure(f"{self.__qualname__} raised {one_line(error)}", FAILED) from error
