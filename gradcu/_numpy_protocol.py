"""NumPy's functions called on Tensors: they record where gradcu has the op, and raise, naming what to use, elsewhere.

NumPy hands them over through ``__array_ufunc__`` (NEP 13) and ``__array_function__`` (NEP 18). They keep NumPy's
meaning (``np.std`` has ddof 0); the methods of a Tensor keep PyTorch's. An array beside a Tensor is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _functions as fn
from ._by_need import ELEMENTWISE as ELEMENTWISE_BY_NEED
from ._by_need import FUNCTIONS as FUNCTIONS_BY_NEED
from ._device import is_cupy_array
from ._graph import GRAD_ENABLED
from ._op import FUNCTIONS, OPS
from ._tensor import Tensor

UFUNCS: dict[str, Callable[..., Any]] = {
    op.ufunc: FUNCTIONS[name] for name, op in OPS.items() if op.ufunc is not None and name in FUNCTIONS
} | {
    # Those that gradcu computes by other means, or under several ops.
    "ceil": fn.ceil, "clip": fn.clamp, "conjugate": fn.conj, "fabs": fn.abs, "floor": fn.floor,
    "logaddexp": fn.logaddexp, "matmul": fn.matmul,
    "positive": fn.positive, "power": fn.pow, "rint": fn.round, "sign": fn.sign, "square": fn.square, "trunc": fn.trunc,
}  # fmt: skip
"""gradcu's function for each ufunc, by NumPy's name."""


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """A NumPy ufunc called with a Tensor among its inputs."""
    out = kwargs.pop("out", None)
    if out is not None:
        return _into_arrays(ufunc, method, inputs, out, kwargs)
    function = _function_for(ufunc.__name__)
    if method == "reduce" and ufunc.__name__ in _REDUCTIONS:
        return _REDUCTIONS[ufunc.__name__](*inputs, **kwargs)
    if method == "outer" and function is not None:
        left, right = (as_operand(value) for value in inputs)
        return function(fn.reshape(left, (*left.shape, *(1,) * right.ndim)), right)
    if method != "__call__" or function is None or kwargs:
        what = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        if kwargs:
            what += f" with {', '.join(kwargs)}"
        raise unsupported(what, ufunc.__name__)
    return function(*(as_operand(value) for value in inputs))


def array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Any other NumPy function called with a Tensor among its arguments."""
    adapted = ADAPTERS.get(func)
    if adapted is None:
        module = func.__module__ or "numpy"
        raise unsupported(f"{module}.{func.__name__}", func.__name__)
    return adapted(*args, **kwargs)


def _function_for(ufunc: str) -> Callable[..., Any] | None:
    """Gradcu's function for a ufunc; one that waits for its first use has the ufunc's name."""
    return getattr(fn, ufunc) if ufunc in ELEMENTWISE_BY_NEED else UFUNCS.get(ufunc)


def unsupported(what: str, name: str, library: str = "numpy") -> TypeError:
    """The error for a function of NumPy or CuPy that gradcu can't record, with what to use instead."""
    hint = f"use gradcu.{name}, or " if name in FUNCTIONS or name in FUNCTIONS_BY_NEED else ""
    return TypeError(
        f"{what} cannot be recorded for a gradcu Tensor: {hint}call it on x.detach().{library}() if no gradient is "
        "needed"
    )


def as_operand(value: Any) -> Any:
    """An operand of a NumPy call as gradcu takes it: arrays and sequences are constants, NumPy scalars numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.item() if value.ndim == 0 else Tensor._wrap(value)
    if is_cupy_array(value):
        return Tensor._wrap(value)
    if isinstance(value, list | tuple):
        return fn.stack([fn.as_tensor(as_operand(v)) for v in value])
    return value


def _into_arrays(ufunc: np.ufunc, method: str, inputs: Any, out: Any, kwargs: Any) -> Any:
    """``array += tensor`` and ``ufunc(..., out=array)``: an array can't be recorded, so nothing may need a gradient."""
    if any(isinstance(value, Tensor) for value in out):
        raise TypeError(
            f"numpy.{ufunc.__name__} cannot write into a gradcu Tensor with out=: assign its result instead"
        )
    if GRAD_ENABLED.get() and any(isinstance(value, Tensor) and value.requires_grad for value in inputs):
        raise RuntimeError(
            f"numpy.{ufunc.__name__} would write a Tensor that requires grad into an array, which has no graph: make "
            "the array a Tensor (gradcu.as_tensor), or detach() the Tensor"
        )
    raw = [value.numpy() if isinstance(value, Tensor) else value for value in inputs]
    return getattr(ufunc, method)(*raw, out=out, **kwargs)


