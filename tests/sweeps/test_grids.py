"""Sweeps of several variables, on given points, and with params: values, partials, engines, blocks, errors."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.compiler import CompilerError, find_compiler
from gradcu.sweeps import engine as engines
from gradcu.sweeps.result import SweepResult

from .test_sweep import FUNCTIONS as OF_ONE

ENGINES = ["eager", "numpy", "cc"]
GRID = {"u": (-1.5, 2, 7), "v": (0.25, 3, 5)}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "cc":
        try:
            find_compiler()
        except CompilerError:
            pytest.skip("there is no C compiler")
    return request.param


def waves(u: Any, v: Any) -> Any:
    return gradcu.exp(-u * u / 2) * gradcu.sin(3 * v) + u * v**3


def waves_exactly(u: Any, v: Any) -> Any:
    return mpmath.exp(-u * u / 2) * mpmath.sin(3 * v) + u * v**3


def ratio(u: Any, v: Any) -> Any:
    return gradcu.log(v) / (1 + u * u) + gradcu.sqrt(v + u * u)


def ratio_exactly(u: Any, v: Any) -> Any:
    return mpmath.log(v) / (1 + u * u) + mpmath.sqrt(v + u * u)


def counts(partial: tuple[str, ...]) -> tuple[int, int]:
    return partial.count("u"), partial.count("v")


def assert_same_bits(found: SweepResult, expected: SweepResult) -> None:
    assert found.partials == expected.partials
    for partial in expected.partials:
        a, b = found.partial(*partial).numpy(), expected.partial(*partial).numpy()
        np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}"))


@pytest.mark.parametrize("order", [0, 1, 2, 4])
@pytest.mark.parametrize(("f", "reference"), [(waves, waves_exactly), (ratio, ratio_exactly)])
def test_partials_agree_with_mpmath(engine: str, f: Callable[..., Any], reference: Callable[..., Any], order: int):
    result = gradcu.sweep(f, grid=GRID, order=order, dtype="float64", engine=engine)
    assert len(result.partials) == (order + 1) * (order + 2) // 2
    mpmath.mp.dps = 40
    for partial in result.partials:
        found = result.partial(*partial)
        assert found.shape == (7, 5)
        for i, u in enumerate(result.axis("u").tolist()):
            j = i % 5
            expected = mpmath.diff(reference, (mpmath.mpf(u), mpmath.mpf(result.axis("v")[j].item())), counts(partial))
            assert found[i, j].item() == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


def test_partials_by_hand(engine: str):
    result = gradcu.sweep(lambda u, v: u**3 * v**2, grid=GRID, order=3, dtype="float64", engine=engine)
    u, v = result.axis("u").numpy()[:, None], result.axis("v").numpy()[None, :]
    by_hand: dict[tuple[str, ...], Any] = {
        (): u**3 * v**2,
        ("u",): 3 * u**2 * v**2,
        ("v",): 2 * u**3 * v,
        ("u", "u"): 6 * u * v**2,
        ("u", "v"): 6 * u**2 * v,
        ("v", "v"): 2 * u**3,
        ("u", "u", "u"): 6 * v**2,
        ("u", "u", "v"): 12 * u * v,
        ("u", "v", "v"): 6 * u**2,
        ("v", "v", "v"): 0 * u,
    }
    assert result.partials == tuple(by_hand)
    for partial, expected in by_hand.items():
        np.testing.assert_allclose(result.partial(*partial).numpy(), np.broadcast_to(expected, (7, 5)), rtol=1e-14)
        assert result.partial(*reversed(partial)) is result.partial(*partial)
    assert result.y is result.partial()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_engines_agree(engine: str, dtype: str):
    grid = {"u": (-1.5, 2, 83), "v": (0.25, 3, 61)}
    for f in (waves, ratio):
        found = gradcu.sweep(f, grid=grid, order=2, dtype=dtype, engine=engine)
        eager = gradcu.sweep(f, grid=grid, order=2, dtype=dtype, engine="eager")
        exact = gradcu.sweep(f, grid={name: eager.axis(name).double().numpy() for name in "uv"}, order=2,
                             dtype="float64", engine="eager")  # fmt: skip
        for partial in found.partials:
            # The terms are of the size of the largest value, and cancel elsewhere.
            scale = np.spacing(np.abs(exact.partial(*partial).numpy()).max().astype(dtype))
            difference = np.abs(found.partial(*partial).numpy() - eager.partial(*partial).numpy())
            assert difference.max() <= 4 * scale
        assert found.summary().engine == engine


def test_variables_that_f_does_not_use(engine: str):
    result = gradcu.sweep(lambda u, v: u * u, grid=GRID, order=2, engine=engine)
    for partial in (("v",), ("u", "v"), ("v", "v")):
        assert (result.partial(*partial).numpy() == 0).all()
        assert result.partial(*partial).dtype == gradcu.float32
    assert (result.partial("u", "u").numpy() == 2).all()


@pytest.mark.parametrize("chunk", [1, 4, 7, 64, 1000])
def test_blocks_do_not_change_a_bit(engine: str, chunk: int):
    grid = {"u": (-1.5, 2, 23), "v": (0.25, 3, 31)}
    whole = gradcu.sweep(waves, grid=grid, order=1 if engine == "eager" else 3, engine=engine)
    parts = gradcu.sweep(waves, grid=grid, order=1 if engine == "eager" else 3, engine=engine, chunk=chunk)
    if engine == "eager":
        # NumPy may round the elements behind the last whole vector otherwise.
        for partial in whole.partials:
            np.testing.assert_allclose(
                parts.partial(*partial).numpy(), whole.partial(*partial).numpy(), rtol=1e-5, atol=1e-6
            )
    else:
        assert_same_bits(parts, whole)
        assert parts.summary().as_dict()["rows"] == whole.summary().as_dict()["rows"]


@pytest.mark.parametrize("engine", ["numpy", "cc"], indirect=True)
def test_a_points_bits_depend_on_its_coordinates_alone(engine: str, rng: np.random.Generator):
    result = gradcu.sweep(waves, grid={"u": (-1.5, 2, 37), "v": (0.25, 3, 41)}, order=2, engine=engine)
    u, v = result.axis("u").numpy(), result.axis("v").numpy()
    every = [column.ravel() for column in np.meshgrid(u, v, indexing="ij")]
    order = rng.permutation(every[0].size)
    scattered = gradcu.sweep(waves, points={"u": every[0][order], "v": every[1][order]}, order=2, engine=engine)
    part = gradcu.sweep(waves, grid={"u": u[3:20], "v": v[::-1]}, order=2, engine=engine)
    for partial in result.partials:
        expected = result.partial(*partial).numpy()
        np.testing.assert_array_equal(scattered.partial(*partial).numpy(), expected.ravel()[order])
        np.testing.assert_array_equal(part.partial(*partial).numpy(), expected[3:20, ::-1])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_a_bit(engine: str, monkeypatch: pytest.MonkeyPatch, threads: int):
    monkeypatch.setattr(engines, "_cpu_count", lambda: threads)
    grid = {"u": (-1.5, 2, 64), "v": (0.25, 3, 128)}
    whole = gradcu.sweep(waves, grid=grid, order=2, engine=engine)
    parts = gradcu.sweep(waves, grid=grid, order=2, engine=engine, chunk=1024)
    assert parts.summary().threads == (min(threads, 8))
    assert_same_bits(parts, whole)


def test_points_in_any_order(engine: str, rng: np.random.Generator):
    points = rng.uniform(-2, 3, 301)
    for name, (f, _) in OF_ONE.items():
        result = gradcu.sweep(f, points=points, order=2, dtype="float64", engine=engine)
        line = gradcu.sweep(f, points=np.sort(points), order=2, dtype="float64", engine=engine)
        np.testing.assert_array_equal(result.x.numpy(), points)
        for k in range(3):
            np.testing.assert_allclose(
                result.derivative(k).numpy()[np.argsort(points)], line.derivative(k).numpy(), rtol=1e-12, err_msg=name
            )
        assert line.summary().sign_change_count is not None
        assert result.summary().sign_change_count is None


def test_points_of_a_linspace_are_the_linspace(engine: str):
    line = gradcu.sweep(OF_ONE["polynomial"][0], -2, 3, 1001, order=2, engine=engine)
    points = gradcu.sweep(OF_ONE["polynomial"][0], points=line.x, order=2, engine=engine)
    assert_same_bits(points, line)
    found, expected = points.summary(), line.summary()
    assert [change.x for change in found.sign_changes] == [change.x for change in expected.sign_changes]
    assert [row.minimum_at for row in found.rows] == [row.minimum_at for row in expected.rows]


def test_nan_and_infinity_are_points(engine: str):
    result = gradcu.sweep(gradcu.exp, points=[0.0, np.nan, -np.inf, np.inf], engine=engine)
    np.testing.assert_array_equal(result.y.numpy(), [1, np.nan, 0, np.inf])
    assert (result.summary().rows[0].nan, result.summary().rows[0].infinite) == (1, 1)


def test_params_are_rows_of_one_sweep(engine: str):
    def f(x: Tensor, a: Any, b: Any) -> Tensor:
        return a * gradcu.sin(b * x)

    a, b = [1.0, 2.0, -0.5], [3.0, 1.0, 2.0]
    either: list[dict[str, Any]] = [{"start": -2, "stop": 3, "num": 101}, {"points": [3.0, 1.0, 2.0]}]
    for points in either:
        result = gradcu.sweep(f, **points, params={"a": a, "b": b}, order=3, dtype="float64", engine=engine)
        assert result.y.shape == (3, *result.x.shape)
        assert result.axis("b").tolist() == b
        assert result.summary().sign_change_count is None
        for row, (one, other) in enumerate(zip(a, b, strict=True)):
            alone = gradcu.sweep(
                lambda x, p=one, q=other: f(x, p, q), **points, order=3, dtype="float64", engine=engine
            )
            for k in range(4):
                np.testing.assert_allclose(
                    result.derivative(k)[row].numpy(), alone.derivative(k).numpy(), rtol=1e-13, atol=1e-13
                )


def test_params_of_a_grid(engine: str):
    result = gradcu.sweep(lambda u, v, a: a * u * v, grid=GRID, params={"a": [1, 10]}, engine=engine)
    assert result.y.shape == (2, 7, 5)
    np.testing.assert_array_equal(result.partial("u")[1].numpy(), 10 * result.partial("u")[0].numpy())
    with pytest.raises(ValueError, match=r"there is no variable 'a'.*'a' is a param, by which f is not differentiated"):
        result.partial("a")


def test_a_function_that_looks_at_values(engine: str):
    def branches(u: Tensor, v: Tensor) -> Tensor:
        return u * v if float(u.detach()[0]) < 1e9 else u

    if engine == "eager":
        result = gradcu.sweep(branches, grid=GRID, order=2)
        assert result.summary().engine == "eager"
        assert (result.partial("u", "v").numpy() == 1).all()
    else:
        with pytest.raises(ValueError, match=f"engine '{engine}' can't do this sweep"):
            gradcu.sweep(branches, grid=GRID, engine=engine)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda u, v: u - v.mean(), "not elementwise: its value at a point depends on other points; it uses mean"),
        (lambda u, v: u * v.flip(0), "not elementwise: its value at a point depends on .*; it uses flip"),
        (lambda u, v: u.sum(), r"for u and v of shape \(61,\) it returned shape \(\)"),
        (lambda u, v: gradcu.outer(u, v), r"for u and v of shape \(61,\) it returned shape \(61, 61\)"),
        (
            lambda u, v: u * gradcu.linspace(0, 1, len(v)),
            "not elementwise: its value at a point depends on the point's",
        ),
    ],
)
def test_mixing_the_points_is_found_out(f: Any, message: str):
    with pytest.raises(ValueError, match=message):
        gradcu.sweep(f, grid=GRID)


def test_what_is_not_there_is_named():
    result = gradcu.sweep(waves, grid=GRID, order=1)
    for call, message in (
        (lambda: result.partial("w"), "there is no variable 'w'; this sweep has u and v"),
        (lambda: result.partial("u", "v"), r"partial\('u', 'v'\) is beyond the order of this sweep, 1"),
        (lambda: result.axis("x"), "there is no 'x'; this sweep has u and v"),
        (lambda: result.x, r"x is for sweeps of one variable, and this has u and v; use axis\('u'\)"),
        (lambda: result.derivative(1), r"derivative is for sweeps of one variable, and this has u and v; use partial"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    one = gradcu.sweep(gradcu.sin, grid={"t": (0, 1, 3)}, order=2)
    assert one.derivative(2) is one.partial("t", "t")
    assert one.x is one.axis("t")


def test_too_many_points_are_refused_before_anything_is_computed():
    def never(u: Tensor, v: Tensor) -> Tensor:
        raise AssertionError

    with pytest.raises(MemoryError, match=r"1e\+16 .*of memory for 6 result arrays"):
        gradcu.sweep(never, grid={"u": (0, 1, 1e8), "v": (0, 1, 1e8)}, order=2)


def test_equal_neighbours_on_an_axis_give_a_warning():
    with pytest.warns(UserWarning, match="neighbouring points of v are equal in float32"):
        gradcu.sweep(waves, grid={"u": (0, 1, 3), "v": (1, 1 + 1e-6, 100)})


def test_the_summary_has_places_and_axes():
    result = gradcu.sweep(
        lambda u, v: (u - 1) ** 2 + (v + 2) ** 2, grid={"u": (-2, 2, 5), "v": np.array([-2.0, 0, 7])}, dtype="float64"
    )
    summary = result.summary()
    assert summary.rows[0].minimum_at == {"u": 1, "v": -2}
    assert summary.rows[0].maximum_at == {"u": -2, "v": 7}
    assert summary.axes == {
        "u": {"start": -2, "stop": 2, "num": 5, "step": 1},
        "v": {"num": 3, "minimum": -2, "maximum": 7},
    }
    assert (summary.num, summary.shape, summary.step, summary.sign_change_count) == (15, (5, 3), None, None)
    figures = summary.as_dict()
    assert figures["shape"] == [5, 3]
    assert figures["rows"]["d_u"]["minimum_at"] == {"u": -2, "v": -2}
    table = str(summary)
    for part in (
        "points    5 x 3, float64",
        "u         5 from -2 to 2, step 1",
        "v         3 given, from -2 to 7",
        "at v",
    ):
        assert part in table, part
    assert len({len(line) for line in table.split("\n\n")[1].split("\n")}) == 1
    assert (
        repr(result) == "<sweep of " + summary.function + ": 5 x 3 points: u from -2 to 2, v given, order 1, float64>"
    )
