"""Sweeps that Dask computes over grids, on given points and with params: cuts, bits and figures, names, refusals."""

import itertools
import math
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import dask.config
import numpy as np
import pytest
from dask.base import compute
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.sweeps import recipe
from gradcu.sweeps.cut import Cut
from gradcu.sweeps.grid import GivenAxis

from .test_dask_sweep import assert_same, assert_same_figures

GRID = {"u": (-1.5, 2, 7), "v": (0.25, 3, 5)}


@pytest.fixture(autouse=True)
def on_this_thread() -> Iterator[None]:
    """Sweeps on clusters and thread pools are in the tests of one variable."""
    with dask.config.set(scheduler="synchronous"):
        yield


def waves(u: Tensor, v: Tensor) -> Tensor:
    return gradcu.exp(-u * u / 2) * gradcu.sin(3 * v) + u * v**3


SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)


@given(shape=SHAPES, wanted=st.integers(1, 400))
def test_blocks_are_the_chunks_of_an_array_in_its_order(shape: tuple[int, ...], wanted: int):
    cut = Cut(shape, wanted)
    assert [sum(lengths) for lengths in cut.chunks] == list(shape)
    points = np.arange(math.prod(shape)).reshape(shape)
    edges = [list(itertools.pairwise(itertools.accumulate(lengths, initial=0))) for lengths in cut.chunks]
    chunks = [points[tuple(slice(*edge) for edge in box)] for box in itertools.product(*edges)]
    assert cut.count == len(chunks)
    for number, chunk in enumerate(chunks):
        first, count = cut.span(number)
        assert chunk.reshape(-1).tolist() == list(range(first, first + count))
        assert chunk.shape == cut.shape(number)
    assert max(chunk.size for chunk in chunks) == cut.size <= wanted
    # One more row, or all of one more axis, would be too much.
    assert 2 * cut.size > min(wanted, points.size)
    assert Cut(shape, wanted + 1).count <= cut.count


@settings(max_examples=30, deadline=None)
@given(
    nums=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    params=st.integers(0, 4),
    chunk=st.one_of(st.none(), st.integers(1, 200)),
    order=st.integers(0, 2),
    engine=st.sampled_from(["numpy", "eager"]),
)
def test_chunks_of_any_size_give_what_a_local_sweep_gives(
    nums: tuple[int, int], params: int, chunk: int | None, order: int, engine: str
):
    def f(u: Tensor, v: Tensor, a: Any = 1) -> Tensor:
        return waves(u, v) * a

    grid = {name: (0.25, 3, num) if num > 1 else np.array([0.5]) for name, num in zip("uv", nums, strict=True)}
    arguments = {"grid": grid, "order": order, "engine": engine, "params": {"a": np.arange(params)} if params else None}
    lazy = gradcu.sweep(f, **arguments, distributed="dask", chunk=chunk)
    local = gradcu.sweep(f, **arguments)
    assert_same(lazy, local)
    whole = lazy.compute()
    assert whole.y.shape == local.y.shape
    assert_same_figures(whole.summary(), local)


@pytest.mark.parametrize(
    "points",
    [
        {"points": [3.0, 1.0, math.nan, 2.0, -1.0]},
        {"points": np.arange(1, 9) ** 2},
        {"points": [1.0, 2.0, 4.0], "params": {"a": [2.0, 3.0], "b": [0.5, 0.0]}},
        {"start": 0, "stop": 2, "num": 17, "params": {"a": [3.0, -1.0, 2.0]}},
    ],
)
def test_points_and_params(points: dict[str, Any]):
    def f(x: Tensor, a: Any = 1, b: Any = 0) -> Tensor:
        return gradcu.sin(a * x) + b * x

    for engine in ("numpy", "eager"):
        lazy = gradcu.sweep(f, **points, order=2, engine=engine, distributed="dask", chunk=2)
        local = gradcu.sweep(f, **points, order=2, engine=engine)
        assert_same(lazy, local)
        assert lazy.x.compute().tobytes() == local.x.numpy().tobytes()
        assert lazy.derivative(2).compute().tobytes() == local.derivative(2).numpy().tobytes()


def test_scattered_points_of_several_variables():
    points = {"u": [0.0, 2.0, 1.0, -1.0], "v": [1.0, 1.0, 3.0, 2.0]}
    assert_same(gradcu.sweep(waves, points=points, order=2, distributed="dask", chunk=3),
                gradcu.sweep(waves, points=points, order=2))  # fmt: skip


