"""Names of a module that are loaded when they are first asked for (PEP 562), so that `import gradcu` stays quick."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def at_first_use(module: str, places: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a module, some of whose names come from the modules in ``places``.

    A place is relative to the module's package. A name that the place does not define is the place itself.
    """
    namespace = sys.modules[module].__dict__

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
        place = import_module(places[name], module)
        found = namespace[name] = getattr(place, name, place)
        return found

    def names() -> list[str]:
        return sorted({*namespace, *places})

    return get, names
