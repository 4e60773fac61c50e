"""Sweeps that Dask computes: on threads, and on the processes of a cluster, of which one is killed on the way."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse import cache
from gradcu.sweeps import recipe
from gradcu.sweeps.dask_sweep import DaskSweep
from gradcu.sweeps.result import SweepResult

dask = pytest.importorskip("dask", reason="these are the tests of the extra dask")
distributed = pytest.importorskip("distributed", reason="these are the tests of the extra dask")

import dask.array  # noqa: E402
import psutil  # noqa: E402

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler on the PATH"
)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Three worker processes of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


def wave(x: Tensor) -> Tensor:
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x)


def assert_same(lazy: DaskSweep, local: SweepResult, order: int) -> None:
    """Bits and figures of two sweeps are equal."""
    rows = dask.compute(lazy.x, *(lazy.derivative(k) for k in range(order + 1)))
    for found, expected in zip(rows, (local.x, *(local.derivative(k) for k in range(order + 1))), strict=True):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.numpy().tobytes()
    assert_same_figures(lazy.summary(), local)


def assert_same_figures(summary: Any, local: SweepResult) -> None:
    found, expected = summary.as_dict(), local.summary().as_dict()
    for name in ("function", "start", "stop", "num", "step", "dtype", "order", "engine", "rows", "sign_changes"):
        assert found[name] == expected[name]


@pytest.mark.parametrize("engine", [pytest.param("cc", marks=needs_compiler), "numpy", "eager"])
def test_a_cluster_gives_the_bits_and_figures_of_a_local_sweep(client: Any, engine: str):
    arguments = {"order": 2, "dtype": "float64", "engine": engine}
    lazy = gradcu.sweep(wave, -20, 20, 20_001, **arguments, distributed="dask", chunk=777)
    assert_same(lazy, gradcu.sweep(wave, -20, 20, 20_001, **arguments), 2)


def test_it_works(client):
    pass
