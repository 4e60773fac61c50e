"""Making Tensors: values, dtypes and errors are PyTorch's; memory is shared or not as documented; spacing is exact."""

import math
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradcu
from tests.golden import load
from tests.programs import outcome

EXPRESSIONS = [
    "torch.tensor(2.0), torch.tensor(2), torch.tensor(True), torch.tensor(1j), torch.tensor(2**40)",
    "torch.tensor(1e40)", "torch.tensor(2**63)", "torch.tensor([1, 2**70])", "torch.tensor(-2**63 - 1)",
    "torch.tensor(2**63, dtype=torch.uint64)", "torch.tensor(300, dtype=torch.uint8)",
    "torch.tensor([1, 300], dtype=torch.uint8)",
    "torch.tensor(-1, dtype=torch.uint8), torch.tensor([-255, 255], dtype=torch.uint8)",
    "torch.tensor([-256], dtype=torch.uint8)", "torch.tensor([1.5, -300.0], dtype=torch.int8)",
    "torch.tensor(float('nan'), dtype=torch.int32)",
    "torch.tensor(1.7, dtype=torch.int32), torch.tensor(2, dtype=torch.bool)",
    "torch.tensor(1j, dtype=torch.float32)",
    "torch.tensor([]), torch.tensor([[]]), torch.tensor([[], []]), torch.tensor(()), torch.tensor(range(3))",
    "torch.tensor([1, 2.5]), torch.tensor([True, 2]), torch.tensor([True, 2.5]), torch.tensor([1, 2j])",
    "torch.tensor([[True], [1]]), torch.tensor(bytearray(b'ab')), torch.tensor([1.5, 2], dtype=torch.int64)",
    "torch.tensor([[1, 2], [3]])", "torch.tensor([[1, 2], [3, 4, 5]])", "torch.tensor([[1], 2])",
    "torch.tensor([[1], []])", "torch.tensor([1, []])", "torch.tensor(None)", "torch.tensor('a')",
    "torch.tensor([[1, 'a']])", "torch.tensor([None])", "torch.tensor([1, None])", "torch.tensor({})",
    "torch.tensor(object())", "torch.tensor(x for x in [1])",
    "torch.tensor(np.arange(3)), torch.tensor(np.arange(3.0)), torch.tensor(np.float64(1.5))",
    "torch.tensor(np.int8(1))",
    "torch.tensor([np.float64(1.5)]), torch.tensor([np.float32(1.5), 2.5]), torch.tensor([np.float16(1.5)])",
    "torch.tensor([np.int8(1)]), torch.tensor([np.int32(1), 2.5]), torch.tensor([1, np.float64(1)])",
    "torch.tensor([True, np.True_]), torch.tensor(np.bool_(True)), torch.tensor(np.arange(3, dtype='u2'))",
    "torch.tensor([[1.0], [np.float64(2)]])", "torch.tensor(np.array(['a']))", "torch.tensor(np.array([object()]))",
    "torch.tensor(np.array([300]), dtype=torch.uint8)",
    "torch.tensor([torch.tensor(1.0), torch.tensor(2)]), torch.tensor([torch.ones(1), torch.ones(1)])",
    "torch.tensor([[torch.tensor(1.0, dtype=torch.float64)], [2]])", "torch.tensor([torch.ones(2), torch.ones(2)])",
    "torch.tensor([1, 2], requires_grad=True)", "torch.tensor(True, requires_grad=True)",
    "torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(1, dtype=torch.float64, requires_grad=True)",
    "torch.tensor(torch.ones(2, requires_grad=True))",
    "torch.tensor(torch.ones(2), dtype=torch.float64, requires_grad=True)", "torch.tensor(1.0, 2.0)",
    "torch.as_tensor([1, 2.0]), torch.as_tensor(np.arange(3.0))",
    "torch.as_tensor([True, False], dtype=torch.float64)",
    "torch.as_tensor(torch.ones(2, requires_grad=True), dtype=torch.float64)", "torch.as_tensor(None)",
    "torch.from_numpy([1])", "torch.from_numpy(np.float64(1))", "torch.from_numpy(torch.ones(1))",
    "torch.from_numpy(np.array('a'))", "torch.from_numpy(np.array([1], dtype=np.longdouble))",
    "torch.from_numpy(np.array(1.5)), torch.from_numpy(np.array([1 + 1j])), torch.from_numpy(np.zeros((2, 0)))",
    "torch.asarray([1, 2.0], requires_grad=True), torch.asarray(5), torch.asarray(np.arange(2.0), copy=True)",
    "torch.asarray([1.0], copy=False)", "torch.asarray(torch.ones(2, requires_grad=True), requires_grad=False)",
    "torch.zeros(2, 3), torch.zeros((2, 3)), torch.zeros([2]), torch.zeros(()), torch.zeros(size=(2,))",
    "torch.zeros(np.int64(2)), torch.zeros(torch.tensor(2)), torch.zeros(torch.Size([2]))",
    "torch.zeros(2, dtype=int)", "torch.zeros()", "torch.zeros(2.5)", "torch.zeros(2, 2.5)", "torch.zeros((2, 'a'))",
    "torch.zeros(True)", "torch.zeros(None)", "torch.ones(2, -3)", "torch.empty(-1)", "torch.rand((-1,))",
    "torch.zeros(2, dtype=torch.int64, requires_grad=True)",
    "torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.complex64), torch.eye(2, dtype=torch.bool)",
    "torch.full((2,), 3), torch.full((2,), 3.0), torch.full((2,), True), torch.full((2,), 1j), torch.full((), 1)",
    "torch.full((2,), 1.5, dtype=torch.int64), torch.full((2,), torch.tensor(3))",
    "torch.full((2,), -1, dtype=torch.uint8)", "torch.full((2,), torch.tensor([3]))", "torch.full(2, 3)",
    "torch.full((2,), 'a')", "torch.full((2,), None)", "torch.full((2,), fill_value=3, requires_grad=True)",
    "torch.full((2,), torch.tensor(2.0, requires_grad=True))", "torch.zeros_like([1])", "torch.zeros_like(2.0)",
    "torch.full_like(torch.tensor([1]), 2.5), torch.ones_like(torch.ones(2), dtype=torch.int64)",
    "torch.zeros_like(torch.ones(2), requires_grad=True), torch.empty_like(torch.ones(0))", "torch.eye(-1)",
    "torch.eye(2, -1)", "torch.eye(2.0)", "torch.eye(2, requires_grad=True), torch.eye(0), torch.eye(3, 2)",
    "torch.arange(5), torch.arange(5.0), torch.arange(1, 5), torch.arange(1, 5.0, 2), torch.arange(5, 1, -1)",
    "torch.arange(0)",
    "torch.arange(0, 1, 0.1), torch.arange(0, 1, 0.3), torch.arange(1, 2, 0.3, dtype=torch.float64)",
    "torch.arange(True)",
    "torch.arange(2**53, 2**53 + 3), torch.arange(np.float64(2)), torch.arange(torch.tensor(3))",
    "torch.arange(end=3)", "torch.arange(3.0, requires_grad=True), torch.arange(300, dtype=torch.uint8)[-1]",
    "torch.arange(0.5, 3.5, dtype=torch.int64)", "torch.arange(5, 1)", "torch.arange(1, 5, -1)",
    "torch.arange(1, 5, 0)", "torch.arange(-3)", "torch.arange(0, float('inf'))", "torch.arange(0, float('nan'))",
    "torch.arange(0, 3, 0.5, dtype=torch.int64)", "torch.arange(1j)", "torch.arange(start=1)",
    "torch.arange(3, requires_grad=True)",
    "torch.ones(2, dtype=torch.int32).new_zeros(2, 3), torch.ones(2).new_ones((2,), dtype=torch.int64)",
    "torch.ones(2).new_full((2,), 3), torch.ones(2).int().new_full((), 3.5)",
    "torch.ones(2).new_empty(0, requires_grad=True)",
    "torch.ones(2).int().new_ones(2, requires_grad=True)", "torch.ones(2).byte().new_full((2,), 300)",
    "torch.arange(0, 2.5, dtype=torch.int64), torch.arange(0, 5, 1.5, dtype=torch.int64)",
    "torch.arange(-1.9, 1.1, dtype=torch.int64), torch.arange(1.5, 9, 2.5, dtype=torch.int32)",
    "torch.arange(0.0, -8.000001, -4.0, dtype=torch.int64)",
    "torch.arange(0, end=3), torch.arange(1, end=7, step=2), torch.arange(start=1, end=3)",
    "torch.linspace(0, 1, 5), torch.linspace(0, 1, 1), torch.linspace(0, 1, 0), torch.linspace(0, 1, steps=3)",
    "torch.linspace(-5, 5, 4, dtype=torch.int64), torch.linspace(7, -8, 6, dtype=torch.int32)",
    "torch.linspace(3, 3, 3)",
    "torch.linspace(0, 255, 4, dtype=torch.uint8), torch.linspace(-0.5, 10.7, 4, dtype=torch.int64)",
    "torch.linspace(0, 1, 3, dtype=torch.complex64), torch.linspace(0, 1j, 3)",
    "torch.linspace(0, 1, 3, requires_grad=True)", "torch.linspace(torch.tensor(0.0), torch.tensor(1.0), 3)",
    "torch.linspace(torch.tensor(2.0, requires_grad=True), 1, 3)", "torch.linspace(0, 1, -1)",
    "torch.linspace(torch.tensor([0.0]), 1, 3)", "torch.linspace(0, 1, 3, requires_grad=True, dtype=torch.int32)",
    "torch.logspace(0, 2, 3), torch.logspace(0, 2, 3, 2), torch.logspace(0, 3, 4, base=-2)",
    "torch.linspace(torch.ones(2), torch.ones(3, 1), 3)", "torch.logspace(0, torch.ones(3, 1), 3)",
    "torch.logspace(1.5, 3.7, 4, dtype=torch.int64), torch.logspace(0, 3, 7, 2.0, dtype=torch.int32)",
    "torch.full((2,), 1e300)", "torch.full((2,), 1e300, dtype=torch.float16)",
    "torch.full((2,), 2**40, dtype=torch.int32)",
    "torch.full((2,), 1j, dtype=torch.float64)", "torch.full((2,), 1j, dtype=torch.bool)",
    "torch.full((2,), -1.0, dtype=torch.uint8)",
    "torch.logspace(0, 1, 1)", "torch.logspace(0, 2, -1)", "torch.randint(3, 3, (2,))", "torch.randint(-5, (3,))",
    "torch.randint(0, 5, (2, -1))", "torch.randperm(-1)", "torch.randint(3, (2,), requires_grad=True)",
    "torch.manual_seed(2**64)", "torch.randint(1, 2, (1,)), torch.randint(1, (2,), dtype=torch.float32)",
    "torch.randperm(1, dtype=torch.float32)",
    "torch.rand(0, dtype=torch.complex64), torch.randn(()).shape, torch.rand(2, requires_grad=True).requires_grad",
    "torch.scalar_tensor(2), torch.scalar_tensor(True), torch.scalar_tensor(2, dtype=torch.int64)",
]  # fmt: skip

