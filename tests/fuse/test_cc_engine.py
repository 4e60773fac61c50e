"""The compiled engine computes what eager computes, and a point's bits depend on the point alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu import _linspace as linspace
from gradcu._linspace import linspace_block
from gradcu.fuse import kernel as kernels_module
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.kernel import kernel_of
from gradcu.fuse.trace import program
from gradcu.sweeps import engine as engines
from gradcu.sweeps import fused
from tests.fuse.agreement import disagreement, largest_intermediate

DTYPES = ["float32", "float64"]

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "relu": lambda x: gradcu.relu(x),
    "waves": lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
    "tanh chain": lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + 0.5 * x) * gradcu.exp(-x * x / 50),
    "pole": lambda x: gradcu.reciprocal(x),
    "root": lambda x: gradcu.sqrt(x),
    "gamma": lambda x: gradcu.lgamma(x * x + 0.5),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_sweep_is_the_eager_sweep(compiler: Compiler, name: str, dtype: str):
    def swept(engine: str) -> Any:
        return gradcu.sweep(FUNCTIONS[name], -3, 4, 70_001, order=2, dtype=dtype, engine=engine)

    fast, slow = swept("cc"), swept("eager")
    np.testing.assert_array_equal(fast.x.numpy(), slow.x.numpy())
    made = program(FUNCTIONS[name], np.dtype(dtype), 2)
    scale = largest_intermediate(made, slow.x.numpy())
    for k in range(3):
        units = disagreement(fast.derivative(k).numpy(), slow.derivative(k).numpy(), scale)
        # The terms within the gamma functions are no lines of the program.
        assert units.max() <= (16 if name == "gamma" else 8), (k, units.max(), slow.x.numpy()[units.argmax()])
    for row, expected in zip(fast.summary().rows, slow.summary().rows, strict=True):
        assert (row.nan, row.infinite) == (expected.nan, expected.infinite)
    assert fast.summary().sign_change_count == slow.summary().sign_change_count


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_figures_are_those_of_the_rows(compiler: Compiler, name: str, dtype: str):
    result = gradcu.sweep(FUNCTIONS[name], -3, 4, 30_011, order=2, dtype=dtype, engine="cc", chunk=7_003)
    x = result.x.numpy()
    for k, row in enumerate(result.summary().rows):
        values = result.derivative(k).numpy()
        least, largest = int(np.nanargmin(values)), int(np.nanargmax(values))
        assert (row.minimum, row.minimum_at) == (values[least], x[least])
        assert (row.maximum, row.maximum_at) == (values[largest], x[largest])
        assert (row.nan, row.infinite) == (np.isnan(values).sum(), np.isinf(values).sum())


def bits(rows: list[np.ndarray]) -> list[np.ndarray]:
    return [row.view(f"u{row.itemsize}") for row in rows]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_depend_on_the_point_alone(compiler: Compiler, rng: np.random.Generator, name: str, dtype: str):
    kernel = kernel_of(program(FUNCTIONS[name], np.dtype(dtype), 1), compiler)
    start, stop, num = -2.7, 5.1, 41_003
    whole = [np.empty(num, dtype) for _ in range(3)]
    kernel.sweep(start, stop, num, 0, whole[2], whole[:2])
    at = 0
    while at < num:
        count = min(int(rng.integers(1, 3000)), num - at)
        # Not aligned: rows of a file or of a user's array may begin anywhere.
        part = [np.empty(count + 1, dtype)[1:] for _ in range(3)]
        kernel.sweep(start, stop, num, at, part[2], part[:2])
        for found, expected in zip(bits(part), bits(whole), strict=True):
            np.testing.assert_array_equal(found, expected[at : at + count])
        at += count
    # Other neighbours in the vector, other places in it, special values among them.
    order = rng.permutation(num)
    shuffled = whole[2][order]
    shuffled[::7] = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1e30, 1e-40], shuffled[::7].size)
    rows = [np.empty(num, dtype) for _ in range(2)]
    kernel.at(shuffled, rows)
    kept = np.arange(num) % 7 != 0
    for found, expected in zip(bits(rows), bits(whole), strict=False):
        np.testing.assert_array_equal(found[kept], expected[order][kept])


@pytest.mark.parametrize("offset", [0, 16, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_beyond_the_caches_have_the_same_bits(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, dtype: str, offset: int
):
    kernel = kernel_of(program(FUNCTIONS["waves"], np.dtype(dtype), 1), compiler)
    written = []
    for most in (0, 1 << 60):
        monkeypatch.setattr(kernels_module, "_CACHED", most)
        memory = np.zeros((2, 30_080), dtype)
        rows = [row[offset : offset + 30_011] for row in memory]
        written.append((memory, kernel.sweep(-3.0, 4.0, 40_000, 700, None, rows)))
    (streamed, extremes), (plain, expected) = written
    np.testing.assert_array_equal(streamed, plain)
    assert extremes == expected


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_chunks_do_not_change_a_bit(compiler: Compiler, monkeypatch: pytest.MonkeyPatch, threads: int):
    monkeypatch.setattr(engines, "_cpu_count", lambda: threads)
    f = FUNCTIONS["tanh chain"]
    alone = gradcu.sweep(f, -5, 5, 50_021, order=3, engine="cc")
    parts = gradcu.sweep(f, -5, 5, 50_021, order=3, engine="cc", chunk=1009)
    assert parts.summary().threads == threads
    for k in range(4):
        (found,), (expected,) = bits([parts.derivative(k).numpy()]), bits([alone.derivative(k).numpy()])
        np.testing.assert_array_equal(found, expected)
    assert parts.summary().as_dict()["rows"] == alone.summary().as_dict()["rows"]
    assert parts.summary().as_dict()["sign_changes"] == alone.summary().as_dict()["sign_changes"]


LINES = {
    "plain": (-2.3, 5.1, 100_003),
    "one": (1.5, 1.5, 1),
    "two": (-1.0, 3.0, 2),
    "few": (-1.0, 3.0, 7),
    "falling": (9.0, -1e-3, 20_000),
    "crossing": (-1.0, 1.0, 16_385),
    "far from 0": (1e6, 1e6 + 1, 30_000),
    "tiny": (1e-40, 3e-39, 5_000),
    "huge": (-3e38, 3e38, 9_001),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LINES)
def test_points_are_those_of_linspace(compiler: Compiler, name: str, dtype: str):
    start, stop, num = LINES[name]
    if dtype == "float64" and name in ("tiny", "huge"):
        start, stop = start * 1e-270 if name == "tiny" else start * 1e269, stop * 1e-270 if name == "tiny" else 1e308
    kernel = kernel_of(program(lambda x: x * 1.0, np.dtype(dtype), 0), compiler)
    expected = linspace_block(start, stop, num, 0, num, dtype)
    for first, count in ((0, num), (num // 3, num - num // 3), (num - 1, 1), (num // 2, 1)):
        x, y = np.empty((2, count), dtype)
        kernel.sweep(start, stop, num, first, x, [y])
        (points_found, results), (wanted,) = bits([x, y]), bits([expected[first : first + count]])
        np.testing.assert_array_equal(points_found, wanted)
        np.testing.assert_array_equal(results, wanted)


def test_the_table_of_offsets_lives_until_the_call_is_over(compiler: Compiler, monkeypatch: pytest.MonkeyPatch):
    def table(line: Any) -> tuple[np.ndarray, np.ndarray]:
        """A new one at every look, as for threads of which each came first."""
        made = cached.func(line)
        tables.extend(map(weakref.ref, made))
        return made

    tables: list[weakref.ref[np.ndarray]] = []
    alive: list[bool] = []
    kernel = kernel_of(program(FUNCTIONS["waves"], np.dtype("float32"), 0), compiler)
    called = kernel._function
    cached = linspace._Line.__dict__["table"]
    monkeypatch.setattr(linspace._Line, "table", property(table))
    monkeypatch.setattr(
        kernel, "_function", lambda *given: (called(*given), alive.extend(table() is not None for table in tables))
    )
    rows = [np.empty(20_000, np.float32)]
    kernel.sweep(-3.0, 4.0, 20_000, 0, None, rows)
    # Those before were for the bases of segments, and are done with.
    assert alive[-2:] == [True, True]


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_file_has_the_same_bits(compiler: Compiler, tmp_path: Any, suffix: str):
    f = FUNCTIONS["waves"]
    stored = gradcu.sweep(f, -1, 1, 30_001, order=2, engine="cc", out=tmp_path / f"out{suffix}", chunk=5_000)
    kept = gradcu.sweep(f, -1, 1, 30_001, order=2, engine="cc")
    np.testing.assert_array_equal(stored.x.numpy(), kept.x.numpy())
    for k in range(3):
        np.testing.assert_array_equal(stored.derivative(k).numpy(), kept.derivative(k).numpy())


def test_denormals_are_numbers(compiler: Compiler):
    y = gradcu.sweep(lambda x: x * 0.5, 2.0**-126, 2.0**-125, 1025, dtype="float32", order=0, engine="cc").y.numpy()
    assert y[0] == 2.0**-127
    tail = gradcu.sweep(gradcu.exp, -103, -88, 1025, dtype="float32", order=0, engine="cc")
    expected = np.exp(tail.x.numpy().astype("float64"))
    np.testing.assert_allclose(tail.y.numpy(), expected, rtol=4 * 2.0**-23, atol=2.0**-149)
    assert (tail.y.numpy() > 0).all()


class TestChoice:
    """Which engine it is, and why."""

    def test_auto_compiles_where_there_is_enough_to_do(self, compiler: Compiler):
        summary = gradcu.sweep(gradcu.sin, 0, 1, 1 << 16).summary()
        assert (summary.engine, summary.engine_reason) == ("cc", compiler.name)
        assert f"engine    cc ({compiler.name}), " in str(summary)
        assert summary.as_dict()["engine_reason"] == compiler.name
        few = gradcu.sweep(lambda x: gradcu.sin(x) * 0.123, 0, 1, 1000).summary()
        assert (few.engine, few.engine_reason) == ("numpy", "too few points to compile for")
        # What is compiled already is used for few points too.
        assert gradcu.sweep(gradcu.sin, 0, 1, 1000).summary().engine == "cc"

    def test_what_cannot_be_traced_is_eager_and_says_why(self, compiler: Compiler):
        def branches(x: Tensor) -> Tensor:
            return x * 2 if x.detach().sum() is not None and float(x.detach().numpy()[0]) < 9e9 else x

        summary = gradcu.sweep(branches, 0, 1, 70_000).summary()
        assert summary.engine == "eager"
        assert summary.engine_reason != "asked for"
        assert f"engine    eager ({summary.engine_reason}), " in str(summary)
        for engine in ("cc", "numpy"):
            with pytest.raises(ValueError, match=f"engine '{engine}' can't do this sweep: "):
                gradcu.sweep(branches, 0, 1, 100, engine=engine)

    def test_what_has_no_c_runs_on_numpy(self, compiler: Compiler, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fused, "WORTH_COMPILING", 100)
        summary = gradcu.sweep(gradcu.sin, 0, 1, 100, dtype="float16").summary()
        assert (summary.engine, summary.engine_reason) == (
            "numpy", "kernels are made of float32 or float64, not of float16",
        )  # fmt: skip
        with pytest.raises(ValueError, match="engine 'cc' can't do this sweep: kernels are made of float32 or float64"):
            gradcu.sweep(gradcu.sin, 0, 1, 100, dtype="float16", engine="cc")

    def test_a_function_that_is_not_elementwise_is_refused(self, compiler: Compiler):
        with pytest.raises(ValueError, match="not elementwise"):
            gradcu.sweep(lambda x: x / x.sum(), 0, 1, 100, engine="cc")

    def test_few_points_stay_on_the_callers_thread(self, compiler: Compiler):
        assert gradcu.sweep(gradcu.sin, 0, 1, 100_000, engine="cc").summary().threads == 1
