"""Sweeps on CUDA over grids, at given points and with params: one kernel, which makes what is not given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor, cli
from gradcu.fuse.reduction import NumpyReducer
from gradcu.sweeps import cuda_points
from gradcu.sweeps.cuda_launches import Launches
from tests.cpu_cuda.bed import Bed, Counts

SCATTERED = np.random.default_rng(5).uniform(0.5, 3, (2, 20_001))
ASCENDING = np.geomspace(0.5, 3, 20_001)
VALUES = [0.5, 1.0, 2.5]


def ridge(u: Tensor, v: Tensor) -> Tensor:
    return u * u * gradcu.sin(v)


def decay(t: Tensor, rate: Tensor, scale: Tensor) -> Tensor:
    return scale * gradcu.exp(-rate * t)


KINDS: dict[str, tuple[Callable[..., Tensor], dict[str, Any]]] = {
    "grid": (ridge, {"grid": {"u": (-1, 2, 211), "v": (0, 3, 97)}, "order": 2}),
    "a given axis": (ridge, {"grid": {"u": ASCENDING[:150], "v": (0, 3, 97)}, "order": 2, "partials": ["d_u_v"]}),
    "points": (lambda x: gradcu.sin(3 * x) / x, {"points": ASCENDING}),
    "points of two variables": (ridge, {"points": dict(zip("uv", SCATTERED, strict=True)), "order": 2}),
    "params": (decay, {"grid": {"t": (0, 4, 7_001)}, "params": {"rate": VALUES, "scale": VALUES[::-1]}, "order": 2}),
    "params and points": (decay, {"points": {"t": ASCENDING}, "params": {"rate": VALUES, "scale": VALUES}}),
    "one point": (ridge, {"grid": {"u": (1, 1, 1), "v": (0.5, 2, 2)}}),
}


def swept(kind: str, device: Any, **options: Any) -> Any:
    f, points = KINDS[kind]
    return gradcu.sweep(f, device=device, **{**points, **options})


def rows_of(result: Any) -> list[np.ndarray]:
    return [result.partial(*partial).cpu().numpy() for partial in result.partials]


def figures_of(result: Any) -> str:
    found = result.summary().as_dict()
    return json.dumps([found["rows"], found.get("sign_changes")])


def bytes_of(result: Any) -> tuple[list[bytes], str]:
    return [row.tobytes() for row in rows_of(result)], figures_of(result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_cpu(place: str, kind: str, dtype: str):
    found, expected = (swept(kind, device, dtype=dtype) for device in (place, "cpu"))
    summary = found.summary()
    assert (summary.engine, summary.device, summary.engine_reason) == ("cuda", place, "NVRTC")
    assert found.partials == expected.partials
    for row, right in zip(rows_of(found), rows_of(expected), strict=True):
        assert row.shape == right.shape
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(row, right, rtol=16 * eps, atol=16 * eps * float(np.abs(right).max()))
    assert str(found.y.device) == place
    for name in summary.axes:
        assert str(found.axis(name).device) == place
        assert found.axis(name).cpu().numpy().tobytes() == expected.axis(name).numpy().tobytes()
    told, right = json.loads(figures_of(found)), json.loads(figures_of(expected))
    assert (told[1] is None) == (right[1] is None)
    if told[1] is not None:
        assert told[1]["count"] == right[1]["count"] == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_partials_are_those_of_the_formula(cuda: str, dtype: str):
    found = swept("grid", cuda, dtype=dtype)
    u, v = (found.axis(name).cpu().numpy().astype(np.float64) for name in "uv")
    u = u[:, None]
    formulas = {
        (): u**2 * np.sin(v), ("u",): 2 * u * np.sin(v), ("v",): u**2 * np.cos(v),
        ("u", "u"): 2 * np.sin(v) + 0 * u, ("u", "v"): 2 * u * np.cos(v), ("v", "v"): -(u**2) * np.sin(v),
    }  # fmt: skip
    for partial, expected in formulas.items():
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(found.partial(*partial).cpu().numpy(), expected, rtol=8 * eps, atol=8 * eps)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_is_what_numpy_finds_in_the_rows(cuda: str, kind: str):
    found = swept(kind, cuda)
    for told, row in zip(found.summary().rows, rows_of(found), strict=True):
        assert (told.minimum, told.maximum, told.nan, told.infinite) == (row.min(), row.max(), 0, 0)
    if kind == "points":
        signs = np.sign(rows_of(found)[1])
        assert found.summary().sign_change_count == (signs[1:] != signs[:-1]).sum() == 2


def test_nan_and_infinity_among_given_points(cuda: str):
    points = np.array([np.nan, 1, np.inf, -1, 0, 4] * 2_000)
    found, expected = (gradcu.sweep(gradcu.log, points=points, device=device) for device in (cuda, "cpu"))
    assert found.summary().engine == "cuda"
    for told, right in zip(found.summary().rows, expected.summary().rows, strict=True):
        assert (told.nan, told.infinite) == (right.nan, right.infinite)
        assert (told.minimum_at, told.maximum_at) == (right.minimum_at, right.maximum_at)
    np.testing.assert_allclose(rows_of(found)[0], rows_of(expected)[0], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_chunks_and_devices(bed: Bed, kind: str, tmp_path: Path):
    expected = bytes_of(swept(kind, "cuda"))
    for chunk in (1_001, 8_192, 9_999):
        assert bytes_of(swept(kind, "cuda:1", chunk=chunk)) == expected
        assert bytes_of(swept(kind, ["cuda:0", "cuda:1"], chunk=chunk)) == expected
        assert bytes_of(swept(kind, "cuda", chunk=chunk, out=tmp_path / "rows.npz")) == expected


def test_a_grid_has_the_bits_of_its_lines(cuda: str):
    """Each row of a sweep with params is a sweep of its own."""
    found = swept("params", cuda)
    for number, (rate, scale) in enumerate(zip(VALUES, VALUES[::-1], strict=True)):
        alone = gradcu.sweep(lambda t, r=rate, s=scale: s * gradcu.exp(-r * t), 0, 4, 7_001, order=2, device=cuda)
        for k in range(3):
            expected = alone.derivative(k).cpu().numpy()
            np.testing.assert_array_equal(found.derivative(k).cpu().numpy()[number], expected)


def counted(bed: Bed, run: Callable[[], Any]) -> Counts:
    """What a second call costs: the first compiles, and fills CuPy's pool."""
    run()
    before = bed.counts
    run()
    return bed.counts - before