PROGRAMS: dict[str, str] = {expression: f"result = {expression}" for expression in EXPRESSIONS}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_as_in_pytorch(name: str):
    assert outcome(PROGRAMS[name], gradcu) == load("creation")[name]


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    gradcu.set_default_dtype(gradcu.float64)
    yield
    gradcu.set_default_dtype(gradcu.float32)


@pytest.mark.usefixtures("float64_by_default")
def test_the_default_dtype_is_what_floats_become():
    made = [
        gradcu.tensor(1.5), gradcu.tensor([1, 2.5]), gradcu.zeros(2), gradcu.full((2,), 1.0), gradcu.arange(0.5),
        gradcu.linspace(0, 1, 3), gradcu.rand(2), gradcu.scalar_tensor(1), gradcu.eye(2), gradcu.tensor([]),
    ]  # fmt: skip
    assert {tensor.dtype for tensor in made} == {gradcu.float64}
    assert gradcu.tensor(1j).dtype == gradcu.complex128


def test_memory_is_shared_by_from_numpy_and_as_tensor_and_not_by_tensor():
    array = np.zeros(2)
    makers = (gradcu.from_numpy, gradcu.as_tensor, gradcu.asarray, lambda array: gradcu.asarray(array, copy=False))
    shared = [make(array) for make in makers]
    copied = [gradcu.tensor(array), gradcu.as_tensor(array, dtype=gradcu.float32), gradcu.asarray(array, copy=True)]
    array[0] = 1
    assert [tensor[0].item() for tensor in shared] == [1] * 4
    assert [tensor[0].item() for tensor in copied] == [0] * 3
    x = gradcu.ones(2, requires_grad=True)
    assert gradcu.as_tensor(x) is x
    assert gradcu.asarray(x) is x
    assert gradcu.asarray(x, copy=True).grad_fn is not None
    with pytest.raises(ValueError, match=r"float64.*float32"):
        gradcu.asarray(array, dtype=gradcu.float32, copy=False)


