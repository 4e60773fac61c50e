"""The functions of kernels/vector_math.h: right for every argument, the same in every place and by every compiler."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import gradcu
from benchmarks import minimax
from gradcu.fuse import compiler as compilers
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.kernel import kernel_of
from gradcu.fuse.loops import tile_statements
from gradcu.fuse.source import TILE, kernel_source
from gradcu.fuse.trace import program
from tests.accuracy import PRECISION, units_between

DTYPES = ["float32", "float64"]
NAMES = ["exp", "tanh", "sin", "cos"]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 2.0**-126, 88.7, 89.0, -87.4, -103.9, -104.1, 9.0]
FAR = {"float32": [1e5, 1.5e5, 1e10, 3.3e38], "float64": [1e5, 1e10, 1e22, 1e300, 1.7e308]}


@pytest.fixture(scope="module")
def fused(compiler: Compiler) -> Compiler:
    """The compiler, where it has fused multiplications and additions."""
    if not compiler.has_fma:
        pytest.skip("the processor has no fused multiplication and addition, and these functions are not used")
    return compiler


def values(name: str, x: np.ndarray, compiler: Compiler) -> np.ndarray:
    """The function at the points."""
    row = np.empty_like(x)
    kernel_of(program(getattr(gradcu, name), x.dtype, 0), compiler).at(x, [row])
    return row


def bits(row: np.ndarray) -> np.ndarray:
    return row.view(f"u{row.itemsize}")


@pytest.mark.parametrize("kind", minimax.KINDS, ids=lambda kind: kind.name)
def test_the_headers_are_what_is_computed(kind: minimax.Kind):
    assert minimax.file_of(kind).read_text(encoding="utf-8") == minimax.text(kind)


@pytest.mark.parametrize("name", NAMES)
def test_every_two_thousandth_float(fused: Compiler, name: str):
    # An odd step meets numbers that end in any bits.
    x = np.arange(0, 1 << 32, 2003, dtype=np.uint64).astype(np.uint32).view(np.float32)
    found = values(name, x, fused)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(found[~finite], rounded[~finite])
    units = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite]))
    assert units.max() <= 2, x[finite][units.argmax()]


@pytest.mark.parametrize("name", NAMES)
def test_doubles(fused: Compiler, rng: np.random.Generator, name: str):
    turns = np.arange(1, 400) * (np.pi / 2)
    x = np.concatenate(
        (
            np.linspace(-30, 30, 999), rng.uniform(-746, 711, 500), np.nextafter(turns, 0), turns, -turns * 2.0**20,
            rng.choice([-1, 1], 600) * 2.0 ** rng.uniform(-40, 40, 600), FAR["float64"],
        )
    )  # fmt: skip
    found = values(name, x, fused)
    function = getattr(mpmath, name)
    with mpmath.workprec(PRECISION + 1100):
        exact = list(map(function, x.tolist()))
        units = [units_between(*pair, "float64") for pair in zip(found.tolist(), exact, strict=True)]
    assert max(units) <= 2, x[int(np.argmax(units))]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers_are_numpys(fused: Compiler, name: str, dtype: str):
    with np.errstate(all="ignore"):
        x = np.array([*SPECIAL, *np.negative(SPECIAL), 709.7, 710.0, -745.1, -746.5, 1e300, -1e300]).astype(dtype)
        expected = getattr(np, name)(x.astype(np.longdouble)).astype(dtype)
    found = values(name, x, fused)
    special = ~np.isfinite(expected) | (expected == 0)
    np.testing.assert_array_equal(found[special], expected[special])
    kept = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[kept]), np.signbit(expected[kept]))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_of_any_size(fused: Compiler, name: str, dtype: str):
    limit = np.asarray(2.0 ** minimax.KINDS[DTYPES.index(dtype)].farthest, dtype)
    around = [limit, np.nextafter(limit, np.inf, dtype=dtype), np.nextafter(limit, 0, dtype=dtype)]
    x = np.array([sign * angle for sign in (1, -1) for angle in (*FAR[dtype], *around)], dtype)
    found = values(name, x, fused)
    with mpmath.workprec(PRECISION + 1100):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(angle))) for angle in x]
        assert max(units_between(*pair, dtype) for pair in zip(found.tolist(), exact, strict=True)) <= 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_place_in_a_tile_and_its_neighbours_do_not_count(
    fused: Compiler, rng: np.random.Generator, name: str, dtype: str
):
    x = rng.uniform(-9, 9, TILE).astype(dtype)
    alone = values(name, x, fused)
    for shift in (1, 7, 300):
        np.testing.assert_array_equal(bits(values(name, np.roll(x, shift), fused)), bits(np.roll(alone, shift)))
    for neighbour in (*FAR[dtype], np.nan, np.inf, -1e30):
        among = x.copy()
        among[5::16] = neighbour
        found = values(name, among, fused)
        kept = np.arange(TILE) % 16 != 5
        np.testing.assert_array_equal(bits(found)[kept], bits(alone)[kept])
        # An angle that is alone in its tile, and one of many.
        if not np.isnan(neighbour):
            (one,) = values(name, np.array([neighbour], dtype), fused)
            np.testing.assert_array_equal(found[~kept], one)


def others() -> dict[str, Callable[[], Compiler]]:
    """What may build kernels besides the first compiler of the PATH."""
    found: dict[str, Callable[[], Compiler]] = {}
    for name in ("gcc", "clang"):
        if shutil.which(name):
            found[name] = lambda name=name: Compiler([name])
    if importlib.util.find_spec("ziglang"):
        found["zig"] = lambda: Compiler([sys.executable, "-m", "ziglang", "cc"])
    return found


def test_compilers_agree_to_the_bit(fused: Compiler, rng: np.random.Generator):
    made = [make() for make in others().values()]
    if {compiler.is_clang for compiler in made} != {False, True}:
        pytest.skip("gcc and one of clang and ziglang are not both here")
    for dtype in DTYPES:
        sizes = rng.bytes(40_000 * np.dtype(dtype).itemsize)
        x = np.concatenate((np.frombuffer(sizes, dtype), np.linspace(-12, 12, 40_000).astype(dtype)))
        # Angles that are the C library's are left out.
        x = x[~(np.abs(x) > 2.0**17)]
        for name in NAMES:
            rows = [values(name, x, compiler) for compiler in made]
            for row in rows[1:]:
                np.testing.assert_array_equal(row, rows[0])


def test_they_are_vectorised_without_a_vector_library(fused: Compiler, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compilers, "_has_vector_library", lambda: False)
    without = Compiler(fused.command)
    assert not without.vector_math
    x = np.linspace(-5, 5, 3001)
    for name in NAMES:
        np.testing.assert_array_equal(values(name, x, without), values(name, x, fused))


def test_without_fused_operations_the_platforms_are_taken(compiler: Compiler):
    if "#define __x86_64__ 1" not in compiler.macros:
        pytest.skip("other processors can't be told to do without")
    without = Compiler([*compiler.command, "-mno-fma", "-mno-avx512f"])
    assert not without.has_fma
    made = program(lambda x: gradcu.sin(x) + gradcu.exp(x) * gradcu.tanh(x), np.dtype("float64"), 0)
    assert "gradcu_sines_and_cosines" not in kernel_source(made, without)
    assert tile_statements(made, own_functions=True) != tile_statements(made, own_functions=False)
    x, row = np.linspace(-5, 5, 3001), np.empty(3001)
    kernel_of(made, without).at(x, [row])
    np.testing.assert_allclose(row, np.sin(x) + np.exp(x) * np.tanh(x), rtol=2e-15, atol=2e-15)
