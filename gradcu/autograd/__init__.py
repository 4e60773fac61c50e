"""Automatic differentiation: ``torch.autograd``'s names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._backward import backward as backward
from .._backward import grad as grad
from . import _hooks as _hooks
from ._modes import enable_grad as enable_grad
from ._modes import is_grad_enabled as is_grad_enabled
from ._modes import no_grad as no_grad
from ._modes import set_grad_enabled as set_grad_enabled
from .function import Function as Function

if TYPE_CHECKING:
    from . import functional as functional
    from . import graph as graph
    from ._gradcheck import GradcheckError as GradcheckError
    from ._gradcheck import gradcheck as gradcheck
    from ._gradcheck import gradgradcheck as gradgradcheck

# What few programs use is loaded when it is first asked for (PEP 562), so that `import gradcu` stays quick.
_AT_FIRST_USE = {
    "GradcheckError": "_gradcheck",
    "functional": "functional",
    "gradcheck": "_gradcheck",
    "gradgradcheck": "_gradcheck",
    "graph": "graph",
}


def __getattr__(name: str) -> Any:
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    module = import_module(f".{_AT_FIRST_USE[name]}", __name__)
    found = globals()[name] = getattr(module, name, module)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_AT_FIRST_USE})
