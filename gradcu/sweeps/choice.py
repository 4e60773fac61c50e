"""The choice of an engine: what was asked for, or the best that can do the job, and why it is that one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .domain import Domain, listed
from .engine import EagerEngine, Engine
from .probe import check_elementwise, graph_is_lost, name_of

if TYPE_CHECKING:
    from .._tensor import Tensor
    from ..fuse.program import Program

ENGINES = ("auto", "cc", "numpy", "eager")

_WORTH_COMPILING = 1 << 16
"""Fewer points are done sooner than compiled for, unless that was done before."""


def make_engine(
    name: str, f: Callable[..., Tensor], domain: Domain, order: int, device: Any, depth: int | None = 0
) -> Engine:
    """The engine of that name; "auto" is the first of the others that can do the job.

    Raises ValueError for an unknown name and for a function that the engine asked for can't do, what
    `check_elementwise` raises for a function that can't be swept, and CompilerError or CacheError where cc was asked
    for and does not work. Warns where auto passes over a compiler that fails, and of f, unless ``depth`` is None. It
    warns whoever called gradcu.sweep, which is ``depth`` calls further up than for `run`.
    """
    if name not in ENGINES:
        raise ValueError(f"engine must be {', '.join(ENGINES[:-1])} or {ENGINES[-1]}, not {name!r}")
    if name == "eager":
        return _eager(f, domain, order, device, "asked for", depth)
    # An eager sweep does without all this.
    from ..fuse.program import NotInCError
    from ..fuse.trace import UntraceableError, program

    try:
        if device.type != "cpu":
            raise UntraceableError(f"the device is {device}")
        # What can be traced is elementwise.
        made = program(f, domain.dtype, order, len(domain.variables), len(domain.params))
        if order and made.graph_lost and depth is not None:
            _warn_of_lost_graph(f, domain, depth)
        return _fused(name, made, domain, depth or 0)
    except (UntraceableError, NotInCError) as error:
        problem = error
    if name != "auto":
        check_elementwise(f, domain, device)
        raise ValueError(f"engine {name!r} can't do this sweep: {problem}") from problem
    return _eager(f, domain, order, device, str(problem), depth)


def _eager(f: Callable[..., Tensor], domain: Domain, order: int, device: Any, reason: str, depth: int | None) -> Engine:
    check_elementwise(f, domain, device)
    if order and depth is not None and graph_is_lost(f, domain, device):
        _warn_of_lost_graph(f, domain, depth + 1)
    return EagerEngine(f, domain, order, device, reason)


def _warn_of_lost_graph(f: Callable[..., Tensor], domain: Domain, depth: int) -> None:
    problem = f"cuts its result off from {listed(domain.variables)} (by detach, no_grad, item or numpy)"
    warnings.warn(f"{name_of(f)} {problem}, so its derivatives are 0", UserWarning, stacklevel=5 + depth)


def _fused(name: str, program: Program, domain: Domain, depth: int) -> Engine:
    from .blockwise import BlocksEngine
    from .compiled import CompiledEngine

    if name == "cc":
        return CompiledEngine(program, domain)
    return BlocksEngine(program, domain) if name == "numpy" else _best(program, domain, depth)


def _best(program: Program, domain: Domain, depth: int) -> Engine:
    from ..fuse.cache import CacheError
    from ..fuse.compiler import CompilerError, NoCompilerError
    from ..fuse.kernel import is_loaded
    from ..fuse.program import NotInCError
    from .blockwise import BlocksEngine
    from .compiled import CompiledEngine

    try:
        if domain.num < _WORTH_COMPILING and not is_loaded(program):
            return BlocksEngine(program, domain, "too few points to compile for")
        return CompiledEngine(program, domain)
    except NotInCError as error:
        reason = str(error)
    except (CompilerError, CacheError) as error:
        reason = str(error).partition("\n")[0]
        if not isinstance(error, NoCompilerError):
            problem = f"the sweep runs on NumPy, since it can't be compiled: {error}"
            warnings.warn(problem, UserWarning, stacklevel=6 + depth)
    return BlocksEngine(program, domain, reason)
