"""Reductions and softmax of CuPy arrays of float32 and float64, by kernels/reduce.cu and kernels/softmax.cu.

Ops ask `row_kernels` for this module; where it is None the array module's own functions compute.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

import numpy as np

from .._kernel_text import THREADS
from .._launch import Kernel, Parameter, Pointer, kernel
from ._rows import Rows, layout_dtype, rows_along, rows_source


def total(x: Any, along: tuple[int, ...], shape: tuple[int, ...], divisor: float = 1) -> Any:
    """The sum along some dimensions, over ``divisor``, as an array of this shape."""
    rows = rows_along(x.shape, (x.strides,), along, ordered=False)
    out = _empty(shape, x.dtype)
    if rows.parts == 1:
        _launch("gradcu_sum", rows, x.dtype, x, None, out, None, divisor)
    else:
        high, low = _empty((2, rows.rows, rows.parts), x.dtype)
        _launch("gradcu_sum", rows, x.dtype, x, None, high, low, 1)
        _launch("gradcu_sum", _over_parts(high), x.dtype, high, low, out, None, divisor)
    return out


def extreme(x: Any, along: tuple[int, ...], shape: tuple[int, ...], sign: int) -> tuple[Any, Any]:
    """The largest elements, or for ``sign`` -1 the smallest, and where along C order the first of equals is."""
    rows = rows_along(x.shape, (x.strides,), along)
    out, places = _empty(shape, x.dtype), _empty(shape, np.int64)
    if rows.parts == 1:
        _launch("gradcu_extreme", rows, x.dtype, x, None, out, places, sign)
    else:
        partial, at = _empty((rows.rows, rows.parts), x.dtype), _empty((rows.rows, rows.parts), np.int64)
        _launch("gradcu_extreme", rows, x.dtype, x, None, partial, at, sign)
        _launch("gradcu_extreme", _over_parts(partial, at), x.dtype, partial, at, out, places, sign)
    return out, places


def extreme_vjp(g: Any, places: Any, shape: tuple[int, ...], along: tuple[int, ...]) -> Any:
    """An array of this shape with g at the places along some dimensions; both broadcast against it."""
    gradient = _empty(shape, g.dtype)
    strides = (_broadcast_strides(g, shape), _broadcast_strides(places, shape), gradient.strides)
    _launch("gradcu_extreme_vjp", rows_along(shape, strides, along), g.dtype, g, places, gradient)
    return gradient


def shared_vjp(g: Any, x: Any, extremes: Any, along: tuple[int, ...], *, nans: bool) -> Any:
    """What each of the elements that equal an extreme gets of g; with ``nans``, NaN equals NaN."""
    gradient = _empty(x.shape, x.dtype)
    strides = (x.strides, *(_broadcast_strides(a, x.shape) for a in (extremes, g)), gradient.strides)
    rows, counts = rows_along(x.shape, strides, along), None
    if rows.parts > 1:
        counts = _empty((rows.rows, rows.parts), x.dtype)
        _launch("gradcu_shared_vjp", rows, x.dtype, x, extremes, g, None, int(nans), counts)
    _launch("gradcu_shared_vjp", rows, x.dtype, x, extremes, g, gradient, int(nans), counts)
    return gradient


def logsumexp(x: Any, along: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The logarithm of the sum of the exponentials along some dimensions, as an array of this shape."""
    rows = rows_along(x.shape, (x.strides,), along, ordered=False)
    out = _empty(shape, x.dtype)
    if rows.parts == 1:
        _launch("gradcu_logsumexp", rows, x.dtype, x, None, out, None)
    else:
        tops, totals = _powers_of_parts(rows, x)
        _launch("gradcu_logsumexp", _over_parts(tops), x.dtype, tops, totals, out, None)
    return out


def logsumexp_vjp(g: Any, x: Any, out: Any, along: tuple[int, ...]) -> Any:
    """``g * exp(x - out)``, where g and out broadcast against x."""
    gradient = _empty(x.shape, x.dtype)
    strides = tuple(_broadcast_strides(a, x.shape) for a in (g, x, out, gradient))
    rows = rows_along(x.shape, strides, along)
    _launch("gradcu_logsumexp_vjp", rows, x.dtype, g, x, out, gradient)
    return gradient


