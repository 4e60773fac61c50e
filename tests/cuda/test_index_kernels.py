"""Indexing on CUDA devices and its adjoint: what NumPy gives, sums of equal indices in one order, few launches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.ops import _index_kernels, _index_plans
from gradcu.ops._index_plans import CHUNK
from tests.cpu_cuda.bed import Bed, Counts
from tests.cuda.test_reduce_kernels import counted, on, strided, tensor

DTYPES = ["float32", "float64"]
SIZES = (0, 1, 31, 32, 33, 1023, 1025, 20_003)
FULL = slice(None)

Keys = tuple[Any, ...]


@pytest.fixture
def in_any_order() -> Iterator[None]:
    gradcu.use_deterministic_algorithms(False)
    yield
    gradcu.use_deterministic_algorithms(True)


@st.composite
def arrays_and_keys(draw: st.DrawFn) -> tuple[np.ndarray, Keys]:
    """An array of some strides, and an index of it: index arrays that broadcast, and full slices."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    order = draw(st.permutations(range(len(lengths))))
    steps = draw(st.lists(st.sampled_from([1, 2, -1]), min_size=len(lengths), max_size=len(lengths)))
    chosen = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    chosen[draw(st.integers(0, len(lengths) - 1))] = True
    common = draw(st.lists(st.sampled_from([0, 1, 2, 7]), max_size=2))
    rng = np.random.default_rng([5, *lengths, *common])
    base = rng.integers(-8, 9, [lengths[d] * abs(steps[d]) for d in order]) / 4
    view = base.transpose(np.argsort(order))[tuple(slice(None, None, step) for step in steps)]
    keys: list[Any] = []
    for is_chosen, length in zip(chosen, lengths, strict=True):
        own = [1 if rng.random() < 0.3 else n for n in common][int(rng.integers(0, len(common) + 1)) :]
        keys.append(rng.integers(-length, length, own) if is_chosen else FULL)
    return view, tuple(keys)


def there(cuda: str, keys: Keys) -> Keys:
    return tuple(key if isinstance(key, slice) else on(cuda, np.asarray(key)) for key in keys)


LAYOUTS = settings(deadline=None, max_examples=80)


@LAYOUTS
@given(arrays_and_keys(), st.sampled_from(["bool", "float16", "int32", "float64", "complex128"]))
def test_elements_of_every_size_are_numpys(cuda: str, made: tuple[np.ndarray, Keys], dtype: str):
    array, keys = made[0].astype(dtype, order="K"), made[1]
    found = _index_kernels.gathered(strided(cuda, array), there(cuda, keys))
    np.testing.assert_array_equal(found.get(), array[keys], strict=True)


@LAYOUTS
@given(arrays_and_keys(), st.sampled_from(["float16", "float32", "float64", "complex64", "int64"]), st.booleans())
def test_sums_at_indices_are_numpys(cuda: str, made: tuple[np.ndarray, Keys], dtype: str, broadcast: bool):
    array, keys = made[0].astype(dtype, order="K"), made[1]
    shape = array[keys].shape
    # Quarters: their sums are exact, whatever the order.
    values = (np.arange(math.prod(shape)).reshape(shape) % 13 / 4 - 1).astype(dtype)
    values = values[..., :1] if broadcast and shape else values
    out = strided(cuda, array)
    _index_kernels.add_at(out, there(cuda, keys), strided(cuda, values))
    np.add.at(array, keys, values)
    np.testing.assert_array_equal(out.get(), array)


