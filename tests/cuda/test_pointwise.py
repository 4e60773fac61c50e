"""Elementwise ops on CUDA by kernels of our own: the CPU's values, whatever the operands, and few kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor, _engine, _launch, _node_gradients
from gradcu._launch import Kernel, Pointer
from gradcu._op import Op
from gradcu.fuse import cuda_elementwise, pointwise
from tests.cases import array
from tests.cpu_cuda.bed import Bed, Counts
from tests.cuda.test_counts import POINTWISE, called, operands
from tests.fuse import nvrtc
from tests.fuse.test_nvrtc import MOST_REGISTERS, packed
from tests.needs import missing

Values = Sequence[np.ndarray]


def results(f: Callable[..., Tensor], operands: Sequence[Any]) -> list[np.ndarray]:
    """What f gives, and its gradients for the floats among the operands, with a cotangent like cos(0), cos(1), ..."""
    tensors = [value.requires_grad_() if value.dtype.kind == "f" else value for value in operands]
    y = f(*tensors)
    weights = gradcu.cos(gradcu.arange(y.numel(), dtype=y.dtype)).reshape(y.shape).to(y.device)
    gradients = gradcu.autograd.grad(y, [tensor for tensor in tensors if tensor.requires_grad], weights)
    return [array(found) for found in (y, *gradients)]


def assert_as_on_the_cpu(f: Callable[..., Tensor], operands: Values, place: str) -> None:
    """Compares with the CPU, where the operands lie in memory as these arrays do."""
    xp = gradcu.device(place).xp
    with gradcu.device(place).context:
        found = results(f, [Tensor._wrap(alike(xp, value)) for value in operands])
    expected = results(f, [Tensor._wrap(value) for value in operands])
    for there, here in zip(found, expected, strict=True):
        assert there.dtype == here.dtype
        assert there.shape == here.shape
        eps = np.finfo(here.dtype).eps
        np.testing.assert_allclose(there, here, rtol=32 * eps, atol=32 * eps)


def alike(xp: Any, values: np.ndarray) -> Any:
    """The array on the device, with the same strides and at the same place of its memory."""
    base = values
    while isinstance(base.base, np.ndarray):
        base = base.base
    offset = values.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    memory = xp.asarray(base.reshape(-1, order="A"))
    view = xp.ndarray(values.shape, values.dtype, memory.data + offset, values.strides)
    assert (view.get() == values).all()
    return view


def polar(a: Tensor, b: Tensor) -> Tensor:
    """An op whose two gradients share work."""
    return gradcu.hypot(a, b)


def chosen(condition: Tensor, a: Tensor) -> Tensor:
    return gradcu.where(condition, a, 0.5)


def matrix(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).uniform(0.5, 2, shape).astype("float32")


LAYOUTS: dict[str, Callable[[], Values]] = {
    "in C order": lambda: (matrix(5, 7), matrix(7, 5).reshape(5, 7)),
    "in Fortran's": lambda: (matrix(7, 5).T, matrix(7, 6)[:, :5].T.copy("F")),
    "in both": lambda: (matrix(5, 7), matrix(7, 5).T),
    "every other element": lambda: (matrix(5, 14)[:, ::2], matrix(10, 7)[::2]),
    "backwards": lambda: (matrix(5, 7)[::-1, ::-1], matrix(5, 7)[:, ::-1]),
    "beside a pack": lambda: (matrix(36)[1:], matrix(35)),
    "a row": lambda: (matrix(5, 7), matrix(7)),
    "a row and a column": lambda: (matrix(1, 7), matrix(5, 1)),
    "a number": lambda: (matrix(5, 7), np.asarray(matrix(1)[0])),
    "an expanded number": lambda: (np.broadcast_to(matrix(1), (5, 7)), matrix(5, 7)),
    "numbers": lambda: (np.asarray(matrix(1)[0]), matrix(1, 1)),
    "three dimensions": lambda: (matrix(3, 4, 5).transpose(2, 0, 1), matrix(5, 1, 8)[:, :, ::2]),
    "nothing": lambda: (matrix(0, 7), matrix(1, 7)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout: str, place: str):
    assert_as_on_the_cpu(polar, LAYOUTS[layout](), place)


@pytest.mark.parametrize("layout", ["in C order", "in both", "a row", "beside a pack"])
def test_bools(layout: str, cuda: str):
    first, second = LAYOUTS[layout]()
    assert_as_on_the_cpu(chosen, [first > 1, second], cuda)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=2), st.lists(st.integers(0, 3), min_size=2, max_size=2),
    st.booleans(), st.integers(0, 3), st.integers(1, 2),
)  # fmt: skip
def test_shapes_and_strides(cuda: str, shape: list[int], broadcast: list[int], turned: bool, backwards: int, step: int):
    """Broadcast, transposed, backwards and spread, in two dimensions: what it takes are few kernels."""
    operands = []
    for mask in broadcast:
        own = [1 if mask >> d & 1 else length for d, length in enumerate(shape)]
        spread = matrix(*(step * length for length in (reversed(own) if turned else own)))
        part = spread[tuple(slice(None, None, -step if backwards >> d & 1 else step) for d in range(2))]
        operands.append(part.T if turned else part)
        turned = False
    assert_as_on_the_cpu(polar, operands, cuda)


def test_what_lies_alike_stays_so(bed: Bed, cuda: str):
    x = gradcu.ones(3, 4, device=cuda, requires_grad=True)
    y = x.mT.sigmoid()
    assert y.stride() == x.mT.stride()
    assert x[:, ::2].mT.sigmoid().stride() == (3, 1)


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Kernel]:
    """The kernels that are made from here on: none is known yet."""
    made: dict[Any, Kernel] = {}
    monkeypatch.setattr(_launch, "_kernels", made)
    monkeypatch.setattr(pointwise, "_forwards", {})
    monkeypatch.setattr(pointwise, "_gradients", {})
    return made


def test_with_many_elements_indices_are_wide(no_kernels: dict[Any, Kernel], cuda: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cuda_elementwise, "NARROW", 16)
    for layout in ("in C order", "in both"):
        assert_as_on_the_cpu(polar, LAYOUTS[layout](), cuda)
    assert all("typedef long long Index;" in text for text, *_ in no_kernels if "gradcu_elementwise" in text)


def test_strides_that_reach_far_are_wide(no_kernels: dict[Any, Kernel], cuda: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cuda_elementwise, "NARROW", 64)
    for count, index in ((4, "int"), (10, "long long")):
        gradcu.ones(count, 2, device=cuda)[:, 0].sigmoid()
        text, *_ = list(no_kernels)[-1]
        assert f"typedef {index} Index;" in text


def test_what_is_one_number_everywhere_is_read_without_strides(no_kernels: dict[Any, Kernel], cuda: str):
    x = gradcu.ones(12, device=cuda, requires_grad=True)
    (x * gradcu.tensor(2.0, device=cuda)).sigmoid().sum().backward()
    assert len(no_kernels) == 4
    assert all("DIMENSIONS = 0," in text for text, *_ in no_kernels)


MIXED: dict[str, Callable[[Tensor], Tensor]] = {
    "float64": lambda x: gradcu.hypot(x, x.double()),
    "float16": lambda x: gradcu.sigmoid(x.half()),
    "an int Tensor": lambda x: x * gradcu.arange(12, device=x.device),
    "a bool Tensor": lambda x: x * (x > 0.5),
    "a bool": lambda x: x * True,
    "an int": lambda x: x / 3,
    "a number beyond float32": lambda x: x * 1e300,
    "where of two dtypes": lambda x: gradcu.where(x > 0.5, x, x.double()),
    "a 0-dim Tensor of the CPU": lambda x: x * gradcu.tensor(2.5),
    "two numbers": lambda x: gradcu.where(x > 0.5, 1.0, 2.0) * x,
}


@pytest.mark.parametrize("name", MIXED)
def test_dtypes_meet_as_on_the_cpu(name: str, cuda: str):
    x = np.linspace(0.1, 1.1, 12, dtype="float32")
    assert_as_on_the_cpu(MIXED[name], [x], cuda)


def test_another_number_compiles_nothing(bed: Bed, cuda: str):
    x = gradcu.linspace(0.5, 2, 12, device=cuda, requires_grad=True)
    at = np.linspace(0.5, 2, 12)

    def assert_right(number: float) -> None:
        for f, derivative in (
            (lambda x: x * number, np.full(12, number)),
            (lambda x: x**number, number * at ** (number - 1)),
            (lambda x: x.clamp(0.1, number), at <= number),
        ):
            (found,) = gradcu.autograd.grad(f(x).sum(), x)
            np.testing.assert_allclose(array(found), derivative, rtol=1e-5)

    assert_right(1.37)
    before = len(bed.sources)
    for number in (0.7, 1.9, 5.25):
        assert_right(number)
    assert len(bed.sources) == before


def test_only_what_is_wanted_is_computed(bed: Bed, cuda: str):
    a, b = (gradcu.linspace(0.5, 2, 1 << 16, device=cuda, requires_grad=True) for _ in range(2))
    y = polar(a, b)
    cotangent = gradcu.ones(1 << 16, device=cuda)
    gradcu.cuda.reset_peak_memory_stats()
    before = gradcu.cuda.max_memory_allocated()
    (found,) = gradcu.autograd.grad(y, b, cotangent)
    assert gradcu.cuda.max_memory_allocated() - before == found.numel() * found.element_size()


def test_a_node_with_hooks(bed: Bed, cuda: str):
    x = gradcu.linspace(0.5, 2, 12, device=cuda, requires_grad=True)
    y = x.sigmoid()
    assert y.grad_fn is not None
    seen: list[Counts] = []

    def doubled(gradients: tuple[Tensor], _: Any) -> tuple[Tensor]:
        seen.append(bed.counts)
        return (2 * gradients[0],)

    y.grad_fn.register_hook(doubled)
    cotangent = gradcu.ones(12, device=cuda)
    before = bed.counts
    (found,) = gradcu.autograd.grad(y, x, cotangent)
    assert seen[0] - before == Counts(launches=1)
    logistic = 1 / (1 + np.exp(-np.linspace(0.5, 2, 12)))
    np.testing.assert_allclose(array(found), 2 * logistic * (1 - logistic), rtol=1e-5)


def test_in_place(cuda: str):
    x = gradcu.linspace(0.5, 2, 12, device=cuda, requires_grad=True)
    y = x.clone()
    y[::2].sin_()
    y.mul_(3)
    (found,) = gradcu.autograd.grad(y.sum(), x)
    at = np.linspace(0.5, 2, 12)
    np.testing.assert_allclose(array(y)[::2], 3 * np.sin(at)[::2], rtol=1e-5)
    np.testing.assert_allclose(array(found)[::2], 3 * np.cos(at)[::2], rtol=1e-5)
    np.testing.assert_allclose(array(found)[1::2], 3)


def test_what_was_changed_in_place_is_found_out(cuda: str):
    x = gradcu.linspace(0.5, 2, 12, device=cuda, requires_grad=True)
    y = x.sigmoid()
    z = y.sin()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_shapes_that_do_not_meet(cuda: str):
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(4\)"):
        polar(gradcu.ones(3, device=cuda), gradcu.ones(4, device=cuda))


def test_nothing_is_launched_for_no_elements(bed: Bed, cuda: str):
    x = gradcu.ones(0, 3, device=cuda)
    before = bed.counts
    assert x.sigmoid().shape == (0, 3)
    assert bed.counts - before == Counts()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_a_node_saved_is_read_once(cuda: str, dtype: str, monkeypatch: pytest.MonkeyPatch):
    """With a kernel and without."""
    read: list[Any] = []

    def values_of(node: Any, recorded: bool) -> list[Any]:
        read.append(node.name())
        return found(node, recorded)

    found = _node_gradients.values_of
    for module in (_engine, _node_gradients):
        monkeypatch.setattr(module, "values_of", values_of)
    x = gradcu.ones(3, dtype=dtype, device=cuda, requires_grad=True)
    (x.sin() * x).backward(gradcu.ones_like(x))
    assert read == ["MulBackward0", "SinBackward0"]
    assert x.grad is not None
    np.testing.assert_allclose(array(x.grad), np.sin(1) + np.cos(1), rtol=2e-3)


# NVRTC and the bed's compiler take half a second for each kernel.
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("number", "op"), list(enumerate(POINTWISE)), ids=lambda given: getattr(given, "name", ""))
def test_kernels_compile_for_a_gpu(number: int, op: Op, dtype: str, no_kernels: dict[Any, Kernel], cuda: str):
    """Each for one architecture: its registers, and its parameters as a launch passes them."""
    if not nvrtc.is_installed():
        missing("nvrtc", "NVRTC is not installed: pip install 'gradcu[nvrtc]'")
    given = operands(op, cuda, dtype)
    result = called(op, given)
    if op.rules:
        wanted = [tensor for tensor in given if tensor.requires_grad]
        gradcu.autograd.grad(result, wanted, gradcu.ones_like(result))
    architectures = itertools.cycle(nvrtc.ARCHITECTURES[number % len(nvrtc.ARCHITECTURES) :])
    for (text, name, parameters), architecture in zip(no_kernels, architectures, strict=False):
        found = nvrtc.compiled(text, name, architecture)
        sizes = [8 if isinstance(parameter, Pointer) else parameter.itemsize for parameter in parameters]
        assert found.parameters == packed(*sizes)
        # Of double, ptxas spills a little for some architecture whatever it may take.
        assert found.spilled <= (64 if dtype == "float64" else 0)
        assert found.registers <= MOST_REGISTERS[dtype]
