"""Copies: of another dtype, of the same, and the functional halves of what writes into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._define import pointwise, structured
from .._device import device, device_of, moved, pinned
from .._dimensions import in_memory
from .._silence import silent
from ._arguments import expanded_shape, without_leading_ones


# The walker brings every gradient to its operand's dtype, so the rule has nothing left to do.
@structured(statics=1, node="ToCopyBackward0", keeps_layout=True, public=False, dx=lambda g: g)
def to_dtype(xp: Any, x: Any, dtype: Any) -> Any:
    """``input`` with elements of another dtype."""
    return x.astype(dtype)


def _vjp_of_move(g: Any, source: tuple[device, np.dtype[Any]]) -> Any:
    return to_device(g, *source)


def _prepare_move(x: Any, place: device, dtype: Any, non_blocking: bool, pin: bool, source: None) -> tuple[Any, ...]:
    return place, x.dtype if dtype is None else dtype, non_blocking, pin, (device_of(x), x.dtype)


@structured(
    statics=5,
    node=lambda pin: "PinMemoryBackward0" if pin else "ToCopyBackward0",
    keeps_layout=True,
    public=False,
    prepare=_prepare_move,
    dx=_vjp_of_move,
)
def to_device(
    xp: Any, x: Any, place: Any, dtype: Any = None, non_blocking: Any = False, pin: Any = False, source: Any = None
) -> Any:
    """``input`` copied to the device ``place``, with elements of a ``dtype``; ``source`` is its device and dtype.

    With ``pin`` it is copied from the CPU to pinned memory there.
    """
    if pin:
        return pinned(x, "Cannot access accelerator device when none is available")
    return moved(x.astype(dtype, copy=False), place, non_blocking=non_blocking)


def laid_out_as(array: Any, make: Callable[[tuple[int, ...]], Any]) -> Any:
    """``make(shape)`` for the shape of ``array``, with the dimensions in the order in which they lie in its memory.

    What is not computed yet has no memory, and will be in row-major order.
    """
    if array.ndim < 2 or not hasattr(array, "strides") or array.flags.c_contiguous:
        return make(array.shape)
    order = in_memory(array.shape, array.strides)
    return make(tuple(array.shape[d] for d in order)).transpose([order.index(d) for d in range(array.ndim)])


@structured(keeps_layout=True, dx=lambda g: g)
def clone(xp: Any, x: Any) -> Any:
    """A copy of ``input`` in memory of its own, with its dimensions in the same order; gradients flow through it.

    >>> import gradcu
    >>> x = gradcu.ones(2)
    >>> y = gradcu.clone(x)
    >>> y[0] = 5.0
    >>> x
    tensor([1., 1.])
    """
    if x.ndim < 2 or x.flags.c_contiguous:
        return x.copy()
    out = laid_out_as(x, lambda shape: xp.empty(shape, x.dtype))
    out[...] = x
    return out


@structured(public=False, node="CloneBackward0", dx=lambda g: g)
def in_rows(xp: Any, x: Any) -> Any:
    """A copy of ``x`` in row-major order."""
    return x.copy()


@silent
def _zeros_on_numpy(x: Any) -> Any:
    return np.zeros_like(x) if type(x) is np.ndarray else type(x)(0)


zeros_of = pointwise(
    "zeros_of",
    lambda xp, x: xp.zeros_like(x),
    native=_zeros_on_numpy,
    operands=("x",),
    promotion="none",
    public=False,
    c="T(0)",
    doc="Zeros of the shape and dtype of ``x``: the gradient of what was overwritten, or is a step.",
)


def _check_source(x: Any, source: Any) -> tuple[()]:
    expanded_shape(without_leading_ones(source, x.ndim), x.shape)
    return ()


@structured(
    public=False,
    node="CopyBackwards",
    keeps_layout=True,
    prepare=_check_source,
    dx=lambda g: zeros_of(g),
    dsource=lambda g: g,
)
def overwritten(xp: Any, x: Any, source: Any) -> Any:
    """``x`` after all its elements were replaced with ``source``, which broadcasts to it."""
    out = xp.empty_like(x)
    out[...] = source
    return out


@structured(public=False, node="FillBackward0", keeps_layout=True, dx=lambda g: zeros_of(g), dvalue=lambda g: g)
def filled(xp: Any, x: Any, value: Any) -> Any:
    """``x`` after all its elements were replaced with one number, or a 0-dim ``value``."""
    return xp.full_like(x, value)


@structured(public=False, node="ZeroBackward0", keeps_layout=True, dx=lambda g: zeros_of(g))
def zeroed(xp: Any, x: Any) -> Any:
    """``x`` after all its elements were set to 0."""
    return xp.zeros_like(x)


def _vjp_of_base(g: Any, view: Callable[[Any], Any]) -> Any:
    return view_replaced(g, zeros_of(view(g)), view)


@structured(
    statics=1,
    public=False,
    node="CopySlices",
    keeps_layout=True,
    # The view may be that of the real or the imaginary parts.
    holomorphic=False,
    dx=_vjp_of_base,
    dvalue=lambda g, view: clone(view(g)),
)
def view_replaced(xp: Any, x: Any, value: Any, view: Callable[[Any], Any]) -> Any:
    """``x`` after its part ``view(x)`` became ``value``: what an in-place change of a view is to its base."""
    out = xp.array(x)
    view(out)[...] = value
    return out