def test_an_array_of_foreign_byte_order_is_converted_where_a_copy_is_allowed():
    array = np.arange(3, dtype=">i4" if sys.byteorder == "little" else "<i4")
    for make in (gradcu.tensor, gradcu.as_tensor, gradcu.asarray):
        found = make(array)
        assert found.dtype == np.dtype("int32")
        assert found._array.dtype.isnative
        assert found.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="byte order"):
        gradcu.from_numpy(array)


def test_array_subclasses_and_negative_strides_are_accepted():
    assert type(gradcu.from_numpy(np.ma.array([1, 2]))._array) is np.ndarray
    assert type(gradcu.as_tensor(np.ma.array([1, 2]))._array) is np.ndarray
    assert gradcu.from_numpy(np.arange(3)[::-1]).tolist() == [2, 1, 0]


NESTED = st.recursive(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(width=32) | st.booleans(), min_size=1, max_size=3),
    lambda inner: st.integers(1, 3).flatmap(lambda n: inner.map(lambda part: [part] * n)),
    max_leaves=4,
)


@given(NESTED)
def test_nested_sequences_have_numpys_shape_and_pytorchs_dtype(data: list[Any]):
    flat = np.array(data, dtype=object).ravel().tolist()
    kinds = {type(number) for number in flat}
    dtype = "float32" if float in kinds else "int64" if int in kinds else "bool"
    found = gradcu.tensor(data)
    with np.errstate(all="ignore"):
        expected = np.array(data, dtype=dtype)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found.numpy(), expected)