def softmax(x: Any, dim: int, *, logarithm: bool) -> Any:
    """The softmax along a dimension, or its logarithm."""
    out = _empty(x.shape, x.dtype)
    rows = rows_along(x.shape, (x.strides, out.strides), _along(x, dim))
    tops, totals = _powers_of_parts(rows, x) if rows.parts > 1 else (None, None)
    _launch("gradcu_softmax", rows, x.dtype, x, out, int(logarithm), tops, totals)
    return out


def softmax_vjp(g: Any, out: Any, dim: int, *, logarithm: bool) -> Any:
    """The gradient of the softmax, or of its logarithm, whose result was ``out``."""
    gradient = _empty(out.shape, out.dtype)
    if not gradient.size:
        # It has no address, which to the kernel means that there is a second launch to come.
        return gradient
    rows = rows_along(out.shape, (g.strides, out.strides, gradient.strides), _along(out, dim))
    sums = None
    if rows.parts > 1:
        sums = _empty((rows.rows, rows.parts), out.dtype)
        _launch("gradcu_softmax_vjp", rows, out.dtype, g, out, None, int(logarithm), sums)
    _launch("gradcu_softmax_vjp", rows, out.dtype, g, out, gradient, int(logarithm), sums)
    return gradient


def _powers_of_parts(rows: Rows, x: Any) -> tuple[Any, Any]:
    """Of each part of a row its largest element, and the sum of the exponentials of what the others are below it."""
    tops, totals = _empty((2, rows.rows, rows.parts), x.dtype)
    _launch("gradcu_logsumexp", rows, x.dtype, x, None, tops, totals)
    return tops, totals


def _over_parts(*partial: Any) -> Rows:
    """The rows of arrays of partial results."""
    return rows_along(partial[0].shape, tuple(array.strides for array in partial), (1,), whole=True)


def _along(x: Any, dim: int) -> tuple[int, ...]:
    return (dim,) if x.ndim else ()


def _empty(shape: tuple[int, ...], dtype: Any) -> Any:
    return import_module("cupy").empty(shape, dtype)


def _broadcast_strides(array: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    return import_module("cupy").broadcast_to(array, shape).strides


def _launch(name: str, rows: Rows, dtype: np.dtype[Any], *arguments: Any) -> None:
    _kernel(name, dtype, rows.wide).launch(rows.blocks, THREADS, (rows.layout, *arguments))


@functools.cache
def _kernel(name: str, dtype: np.dtype[Any], wide: bool) -> Kernel:
    text, parameters = declared(dtype, wide)[name]
    return kernel(text, name, parameters)


@functools.cache
def declared(dtype: np.dtype[Any], wide: bool) -> dict[str, tuple[str, tuple[Parameter, ...]]]:
    """Each kernel's text and parameters, for elements of a dtype and with 32-bit or ``wide`` indices."""
    reductions, softmaxes = (rows_source(name, dtype.name, wide) for name in ("reduce.cu", "softmax.cu"))
    layout, pointer, places, flag = layout_dtype(wide), Pointer(dtype), Pointer(np.dtype("i8")), np.dtype("i4")
    return {
        "gradcu_sum": (reductions, (layout, pointer, pointer, pointer, pointer, dtype)),
        "gradcu_extreme": (reductions, (layout, pointer, places, pointer, places, dtype)),
        "gradcu_extreme_vjp": (reductions, (layout, pointer, places, pointer)),
        "gradcu_shared_vjp": (reductions, (layout, pointer, pointer, pointer, pointer, flag, pointer)),
        "gradcu_logsumexp": (softmaxes, (layout, pointer, pointer, pointer, pointer)),
        "gradcu_softmax": (softmaxes, (layout, pointer, pointer, flag, pointer, pointer)),
        "gradcu_softmax_vjp": (softmaxes, (layout, pointer, pointer, pointer, flag, pointer)),
        "gradcu_logsumexp_vjp": (softmaxes, (layout, pointer, pointer, pointer, pointer)),
    }