POINTS = {"grid": 211 * 97, "points": 20_001, "params": 21_003, "params and points": 60_003}

GIVEN = {"grid": 0, "points": 1, "params": 1, "params and points": 1}
"""The copies to the device for a chunk: all that is given comes in one."""


@pytest.mark.parametrize("kind", POINTS)
def test_a_chunk_that_stays_is_one_launch(bed: Bed, cuda: str, kind: str):
    order = {"grid": 1}.get(kind, 0)
    chunks = -(-POINTS[kind] // 8_192)
    found = counted(bed, lambda: swept(kind, cuda, order=order, chunk=8_192))
    assert (found.launches, found.to_device) == (chunks, GIVEN[kind] * chunks)
    assert (found.to_host, found.synchronisations, found.on_device, found.allocations) == (1, 1, 0, 0)


def test_given_values_come_in_pieces(bed: Bed, cuda: str, monkeypatch: pytest.MonkeyPatch):
    """20,001 points of 4 bytes are halved twice. The host has a piece of them once more, and no more than that."""
    expected = [bytes_of(swept("points", cuda)), figures_of(swept("points", cuda, reduce="mean"))]
    monkeypatch.setattr(cuda_points, "_MOST_GIVEN", 40_000)
    found = counted(bed, lambda: swept("points", cuda))
    assert (found.launches, found.to_device, found.bytes_to_device) == (4, 4, 3 * 20_016 + 20_000)
    assert [bytes_of(swept("points", cuda)), figures_of(swept("points", cuda, reduce="mean"))] == expected


BYTES_GIVEN = {"grid": 0, "points": 4 * 20_001, "params": 3 * 2 * 16}
"""Params come with every chunk, 3 numbers of each, which begin at multiples of 16 bytes."""


@pytest.mark.parametrize("kind", BYTES_GIVEN)
def test_a_chunk_that_leaves_is_one_launch_and_one_copy(bed: Bed, cuda: str, kind: str, tmp_path: Path):
    found = counted(bed, lambda: swept(kind, cuda, order=0, chunk=8_192, out=tmp_path / "rows.npz"))
    assert (found.launches, found.to_host, found.synchronisations, found.on_device) == (3, 3, 3, 0)
    assert found.to_device == 3 * GIVEN[kind]
    assert BYTES_GIVEN[kind] <= found.bytes_to_device <= BYTES_GIVEN[kind] + 3 * 16 or kind == "params"
    # The row, and what is told: 64 bytes of a segment.
    assert 4 * POINTS[kind] < found.bytes_to_host < 4 * POINTS[kind] + 3 * (2 * 64 + 2 * 16)


@pytest.mark.parametrize("kind", ["grid", "points", "params and points"])
def test_every_wait_is_there(bed: Bed, kind: str):
    expected = bytes_of(swept(kind, "cuda"))
    with bed.lazy_streams():
        found = [swept(kind, device, chunk=8_192) for device in ("cuda", ["cuda:0", "cuda:1"])]
        assert [bytes_of(each) for each in found] == [expected, expected]


class Interrupted(BaseException):
    """Ctrl-C, at a moment that a test chooses."""


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
@pytest.mark.parametrize("kind", ["grid", "points", "params and points"])
def test_a_sweep_that_is_gone_on_with_has_the_same_bits(
    bed: Bed, kind: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = bytes_of(swept(kind, "cuda"))
    options: dict[str, Any] = {"out": tmp_path / f"rows.{suffix}", "chunk": 2_000}
    launch, left = Launches.launch, [3]

    def interrupted(self: Launches, *arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted
        launch(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Launches, "launch", interrupted)
        with pytest.raises(Interrupted):
            swept(kind, "cuda", **options)
    found = swept(kind, "cuda", resume=True, **options)
    assert bytes_of(found) == expected
    summary = found.summary()
    assert (summary.engine, summary.device) == ("cuda", "cuda:0")
    with pytest.raises(ValueError, match="device is 'cpu' and was 'cuda:0'"):
        swept(kind, "cpu", resume=True, **options)


REDUCED = ("min", "max", "argmin", "argmax", "mean", "integral", "histogram")


def reduced(device: Any, **options: Any) -> Any:
    return swept("grid", device, **{"order": 1, "reduce": REDUCED, **options})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reductions_of_a_grid_are_those_of_its_rows(cuda: str, dtype: str):
    found, rows = reduced(cuda, dtype=dtype), swept("grid", cuda, order=1, dtype=dtype)
    assert found.summary().engine == "cuda"
    weights = np.multiply.outer(*(np.where(np.arange(n) % (n - 1) == 0, 0.5, 1) for n in (211, 97)))
    for partial, row in zip(rows.partials, rows_of(rows), strict=True):
        told = found.partial(*partial)
        assert (told.min, told.max, told.argmin, told.argmax) == (row.min(), row.max(), row.argmin(), row.argmax())
        assert told.argmax_x == {name: float(rows.axis(name)[k]) for name, k in zip(
            "uv", np.unravel_index(row.argmax(), row.shape), strict=True)}  # fmt: skip
        assert told.mean == NumpyReducer().sums(row.reshape(-1))[0] / row.size
        weighted = (row * weights).astype(dtype).reshape(-1)
        assert told.integral == pytest.approx(3 / 210 * 3 / 96 * NumpyReducer().sums(weighted)[0], rel=1e-15)
        assert told.histogram.counts.tolist() == np.histogram(row.astype(np.float64), 10)[0].tolist()
    # The integrals of u u sin(v), of 2 u sin(v) and of u u cos(v).
    sines, cosines = 1 - np.cos(3), np.sin(3)
    assert [row.integral for row in found.rows] == pytest.approx([3 * sines, 3 * sines, 3 * cosines], rel=1e-3)


def test_reductions_do_not_depend_on_chunks_and_devices(bed: Bed):
    ways: list[tuple[Any, int | None]] = [("cuda", None), ("cuda:1", 1), (["cuda:0", "cuda:1"], 8_192)]
    found = {json.dumps(reduced(device, chunk=chunk).summary().as_dict()["rows"]) for device, chunk in ways}
    assert len(found) == 1


def test_reductions_of_a_polynomial_are_those_of_the_cpu_to_the_bit(cuda: str):
    options: dict[str, Any] = {"grid": {"u": (-1, 2, 300), "v": (0, 3, 100)}, "order": 2, "reduce": REDUCED[:-1]}
    rows = [
        gradcu.sweep(lambda u, v: u * u * v - v * v, device=device, **options).summary().as_dict()["rows"]
        for device in (cuda, "cpu")
    ]
    assert rows[0] == rows[1]


def test_reductions_of_given_points(cuda: str):
    found, rows = (swept("points", cuda, **options) for options in ({"reduce": ("sign_changes", "mean")}, {}))
    for k, row in enumerate(rows_of(rows)):
        signs = np.sign(row)
        assert found.derivative(k).sign_changes == (signs[1:] != signs[:-1]).sum() > 1
        assert found.derivative(k).mean == NumpyReducer().sums(row)[0] / row.size


def test_a_chunk_that_is_reduced_is_one_launch_and_few_bytes(bed: Bed, cuda: str):
    found = counted(bed, lambda: reduced(cuda, chunk=8_192, reduce=("max", "mean", "integral")))
    assert (found.launches, found.to_host, found.to_device, found.synchronisations) == (3, 3, 0, 3)
    # 80 bytes a row, of which there are 3, and block: a sum more than those of other sweeps.
    assert found.bytes_to_host <= 3 * 3 * 3 * 80


def test_more_points_than_the_device_could_hold(bed: Bed, tmp_path: Path):
    """Neither the rows nor what is given is ever there as a whole."""
    points = np.linspace(0, 1, 200_001, dtype="float32")
    expected = gradcu.sweep(gradcu.square, points=points, device="cuda")
    with bed.memory_of(600_000):
        found = gradcu.sweep(gradcu.square, points=points, device="cuda", out=tmp_path / "square.npz")
    assert rows_of(found)[0].tobytes() == rows_of(expected)[0].tobytes() == (points * points).tobytes()
    assert found.summary().engine_reason.endswith("points for want of memory")


def test_explanations_and_the_command_line(cuda: str, capsys: pytest.CaptureFixture[str]):
    line = ["sweep", "u**2 * sin(v)", "--grid", "u=0:1:100", "--grid", "v=0:2:70", "--device", "cuda"]
    assert cli.main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["engine"], found["device"]) == ("cuda", "cuda:0")
    assert found["rows"]["f"]["maximum"] == pytest.approx(np.sin(np.linspace(0, 2, 70)).max(), rel=1e-6)
    assert cli.main([*line, "--engine", "cuda", "--explain"]) == 0
    assert "value_of(points.lines[1], walk.reached[1]" in capsys.readouterr().out
