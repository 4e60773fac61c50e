"""What makes gradcu launch each of its kernels, for the sanitizers, on arrays of awkward sizes that lie badly.

The sizes are those around a warp, a block and a pack. Every kernel of kernels/ has to be launched by one of `PROGRAMS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import gradcu
from gradcu import Tensor
from gradcu.autograd import grad

SIZES = (0, 1, 31, 32, 33, 1023, 1025)
LARGE = 2**20 + 3


def numbers(*shape: int, dtype: str = "float32") -> Tensor:
    """Normally distributed numbers on the device, the same at every call, of which a gradient is wanted."""
    values = np.random.default_rng(shape).standard_normal(shape).astype(dtype)
    return gradcu.tensor(values, device="cuda", requires_grad=True)


def differentiated(result: Tensor, *operands: Tensor) -> None:
    """Computes the gradients, for a cotangent that is one element for all, and for one with elements of its own."""
    grad(result.sum(), operands, retain_graph=True)
    grad(result, operands, numbers(*result.shape, dtype=result.dtype.name).detach())


def elementwise(size: int, dtype: str) -> None:
    """Operands that lie alike, one of them from amid a pack on, one of a single element, and conditions."""
    a, beside, one = (numbers(*shape, dtype=dtype) for shape in ((size,), (size + 1,), (1,)))
    for b in (numbers(size, dtype=dtype), beside[1:]):
        differentiated(a * b, a, b)
        differentiated(gradcu.atan2(a, b) * one, a, b, one)
        differentiated(gradcu.where(a > b, a, b * 2), a, b)


def strided(size: int, dtype: str) -> None:
    """Transposed, broadcast, backwards, and every other element."""
    rows = -(-size // 3)
    a, column, row = numbers(3, rows, dtype=dtype).t(), numbers(rows, 1, dtype=dtype), numbers(3, dtype=dtype)
    skipping, turned = numbers(2 * rows, 3, dtype=dtype)[::2], numbers(rows, 3, dtype=dtype).flip(0)
    differentiated((a * column).maximum(skipping * row) - turned, a, column, row, skipping, turned)


def in_place(size: int, dtype: str) -> None:
    """What reads and writes the same memory."""
    x = numbers(size, dtype=dtype)
    y = x * 1
    y.mul_(x)
    y[1:].exp_()
    differentiated(y, x)


def sums(size: int, dtype: str) -> None:
    """Of all elements, of long and of short rows, along memory and across it."""
    x, wide, tall = numbers(size, dtype=dtype), numbers(3, size, dtype=dtype), numbers(size, 5, dtype=dtype)
    for result in (x.sum(), wide.sum(1), wide.sum(0), tall.mean(0), tall.t()[::2].sum(1), tall[size // 2 :].mean()):
        assert str(result.device) == "cuda:0"


def extremes(size: int, dtype: str) -> None:
    """Of what has any, with gradients to where they are."""
    if not size:
        return
    x, tall = numbers(size, dtype=dtype), numbers(size, 5, dtype=dtype)
    differentiated(x.max(), x)
    differentiated(tall.min(0).values, tall)
    differentiated(tall.t()[::2].max(1).values, tall)


def softmaxes(size: int, dtype: str) -> None:
    """Forward and backward, along memory and across it."""
    wide, tall = numbers(3, size, dtype=dtype), numbers(size, 5, dtype=dtype)
    for function in (gradcu.softmax, gradcu.log_softmax, gradcu.logsumexp):
        for x, dim in ((wide, 1), (tall, 0)):
            if size:
                differentiated(function(x, dim), x)


def indexing(size: int, dtype: str) -> None:
    """Reads at repeated indices, and what is added to one element from several places."""
    x = numbers(7, 3, dtype=dtype)
    places = np.random.default_rng(size).integers(-7, 7, size)
    index = gradcu.tensor(places, device="cuda")
    differentiated(x[index], x)
    differentiated(x.t()[1, index], x)
    differentiated(x[index * 0], x)
    differentiated(gradcu.gather(x, 0, (index % 7)[: size // 3 * 3].reshape(-1, 3)), x)


def cubic(x: Tensor) -> Tensor:
    """With roots, so that signs change."""
    return x**3 - 3 * x**2 + 4


def sweep(size: int, dtype: str) -> None:
    """A cubic with two derivatives, from the beginning and amid a segment of the points."""
    for num in (size, size + 8175):
        if num > 2:
            gradcu.sweep(cubic, -3, 4, num, order=2, dtype=dtype, device="cuda")


def reduced_sweep(size: int, dtype: str) -> None:
    """Its figures alone: sums, places where signs change, a histogram."""
    names = ("min", "argmax", "integral", "sign_changes", "histogram")
    for num in (size, size + 8175):
        if num > 2:
            gradcu.sweep(cubic, -3, 4, num, order=1, dtype=dtype, device="cuda", reduce=names)


def ridge(u: Tensor, v: Tensor, a: Tensor | float = 2.0) -> Tensor:
    """Of two variables, and a param where there is one."""
    return a * u * u - v * v * v


def product_sweep(size: int, dtype: str) -> None:
    """Over a grid, at given points, and with params, from the beginning and amid a segment."""
    if not size:
        return
    given = np.random.default_rng(size).standard_normal((2, size))
    points, params = dict(zip("uv", given, strict=True)), {"a": given[0, :3]}
    v = (0, 3, size)
    gradcu.sweep(ridge, grid={"u": (-1, 2, 3), "v": v}, order=2, dtype=dtype, device="cuda", chunk=2 * size + 1)
    gradcu.sweep(ridge, grid={"u": (-1, 2, 1), "v": v}, params=params, dtype=dtype, device="cuda")
    gradcu.sweep(ridge, points=points, params=params, dtype=dtype, device="cuda", chunk=max(size - 9, 1))


def reduced_grid(size: int, dtype: str) -> None:
    """Its figures alone: the sums of numbers and of those with weights, a histogram."""
    names = ("min", "argmax", "mean", "integral", "histogram")
    if size:
        gradcu.sweep(ridge, grid={"u": (-1, 2, 3), "v": (0, 3, size)}, dtype=dtype, device="cuda", reduce=names)


PROGRAMS: dict[str, Callable[[int, str], None]] = {
    program.__name__: program
    for program in (
        elementwise, strided, in_place, sums, extremes, softmaxes, indexing, sweep, reduced_sweep, product_sweep,
        reduced_grid,
    )
}  # fmt: skip
"""Each is run for a size and a dtype."""