FINITE = st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30)


def assert_spaced_exactly(start: float, end: float, steps: int, name: str) -> None:
    dtype = np.dtype(name)
    points = gradcu.linspace(start, end, steps, dtype=dtype).numpy()
    assert points.dtype == dtype
    assert len(points) == steps
    assert points[0] == dtype.type(start)
    if steps > 1:
        assert points[-1] == dtype.type(end)
    first, last = Fraction(start), Fraction(end)
    near = round(-start / (end - start) * (steps - 1)) if start * end < 0 else 0
    ends = {*range(min(steps, 20)), *range(max(0, steps - 20), steps)}
    checked = ends | {*range(max(near - 2, 0), min(near + 3, steps))}
    for i in checked:
        true = first + (last - first) * Fraction(i, max(steps - 1, 1))
        unit = np.spacing(np.abs(dtype.type(float(true))))
        assert abs(Fraction(float(points[i])) - true) <= Fraction(float(unit)), (i, points[i], float(true))


@given(FINITE, FINITE, st.integers(1, 20000), st.sampled_from(["float32", "float64"]))
def test_linspace_is_within_one_unit_in_the_last_place(start: float, end: float, steps: int, name: str):
    assert_spaced_exactly(start, end, steps, name)


@pytest.mark.parametrize(
    ("start", "end", "steps"),
    [(-1.0, 1.0 + 1e-9, 3), (-1.0, 1.0 + 2.0**-50, 3), (-10.0, 10.0, 1000), (1e-38, -1e38, 8192), (0.1, -0.3, 8193)],
)
def test_linspace_is_exact_where_the_ends_nearly_cancel(start: float, end: float, steps: int):
    for name in ("float32", "float64"):
        assert_spaced_exactly(start, end, steps, name)


def test_linspace_with_an_infinite_end_keeps_both_ends():
    assert gradcu.linspace(0, math.inf, 3).tolist() == [0, math.inf, math.inf]
    assert gradcu.linspace(-math.inf, 1, 2).tolist() == [-math.inf, 1]
    with pytest.raises(RuntimeError, match="without overflow"):
        gradcu.linspace(0, 1e40, 3)


@given(st.integers(-(2**31), 2**31), st.integers(0, 500), st.integers(-50, 50).filter(bool))
def test_arange_of_integers_is_range(start: int, length: int, step: int):
    end = start + length * (1 if step > 0 else -1)
    assert gradcu.arange(start, end, step).tolist() == list(range(start, end, step))


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.integers(2, 50))
def test_linspace_of_integers_cuts_off(start: int, end: int, steps: int):
    exact = [Fraction(start) + Fraction((end - start) * i, steps - 1) for i in range(steps)]
    assert gradcu.linspace(start, end, steps, dtype=gradcu.int64).tolist() == [math.trunc(value) for value in exact]


@given(hnp.arrays("float64", hnp.array_shapes(min_dims=0, min_side=0)), st.sampled_from(["float32", "int64", "bool"]))
def test_a_dtype_converts_as_numpy_does(array: np.ndarray, name: str):
    with np.errstate(all="ignore"):
        expected = array.astype(name)
    np.testing.assert_array_equal(gradcu.tensor(array, dtype=np.dtype(name)).numpy(), expected)


