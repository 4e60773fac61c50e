"""Functions of packages that are imported at their first call: a test that calls none does without the package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazily(module: str, name: str) -> Callable[..., Any]:
    """The function of this name in a module that is not imported yet."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return call