# Adapters: NumPy's parameters to gradcu's, where they differ in more than `axis` and `keepdims`


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(a: Any, axis: Any = None, *, keepdims: bool = False, dtype: Any = None, out: None = None) -> Any:
        if out is not None:
            raise TypeError(f"numpy.{function.__name__} cannot write into out= for a gradcu Tensor")
        a = as_operand(a)
        extra = {} if dtype is None else {"dtype": dtype}
        dims = tuple(range(a.ndim)) if axis is None else axis
        if axis is None and not keepdims:
            return function(a, **extra)
        return function(a, dims, keepdims, **extra)

    return reduce


def _one_dim(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction or scan over one axis, or over all elements in order where axis is None."""

    def reduce(a: Any, axis: int | None = None, **kwargs: Any) -> Any:
        a = as_operand(a)
        return function(fn.flatten(a), 0, **kwargs) if axis is None else function(a, axis, **kwargs)

    return reduce


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def statistic(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
        return function(as_operand(a), axis, correction=ddof, keepdim=keepdims)

    return statistic


def _prod(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    a = as_operand(a)
    if axis is not None:
        return fn.prod(a, axis, keepdims)
    total = fn.prod(a)
    return fn.reshape(total, (1,) * a.ndim) if keepdims else total


def _transpose(a: Any, axes: Any = None) -> Any:
    return fn.permute(a, tuple(reversed(range(a.ndim))) if axes is None else axes)


def _sequence(function: Callable[..., Any]) -> Callable[..., Any]:
    def join(arrays: Any, axis: int = 0) -> Any:
        return function([as_operand(array) for array in arrays], axis)

    return join


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return fn.where(as_operand(condition), as_operand(x), as_operand(y))


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(
        *(as_operand(a) if isinstance(a, np.ndarray) else a for a in args), **kwargs
    )


def _dot(a: Any, b: Any) -> Any:
    a, b = as_operand(a), as_operand(b)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or 0 in (a.ndim, b.ndim):
        return a * b
    if max(a.ndim, b.ndim) > 2:
        raise unsupported("numpy.dot of more than 2 dimensions", "matmul")
    return fn.matmul(a, b)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is not None and x.ndim != 1 and not isinstance(axis, int):
        raise unsupported("numpy.linalg.norm of a matrix with ord", "norm")
    return fn.norm(x, 2 if ord is None else ord, axis, keepdims)


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    a = as_operand(a)
    slices = fn.narrow(a, axis, 0, 1)
    ends = [None if end is None else as_operand(end) for end in (prepend, append)]
    # A number stands for a slice of it.
    ends = [fn.full_like(slices, end) if isinstance(end, bool | int | float) else end for end in ends]
    return fn.diff(a, n, axis, *ends)


def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = as_operand(y)
    return fn.trapezoid(y, dx=dx, dim=axis) if x is None else fn.trapezoid(y, as_operand(x), dim=axis)


def _sort(a: Any, axis: int | None = -1) -> Any:
    a = as_operand(a)
    return fn.sort(fn.flatten(a))[0] if axis is None else fn.sort(a, axis)[0]


def _by_name(name: str) -> Callable[..., Any]:
    """Gradcu's function of that name, loaded when it is called, on the same arguments."""
    return lambda *args, **kwargs: _plain(getattr(fn, name))(*args, **kwargs)


def _joined(name: str) -> Callable[..., Any]:
    return lambda tup: getattr(fn, name)([as_operand(array) for array in tup])


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = a_min if min is None else min, a_max if max is None else max
    return fn.clamp(as_operand(a), as_operand(low), as_operand(high))


def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    one, two = (v.detach().numpy() if isinstance(v, Tensor) else v for v in (a1, a2))
    return np.array_equal(one, two, equal_nan=equal_nan)


_REDUCTIONS = {"add": _reduction(fn.sum), "multiply": _prod, "maximum": _reduction(fn.amax),
               "minimum": _reduction(fn.amin)}  # fmt: skip

ADAPTERS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(fn.sum), np.mean: _reduction(fn.mean), np.prod: _prod, np.max: _reduction(fn.amax),
    np.min: _reduction(fn.amin), np.amax: _reduction(fn.amax), np.amin: _reduction(fn.amin), np.var: _spread(fn.var),
    np.std: _spread(fn.std), np.any: _reduction(fn.any), np.all: _reduction(fn.all),
    np.argmax: _one_dim(fn.argmax), np.argmin: _one_dim(fn.argmin), np.cumsum: _one_dim(fn.cumsum),
    np.cumprod: _one_dim(fn.cumprod), np.linalg.norm: _norm, np.where: _where, np.clip: _clip,
    np.concatenate: _sequence(fn.cat), np.stack: _sequence(fn.stack), np.transpose: _transpose, np.dot: _dot,
    np.vdot: lambda a, b: fn.vdot(fn.flatten(as_operand(a)), fn.flatten(as_operand(b))),
    np.inner: _by_name("inner"), np.kron: _by_name("kron"), np.fliplr: _by_name("fliplr"),
    np.flipud: _by_name("flipud"),
    np.tensordot: lambda a, b, axes=2: fn.tensordot(as_operand(a), as_operand(b), axes),
    np.cross: lambda a, b, axis=-1: fn.cross(as_operand(a), as_operand(b), axis),
    np.trace: lambda a, offset=0, axis1=0, axis2=1: fn.sum(fn.diagonal(a, offset, axis1, axis2), -1),
    np.rot90: lambda m, k=1, axes=(0, 1): fn.rot90(m, k, axes), np.diff: _diff, np.sort: _sort,
    np.trapezoid: _trapezoid,
    np.nan_to_num: lambda x, copy=True, nan=0.0, posinf=None, neginf=None: fn.nan_to_num(x, nan, posinf, neginf),
    np.nansum: lambda a, axis=None, *, keepdims=False: fn.nansum(a, axis, keepdims),
    np.nanmean: lambda a, axis=None, *, keepdims=False: fn.nanmean(a, axis, keepdims),
    np.hstack: _joined("hstack"), np.vstack: _joined("vstack"), np.dstack: _joined("dstack"),
    np.column_stack: _joined("column_stack"), np.atleast_1d: _by_name("atleast_1d"),
    np.atleast_2d: _by_name("atleast_2d"), np.einsum: _plain(fn.einsum),
    np.outer: lambda a, b: fn.outer(fn.flatten(as_operand(a)), fn.flatten(as_operand(b))),
    np.reshape: lambda a, shape: fn.reshape(a, shape), np.ravel: lambda a: fn.flatten(a),
    np.squeeze: lambda a, axis=None: fn.squeeze(a) if axis is None else fn.squeeze(a, axis),
    np.expand_dims: lambda a, axis: fn.unsqueeze(a, axis),
    np.broadcast_to: lambda array, shape: fn.expand(array, shape),
    np.moveaxis: lambda a, source, destination: fn.movedim(a, source, destination),
    np.swapaxes: lambda a, axis1, axis2: fn.transpose(a, axis1, axis2),
    np.flip: lambda m, axis=None: fn.flip(m, tuple(range(m.ndim)) if axis is None else axis),
    np.roll: lambda a, shift, axis=None: fn.roll(a, shift, axis), np.tile: lambda A, reps: fn.tile(A, reps),
    np.tril: lambda m, k=0: fn.tril(m, k), np.triu: lambda m, k=0: fn.triu(m, k), np.diag: lambda v, k=0: fn.diag(v, k),
    np.sinc: fn.sinc, np.real: fn.real, np.imag: fn.imag, np.angle: fn.angle,
    np.round: lambda a, decimals=0: fn.round(a, decimals=decimals), np.copy: lambda a: fn.clone(a),
    np.isclose: _plain(fn.isclose), np.allclose: _plain(fn.allclose), np.array_equal: _array_equal,
    np.shape: lambda a: tuple(a.shape), np.ndim: lambda a: a.ndim, np.size: lambda a: a.numel(),
    np.repeat: lambda a, repeats, axis=None: fn.repeat_interleave(as_operand(a), as_operand(repeats), axis),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: fn.diagonal(a, offset, axis1, axis2),
    np.zeros_like: lambda a: fn.zeros_like(a), np.ones_like: lambda a: fn.ones_like(a),
    np.full_like: lambda a, fill_value: fn.full_like(a, fill_value),
    np.empty_like: lambda prototype: fn.empty_like(prototype),
}  # fmt: skip
"""What stands for each NumPy function that is no ufunc."""

# What Tensor has in place of these until then is in `gradcu._methods`.
for _name, _method in {"__array_function__": array_function, "__array_ufunc__": array_ufunc}.items():
    setattr(Tensor, _name, _method)