def test_manual_seed_repeats_all_random_functions():
    def draw() -> list[Any]:
        return [
            gradcu.rand(3),
            gradcu.randn(2, 2),
            gradcu.randint(0, 10, (5,)),
            gradcu.randperm(6),
            gradcu.rand_like(gradcu.ones(2)),
            gradcu.randn_like(gradcu.ones(2)),
            gradcu.randn(2, dtype=gradcu.complex64),
            gradcu.rand(3, dtype=gradcu.float16),
        ]

    gradcu.manual_seed(7)
    first = [tensor.tolist() for tensor in draw()]
    assert [tensor.tolist() for tensor in draw()] != first
    gradcu.manual_seed(7)
    assert [tensor.tolist() for tensor in draw()] == first
    gradcu.manual_seed(-1)
    negative = gradcu.rand(3).tolist()
    gradcu.manual_seed(2**64 - 1)
    assert gradcu.rand(3).tolist() == negative


@given(st.integers(-(2**63), 2**64 - 1), st.integers(0, 7))
def test_a_state_of_the_random_numbers_can_be_gone_back_to(seed: int, drawn: int):
    gradcu.manual_seed(seed)
    # Of 16-bit integers NumPy keeps what is left of 32 bits: that is state too.
    gradcu.rand(drawn, dtype=gradcu.float16)
    before = gradcu.get_rng_state()
    assert (before.dtype, before.ndim, gradcu.initial_seed()) == (gradcu.uint8, 1, seed % 2**64)
    first = gradcu.rand(3, dtype=gradcu.float16).tolist() + gradcu.randn(2).tolist()
    gradcu.manual_seed(1)
    gradcu.set_rng_state(before)
    assert gradcu.initial_seed() == seed % 2**64
    assert gradcu.rand(3, dtype=gradcu.float16).tolist() + gradcu.randn(2).tolist() == first


def test_a_seed_of_its_own_is_told():
    first, second = gradcu.seed(), gradcu.seed()
    assert first != second == gradcu.initial_seed()
    numbers = gradcu.rand(4).tolist()
    gradcu.manual_seed(second)
    assert gradcu.rand(4).tolist() == numbers


def test_what_is_no_state_is_refused():
    size = gradcu.get_rng_state().numel()
    with pytest.raises(TypeError, match=r"expected a gradcu.ByteTensor, but got int"):
        gradcu.set_rng_state(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"RNG state must be a gradcu.ByteTensor"):
        gradcu.set_rng_state(gradcu.ones(size))
    with pytest.raises(RuntimeError, match=f"state of size {size} but found the input RNG state size to be 3"):
        gradcu.set_rng_state(gradcu.ones(3, dtype=gradcu.uint8))


@pytest.mark.parametrize("dtype", [gradcu.float16, gradcu.float32, gradcu.float64])
def test_random_numbers_are_distributed_as_they_say(dtype: np.dtype[Any]):
    gradcu.manual_seed(0)
    count = 200_000
    uniform = gradcu.rand(count, dtype=dtype).numpy().astype("float64")
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 5 / math.sqrt(12 * count) + 2**-12
    normal = gradcu.randn(count, dtype=dtype).numpy().astype("float64")
    assert abs(normal.mean()) < 5 / math.sqrt(count)
    assert abs(normal.var() - 1) < 5 * math.sqrt(2 / count)
    assert sorted(gradcu.randperm(100).tolist()) == list(range(100))
    assert set(gradcu.randint(-2, 3, (1000,)).tolist()) == {-2, -1, 0, 1, 2}


def test_complex_random_numbers_have_variance_one():
    gradcu.manual_seed(0)
    values = gradcu.randn(100_000, dtype=gradcu.complex128).numpy()
    assert abs(np.mean(np.abs(values) ** 2) - 1) < 0.02
    assert abs(values.real.var() - values.imag.var()) < 0.02


def test_threads_share_one_stream_of_random_numbers():
    gradcu.manual_seed(3)
    expected = {tuple(gradcu.rand(100).tolist()) for _ in range(40)}
    gradcu.manual_seed(3)
    found: list[tuple[float, ...]] = []

    def draw() -> None:
        for _ in range(10):
            found.append(tuple(gradcu.rand(100).tolist()))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert set(found) == expected


def test_numpys_own_random_state_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.rand()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    gradcu.manual_seed(5)
    gradcu.rand(10)
    assert np.random.rand() == before  # noqa: NPY002
