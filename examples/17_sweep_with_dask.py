"""A sweep that Dask computes, block by block: reduced without ever being in memory whole, and written to files.

Here the threads of this process compute. With ``client = dask.distributed.Client(address)`` before, the workers of a
cluster do, and nothing else changes.
"""

import tempfile
from pathlib import Path

import dask.array
import numpy as np
from dask.base import compute

import gradcu


def bell(x):
    return gradcu.exp(-x * x)


sweep = gradcu.sweep(bell, -6, 6, 2_000_001, dtype="float64", distributed="dask", chunk=250_000)
print(sweep)
print(sweep.summary())

# Computed together, y and the slope are evaluated once; the blocks are dropped as soon as they are reduced.
step = 12 / 2_000_000
area, steepest = compute(sweep.y.sum() * step, abs(sweep.derivative(1)).max())
assert np.isclose(area, np.sqrt(np.pi))
assert np.isclose(steepest, np.sqrt(2 / np.e))

with tempfile.TemporaryDirectory() as folder:
    dask.array.to_npy_stack(folder, sweep.y)
    assert len(list(Path(folder).glob("*.npy"))) == 9
    assert dask.array.from_npy_stack(folder)[1_000_000].compute() == 1

# A small one can be had as an ordinary result.
local = gradcu.sweep(bell, -6, 6, 101, distributed="dask").compute()
assert local.derivative(1)[50] == 0
