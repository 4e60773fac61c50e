"""The choice of an engine: what was asked for, or the best that can do the job, and why it is that one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .._device import CPU, device
from ..fuse.program import NotInCError
from ..fuse.trace import UntraceableError, program
from .domain import Domain, listed
from .engine import EagerEngine, Engine, UnsuitableError
from .fused import fused
from .probe import check_elementwise, graph_is_lost, name_of
from .wanted import Wanted

if TYPE_CHECKING:
    from .._tensor import Tensor

ENGINES = ("auto", "cc", "cuda", "numpy", "eager")


def make_engine(
    name: str, f: Callable[..., Tensor], domain: Domain, wanted: Wanted, places: Sequence[device], depth: int | None = 0
) -> Engine:
    """The engine of that name; "auto" is the first of the others that can do the job on devices of that kind.

    Of several devices eager takes the first. Raises ValueError for an unknown name and for a function that the engine
    asked for can't do, what `check_elementwise` raises for a function that can't be swept, and CompilerError or
    CacheError where cc was asked for and does not work. Warns where auto passes over a compiler that fails, and of f,
    unless ``depth`` is None. It warns whoever called gradcu.sweep, which is ``depth`` calls further up than for `run`.
    """
    if name not in ENGINES:
        raise ValueError(f"engine must be {', '.join(ENGINES[:-1])} or {ENGINES[-1]}, not {name!r}")
    place = places[0]
    if name == "eager":
        return _eager(f, domain, wanted, place, "asked for", depth)
    try:
        if name != "auto" and (name == "cuda") != (place is not CPU):
            raise UnsuitableError(f"the device is {place}")
        # What can be traced is elementwise.
        made = program(f, domain.dtype, wanted.order, len(domain.variables), len(domain.params), wanted.chosen)
        if wanted.order and made.graph_lost and depth is not None:
            _warn_of_lost_graph(f, domain, depth)
        if place is not CPU:
            from .cuda_engine import CudaEngine

            return CudaEngine(made, domain, places)
        return fused(name, made, domain, depth or 0)
    except (UntraceableError, NotInCError, UnsuitableError) as error:
        problem = error
    if name != "auto":
        check_elementwise(f, domain, place)
        raise ValueError(f"engine {name!r} can't do this sweep: {problem}") from problem
    return _eager(f, domain, wanted, place, str(problem), depth)


def _eager(
    f: Callable[..., Tensor], domain: Domain, wanted: Wanted, place: device, reason: str, depth: int | None
) -> Engine:
    steady = check_elementwise(f, domain, place)
    if not steady and depth is not None:
        warnings.warn(
            f"{name_of(f)} gives other values at every call, as by random numbers: a sweep of it can't be repeated",
            UserWarning,
            stacklevel=5 + depth,
        )
    if wanted.order and depth is not None and graph_is_lost(f, domain, place):
        _warn_of_lost_graph(f, domain, depth + 1)
    engine = EagerEngine(f, domain, wanted, place, reason)
    if place is CPU:
        return engine
    from .cuda_eager import EagerOnCuda

    return EagerOnCuda(engine, place)


def _warn_of_lost_graph(f: Callable[..., Tensor], domain: Domain, depth: int) -> None:
    problem = f"cuts its result off from {listed(domain.variables)} (by detach, no_grad, item or numpy)"
    warnings.warn(f"{name_of(f)} {problem}, so its derivatives are 0", UserWarning, stacklevel=5 + depth)
