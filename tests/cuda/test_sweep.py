"""Sweeps whose results stay on a CUDA device: a launch a chunk, nothing copied but what is told of the rows."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor, cli
from gradcu.fuse.blocks import Blocks
from gradcu.fuse.trace import program
from tests.cpu_cuda.bed import Bed, Counts
from tests.fuse.test_cuda_source import FUNCTIONS, assert_agree

wave = FUNCTIONS["waves"]


def rows_of(result: gradcu.sweeps.result.SweepResult, order: int) -> list[np.ndarray]:
    return [result.derivative(k).cpu().numpy() for k in range(order + 1)]


def figures_of(result: Any) -> str:
    """What the summary says of the rows."""
    found = result.summary().as_dict()
    return json.dumps([found["rows"], found.get("sign_changes")])


@pytest.mark.parametrize(
    ("name", "order", "dtype"),
    [(name, 3, dtype) for name in FUNCTIONS for dtype in ("float32", "float64")]
    + [("waves", order, "float32") for order in (0, 1, 2)],
)
def test_rows_are_those_of_the_cpu(cuda: str, name: str, order: int, dtype: str):
    options: dict[str, Any] = {"order": order, "dtype": dtype}
    found = gradcu.sweep(FUNCTIONS[name], -3, 4, 70_001, device=cuda, **options)
    expected = gradcu.sweep(FUNCTIONS[name], -3, 4, 70_001, device="cpu", **options)
    assert found.summary().engine == "cuda"
    assert str(found.y.device) == str(found.x.device) == cuda
    x = found.x.cpu().numpy()
    assert x.tobytes() == expected.x.numpy().tobytes()
    made = program(FUNCTIONS[name], np.dtype(dtype), order)
    # In ulp of the largest number on the way; a third derivative adds up dozens of products of what differs by some.
    assert_agree(made, Blocks(made), x, rows_of(found, order), most=32 if order > 2 else 8)
    for row, right in zip(found.summary().rows, expected.summary().rows, strict=True):
        assert row.minimum == pytest.approx(right.minimum, rel=1e-5, abs=1e-5)
        assert (row.nan, row.infinite) == (right.nan, right.infinite)
    count = found.summary().sign_change_count
    assert count == expected.summary().sign_change_count


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_told_of_the_rows_is_what_numpy_finds_in_them(cuda: str, dtype: str):
    result = gradcu.sweep(lambda x: gradcu.log(x) * gradcu.sin(9 / x), -1, 3, 40_001, dtype=dtype, device=cuda)
    summary = result.summary()
    x = result.x.cpu().numpy()
    for k, row in enumerate(rows_of(result, 1)):
        told = summary.rows[k]
        assert told.nan == np.isnan(row).sum() > 9_000
        assert told.infinite == np.isinf(row).sum()
        assert (told.minimum, told.maximum) == (np.nanmin(row), np.nanmax(row))
        assert (told.minimum_at, told.maximum_at) == (x[np.nanargmin(row)], x[np.nanargmax(row)])
    slope = rows_of(result, 1)[1]
    signs = np.sign(slope[~np.isnan(slope)])
    assert summary.sign_change_count == (signs[1:] * signs[:-1] < 0).sum() > 20
    assert len(summary.sign_changes) == 20


def test_bits_do_not_depend_on_chunks(cuda: str):
    found = {}
    for chunk in (None, 1, 1001, 8192, 20_000):
        num = 300 if chunk == 1 else 50_003
        result = gradcu.sweep(wave, -3, 4, num, order=2, device=cuda, chunk=chunk)
        expected = gradcu.sweep(wave, -3, 4, num, order=2, device=cuda)
        found[chunk] = [row.tobytes() for row in rows_of(result, 2)], figures_of(result)
        assert found[chunk] == ([row.tobytes() for row in rows_of(expected, 2)], figures_of(expected))
    assert found[1001] == found[20_000]


def count(bed: Bed, run: Callable[[], Any]) -> Counts:
    """What a second call costs: the first compiles, and fills CuPy's pool."""
    run()
    before = bed.counts
    run()
    return bed.counts - before


@pytest.mark.parametrize(("order", "changes"), [(0, 0), (1, 2), (2, 2)])
def test_a_chunk_is_one_launch_and_no_copy(bed: Bed, cuda: str, order: int, changes: int):
    """What is told is copied once, at the end: 64 bytes a row and block; and a list of each block with sign changes."""

    def sweep() -> None:
        gradcu.sweep(FUNCTIONS["polynomial"], -5.3, 5, 100_000, order=order, device=cuda, chunk=25_000)

    lists = changes * 8 * 20 * 16
    # 25,000 points are in 4 or 5 segments of 8,192 points.
    blocks = 4 + 4 + 4 + 4
    found = count(bed, sweep)
    assert found == Counts(
        launches=4,
        to_host=1 + changes,
        synchronisations=1 + changes,
        bytes_to_host=blocks * 64 * (order + 1) + lists,
        allocations=0,
    )


def test_points_are_made_on_the_device(bed: Bed, cuda: str):
    result = gradcu.sweep(wave, 0, 1, 30_000, device=cuda)
    before = bed.counts
    x = result.x
    cost = bed.counts - before
    assert (cost.launches, cost.to_device, cost.to_host, cost.synchronisations) == (1, 0, 0, 0)
    assert x.tolist() == gradcu.linspace(0, 1, 30_000).tolist()


def test_points_that_have_no_room_are_named(bed: Bed):
    result = gradcu.sweep(wave, 0, 1, 200_000, device="cuda")
    with (
        bed.memory_of(100_000),
        pytest.raises(gradcu.OutOfMemoryError, match="the points of a sweep on cuda:0: Out of"),
    ):
        _ = result.x
    assert result.x[-1].item() == 1


