"""Sweeps on CUDA devices that keep no rows: their kernel adds up what the rows would have held, to the same bits."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.reduction import NumpyReducer
from gradcu.sweeps.reducing import REDUCTIONS
from tests.cpu_cuda.bed import Bed, Counts
from tests.fuse.test_cuda_source import FUNCTIONS

wave = FUNCTIONS["waves"]


def figures_of(result: Any) -> dict[str, Any]:
    return result.summary().as_dict()["rows"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num", [3, 513, 70_001])
def test_reductions_are_those_of_the_rows(cuda: str, dtype: str, num: int):
    options: dict[str, Any] = {"order": 2, "dtype": dtype, "device": cuda}
    rows = gradcu.sweep(wave, -3, 4, num, **options)
    found = gradcu.sweep(wave, -3, 4, num, reduce=REDUCTIONS, **options)
    assert found.summary().engine == "cuda"
    x = rows.x.cpu().numpy()
    for k in range(3):
        row, figures = rows.derivative(k).cpu().numpy(), found.derivative(k)
        assert (figures.min, figures.max) == (row.min(), row.max())
        assert (figures.argmin, figures.argmax) == (row.argmin(), row.argmax())
        assert (figures.argmin_x, figures.argmax_x) == (x[row.argmin()], x[row.argmax()])
        total, size = NumpyReducer().sums(row)
        assert figures.mean == total / num
        assert 0 < figures.mean_error < 1e-13 * size
        ends = (float(row[0]) + float(row[-1])) / 2
        assert figures.integral == 7 / (num - 1) * (total - ends)
        signs = np.sign(row[row != 0])
        assert figures.sign_changes == (signs[1:] != signs[:-1]).sum()
        counts, edges = np.histogram(row.astype(np.float64), 10)
        assert figures.histogram.counts.tolist() == counts.tolist()
        assert figures.histogram.edges.tolist() == edges.tolist()


@pytest.mark.parametrize("bins", [1, 3000])
def test_few_and_many_bins(cuda: str, bins: int):
    """Counts that are kept in a block's memory, and that are too many for it."""
    options: dict[str, Any] = {"order": 1, "device": cuda}
    found = gradcu.sweep(wave, -3, 4, 20_001, reduce={"histogram": {"bins": bins, "range": (-0.5, 1)}}, **options)
    for k in (0, 1):
        row = gradcu.sweep(wave, -3, 4, 20_001, **options).derivative(k).cpu().numpy().astype(np.float64)
        histogram = found.derivative(k).histogram
        assert histogram.counts.tolist() == np.histogram(row, bins, (-0.5, 1))[0].tolist()
        assert (histogram.below, histogram.above) == ((row < -0.5).sum(), (row > 1).sum())


def test_bits_do_not_depend_on_chunks_and_devices(bed: Bed):
    options: dict[str, Any] = {"order": 1, "reduce": REDUCTIONS}
    found = {
        json.dumps(figures_of(gradcu.sweep(wave, -3, 4, 90_001, device=device, chunk=chunk, **options)))
        for device, chunk in (("cuda", None), ("cuda:1", 1), ("cuda", 20_000), (["cuda:0", "cuda:1"], 8_192))
    }
    assert len(found) == 1


def test_sums_are_those_of_the_cpu_to_the_bit(cuda: str):
    """Where the rows have the same bits: a polynomial's do."""
    options: dict[str, Any] = {"order": 2, "reduce": ("mean", "integral", "sign_changes", "argmax")}
    found, expected = (
        gradcu.sweep(FUNCTIONS["polynomial"], -3, 4, 200_001, device=device, **options) for device in (cuda, "cpu")
    )
    assert figures_of(found) == figures_of(expected)


def test_nan_and_infinity(cuda: str):
    names = [name for name in REDUCTIONS if name != "histogram"]
    options: dict[str, Any] = {"dtype": "float64", "reduce": names}
    found, expected = (gradcu.sweep(gradcu.log, -1, 1, 2001, device=device, **options) for device in (cuda, "cpu"))
    assert found.y.min == -math.inf
    assert math.isnan(found.y.mean)
    assert figures_of(found)["f"]["sign_changes"] == figures_of(expected)["f"]["sign_changes"] == 0
    nothing = gradcu.sweep(gradcu.log, -2, -1, 100, device=cuda, reduce=names).y
    assert math.isnan(nothing.max)
    assert (nothing.argmin, nothing.argmax_x, nothing.sign_changes) == (None, None, 0)
    ranged = {"histogram": {"range": (-1, 0), "bins": 3}}
    bins = [
        gradcu.sweep(gradcu.log, -1, 1, 2001, dtype="float64", device=device, reduce=ranged).y.histogram
        for device in (cuda, "cpu")
    ]
    assert bins[0].found.tolist() == bins[1].found.tolist()
    with pytest.raises(ValueError, match=r"a histogram of f can't go from -inf to 0; give its range"):
        gradcu.sweep(gradcu.log, -1, 1, 2001, device=cuda, reduce="histogram")


def test_a_chunk_is_one_launch_and_few_bytes(bed: Bed, cuda: str):
    def sweep() -> Counts:
        before = bed.counts
        gradcu.sweep(gradcu.exp, 0, 1, 300_000, order=1, device=cuda, chunk=65_536, reduce=("max", "mean"))
        return bed.counts - before

    sweep()
    found = sweep()
    # 5 chunks, and the first and the last point, which the integral's rule takes apart.
    assert (found.launches, found.to_host, found.to_device, found.synchronisations) == (7, 7, 0, 7)
    # 64 bytes a row and segment.
    assert found.bytes_to_host < 64 * 2 * (40 + 3) + 7 * 100


def test_more_points_than_could_be_kept(bed: Bed):
    """No row is ever there: the memory of the device is too small for one."""
    with bed.memory_of(1 << 18):
        found = gradcu.sweep(FUNCTIONS["relu"], -1, 1, 500_001, order=0, device="cuda", reduce=("integral", "argmax"))
    assert found.y.integral == pytest.approx(0.5, abs=1e-9)
    assert found.y.argmax == 500_000


def test_every_wait_is_there(bed: Bed):
    options: dict[str, Any] = {"device": ["cuda:0", "cuda:1"], "reduce": REDUCTIONS, "chunk": 8_192}
    expected = figures_of(gradcu.sweep(wave, -3, 4, 70_001, **options))
    with bed.lazy_streams():
        assert figures_of(gradcu.sweep(wave, -3, 4, 70_001, **options)) == expected


def test_functions_without_a_kernel_are_reduced_on_the_host(cuda: str):
    def ridge(u: Tensor, v: Tensor) -> Tensor:
        return u * u * v if float(u.detach().max()) > -1 else v

    found = gradcu.sweep(ridge, grid={"u": (0, 1, 101), "v": (0, 2, 51)}, device=cuda, reduce=("integral", "max"))
    assert found.summary().engine == "eager"
    assert found.y.integral == pytest.approx(2 / 3, rel=1e-3)
    assert found.y.max == 2
