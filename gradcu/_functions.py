"""The public function of every op, as module attributes; ``_functions.pyi`` beside it tells type checkers of them."""

from importlib import import_module

from . import ops as ops
from ._by_need import FUNCTIONS as FUNCTIONS_BY_NEED
from ._op import FUNCTIONS

globals().update(FUNCTIONS)


def __getattr__(name: str) -> object:
    if name not in FUNCTIONS_BY_NEED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    import_module(FUNCTIONS_BY_NEED[name], __package__)
    globals().update(FUNCTIONS)
    return FUNCTIONS[name]