def test_partials_of_a_monomial():
    lazy = gradcu.sweep(lambda u, v: u**3 * v**2, grid=GRID, order=3, dtype="float64", distributed="dask", chunk=10)
    u, v = lazy.axis("u")[:, None], lazy.axis("v")
    by_hand: dict[tuple[str, ...], Any] = {
        (): u**3 * v**2,
        ("u",): 3 * u**2 * v**2,
        ("v", "v"): 2 * u**3,
        ("v", "u", "u"): 12 * u * v,
        ("v", "v", "v"): 0 * u,
    }
    for partial, expected in by_hand.items():
        row = lazy.partial(*partial)
        # What is combined with the values along the axes needs no other chunks.
        assert (row - expected).chunks == row.chunks == ((2, 2, 2, 1), (5,))
        assert abs(row - expected).max().compute() <= 1e-13


def test_a_part_of_a_grid_is_computed_alone(monkeypatch: pytest.MonkeyPatch):
    firsts: list[int] = []
    evaluated = recipe.evaluated

    def counted(engine: Any, first: int, *others: Any) -> Any:
        firsts.append(first)
        return evaluated(engine, first, *others)

    monkeypatch.setattr(recipe, "evaluated", counted)
    grid = {"u": (0, 1, 1000), "v": (0, 1, 10)}
    lazy = gradcu.sweep(waves, grid=grid, distributed="dask", chunk=100)
    compute(lazy.y[37, 2:], lazy.partial("u")[30:40, 0])
    assert firsts == [300]
    firsts.clear()
    compute(lazy.axis("u"), lazy.axis("v"))
    assert not firsts
    compute(lazy.y, lazy.partial("v").mean(axis=0))
    assert sorted(firsts) == list(range(0, 10_000, 100))


def test_grids_have_a_bounded_number_of_tasks():
    grid = {"u": (0, 1, 100_000), "v": (0, 1, 3_000_000)}
    lazy = gradcu.sweep(waves, grid=grid, dtype="float64", distributed="dask")
    assert lazy.y.shape == (100_000, 3_000_000)
    assert lazy.y.npartitions <= 1 << 16
    assert lazy.y[-1, -1].compute() == pytest.approx(math.exp(-0.5) * math.sin(3) + 1, rel=1e-15)
    with pytest.raises(ValueError, match=r"chunk = 3,000,000 makes 100,000 blocks .*; take a chunk of [0-9,]+ or more"):
        gradcu.sweep(waves, grid=grid, distributed="dask", chunk=3_000_000)
    with pytest.raises(MemoryError, match=r"num = 3e\+11 needs 7.2 TB of memory for 3 result arrays"):
        lazy.compute()


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_of_a_function_that_cuts_off_its_result_only_the_caller_is_warned(engine: str):
    with pytest.warns(UserWarning, match="cuts its result off from u and v") as caught:
        lazy = gradcu.sweep(lambda u, v: u.detach() + v.detach() ** 2, grid=GRID, engine=engine, distributed="dask")
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not lazy.partial("u").any().compute()


def test_given_points_cannot_be_written_in_another_process_either():
    axis = pickle.loads(pickle.dumps(GivenAxis({"x": [1.0, 2.0]}, np.dtype("float64"), {"x": "points"})))
    with pytest.raises(ValueError, match="read-only"):
        axis.block(0, 2)[0] += 1
    assert axis.block(0, 2).tolist() == [[1, 2]]


def test_names_are_refused_as_in_a_local_sweep():
    def f(u: Tensor, v: Tensor, a: Tensor) -> Tensor:
        return u * v * a

    arguments = {"grid": GRID, "params": {"a": [1.0, 2.0]}}
    for sweep in (gradcu.sweep(f, **arguments), gradcu.sweep(f, **arguments, distributed="dask")):
        with pytest.raises(ValueError, match=r"x is for sweeps of one variable, and this has u and v; use axis\('u'\)"):
            _ = sweep.x
        with pytest.raises(ValueError, match=r"derivative is for sweeps of one variable, .* use partial\('u'\)"):
            sweep.derivative(1)
        with pytest.raises(ValueError, match=r"there is no variable 'a'; .*'a' is a param"):
            sweep.partial("a")
        with pytest.raises(ValueError, match="there is no 'w'; this sweep has u, v and a"):
            sweep.axis("w")
        with pytest.raises(ValueError, match="beyond the order of this sweep, 1"):
            sweep.partial("u", "v")
