"""Sweeps on CUDA that Dask computes: on threads, on the workers of a cluster in this process, and in their own.

Each worker process has a CuPy on CPU of its own, which the cluster has it preload; a GPU would be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps.dask_sweep import DaskSweep
from tests.cpu_cuda.bed import Bed

reason = "Dask is not installed: pip install 'gradcu[dask]'"
dask = pytest.importorskip("dask", reason=reason)
distributed = pytest.importorskip("distributed", reason=reason)


def wave(x: Tensor) -> Tensor:
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x)


def ridge(u: Tensor, v: Tensor) -> Tensor:
    return u * u * gradcu.sin(v)


def decay(t: Tensor, rate: Tensor) -> Tensor:
    return gradcu.exp(-rate * t)


def looks_at_values(x: Tensor) -> Tensor:
    return wave(x) if float(x.detach().max()) > -1e30 else x


SWEEPS: dict[str, tuple[Callable[..., Tensor], dict[str, Any], str]] = {
    "line": (wave, {"start": -3, "stop": 4, "num": 20_001, "order": 2}, "cuda"),
    "grid": (ridge, {"grid": {"u": (-1, 2, 211), "v": (0, 3, 97)}, "order": 2}, "cuda"),
    "points": (wave, {"points": np.geomspace(0.5, 3, 20_001)}, "cuda"),
    "params": (decay, {"grid": {"t": (0, 4, 7_001)}, "params": {"rate": [0.5, 1.0, 2.5]}}, "cuda"),
    "eager": (looks_at_values, {"start": -3, "stop": 4, "num": 3_001}, "eager"),
}


def swept(name: str, **options: Any) -> Any:
    f, points, _ = SWEEPS[name]
    return gradcu.sweep(f, **points, **options)


def assert_same(lazy: DaskSweep, local: Any, engine: str, device: str) -> None:
    rows = dask.compute(*(lazy.partial(*partial) for partial in lazy.partials))
    for partial, row in zip(local.partials, rows, strict=True):
        assert row.tobytes() == local.partial(*partial).cpu().numpy().tobytes()
    summary = lazy.summary()
    assert (summary.engine, summary.device, summary.device_reason) == (engine, device, "asked for")
    found, expected = summary.as_dict(), local.summary().as_dict()
    assert [found[name] for name in ("rows", "sign_changes")] == [expected[name] for name in ("rows", "sign_changes")]


@pytest.mark.parametrize("name", SWEEPS)
def test_on_threads(place: str, name: str):
    lazy = swept(name, device=place, distributed="dask", chunk=2_500)
    assert_same(lazy, swept(name, device="cuda"), SWEEPS[name][2], place)


def test_written_from_dask_arrays(cuda: str, tmp_path: Path):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install 'gradcu[zarr]'")
    lazy = swept("grid", device=cuda, distributed="dask", chunk=2_500)
    lazy.partial("u", "v").to_zarr(str(tmp_path / "mixed.zarr"))
    written = zarr.open_array(str(tmp_path / "mixed.zarr"), mode="r")[...]
    assert written.tobytes() == swept("grid", device=cuda).partial("u", "v").cpu().numpy().tobytes()


def test_a_worker_without_memory_halves_its_chunk(bed: Bed):
    expected = swept("line", device="cuda")
    with bed.memory_of(500_000), dask.config.set(scheduler="synchronous"):
        found = swept("line", device="cuda", distributed="dask").compute()
    for k in range(3):
        assert found.derivative(k).numpy().tobytes() == expected.derivative(k).cpu().numpy().tobytes()
    assert found.summary().engine_reason == "NVRTC, in chunks of 12,288 points for want of memory"


@pytest.fixture(scope="module", params=[False, True], ids=["in this process", "in processes"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The client of two workers."""
    options: dict[str, Any] = {"processes": request.param, "dashboard_address": ":0", "memory_limit": 0}
    if request.param:
        options["preload"] = ["tests.cpu_cuda.dask_worker"]
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as workers,
        distributed.Client(workers, set_as_default=False) as connected,
    ):
        yield connected


@pytest.mark.parametrize("name", ["line", "params", "eager"])
def test_on_a_cluster(cluster: Any, bed: Bed, name: str):
    expected = swept(name, device="cuda:1")
    with dask.config.set(scheduler=cluster):
        lazy = swept(name, device="cuda:1", distributed="dask", chunk=2_500)
        assert_same(lazy, expected, SWEEPS[name][2], "cuda:1")
