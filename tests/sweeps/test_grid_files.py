"""Files, resumption and reductions of sweeps over grids, points and params."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps.zarrs import _chunks, _whole_rows

GRID = {"u": (-1, 2, 37), "v": (0, 3, 29)}
KINDS: dict[str, dict[str, Any]] = {
    "grid": {"grid": GRID},
    "grid of given points": {"grid": {"u": np.array([3.0, 1.0, 2.0]), "v": (0, 3, 301)}},
    "scattered": {"points": {"u": np.linspace(0, 1, 500), "v": np.linspace(3, 1, 500)}},
    "params": {"start": 0, "stop": 5, "num": 330, "params": {"v": [0.5, 2, 7]}},
    "params of a grid": {"grid": {"u": (0, 1, 13), "w": (0, 1, 17)}, "params": {"v": [0.5, 2, 7]}},
    "one variable of a name": {"grid": {"u": (0, 1, 500)}, "params": {"v": [1]}},
    "points": {"points": np.linspace(0, 1, 500), "params": {"v": [2]}},
}
needs_zarr = pytest.mark.skipif(importlib.util.find_spec("zarr") is None, reason="needs zarr")
SUFFIXES = [".npz", ".npy", pytest.param(".zarr", marks=needs_zarr)]


def waves(u: Tensor, v: Tensor, w: Any = 1) -> Tensor:
    return gradcu.sin(u * v) + u * u * w


def of_kind(kind: str) -> Any:
    return waves if kind != "params of a grid" else lambda u, w, v: waves(u, v, w)


def arrays(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    if path.suffix == ".zarr":
        import zarr

        group: Any = zarr.open_group(path, mode="r")
        return {name: group[name][:] for name in names}
    saved = np.load(path)
    return {name: saved[name] for name in names}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_the_axes_and_the_rows(tmp_path: Path, kind: str, suffix: str):
    path = tmp_path / f"out{suffix}"
    kept = gradcu.sweep(of_kind(kind), **KINDS[kind], order=2)
    stored = gradcu.sweep(of_kind(kind), **KINDS[kind], order=2, out=path, chunk=64)
    summary = kept.summary()
    names = list(summary.axes)
    saved = arrays(path, [*names, *(row.name for row in summary.rows)])
    for row, partial in zip(summary.rows, kept.partials, strict=True):
        np.testing.assert_array_equal(saved[row.name], kept.partial(*partial).numpy())
        np.testing.assert_array_equal(stored.partial(*partial).numpy(), kept.partial(*partial).numpy())
    for name in names:
        values = kept.axis(name).numpy()
        if suffix == ".npy":
            domain = kept._run.domain
            axis = next(number for number, axis in enumerate(domain.axes) if name in axis.names)
            shape = [1] * len(domain.shape)
            shape[axis] = -1
            values = np.broadcast_to(values.reshape(shape), domain.shape)
        np.testing.assert_array_equal(saved[name], values)
    assert stored.summary().as_dict()["rows"] == summary.as_dict()["rows"]
    if suffix != ".zarr":
        for number, result in enumerate((kept, stored)):
            again = tmp_path / f"again{number}{suffix}"
            result.save(again)
            assert again.read_bytes() == path.read_bytes()
    assert not [name for name in os.listdir(tmp_path) if name.endswith((".part", ".tmp"))]


class Stops:
    """Computes a number of blocks, and then is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
        from gradcu.sweeps import blockwise, engine

        evaluate, left = blockwise.BlocksEngine.evaluate, iter(range(blocks))

        def stopping(self: Any, *arguments: Any) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return evaluate(self, *arguments)

        self.patch = monkeypatch
        monkeypatch.setattr(engine, "_cpu_count", lambda: 1)
        monkeypatch.setattr(blockwise.BlocksEngine, "evaluate", stopping)


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
@pytest.mark.parametrize("kind", ["grid", "scattered", "params", "params of a grid"])
def test_a_stopped_sweep_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str):
    path = tmp_path / f"out{suffix}"
    arguments: dict[str, Any] = KINDS[kind] | {"order": 2, "engine": "numpy", "chunk": 29}
    whole = gradcu.sweep(of_kind(kind), **arguments)
    with monkeypatch.context() as patch:
        Stops(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            gradcu.sweep(of_kind(kind), **arguments, out=path)
    assert not path.exists()
    result = gradcu.sweep(of_kind(kind), **arguments, out=path, resume=True)
    for partial in whole.partials:
        np.testing.assert_array_equal(result.partial(*partial).numpy(), whole.partial(*partial).numpy())
    assert result.summary().as_dict()["rows"] == whole.summary().as_dict()["rows"]
    assert gradcu.sweep(of_kind(kind), **arguments, out=path, resume=True).summary().points_per_second == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"grid": GRID | {"v": (0, 3, 30)}}, r"points of v is {.*'num': 30} and was {.*'num': 29}"),
        ({"grid": {"u": (-1, 2, 37), "v": np.linspace(0, 3, 29)}}, "points of v is {'num': 29, 'digest'"),
        ({"grid": GRID, "order": 2}, "order is 2 and was 1"),
        ({"grid": {"v": (0, 3, 29), "u": (-1, 2, 37)}}, r"variables is \['v', 'u'\] and was \['u', 'v'\]"),
    ],
)
def test_another_grid_is_refused(tmp_path: Path, other: dict[str, Any], message: str):
    gradcu.sweep(waves, grid=GRID, out=tmp_path / "a.npy")
    with pytest.raises(ValueError, match=message):
        gradcu.sweep(waves, **other, out=tmp_path / "a.npy", resume=True)


