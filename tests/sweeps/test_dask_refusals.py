"""What a sweep that Dask computes refuses: arguments, when it is made, and workers that differ, when it runs."""

import sys
import threading
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps import dask_sweep, recipe
from tests.sweeps.test_dask_sweep import wave


class TestRefusals:
    """What is wrong is told when the sweep is made, before anything is sent."""

    @pytest.mark.parametrize(
        ("f", "arguments", "error", "words"),
        [
            (lambda x: x.sum() * x, {}, ValueError, "<lambda> is not elementwise"),
            (lambda x: 3.0, {}, TypeError, "must return a Tensor"),
            (wave, {"engine": "gpu"}, ValueError, "engine must be auto, .*, not 'gpu'"),
            (lambda x: x if x[0].item() > 0 else x * 1, {"engine": "numpy"}, ValueError, "'numpy' can't do this sweep"),
            (wave, {"device": "tpu"}, RuntimeError, "Expected one of cpu, cuda"),
            (wave, {"order": -1}, ValueError, "order must be a whole number"),
            (wave, {"chunk": 0}, ValueError, "chunk must be a whole number"),
            (wave, {"dtype": "int32"}, TypeError, "dtype must be float32"),
            (wave, {"distributed": "ray"}, ValueError, "distributed must be \"dask\" or None, not 'ray'"),
            (wave, {"out": "y.npy"}, ValueError, r"out does not go with distributed=\"dask\"; .*to_zarr.*to_npy_stack"),
            (wave, {"resume": True}, ValueError, "resume does not go with distributed=.*a local one"),
            (wave, {"reduce": "max"}, ValueError, r"reduce does not go with distributed=.*summary\(\)"),
            (wave, {"progress": True}, ValueError, "progress does not go with distributed=.*ProgressBar"),
        ],
    )
    def test_arguments(self, f: Any, arguments: dict[str, Any], error: type[Exception], words: str):
        with pytest.raises(error, match=words):
            gradcu.sweep(f, 0, 1, 10, **{"distributed": "dask", **arguments})

    def test_a_function_that_cannot_be_pickled(self):
        lock = threading.Lock()

        def guarded(x: Tensor) -> Tensor:
            with lock:
                return x * 2

        with pytest.raises(TypeError, match=r"guarded can't be sent to workers, since it can't be pickled: .*lock"):
            gradcu.sweep(guarded, 0, 1, 10, distributed="dask")

    def test_the_extra_is_named_where_dask_is_missing(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "dask.array", None)
        with pytest.raises(ImportError, match=r'distributed="dask" needs Dask; .* "gradcu\[dask\]"'):
            gradcu.sweep(wave, 0, 1, 10, distributed="dask")

    def test_an_order_beyond_that_of_the_sweep(self):
        lazy = gradcu.sweep(wave, 0, 1, 10, order=1, distributed="dask")
        with pytest.raises(ValueError, match="k = 2 is beyond the order of this sweep, 1"):
            lazy.derivative(2)

    def test_what_does_not_fit_in_memory(self):
        lazy = gradcu.sweep(wave, 0, 1, 1e13, dtype="float64", distributed="dask")
        with pytest.raises(MemoryError, match="num = 1e\\+13 needs 160 TB"):
            lazy.compute()

    def test_points_that_repeat_are_warned_of_at_the_call(self):
        with pytest.warns(UserWarning, match="neighbouring points are equal") as caught:
            gradcu.sweep(wave, 1, 1.000001, 1000, distributed="dask")
        assert caught[0].filename == __file__


def test_cuda_may_be_the_workers_alone():
    lazy = gradcu.sweep(wave, 0, 1, 10, device="cuda:99", distributed="dask")
    with pytest.raises(RuntimeError, match="device 'cuda:99' cannot be used"):
        lazy.y.compute()


def test_a_worker_with_another_default_dtype_says_so():
    lazy = gradcu.sweep(lambda x: x * gradcu.tensor(0.1), 0, 1, 10, dtype="float64", distributed="dask")
    gradcu.set_default_dtype(gradcu.float64)
    try:
        with pytest.raises(RuntimeError, match=r"dtype was float32 .* is float64 on the worker; .*client.run"):
            lazy.y.compute()
    finally:
        gradcu.set_default_dtype(gradcu.float32)
    assert lazy.y.compute()[-1] == np.float64(np.float32(0.1))


def test_workers_that_differ_are_all_named():
    lazy = gradcu.sweep(wave, 0, 1, 10, engine="numpy", distributed="dask")
    report = lazy._recipe.block(0).report
    report.ways.add(recipe.Way("cuda:0", "CuPy works on it", "eager", "the device is cuda:0"))
    run = dask_sweep._run(lazy._recipe, report)
    assert (run.device, run.engine) == ("cpu and cuda:0", "eager and numpy")
    assert run.reason.endswith(" and CuPy works on it") or run.reason.startswith("CuPy works on it and ")
