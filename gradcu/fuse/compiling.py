"""`gradcu.compile`: a function whose elementwise operations run fused, whatever else it does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar

from .._pending import FUSING, Pending
from .._tensor import Tensor
from .deferred import Deferred
from .explanation import Explanation
from .fused_node import connect
from .plan import Library
from .recording import Recording, recording

ENGINES = ("auto", "cc", "numpy", "cuda")

P = ParamSpec("P")
R = TypeVar("R")


def compiled(f: Any, engine: str) -> Any:
    """Does what `gradcu.compile` says."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be {', '.join(ENGINES[:-1])} or {ENGINES[-1]}, not {engine!r}")
    if f is None:
        return lambda f: compiled(f, engine)
    if not callable(f):
        raise TypeError(f"f must be a function, not {f!r} ({type(f).__name__})")
    return CompiledFunction(f, engine)


class CompiledFunction(Generic[P, R]):
    """What `gradcu.compile` returns: called, it does what the function does."""

    __wrapped__: Callable[P, R]

    def __init__(self, f: Callable[P, R], engine: str) -> None:
        functools.update_wrapper(self, f)
        self._f, self._library = f, Library(engine)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function."""
        if FUSING.trace is not None or any(isinstance(tensor._array, Pending) for tensor in tensors_in((args, kwargs))):
            # Inside another compiled function, or under a sweep, it is part of what is fused there.
            return self._f(*args, **kwargs)
        return self._run(args, kwargs, None)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The method of an object, where the function is one of its class."""
        return self if instance is None else MethodType(self, instance)

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Calls the function, and says what was fused, what was not and why, and what runs.

        >>> import gradcu
        >>> f = gradcu.compile(lambda x: gradcu.sin(x) * x, engine="numpy")
        >>> print(f.explain(gradcu.ones(3)).kernels[0])
        numpy: t1:float32[3] from x0:float32[3]
            t0:float32 = sin(x0)
            t1:float32 = mul(t0, x0)
        """
        explanation = Explanation(getattr(self._f, "__qualname__", repr(self._f)))
        explanation.result = self._run(args, kwargs, explanation)
        return explanation

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], explanation: Explanation | None) -> Any:
        library = self._library
        if library.is_full:
            self._library = library = Library(library.engine)
        trace = Recording(library, connect)
        if explanation is not None:
            trace.on_pause = explanation.add_pause
        try:
            with recording(trace):
                result = self._f(*args, **kwargs)
                trace.on_pause = None
                trace.settle([tensor for tensor in tensors_in(result) if type(tensor._array) is Deferred])
        finally:
            trace.close()
        if explanation is not None:
            explanation.add_kernels(trace.plans, trace.templates)
        return result


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The Tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