@pytest.mark.parametrize(
    ("shape", "wanted", "length", "chunks"),
    [
        ((1000,), 300, 300, (300,)),
        ((40, 50), 1000, 1000, (20, 50)),
        ((40, 50), 1019, 1000, (20, 50)),
        ((40, 50), 10**6, 2000, (40, 50)),
        ((3, 1000), 300, 250, (1, 250)),
        ((1, 1000), 300, 300, (1, 300)),
        ((4, 6, 100), 350, 300, (1, 3, 100)),
        ((4, 6, 100), 70, 50, (1, 1, 50)),
        ((2, 1), 1, 1, (1, 1)),
    ],
)
def test_chunks_are_whole_rows(shape: tuple[int, ...], wanted: int, length: int, chunks: tuple[int, ...]):
    assert _whole_rows(shape, wanted) == length
    assert _chunks(shape, length) == chunks


def test_an_axis_that_has_no_parts_is_named():
    with pytest.raises(ValueError, match=r"1000003 has no divisor from 1024 to 65536; take another number of points"):
        _whole_rows((3, 1_000_003), 1 << 16)


@pytest.mark.parametrize("engine", ["numpy", "eager"])
def test_reductions_of_a_grid(engine: str):
    def f(u: Any, v: Any) -> Any:
        return u * u * gradcu.exp(v)

    grid = {"u": (0, 2, 401), "v": (-1, 1, 301)}
    reduce = ("min", "max", "argmin", "argmax", "mean", "integral", "histogram")
    found = gradcu.sweep(f, grid=grid, dtype="float64", reduce=reduce, engine=engine, order=2)
    kept = gradcu.sweep(f, grid=grid, dtype="float64", engine=engine, order=2)
    u, v = kept.axis("u").numpy(), kept.axis("v").numpy()
    for partial in kept.partials:
        values, row = kept.partial(*partial).numpy(), found.partial(*partial)
        assert (row.min, row.max) == (values.min(), values.max())
        i, j = np.unravel_index(int(values.argmax()), values.shape)
        assert row.argmax == values.argmax()
        assert row.argmax_x == {"u": u[i], "v": v[j]}
        assert row.mean == pytest.approx(values.mean(), rel=1e-14)
        assert row.integral == pytest.approx(np.trapezoid(np.trapezoid(values, v, axis=1), u), rel=1e-12)
        assert row.histogram.counts.sum() == values.size
    assert found.y.integral == pytest.approx(8 / 3 * (np.e - 1 / np.e), rel=1e-4)
    table = str(found.summary())
    assert "at u" in table
    assert "d_u_v" in table
    assert repr(found).endswith("401 x 301 points: u from 0 to 2, v from -1 to 1, order 2, float64>")


def test_blocks_do_not_change_a_grids_integral():
    found = {
        gradcu.sweep(waves, grid=GRID, reduce="integral", chunk=chunk, engine="numpy").y.integral
        for chunk in (1, 600, 5000)
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("arguments", "reduce", "message"),
    [
        ({"grid": GRID}, "sign_changes", "sign_changes are of points in a row"),
        ({"points": [1, 3, 2]}, "sign_changes", "sign_changes are of points in a row"),
        ({"points": [1, 3, 2]}, "integral", "integral is of evenly spaced points, and x are given"),
        ({"start": 0, "stop": 1, "num": 5, "params": {"v": [1]}}, "max", "reduce takes no params"),
    ],
)
def test_what_cannot_be_reduced_is_named(arguments: dict[str, Any], reduce: str, message: str):
    with pytest.raises(ValueError, match=message):
        gradcu.sweep(lambda *values: values[0], **arguments, reduce=reduce)