@pytest.mark.parametrize("targets", [1, 7, 5000])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_is_as_good_as_rounded_once(cuda: str, rng: np.random.Generator, dtype: str, size: int, targets: int):
    index = rng.integers(0, targets, size)
    values = (rng.standard_normal(size) * 10.0 ** rng.integers(-3, 4, size)).astype(dtype)
    x = tensor(cuda, np.zeros(targets, dtype)).requires_grad_()
    (gradient,) = gradcu.autograd.grad(x[tensor(cuda, index)], x, tensor(cuda, values))
    unit = float(np.finfo(dtype).eps) / 2
    # Of a chunk, of what each lane takes of the chunks, and in the tree of the lanes.
    additions = CHUNK + -(-size // CHUNK // 256) + 10
    for target, found in enumerate(gradient.cpu().numpy().tolist()):
        mine = values[index == target]
        bound = unit * abs(math.fsum(mine)) * (1 + unit) + 2 * (additions * unit) ** 2 * math.fsum(np.abs(mine))
        assert abs(found - math.fsum(mine)) <= bound


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "an index": lambda x, at: x[at[:, 0]],
    "two indices": lambda x, at: x[at[:, 0], at[:, 1]],
    "gather": lambda x, at: gradcu.gather(x, 0, at),
    "index_select": lambda x, at: gradcu.index_select(x, 1, at[:, 1]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_equal_calls_give_equal_bits_on_every_device(place: str, rng: np.random.Generator, name: str):
    array, at = rng.standard_normal((40, 40)), rng.integers(0, 40, (3000, 40))

    def bits(where: str) -> bytes:
        x = tensor(where, array.astype(np.float32)).requires_grad_()
        y = GRADIENTS[name](x, tensor(where, at))
        g = np.cos(np.arange(y.numel())).reshape(y.shape).astype(np.float32)
        return gradcu.autograd.grad(y, x, tensor(where, g))[0].cpu().numpy().tobytes()

    first = bits(place)
    assert bits(place) == first
    assert bits("cuda:0") == first


def test_where_the_places_of_other_targets_stand_changes_no_bit(cuda: str, rng: np.random.Generator):
    """The places are put in another order, in which those of each target keep theirs."""
    index = rng.integers(0, 50, 5000)
    values = rng.standard_normal((5000, 3)).astype(np.float32)
    shuffled = rng.permutation(index)
    moved = np.empty_like(values)
    moved[np.argsort(shuffled, kind="stable")] = values[np.argsort(index, kind="stable")]

    def sums(index: np.ndarray, values: np.ndarray) -> np.ndarray:
        x = gradcu.zeros(50, 3, device=cuda, requires_grad=True)
        return gradcu.autograd.grad(x[tensor(cuda, index)], x, tensor(cuda, values))[0].cpu().numpy()

    np.testing.assert_array_equal(sums(shuffled, moved), sums(index, values))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_in_float16_are_summed_in_float32(cuda: str, rng: np.random.Generator, name: str):
    array, at = rng.standard_normal((40, 40)), rng.integers(0, 40, (3000, 40))
    found = []
    for place, dtype in ((cuda, gradcu.float16), ("cpu", gradcu.float64)):
        x = tensor(cuda, array).to(place, dtype).requires_grad_()
        y = GRADIENTS[name](x, tensor(cuda, at).to(place))
        g = gradcu.full(y.shape, 0.125, dtype=dtype, device=place)
        found.append(gradcu.autograd.grad(y, x, g)[0].cpu().numpy().astype("f8"))
    # 3000 eighths in turn, in float16, would stay at 256.
    np.testing.assert_array_equal(found[0], found[1].astype("f2"))


def test_index_put_adds_again_for_every_repeated_index(cuda: str):
    at = tensor(cuda, np.array([1, 0, 1, -1]))
    for dtype in (gradcu.float16, gradcu.float64, gradcu.complex64, gradcu.int64):
        x = gradcu.ones(3, 2, dtype=dtype, device=cuda)
        found = gradcu.index_put(x, (at,), gradcu.ones(4, 1, dtype=dtype, device=cuda), accumulate=True)
        np.testing.assert_array_equal(found.cpu().numpy(), [[2, 2], [3, 3], [2, 2]])


# The indices are copied, since the caller may change them.
FORWARDS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Counts]] = {
    "an index": (lambda x, at: x[at], Counts(launches=2)),
    "two indices": (lambda x, at: x[at, at], Counts(launches=3)),
    "indices around a slice": (lambda x, at: x[at, :, at], Counts(launches=3)),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_elements_at_indices_are_one_launch(bed: Bed, cuda: str, name: str):
    select, expected = FORWARDS[name]
    x, at = gradcu.ones(9, 9, 9, device=cuda), tensor(cuda, np.arange(9))
    assert counted(bed, lambda: select(x, at)) == expected


# The targets and the sums of chunks, after which Thrust waits for its sort; and what goes over several chunks.
SORTED = {"few": Counts(launches=2, synchronisations=1), "many": Counts(launches=3, synchronisations=1)}
UNSORTED = {"an index": 1, "two indices": 3, "gather": 4, "index_select": 1}


def backward(bed: Bed, cuda: str, name: str, rows: int) -> Counts:
    x = gradcu.ones(40, 40, device=cuda, requires_grad=True)
    at = tensor(cuda, np.arange(rows).reshape(rows, 1) % 40)
    at = gradcu.cat([at, at], 1)
    g = gradcu.ones_like(GRADIENTS[name](x, at).detach())

    def run() -> Counts:
        y = GRADIENTS[name](x, at)
        before = bed.counts
        gradcu.autograd.grad(y, x, g)
        return bed.counts - before

    run()
    return run()


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_is_a_sort_and_two_launches_or_three(bed: Bed, cuda: str, name: str):
    assert backward(bed, cuda, name, CHUNK // 2) == SORTED["few"]
    assert backward(bed, cuda, name, 2 * CHUNK) == SORTED["many"]


@pytest.mark.usefixtures("in_any_order")
@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_in_any_order_has_no_sort(bed: Bed, cuda: str, name: str):
    assert backward(bed, cuda, name, 2 * CHUNK) == Counts(launches=UNSORTED[name])


@pytest.mark.usefixtures("in_any_order")
@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_in_any_order_is_the_same_up_to_rounding(cuda: str, rng: np.random.Generator, name: str):
    array, at = tensor(cuda, rng.standard_normal((40, 40))), tensor(cuda, rng.integers(0, 40, (300, 40)))
    found = []
    for mode in (False, True):
        gradcu.use_deterministic_algorithms(mode)
        x = array.clone().requires_grad_()
        (gradient,) = gradcu.autograd.grad(GRADIENTS[name](x, at).sin().sum(), x)
        found.append(gradient.cpu().numpy())
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)


PLANS = (_index_plans.gathering, _index_plans.gathering_along, _index_plans.adding, _index_plans.adding_along)


def test_64_bit_indices_reach_the_same_elements(cuda: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch):
    array, at = tensor(cuda, rng.standard_normal((40, 40)).astype("f4")), tensor(cuda, rng.integers(0, 40, (300, 40)))
    found = []
    for limit in (1 << 30, 0):
        monkeypatch.setattr(_index_plans, "NARROW", limit)
        for plan in PLANS:
            plan.cache_clear()
        for select in GRADIENTS.values():
            x = array.clone().requires_grad_()
            y = select(x, at)
            found += [y.detach(), gradcu.autograd.grad(y.sin().sum(), x)[0]]
    for plan in PLANS:
        plan.cache_clear()
    half = len(found) // 2
    for narrow, wide in zip(found[:half], found[half:], strict=True):
        np.testing.assert_array_equal(wide.cpu().numpy(), narrow.cpu().numpy())


def test_errors_are_those_of_the_cpu(cuda: str):
    x = gradcu.ones(3, 4, device=cuda)
    with pytest.raises(IndexError, match=r"could not be broadcast together with shapes \[2\], \[3\]"):
        x[[0, 1], [0, 1, 2]]
    with pytest.raises(RuntimeError, match=r"value tensor of shape \[3\] cannot be broadcast"):
        gradcu.index_put(x, (tensor(cuda, np.array([0, 1])),), gradcu.ones(3, device=cuda), accumulate=True)
    with pytest.raises(IndexError, match="out of bounds for dimension 0 with size 0"):
        gradcu.ones(0, 4, device=cuda)[[1]]


LARGE = (2, 3, 2, 1, 2, 3, 2, 2, 1, 2)
"""More dimensions than the kernels take."""


def gradient_at(cuda: str, x: Tensor, keys: Keys, g: np.ndarray) -> np.ndarray:
    x = x.clone().requires_grad_()
    return gradcu.autograd.grad(x[keys], x, tensor(cuda, g))[0].cpu().numpy()


@pytest.mark.parametrize("axes", [(0,), (9,), (1, 2), (0, 5), (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)])
def test_sums_in_many_dimensions_are_numpys(cuda: str, rng: np.random.Generator, axes: tuple[int, ...]):
    keys: Any = tuple(rng.integers(-n, n, (2, 50)) if d in axes else FULL for d, n in enumerate(LARGE))
    array = np.zeros(LARGE)
    values = rng.integers(-8, 9, array[keys].shape) / 4
    np.add.at(array, keys, values)
    found = gradient_at(cuda, gradcu.zeros(*LARGE, dtype=gradcu.float64, device=cuda), there(cuda, keys), values)
    np.testing.assert_array_equal(found, array)


def test_sums_in_many_dimensions_have_the_bits_of_those_in_few(cuda: str, rng: np.random.Generator):
    """Floats are added up in one order, whichever way there are too many dimensions: CuPy's sums have other bits."""
    first, last = rng.integers(0, 6, 4000), rng.integers(0, 2, 4000)
    g = (rng.standard_normal((4000, 2 * 2 * 3 * 2 * 2)) * 10.0 ** rng.integers(-4, 5, (4000, 1))).astype(np.float32)
    few = gradcu.zeros(6, 2 * 2 * 3 * 2 * 2, 2, device=cuda)
    expected = gradient_at(cuda, few, (on(cuda, first), FULL, on(cuda, last)), g)
    keys = (on(cuda, first // 3), on(cuda, first % 3), *(FULL,) * 7, on(cuda, last))
    found = gradient_at(cuda, gradcu.zeros(*LARGE, device=cuda), keys, g.reshape(4000, *LARGE[2:9]))
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_gather_in_many_dimensions_has_the_bits_of_that_in_few(cuda: str, rng: np.random.Generator):
    index = rng.integers(0, 3, (2, 900, math.prod(LARGE[2:])))
    g = (rng.standard_normal(index.shape) * 10.0 ** rng.integers(-4, 5, index.shape)).astype(np.float32)
    found = []
    for middle in ((math.prod(LARGE[2:]),), LARGE[2:]):
        x = gradcu.zeros(2, 3, *middle, device=cuda, requires_grad=True)
        at = tensor(cuda, index.reshape(2, 900, *middle))
        y = gradcu.gather(x, 1, at)
        assert y.shape == at.shape
        (gradient,) = gradcu.autograd.grad(y, x, tensor(cuda, g.reshape(at.shape)))
        found.append(gradient.cpu().numpy().reshape(2, 3, -1))
    np.testing.assert_array_equal(found[1], found[0])


@pytest.mark.parametrize("name", GRADIENTS)
def test_more_places_than_can_be_sorted_are_added_in_pieces(
    name: str, cuda: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    """As if 19 bits could be sorted, which leaves 255 places at a time where there are 1600 targets."""
    array, at = rng.integers(-8, 9, (40, 40)) / 4, rng.integers(0, 40, (300, 40))
    found = []
    for bits in (_index_plans.KEY_BITS, 19):
        monkeypatch.setattr(_index_plans, "KEY_BITS", bits)
        for plan in PLANS:
            plan.cache_clear()
        x = tensor(cuda, array).requires_grad_()
        y = GRADIENTS[name](x, tensor(cuda, at))
        found.append(gradcu.autograd.grad(y, x, tensor(cuda, np.arange(y.numel()).reshape(y.shape) / 4))[0])
    for plan in PLANS:
        plan.cache_clear()
    assert _index_plans.most_places(1600) == 255
    np.testing.assert_array_equal(found[1].cpu().numpy(), found[0].cpu().numpy())


@LAYOUTS
@given(arrays_and_keys(), st.sampled_from(["bool", "float16", "float32", "int64", "complex128"]), st.booleans())
def test_the_last_value_of_a_repeated_index_stays(
    cuda: str, made: tuple[np.ndarray, Keys], dtype: str, broadcast: bool
):
    array, keys = made[0].astype(dtype, order="K"), made[1]
    shape = array[keys].shape
    values = (np.arange(math.prod(shape)).reshape(shape) % 13 / 4 - 1).astype(dtype)
    values = values[..., :1] if broadcast and shape else values
    out = strided(cuda, array)
    _index_kernels.put_at(out, there(cuda, keys), strided(cuda, values))
    array[keys] = values
    np.testing.assert_array_equal(out.get(), array)


@pytest.mark.parametrize("mode", [True, False])
def test_an_assignment_looks_for_repeated_indices_unless_any_order_will_do(bed: Bed, cuda: str, mode: bool):
    x, at = gradcu.zeros(4, device=cuda), tensor(cuda, np.array([1, 0, 1]))
    values = gradcu.arange(3.0, device=cuda)
    gradcu.use_deterministic_algorithms(mode)
    try:
        assert gradcu.index_put(x, (at,), values).tolist() == [1.0, 2.0, 0.0, 0.0]
        launches = counted(bed, lambda: gradcu.index_put(x, (at,), values)).launches
    finally:
        gradcu.use_deterministic_algorithms(True)
    assert (launches > ASSIGNED) is mode


ASSIGNED = 4
"""A copy of the array, one of the indices, and two of CuPy's launches that assign."""


def test_indices_may_be_on_another_device_than_the_current_one(place: str):
    x = gradcu.arange(6, device=place).reshape(2, 3)
    assert x[gradcu.tensor([1, 0], device=place)].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert x[x > 3].tolist() == [4, 5]
    assert x[gradcu.tensor([1, 0])].tolist() == [[3, 4, 5], [0, 1, 2]]
