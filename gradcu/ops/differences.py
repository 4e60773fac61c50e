"""Differences of neighbours, finite differences, and areas under sampled curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define import REQUIRED, function, pointwise
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._arguments import distinct_dims, require_tensor
from .arithmetic import add, div, mul, sub
from .convert import overwritten, zeros_of
from .dims import one_dim
from .index import getitem
from .join import cat
from .predicates import logical_xor
from .reduce import sum
from .scan import cumsum
from .shape import reshape

# As PyTorch names the nodes of products with numbers, and quotients, that its own functions make.
scaled = pointwise(
    "scaled",
    lambda xp, x, factor: x * factor,
    statics={"factor": REQUIRED},
    node="MulBackward1",
    public=False,
    c="{x} * {factor}",
    dx=lambda g, factor: g * factor,
    doc="``x`` times a number.",
)

divided = pointwise(
    "divided",
    lambda xp, x, divisor: x / divisor,
    statics={"divisor": REQUIRED},
    node="DivBackward1",
    public=False,
    c="{x} / {divisor}",
    dx=lambda g, divisor: g / divisor,
    doc="``x`` over a number.",
)


def _along(x: Any, dim: int, start: int | None, stop: int | None) -> Any:
    return getitem(x, (slice(None),) * dim + (slice(start, stop),))


@function()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along ``dim``, taken ``n`` times; ``prepend`` and ``append`` are joined first.

    Of bools it is where neighbours differ. Raises RuntimeError for a Tensor without dimensions and for a negative
    ``n``, IndexError for a dimension that is not there.

    >>> import gradcu
    >>> gradcu.diff(gradcu.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    require_tensor("diff", input)
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    at = one_dim(input.ndim, dim, "diff")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    parts = [part for part in (prepend, input, append) if part is not None]
    for part in parts:
        if part.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for d in range(input.ndim):
            if d != at and part.shape[d] != input.shape[d]:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({d}) = {input.shape[d]}, but got tensor.size({d}) = "
                    f"{part.shape[d]}"
                )
    if not n:
        return overwritten(zeros_of(input), input)
    found = cat(parts, at) if len(parts) > 1 else input
    for _ in range(min(n, found._array.shape[at])):
        right, left = _along(found, at, 1, None), _along(found, at, None, -1)
        found = logical_xor(right, left) if found.dtype.kind == "b" else sub(right, left)
    return found


def _steps(name: str, y: Tensor, x: Any, dim: int) -> Any:
    """The distances between the points ``x`` at which ``y`` was sampled, such that they broadcast with neighbours."""
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        steps = sub(_along(x, 0, 1, None), _along(x, 0, None, -1))
        return reshape(steps, (-1, *(1,) * (y.ndim - dim - 1)))
    wide = x if x.ndim >= y.ndim else reshape(x, (1,) * (y.ndim - x.ndim) + x._array.shape)
    at = dim + wide.ndim - y.ndim
    return sub(_along(wide, at, 1, None), _along(wide, at, None, -1))


def _sampled(name: str, y: Any, x: Any, dx: Any, dim: int) -> int:
    require_tensor(name, y, "y")
    if not y.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = one_dim(y.ndim, dim, name)
    for label, value in (("y", y), ("x", x)):
        if isinstance(value, Tensor) and value.dtype.kind == "b":
            raise RuntimeError(f"{name}: received a bool input for `{label}`, but bool is not supported")
    if x is not None and dx is not None:
        raise TypeError(f"{name}(): give x or dx, not both")
    return at


@function(method=False, aliases=("trapz",))
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The area under samples ``y`` along ``dim`` by the trapezoidal rule, at the points ``x`` or ``dx`` apart.

    ``dx`` is 1 if neither is given. Raises RuntimeError where ``x`` has another length, and for bools.

    >>> import gradcu
    >>> gradcu.trapezoid(gradcu.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    at = _sampled("trapezoid", y, x, dx, dim)
    if y._array.shape[at] == 0:
        return sum(y, (at,))
    if x is not None:
        pairs = add(_along(y, at, None, -1), _along(y, at, 1, None))
        return divided(sum(mul(_steps("trapezoid", y, x, at), pairs), (at,)), 2.0)
    before = (slice(None),) * at
    ends = add(getitem(y, (*before, 0)), getitem(y, (*before, -1)))
    return scaled(sub(sum(y, (at,)), scaled(ends, 0.5)), 1.0 if dx is None else dx)


@function(method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The areas under samples ``y`` up to each but the first along ``dim``: the running sums of `trapezoid`.

    Raises RuntimeError where ``x`` has another length, and for bools.

    >>> import gradcu
    >>> gradcu.cumulative_trapezoid(gradcu.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    at = _sampled("cumulative_trapezoid", y, x, dx, dim)
    pairs = add(_along(y, at, None, -1), _along(y, at, 1, None))
    if x is not None:
        return divided(cumsum(mul(_steps("cumulative_trapezoid", y, x, at), pairs), at), 2.0)
    return cumsum(scaled(pairs, (1.0 if dx is None else dx) / 2.0), at)


@function(method=False)
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivatives of a function along each dimension, or those in ``dim``, from samples of it, by differences.

    ``spacing`` is the distance of the samples, one for all or for each dimension, or the coordinates along each as
    1-dim Tensors, which need not be evenly spaced. Inside, the differences are of second order; at the ends of
    ``edge_order`` 1 or 2. Raises RuntimeError for fewer samples than ``edge_order + 1`` and another number of spacings.

    >>> import gradcu
    >>> gradcu.gradient(gradcu.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    require_tensor("gradient", input)
    if input.dtype == np.uint8:
        raise RuntimeError("gradcu.gradient does not support uint8 input.")
    at = range(input.ndim) if dim is None else distinct_dims(input.ndim, dim, "gradient")
    if edge_order not in (1, 2):
        raise RuntimeError("gradcu.gradient only supports edge_order=1 and edge_order=2.")
    spacings = [1 if spacing is None else spacing] * len(at) if _is_one(spacing) else list(spacing)
    if len(spacings) != len(at):
        raise RuntimeError(
            "gradcu.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have "
            f"the same length, but got a spacing argument of length {len(spacings)} and a dim argument of length "
            f"{len(at)}."
            if dim is not None
            else "gradcu.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
            f"'self.dim() = {input.ndim}', since dim argument was not given, but got a list of length {len(spacings)}"
        )
    for one in at:
        if input.shape[one] < edge_order + 1:
            raise RuntimeError("gradcu.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slope(input, one, space, edge_order) for one, space in zip(at, spacings, strict=True))


def _is_one(spacing: Any) -> bool:
    """Whether it is the spacing of all dimensions."""
    return spacing is None or isinstance(spacing, int | float) or (isinstance(spacing, Tensor) and not spacing.ndim)


def _slope(x: Tensor, dim: int, space: Any, edge_order: int) -> Tensor:
    """The derivative along one dimension, by the formulas for three samples that are ``left`` and ``right`` apart."""
    count = x._array.shape[dim]
    apart = (-1, *(1,) * (x.ndim - dim - 1))
    steps: Any = space
    if isinstance(space, Tensor) and space.ndim:
        steps = reshape(sub(_along(space, 0, 1, None), _along(space, 0, None, -1)), apart)

    def step(start: int | None, stop: int | None) -> Any:
        return _along(steps, 0, start, stop) if isinstance(space, Tensor) and space.ndim else space

    slopes = div(FUNCTIONS["sub"](_along(x, dim, 1, None), _along(x, dim, None, -1)), steps)
    if count == 2:
        return cat((slopes, slopes), dim)
    left, right = step(None, -1), step(1, None)
    whole = left + right
    before, after = _along(slopes, dim, None, -1), _along(slopes, dim, 1, None)
    inner = add(mul(before, right / whole), mul(after, left / whole))
    first, last = _along(slopes, dim, None, 1), _along(slopes, dim, -1, None)
    if edge_order == 2:
        first = add(mul(first, 2.0), mul(_along(inner, dim, None, 1), -1.0))
        last = add(mul(last, 2.0), mul(_along(inner, dim, -1, None), -1.0))
    return cat((first, inner, last), dim)
