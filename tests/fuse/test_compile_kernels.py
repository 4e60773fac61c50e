"""How many kernels a compiled function runs and compiles, on which engine, and what `explain` says of them."""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.compiler import Compiler, CompilerError, NoCompilerError
from gradcu.fuse.memory import Pool
from gradcu.fuse.plan import WORTH_COMPILING, Kernel
from tests.fuse.compile.functions import Cube

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "relu": lambda x: gradcu.relu(x),
    "waves": lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
    "tanh chain": lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + x / 2) * gradcu.exp(-(x**2) / 50),
}


@pytest.fixture(autouse=True)
def any_number_of_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are fused too."""
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_FUSING", 1)


class Counts:
    """Kernels run, and programs compiled, since the last look."""

    def __init__(self) -> None:
        self.run = self.compiled = 0

    def seen(self) -> tuple[int, int]:
        found = self.run, self.compiled
        self.run = self.compiled = 0
        return found


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Counts:
    counts = Counts()
    run, build = Kernel.run, Compiler.build

    def counted_run(self: Kernel, inputs: Any, place: Any) -> Any:
        counts.run += 1
        return run(self, inputs, place)

    def counted_build(self: Compiler, source: str, library: str) -> None:
        counts.compiled += 1
        build(self, source, library)

    monkeypatch.setattr(Kernel, "run", counted_run)
    monkeypatch.setattr(Compiler, "build", counted_build)
    monkeypatch.setenv("GRADCU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("gradcu.fuse.elementwise._kernels", {})
    return counts


def line(count: int = WORTH_COMPILING, dtype: Any = None) -> Tensor:
    return gradcu.linspace(-3, 3, count, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_and_backward_are_a_kernel_each(compiler: Compiler, counts: Counts, name: str):
    f = gradcu.compile(FUNCTIONS[name])
    for compiled in (1, 0):
        x = line()
        y = f(x)
        assert counts.seen() == (1, compiled)
        y.backward(gradcu.ones_like(y))
        assert counts.seen() == (1, compiled)
    # Another function of the same operations, on another number of elements, needs no other code.
    gradcu.compile(lambda z: FUNCTIONS[name](z))(line(5000))
    assert counts.seen() == (1, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_code_gives_what_eager_gives(compiler: Compiler, name: str, dtype: str):
    x = line(10_001, dtype)
    results = []
    for f in (FUNCTIONS[name], gradcu.compile(FUNCTIONS[name], engine="cc")):
        y = f(x)
        (slope,) = gradcu.autograd.grad(y, x, gradcu.ones_like(y), create_graph=True)
        (curvature,) = gradcu.autograd.grad(slope, x, gradcu.ones_like(y), allow_unused=True, materialize_grads=True)
        results.append([y, slope, curvature])
    for found, expected in zip(results[1], results[0], strict=True):
        # The terms are up to 100 where the sums of them are near 0.
        atol = 400 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=0, atol=atol)


def test_a_kernel_for_each_stage(counts: Counts):
    f = gradcu.compile(lambda x: (lambda e: e / e.sum() * x)(gradcu.exp(x - 1)), engine="numpy")
    x = line(100)
    y = f(x)
    assert counts.seen() == (2, 0)
    gradcu.autograd.grad(y.sum(), x)
    assert counts.seen() == (2, 0)


def test_small_operands_are_computed_in_their_own_shape(counts: Counts):
    f = gradcu.compile(lambda x, row: x * gradcu.exp(row * 2), engine="numpy")
    explanation = f.explain(gradcu.ones(5, 3, requires_grad=True), gradcu.ones(3, requires_grad=True))
    assert [kernel.shape for kernel in explanation.kernels] == [(3,), (5, 3)]
    assert explanation.kernels[0].lines == (
        "t0:float32 = mul(x0, 2.0)",
        "t1:float32 = exp(t0)",
    )
    # The cotangent's product, its sum to the row, and what is behind it.
    assert [kernel.shape for kernel in explanation.backward] == [(3,), (5, 3), (3,)]


def test_numbers_that_change_compile_once_more_and_no_more(compiler: Compiler, counts: Counts):
    f = gradcu.compile(lambda x, k: gradcu.sin(x) * k + 1)
    x = line()
    for k in (0.5, 0.25, 0.125, 3.5, 7.25):
        np.testing.assert_allclose(f(x, k).detach().numpy(), np.sin(x.detach().numpy()) * k + 1, rtol=1e-5, atol=1e-6)
    assert counts.seen() == (5, 2)


def test_bounds_and_exponents_are_numbers_that_change(compiler: Compiler, counts: Counts):
    f = gradcu.compile(lambda x, k: x.clamp(-k, k) + x.exp() ** k)
    x = line()
    at = x.detach().numpy()
    for k in (0.7, 0.3, 1.3, 2.6):
        np.testing.assert_allclose(f(x, k).detach().numpy(), np.clip(at, -k, k) + np.exp(at) ** k, rtol=1e-5, atol=1e-6)
    assert counts.seen() == (4, 2)


def test_few_elements_are_not_compiled_for(counts: Counts):
    f = gradcu.compile(FUNCTIONS["waves"])
    f(line(WORTH_COMPILING - 1))
    assert counts.seen() == (1, 0)
    assert f.explain(line(10)).kernels[0].engine == "numpy"


def test_few_elements_are_not_fused(monkeypatch: pytest.MonkeyPatch, counts: Counts):
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_FUSING", 100)
    f = gradcu.compile(FUNCTIONS["waves"])
    x = line(99)
    explanation = f.explain(x)
    assert counts.seen() == (0, 0)
    assert "nothing was fused" in str(explanation)
    np.testing.assert_array_equal(explanation.result.detach().numpy(), FUNCTIONS["waves"](x).detach().numpy())
    f(line(100))
    assert counts.seen() == (1, 0)
    # Small operands of a large result are.
    gradcu.compile(lambda x, y: x * y + x)(gradcu.ones(10, 1), gradcu.ones(10))
    assert counts.seen() == (1, 0)


def test_explain(compiler: Compiler):
    def f(x: Tensor, y: Tensor) -> Tensor:
        z = gradcu.sin(x) * y
        if z.sum() > 0:
            z = Cube.apply(z)
        return z * 2

    x, y = gradcu.ones(5000, requires_grad=True), gradcu.ones(5000)
    explanation = gradcu.compile(f).explain(x, y)
    np.testing.assert_allclose(explanation.result.detach().numpy(), f(x, y).detach().numpy(), rtol=1e-6)
    assert [kernel.lines for kernel in explanation.kernels] == [
        ("t0:float32 = sin(x0)", "t1:float32 = mul(t0, x1)"),
        ("t0:float32 = mul(x0, 2.0)",),
    ]
    assert explanation.kernels[0].inputs == ("x0:float32[5000]", "x1:float32[5000]")
    assert explanation.kernels[0].engine == "cc"
    assert "const T t1 = t0 * x1;" in str(explanation.kernels[0].source)
    assert len(explanation.backward) == 2
    (pause,) = explanation.pauses
    assert pause.reason == "sum is not fused"
    assert (pause.file, pause.line) == (__file__, f.__code__.co_firstlineno + 2)
    text = str(explanation)
    assert "2 kernels, 2 for the gradients" in text
    assert f"computed on the way: sum is not fused: {__file__}:{pause.line}: if z.sum() > 0:" in text


def test_what_has_no_c_runs_on_numpy(compiler: Compiler):
    kernel = gradcu.compile(lambda x: x * 2).explain(gradcu.ones(5000, dtype=gradcu.float16)).kernels[0]
    assert (kernel.engine, kernel.source) == ("numpy", None)
    assert kernel.reason == "kernels are made of float32 or float64, not of float16"


@pytest.mark.parametrize(("error", "warned"), [(CompilerError("gcc broke\nbadly"), 1), (NoCompilerError("no cc"), 0)])
def test_a_compiler_that_fails_is_told_once(monkeypatch: pytest.MonkeyPatch, error: Exception, warned: int):
    def fail(*args: Any) -> Any:
        raise error

    monkeypatch.setattr("gradcu.fuse.plan.elementwise_kernel", fail)
    f = gradcu.compile(FUNCTIONS["waves"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = [f(line(5000)) for _ in range(2)]
        results[0].sum().backward()
    assert len(caught) == warned
    if warned:
        assert "runs on NumPy, since it can't be compiled: gcc broke\nbadly" in str(caught[0].message)
        assert caught[0].filename == __file__
    np.testing.assert_array_equal(results[0].detach().numpy(), FUNCTIONS["waves"](line(5000)).detach().numpy())
    with pytest.raises(type(error)):
        gradcu.compile(FUNCTIONS["waves"], engine="cc")(line(5))


@pytest.mark.skipif(not hasattr(mmap, "MADV_FREE"), reason="memory is kept only where MADV_FREE is known")
def test_large_results_use_freed_memory_again(compiler: Compiler, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gradcu.fuse.memory.POOL", Pool(most=32 << 20))
    f = gradcu.compile(lambda x: x * 2)
    x = gradcu.ones(1 << 20)
    places = {f(x)._array.__array_interface__["data"][0] for _ in range(3)}
    assert len(places) == 1
