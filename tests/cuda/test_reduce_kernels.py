"""Reductions and softmax on CUDA devices: exact, in one order, for any dimensions and strides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.ops import _rows
from gradcu.ops._rows import rows_along
from tests.cpu_cuda.bed import Bed, Counts

DTYPES = ["float32", "float64"]
SIZES = (0, 1, 31, 32, 33, 1023, 1025, 100_003)


def on(place: str, array: np.ndarray) -> Any:
    """A copy of an array on a device, as CuPy's."""
    where = gradcu.device(place)
    with where.context:
        return where.xp.asarray(array)


def tensor(place: str, array: np.ndarray) -> Tensor:
    return gradcu.from_cupy(on(place, array))


def additions(count: int) -> int:
    """How many additions follow each other in the sum of so many neighbours in memory: at a lane, and in the trees."""
    rows = rows_along((count,), ((4,),), (0,))
    lane = -(-int(rows.layout["part"]) // int(rows.layout["lanes"])) + 8
    return lane if rows.parts == 1 else lane + -(-rows.parts // 256) + 8


def assert_sum(found: float, addends: np.ndarray) -> None:
    """The bound that kernels/sum.cuh states."""
    unit = float(np.finfo(addends.dtype).eps) / 2
    exact, size = math.fsum(addends.ravel()), math.fsum(np.abs(addends).ravel())
    bound = unit * abs(exact) * (1 + unit) + 2 * (additions(addends.size) * unit) ** 2 * size
    assert abs(float(found) - exact) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_sum_is_as_good_as_rounded_once(cuda: str, rng: np.random.Generator, dtype: str, size: int):
    positive = rng.random(size).astype(dtype)
    assert_sum(tensor(cuda, positive).sum().item(), positive)
    # Of these little is left: what NumPy's pairwise sum gives is off by a good part of it.
    cancelling = (rng.standard_normal(size) * 10.0 ** rng.integers(-4, 5, size)).astype(dtype)
    cancelling = np.concatenate(
        (cancelling, -cancelling[: size // 2], cancelling[size // 2 :] * np.asarray(-0.75, dtype))
    )
    assert_sum(tensor(cuda, rng.permutation(cancelling)).sum().item(), cancelling)


def test_a_sum_of_many_equal_numbers(cuda: str):
    """Where every addition rounds the same way: a plain sum in float32 is off by hundreds of units."""
    addends = np.full(300_001, 0.1, np.float32)
    assert tensor(cuda, addends).sum().item() == np.float32(math.fsum(addends))
    assert tensor(cuda, addends).mean().item() == np.float32(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_sum(cuda: str, rng: np.random.Generator, dtype: str):
    addends = rng.standard_normal(2**20 + 3).astype(dtype)
    assert_sum(tensor(cuda, addends).sum().item(), addends)
    values, places = tensor(cuda, addends).max(0)
    assert (values.item(), places.item()) == (addends.max(), addends.argmax())


@st.composite
def arrays_and_dims(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...]]:
    """An array of some strides, and dimensions of it: parts of larger arrays, backwards, transposed, broadcast."""
    lengths = draw(st.lists(st.sampled_from([1, 2, 3, 5, 8, 33]), max_size=4))
    order = draw(st.permutations(range(len(lengths))))
    steps = draw(st.lists(st.sampled_from([1, 2, -1, -3]), min_size=len(lengths), max_size=len(lengths)))
    wide = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    rng = np.random.default_rng([7, *lengths])
    base = rng.integers(-4, 5, [1 if wide[d] else lengths[d] * abs(steps[d]) for d in order]).astype("f8") / 4
    view = base.transpose(np.argsort(order)) if lengths else base
    view = view[tuple(slice(None) if w else slice(None, None, step) for w, step in zip(wide, steps, strict=True))]
    dims = draw(st.sets(st.sampled_from(range(len(lengths))))) if lengths else set()
    return np.broadcast_to(view, lengths), tuple(sorted(dims)) or tuple(range(len(lengths)))


def strided(cuda: str, array: np.ndarray) -> Any:
    """A CuPy array with the elements and the strides of a NumPy array, in memory of its own."""
    xp = gradcu.device(cuda).xp
    low = sum(min(step * (n - 1), 0) for step, n in zip(array.strides, array.shape, strict=True))
    high = sum(max(step * (n - 1), 0) for step, n in zip(array.strides, array.shape, strict=True))
    memory = np.full((high - low) // array.itemsize + 1, 77, array.dtype)
    placed = np.ndarray(array.shape, array.dtype, memory, -low, array.strides)
    placed[...] = array
    there = xp.asarray(memory)
    return xp.ndarray(array.shape, array.dtype, there.data + -low, array.strides)


LAYOUTS = settings(deadline=None, max_examples=60)


@LAYOUTS
@given(arrays_and_dims(), st.sampled_from(DTYPES), st.booleans())
def test_sums_and_means_of_any_layout(cuda: str, made: tuple[np.ndarray, tuple[int, ...]], dtype: str, keepdim: bool):
    array, dims = made
    x = gradcu.from_cupy(strided(cuda, array.astype(dtype, order="K")))
    expected = array.sum(axis=dims, keepdims=keepdim)
    # Quarters: their sums are exact, whatever the order.
    np.testing.assert_array_equal(x.sum(dims, keepdim).cpu().numpy(), expected.astype(dtype))
    count = math.prod(array.shape[d] for d in dims)
    np.testing.assert_array_equal(
        x.mean(dims, keepdim).cpu().numpy(), expected.astype(dtype) / np.asarray(count, dtype)
    )


@LAYOUTS
@given(arrays_and_dims(), st.sampled_from(DTYPES), st.booleans(), st.sets(st.integers(0, 100), max_size=3))
def test_extremes_of_any_layout(cuda: str, made: tuple[np.ndarray, tuple[int, ...]], dtype: str, keepdim: bool,
                                nans: set[int]):  # fmt: skip
    array, (dim, *_) = (made[0], (*made[1], 0))
    array = array.astype(dtype)
    array.flat[[n % array.size for n in nans]] = np.nan
    x = gradcu.from_cupy(strided(cuda, array))
    for name in ("max", "min"):
        values, places = getattr(x, name)(dim, keepdim)
        axis = dim if array.ndim else None
        np.testing.assert_array_equal(values.cpu().numpy(), getattr(array, name)(axis=axis, keepdims=keepdim))
        np.testing.assert_array_equal(places.cpu().numpy(), getattr(array, f"arg{name}")(axis=axis, keepdims=keepdim))


@LAYOUTS
@given(arrays_and_dims(), st.sampled_from(DTYPES), st.booleans())
def test_gradients_of_extremes_of_any_layout(cuda: str, made: tuple[np.ndarray, tuple[int, ...]], dtype: str,
                                             keepdim: bool):  # fmt: skip
    """All of it where the first of equals is, or shared by equals."""
    array, dims = made[0].astype(dtype, order="K"), made[1]
    x = gradcu.from_cupy(strided(cuda, array)).requires_grad_()
    y = x.amin(dims, keepdim)
    cotangent = np.cos(np.arange(y.numel())).astype(dtype).reshape(y.shape)
    (shared,) = gradcu.autograd.grad(y, x, tensor(cuda, cotangent))
    whole = cotangent if keepdim else np.expand_dims(cotangent, dims)
    equal = array == array.min(axis=dims, keepdims=True)
    np.testing.assert_array_equal(
        shared.cpu().numpy(), whole * equal / equal.sum(axis=dims, keepdims=True, dtype=dtype)
    )
    if array.ndim:
        y, places = x.max(dims[0], keepdim)
        cotangent = np.cos(np.arange(y.numel())).astype(dtype).reshape(y.shape)
        (first,) = gradcu.autograd.grad(y, x, tensor(cuda, cotangent))
        where = places.cpu().numpy() if keepdim else np.expand_dims(places.cpu().numpy(), dims[0])
        expected = np.zeros_like(array)
        whole = cotangent if keepdim else np.expand_dims(cotangent, dims[0])
        np.put_along_axis(expected, where, whole, dims[0])
        np.testing.assert_array_equal(first.cpu().numpy(), expected)


def softmaxes(x: np.ndarray, dim: Any) -> tuple[np.ndarray, np.ndarray]:
    powers = np.exp(x - x.max(axis=dim, keepdims=True))
    return powers / powers.sum(axis=dim, keepdims=True), np.log(powers / powers.sum(axis=dim, keepdims=True))


@LAYOUTS
@given(arrays_and_dims(), st.sampled_from(DTYPES))
def test_softmax_of_any_layout_and_its_gradient(cuda: str, made: tuple[np.ndarray, tuple[int, ...]], dtype: str):
    array, dims = made
    dim = dims[0] if dims else 0
    x = gradcu.from_cupy(strided(cuda, array.astype(dtype, order="K"))).requires_grad_()
    cotangent = np.cos(np.arange(array.size)).reshape(array.shape)
    g = tensor(cuda, cotangent.astype(dtype))
    axis = dim if array.ndim else ()
    soft, log = softmaxes(array, axis)
    of_soft = (cotangent - (cotangent * soft).sum(axis=axis, keepdims=True)) * soft
    of_log = cotangent - soft * cotangent.sum(axis=axis, keepdims=True)
    close = 16 * float(np.finfo(dtype).eps)
    for function, value, slope in ((gradcu.softmax, soft, of_soft), (gradcu.log_softmax, log, of_log)):
        y = function(x, dim)
        np.testing.assert_allclose(y.detach().cpu().numpy(), value, rtol=close, atol=close)
        (gradient,) = gradcu.autograd.grad(y, x, g)
        np.testing.assert_allclose(gradient.cpu().numpy(), slope, rtol=close, atol=close)


@LAYOUTS
@given(arrays_and_dims(), st.sampled_from(DTYPES), st.booleans())
def test_logsumexp_of_any_layout_and_its_gradient(cuda: str, made: tuple[np.ndarray, tuple[int, ...]], dtype: str,
                                                  keepdim: bool):  # fmt: skip
    array, dims = made
    x = gradcu.from_cupy(strided(cuda, array.astype(dtype, order="K"))).requires_grad_()
    y = x.logsumexp(dims, keepdim)
    powers = np.exp(array)
    # NumPy adds up some layouts one by one.
    total = powers.sum(axis=dims, keepdims=True, dtype=np.longdouble)
    close = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y.detach().cpu().numpy(), np.log(total).reshape(y.shape), rtol=close, atol=close)
    cotangent = np.cos(np.arange(y.numel())).reshape(y.shape)
    (gradient,) = gradcu.autograd.grad(y, x, tensor(cuda, cotangent.astype(dtype)))
    whole = cotangent if keepdim else np.expand_dims(cotangent, dims)
    np.testing.assert_allclose(gradient.cpu().numpy(), whole * powers / total, rtol=close, atol=close)


def shared_slope(x: np.ndarray, g: np.ndarray, dim: int) -> np.ndarray:
    """The gradient of x times its largest elements."""
    largest = x.max(dim, keepdims=True)
    return g * largest + (g * x).sum(dim, keepdims=True) * (x == largest) / (x == largest).sum(dim, keepdims=True)


FEW_LONG = {"one": ((40_000,), 0), "rows": ((3, 33_001), 1), "columns": ((40_000, 5), 0), "amid": ((2, 9_000, 2), 1)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FEW_LONG)
def test_few_long_rows_are_shared_by_blocks(bed: Bed, cuda: str, rng: np.random.Generator, name: str, dtype: str):
    shape, dim = FEW_LONG[name]
    assert rows_along(shape, (np.empty(shape, dtype).strides,), (dim,)).parts > 1
    array = rng.integers(-8, 9, shape).astype(dtype) / 8
    x = tensor(cuda, array).requires_grad_()
    # NumPy adds up along columns without a tree, and loses three digits of float64 here.
    exact = array.astype(np.longdouble)
    np.testing.assert_array_equal(x.sum(dim).detach().cpu().numpy(), exact.sum(dim).astype(dtype))
    for extreme in ("max", "min"):
        values, places = getattr(x, extreme)(dim)
        np.testing.assert_array_equal(values.detach().cpu().numpy(), getattr(exact, extreme)(dim))
        np.testing.assert_array_equal(places.cpu().numpy(), getattr(exact, f"arg{extreme}")(dim))
    soft, log = softmaxes(exact, dim)
    close = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(x.softmax(dim).detach().cpu().numpy(), soft, rtol=close)
    np.testing.assert_allclose(x.log_softmax(dim).detach().cpu().numpy(), log, rtol=close)
    np.testing.assert_allclose(x.logsumexp(dim).detach().cpu().numpy(), np.log(np.exp(exact).sum(dim)), rtol=close)
    g = np.cos(np.arange(array.size)).reshape(shape)
    for function, slope in (
        (gradcu.softmax, (g - (g * soft).sum(dim, keepdims=True)) * soft),
        (gradcu.log_softmax, g - soft * g.sum(dim, keepdims=True)),
        (lambda x, dim: x * x.amax(dim, True), shared_slope(exact, g, dim)),
    ):
        (gradient,) = gradcu.autograd.grad(function(x, dim), x, tensor(cuda, g.astype(dtype)))
        np.testing.assert_allclose(gradient.cpu().numpy(), slope, atol=float(np.abs(slope).max()) * close)


def test_a_rising_row_is_not_rounded_at_every_step(cuda: str):
    """A sum of exponentials that is scaled whenever a larger element comes loses a digit or two here."""
    x = np.linspace(0, 1, 100_003, dtype=np.float32)
    exact = math.log(math.fsum(np.exp(x.astype("f8"))))
    assert abs(tensor(cuda, x).logsumexp(0).item() - exact) <= 2 * np.spacing(np.float32(exact))


INF, NAN = math.inf, math.nan
SPECIAL: dict[str, list[float]] = {
    "inf": [1, INF, 2], "-inf": [-INF, 1, -INF], "both": [INF, -INF, 1], "nan": [1, NAN, INF],
    "two nans": [NAN, 3, NAN], "all -inf": [-INF, -INF, -INF], "overflow": [3e38, 3e38, -3e38],
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[Tensor], Any]] = {
    "sum": lambda x: x.sum(1), "mean": lambda x: x.mean(1), "max": lambda x: x.max(1), "min": lambda x: x.min(1),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(1), "logsumexp": lambda x: x.logsumexp(1),
}  # fmt: skip


@pytest.mark.parametrize("length", [3, 40_000])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_special_values_give_what_they_give_on_the_cpu(cuda: str, function: str, length: int):
    rows = np.zeros((len(SPECIAL), length), np.float32)
    rows[:, :: -(-length // 3)] = list(SPECIAL.values())
    if function in ("softmax", "log_softmax", "logsumexp"):
        rows[rows == 0] = -INF
    on_cpu, there = (FUNCTIONS[function](gradcu.from_numpy(rows).to(place)) for place in ("cpu", cuda))
    pairs = zip(on_cpu, there, strict=True) if isinstance(on_cpu, tuple) else [(on_cpu, there)]
    for expected, found in pairs:
        np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), rtol=1e-6, err_msg=str(list(SPECIAL)))


EMPTY: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(1), "mean": lambda x: x.mean(1), "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(1), "softmax of no rows": lambda x: x.softmax(0),
    "log_softmax": lambda x: x.log_softmax(1), "sum of no rows": lambda x: x.sum(0), "all": lambda x: x.sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_no_elements(cuda: str, name: str):
    """An array without any has no address, which may mean to a kernel that an array was left out."""
    expected, found = (EMPTY[name](gradcu.zeros(3, 0, device=place)) for place in ("cpu", cuda))
    np.testing.assert_array_equal(found.cpu().numpy(), expected.numpy())
    x = gradcu.zeros(3, 0, device=cuda, requires_grad=True)
    y = EMPTY[name](x)
    (first,) = gradcu.autograd.grad(y, x, gradcu.ones_like(y), create_graph=True)
    (second,) = gradcu.autograd.grad(first + x * x, x, gradcu.ones_like(x))
    assert first.shape == second.shape == (3, 0)
    gradcu.cuda.synchronize()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_equal_arrays_give_equal_bits_on_every_device(place: str, rng: np.random.Generator, function: str):
    array = rng.standard_normal((3, 40_000)).astype(np.float32)

    def bits(where: str) -> bytes:
        found = FUNCTIONS[function](tensor(where, array))
        return b"".join(part.cpu().numpy().tobytes() for part in (found if isinstance(found, tuple) else (found,)))

    first = bits(place)
    assert bits(place) == first
    assert bits("cuda:0") == first


ONE = Counts(launches=1)
TWO = Counts(launches=2)
FORWARDS: dict[str, Callable[[Tensor], Any]] = {
    **FUNCTIONS, "sum of all": lambda x: x.sum(), "sum of columns": lambda x: x.sum(0),
    "sum_to_size": lambda x: x.sum_to_size(x.shape[0], 1),
}  # fmt: skip
BACKWARDS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: FUNCTIONS[name] for name in ("softmax", "log_softmax", "logsumexp")}, "max": lambda x: x.max(1).values,
    "amax": lambda x: x.amax(1), "max of all": lambda x: x.max(),
}  # fmt: skip


def counted(bed: Bed, run: Callable[[], Any]) -> Counts:
    """What a second call costs: the first may compile, and fill CuPy's pool."""
    run()
    before = bed.counts
    run()
    return bed.counts - before


@pytest.mark.parametrize("name", FORWARDS)
def test_a_reduction_is_one_launch_and_of_few_long_rows_two(bed: Bed, cuda: str, name: str):
    short, long = gradcu.ones(64, 100, device=cuda), gradcu.ones(2, 40_000, device=cuda)
    assert counted(bed, lambda: FORWARDS[name](short)) == ONE
    assert counted(bed, lambda: FORWARDS[name](long)) == (ONE if name == "sum of columns" else TWO)


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_backward_is_one_launch(bed: Bed, cuda: str, name: str):
    x = gradcu.ones(64, 100, device=cuda, requires_grad=True)
    g = gradcu.ones_like(BACKWARDS[name](x).detach())

    def run() -> Counts:
        y = BACKWARDS[name](x)
        before = bed.counts
        gradcu.autograd.grad(y, x, g)
        return bed.counts - before

    run()
    assert run() == ONE


def test_64_bit_indices_reach_the_same_elements(cuda: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch):
    array = rng.standard_normal((3, 40_000)).astype(np.float32)
    narrow = [FUNCTIONS[name](tensor(cuda, array)) for name in FUNCTIONS]
    monkeypatch.setattr(_rows, "NARROW", 0)
    rows_along.cache_clear()
    try:
        wide = [FUNCTIONS[name](tensor(cuda, array)) for name in FUNCTIONS]
        assert rows_along(array.shape, (array.strides,), (1,), ordered=False).wide
    finally:
        rows_along.cache_clear()
    for one, other in zip(narrow, wide, strict=True):
        for a, b in zip(*(part if isinstance(part, tuple) else (part,) for part in (one, other)), strict=True):
            np.testing.assert_array_equal(a.cpu().numpy(), b.cpu().numpy())


def test_what_the_kernels_do_not_take_is_cupys(cuda: str):
    """More dimensions than they have room for, and other dtypes."""
    x = gradcu.ones(*(2,) * 9, device=cuda)
    assert x.sum((0, 2, 4, 6, 8)).sum().item() == 512
    assert x.softmax(3).sum().item() == 256
    halves = gradcu.ones(5000, device=cuda, dtype=gradcu.float16)
    assert halves.sum().item() == 5000
    assert gradcu.arange(5, device=cuda).sum().item() == 10


def test_nan_shares_the_gradient_of_the_largest_of_all(cuda: str):
    x = gradcu.tensor([NAN, 1.0, NAN, 5.0], device=cuda, requires_grad=True)
    x.max().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.5, 0.0, 0.5, 0.0]
