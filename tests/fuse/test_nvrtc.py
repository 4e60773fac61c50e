"""Generated CUDA kernels compile for every architecture, and take the registers and parameters that they should."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.cuda_points import LINE, Axes, KernelAxis, axes_dtype
from gradcu.fuse.cuda_source import CudaSource, elementwise_source, layout_dtype, slopes, sweep_source
from gradcu.fuse.trace import program
from tests.fuse import nvrtc
from tests.fuse.hosted import merged
from tests.fuse.test_cuda_source import DTYPES, FUNCTIONS, product_and_gradients
from tests.fuse.test_engines import in_c
from tests.needs import missing

MOST_REGISTERS = {"float32": 64, "float64": 80}
"""With these, 4 blocks of 256 threads fit the 65536 registers of a multiprocessor, in float64 3."""

MOST_OF_A_SWEEP = 128
"""With these 2 blocks fit, enough for a sweep, which reads nothing. One that adds up many rows has a block alone."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if not nvrtc.is_installed():
        missing("nvrtc", "NVRTC is not installed: pip install 'gradcu[nvrtc]'")


def compiled(source: CudaSource, architecture: int) -> nvrtc.Compiled:
    return nvrtc.compiled(source.text, source.name, architecture)


def packed(*sizes: int) -> list[tuple[int, int]]:
    """Offsets and sizes of parameters that are aligned to their size, a struct to 8 bytes."""
    found, at = [], 0
    for size in sizes:
        at = -(-at // min(size, 8)) * min(size, 8)
        found.append((at, size))
        at += size
    return found


@pytest.mark.parametrize(
    ("architecture", "name", "dtype"),
    list(zip(nvrtc.ARCHITECTURES, itertools.cycle(FUNCTIONS), itertools.cycle(DTYPES), strict=False)),
)
def test_a_sweep(architecture: int, name: str, dtype: str):
    made = program(FUNCTIONS[name], np.dtype(dtype), 2)
    plain = compiled(sweep_source(made, signed=slopes(made)), architecture)
    reducing = compiled(sweep_source(made, sums=("plain",), signed=range(3), histogram=True), architecture)
    assert plain.spilled == reducing.spilled == 0
    assert plain.registers <= MOST_OF_A_SWEEP
    assert plain.parameters == packed(LINE.itemsize, 8, 8, 8, 4, 8, 8, 8, 8, 8, 8)
    assert reducing.parameters == packed(LINE.itemsize, 8, 8, 8, 4, 8, 8, 4, 4, 8, 8, 8, 8, 8, 8)


def ridge(u: Tensor, v: Tensor) -> Tensor:
    return gradcu.exp(-u * u / 8) * gradcu.sin(3 * v) + gradcu.cos(u * v)


PRODUCTS: dict[str, tuple[int, int, Axes]] = {
    "grid": (2, 0, (KernelAxis(("x0",), False), KernelAxis(("x1",), False))),
    "points": (2, 0, (KernelAxis(("x0", "x1"), True),)),
    "params": (1, 1, (KernelAxis(("p0",), True), KernelAxis(("x",), False))),
}
"""How many variables and params there are, and the axes that have them."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
def test_a_sweep_over_a_product(architecture: int, name: str, dtype: str):
    variables, params, axes = PRODUCTS[name]
    made = program(ridge, np.dtype(dtype), 1, variables, params)
    plain = compiled(sweep_source(made, axes), architecture)
    assert plain.spilled == 0
    assert plain.registers <= MOST_OF_A_SWEEP
    points = packed(axes_dtype(axes).itemsize, *[8] * sum(len(axis.inputs) for axis in axes if axis.is_given))
    end = sum(points[-1])
    rest = packed(8, 8, 8, 4, 8, 8, 8, *[8] * len(made.outputs))
    assert plain.parameters == [*points, *((at + end, size) for at, size in rest)]


@pytest.mark.parametrize(
    ("architecture", "dtype"), list(zip(nvrtc.ARCHITECTURES, itertools.cycle(DTYPES), strict=False))
)
def test_a_grid_that_is_reduced(architecture: int, dtype: str):
    variables, params, axes = PRODUCTS["grid"]
    made = program(ridge, np.dtype(dtype), 1, variables, params)
    assert compiled(sweep_source(made, axes, sums=("plain", "weighted"), histogram=True), architecture).spilled == 0


@pytest.mark.parametrize(
    ("architecture", "dtype"), list(zip(nvrtc.ARCHITECTURES, itertools.cycle(DTYPES), strict=False))
)
def test_elementwise(architecture: int, dtype: str):
    made = product_and_gradients(dtype)
    pointers = [8] * 8
    for wide in (False, True):
        index = 8 if wide else 4
        for dimensions in (0, 3):
            layout = [layout_dtype(dimensions, 4, wide).itemsize] if dimensions else []
            found = compiled(elementwise_source(made, dimensions=dimensions, wide=wide), architecture)
            assert found.spilled == 0
            assert found.registers <= MOST_REGISTERS[dtype]
            assert found.parameters == packed(*layout, index, *pointers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_are_passed_by_value(dtype: str):
    made = product_and_gradients(dtype)
    assert list(made.inputs) == ["a", "b", "c", "g"]
    size = np.dtype(dtype).itemsize
    for dimensions in (0, 2):
        layout = [layout_dtype(dimensions, 2, False).itemsize] if dimensions else []
        found = compiled(elementwise_source(made, dimensions=dimensions, numbers=("a", "c")), 90)
        assert found.parameters == packed(*layout, 4, size, 8, size, 8, 8, 8, 8, 8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_op_of_the_table(dtype: str):
    """In one kernel, whose registers say nothing."""
    made = merged([made for made, _ in in_c(dtype)])
    assert len(compiled(elementwise_source(made, dimensions=1), 90).parameters) == 3 + len(made.outputs)


def test_what_does_not_compile_says_why():
    with pytest.raises(nvrtc.CompilationError, match='identifier "y" is undefined'):
        nvrtc.compiled('extern "C" __global__ void f(float *x) { *x = y; }', "f", 90)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_op_in_a_kernel_of_its_own(dtype: str, architecture: int):
    wrong = []
    for made, [(name, _), *_] in in_c(dtype):
        found = compiled(sweep_source(made, signed=slopes(made)), architecture)
        # Of double, ptxas spills a little for some architecture whatever it may take, as in erf for sm_90.
        if found.spilled > 64 or found.registers > MOST_OF_A_SWEEP:
            wrong.append(f"{name}: {found.registers} registers, {found.spilled} bytes spilled")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_sweeps_of_any_order(name: str, dtype: str, architecture: int, order: int):
    made = program(FUNCTIONS[name], np.dtype(dtype), order)
    assert compiled(sweep_source(made, signed=slopes(made)), architecture).spilled == 0