def test_results_are_there_for_work_on_the_same_stream(bed: Bed):
    with bed.lazy_streams(), gradcu.cuda.stream(gradcu.cuda.Stream()):
        result = gradcu.sweep(lambda x: x * x, 0, 1, 10_001, device="cuda")
        assert (result.y + 1)[-1].item() == 2


def test_on_the_other_device(place: str):
    result = gradcu.sweep(wave, -3, 4, 20_000, device=place)
    assert (result.summary().device, str(result.y.device), str(result.x.device)) == (place, place, place)
    assert (
        result.y.cpu().numpy().tobytes() == gradcu.sweep(wave, -3, 4, 20_000, device="cuda").y.cpu().numpy().tobytes()
    )


def looks_at_values(x: Tensor) -> Tensor:
    return x * 2 if float(x.detach().max()) > -1e30 else x


EAGER: dict[str, tuple[Callable[..., Tensor], dict[str, Any], str]] = {
    "values": (looks_at_values, {"start": 0, "stop": 1, "num": 2000}, "f looks at values"),
    "float16": (gradcu.sin, {"start": 0, "stop": 1, "num": 2000, "dtype": "float16"}, "made of float32 or float64"),
    "huge numbers": (
        gradcu.abs, {"start": 0, "stop": 1e308, "num": 2000, "dtype": "float64"}, "no points near the ends of float64",
    ),
    "many axes": (
        lambda *x: functools.reduce(gradcu.add, x), {"grid": {f"x{k}": (0, 1, 2) for k in range(11)}},
        "the parameters of a kernel can't tell of 11 axes and 12 rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EAGER)
def test_what_has_no_kernel_is_eager_and_says_why(place: str, name: str):
    f, points, reason = EAGER[name]
    result, expected = (gradcu.sweep(f, device=where, **points) for where in (place, "cpu"))
    summary = result.summary()
    assert (summary.engine, summary.device) == ("eager", place)
    assert reason in summary.engine_reason or name == "values"
    for partial in result.partials:
        found = result.partial(*partial)
        assert str(found.device) == place
        np.testing.assert_allclose(found.cpu().numpy(), expected.partial(*partial).numpy(), rtol=2e-3, atol=1e-6)
    assert str(result.axis(next(iter(summary.axes))).device) == place
    with pytest.raises(ValueError, match="engine 'cuda' can't do this sweep: "):
        gradcu.sweep(f, device=place, engine="cuda", **points)


def test_engines_and_devices_that_do_not_go_together(cuda: str):
    for engine in ("cc", "numpy"):
        with pytest.raises(ValueError, match=f"engine '{engine}' can't do this sweep: the device is cuda:0"):
            gradcu.sweep(wave, 0, 1, 100, device="cuda", engine=engine)
    with pytest.raises(ValueError, match="engine 'cuda' can't do this sweep: the device is cpu"):
        gradcu.sweep(wave, 0, 1, 100, device="cpu", engine="cuda")
    assert gradcu.sweep(wave, 0, 1, 100, engine="cuda").summary().device == "cuda:0"


def test_the_environment_makes_cuda_the_cpu(monkeypatch: pytest.MonkeyPatch, cuda: str):
    monkeypatch.setattr("gradcu._device._noticed", True)
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    for device in ("auto", "cuda", ["cuda:0", "cuda:1"]):
        summary = gradcu.sweep(wave, 0, 1, 100, engine="cuda", device=device).summary()
        assert (summary.device, summary.device_reason) == ("cpu", "GRADCU_DEVICE=cpu")
        assert summary.engine in ("cc", "numpy")


def test_results_are_saved_from_the_device(cuda: str, tmp_path: Path):
    result = gradcu.sweep(wave, 0, 1, 70_000, device=cuda)
    result.save(tmp_path / "wave.npz")
    with np.load(tmp_path / "wave.npz") as saved:
        assert saved["d1"].tobytes() == result.derivative(1).cpu().numpy().tobytes()
        assert saved["x"].tobytes() == result.x.cpu().numpy().tobytes()


def test_the_summary_says_what_took_how_long(cuda: str):
    summary = gradcu.sweep(wave, 0, 1, 1000, device=cuda).summary()
    assert summary.compute_seconds is not None
    assert 0 < summary.compute_seconds < summary.seconds
    assert summary.transfer_seconds == 0
    assert "s in kernels" in str(summary)
    assert "to the host" not in str(summary)
    assert gradcu.sweep(wave, 0, 1, 1000, device="cpu").summary().compute_seconds is None


def test_the_command_line(cuda: str, capsys: pytest.CaptureFixture[str], here: Path):
    line = ["sweep", "x**3 - 3*x", "--start", "-2", "--stop", "2", "--num", "1e4", "--json"]
    for given in (["--device", "cuda"], ["--engine", "cuda"], ["--device", "cuda:0", "--out", "cubic.npy"]):
        assert cli.main([*line, *given]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["engine"], found["device"]) == ("cuda", "cuda:0")
        assert [change["x"] for change in found["sign_changes"]["at"]] == pytest.approx([-1, 1], abs=1e-6)
    assert np.load("cubic.npy").size == 10_000
    assert cli.main([*line, "--engine", "cc", "--device", "cuda"]) == 2
    assert "engine 'cc' can't do this sweep: the device is cuda:0" in capsys.readouterr().err
    assert cli.main(["sweep", "sin(x)", "--engine", "cuda", "--explain"]) == 0
    assert "gradcu_sweep(" in capsys.readouterr().out
