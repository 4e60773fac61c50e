"""``gradcu.sweep`` from end to end: values, files, memory, threads, errors."""

import os
import re
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps import capacity, engine

FUNCTIONS = {
    "polynomial": (lambda x: x**3 - 3 * x**2 + 4, lambda x: x**3 - 3 * x**2 + 4),
    "waves": (
        lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
        lambda x: mpmath.exp(-x * x / 8) * mpmath.sin(3 * x) + mpmath.cos(x),
    ),
    "rational": (lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivatives_agree_with_mpmath(name: str, dtype: str):
    f, reference = FUNCTIONS[name]
    result = gradcu.sweep(f, -2, 3, 11, order=4, dtype=dtype)
    mpmath.mp.dps = 30
    for i, x in enumerate(result.x.tolist()):
        expected = [mpmath.diff(reference, mpmath.mpf(x), k) for k in range(5)]
        found = [result.derivative(k)[i].item() for k in range(5)]
        scale = float(max(abs(value) for value in expected)) + 1
        tolerance = scale * 200 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(found, [float(value) for value in expected], atol=tolerance)


def test_the_points_are_exact_and_everything_is_a_tensor():
    result = gradcu.sweep(lambda x: x * 2, -1, 1, 100001, order=1)
    for tensor in (result.x, result.y, result.derivative(1)):
        assert isinstance(tensor, Tensor)
        assert tensor.shape == (100001,)
        assert tensor.dtype == gradcu.float32
        assert not tensor.requires_grad
    assert result.x[0].item() == -1
    assert result.x[50000].item() == 0
    assert result.x[-1].item() == 1
    assert (result.y.numpy() == 2 * result.x.numpy()).all()
    assert (result.derivative(1).numpy() == 2).all()


def test_order_zero_is_the_function_alone():
    result = gradcu.sweep(gradcu.sin, 0, 1, 5, order=0)
    assert result.derivative(0) is result.y
    assert result.summary().sign_change_count is None
    with pytest.raises(ValueError, match="k = 1 is beyond the order of this sweep, 0"):
        result.derivative(1)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 3 * x + 1,
        lambda x: x,
        gradcu.floor,
        gradcu.ones_like,
        lambda x: (x > 0) * 1,
    ],
    ids=["linear", "identity", "floor", "constant", "int"],
)
def test_derivatives_that_vanish_are_zeros(f: Any):
    result = gradcu.sweep(f, -1, 1, 9, order=3)
    for k in (2, 3):
        assert (result.derivative(k).numpy() == 0).all()
        assert result.derivative(k).dtype == gradcu.float32


def test_rows_have_the_dtype_of_the_sweep_whatever_the_function_returns():
    result = gradcu.sweep(lambda x: x.to(gradcu.float64) ** 2, 0, 1e30, 5)
    assert result.y.dtype == result.derivative(1).dtype == gradcu.float32
    assert result.y[-1].item() == float("inf")
    assert (gradcu.sweep(lambda x: x > 0.4, 0, 1, 3).y.numpy() == [0, 1, 1]).all()


def test_default_dtype_is_followed():
    previous = gradcu.get_default_dtype()
    gradcu.set_default_dtype(gradcu.float64)
    try:
        assert gradcu.sweep(gradcu.sin, 0, 1, 3).y.dtype == gradcu.float64
    finally:
        gradcu.set_default_dtype(previous)


@pytest.mark.parametrize("chunk", [1, 7, 1000, 8192, 100000])
def test_blocks_do_not_change_the_results(chunk: int):
    f = FUNCTIONS["waves"][0]
    num = 3001
    whole = gradcu.sweep(f, -5, 5, num, order=2, chunk=num)
    parts = gradcu.sweep(f, -5, 5, num, order=2, chunk=chunk)
    for k in range(3):
        np.testing.assert_array_equal(parts.derivative(k).numpy(), whole.derivative(k).numpy())
    assert parts.summary().as_dict()["rows"] == whole.summary().as_dict()["rows"]
    assert parts.summary().as_dict()["sign_changes"] == whole.summary().as_dict()["sign_changes"]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_do_not_change_the_results(monkeypatch: pytest.MonkeyPatch, threads: int):
    monkeypatch.setattr(engine, "_cpu_count", lambda: threads)
    names: set[str] = set()

    def f(x: Tensor) -> Tensor:
        names.add(threading.current_thread().name)
        return gradcu.sin(x) * x

    result = gradcu.sweep(f, -50, 50, 40000, order=2, chunk=1000, engine="eager")
    main = threading.main_thread().name
    if threads == 1:
        assert names == {main}
    else:
        assert len(names - {main}) >= 1
    alone = gradcu.sweep(f, -50, 50, 40000, order=2, chunk=40000, engine="eager")
    for k in range(3):
        np.testing.assert_array_equal(result.derivative(k).numpy(), alone.derivative(k).numpy())
    assert str(result.summary()).split("\n\n")[1:] == str(alone.summary()).split("\n\n")[1:]


def test_a_small_sweep_stays_on_the_callers_thread():
    seen = set()

    def f(x: Tensor) -> Tensor:
        seen.add(threading.current_thread())
        return x

    gradcu.sweep(f, 0, 1, 1000)
    assert seen == {threading.main_thread()}


def test_recording_is_on_inside_whatever_the_caller_does():
    with gradcu.no_grad():
        result = gradcu.sweep(lambda x: x * x, 0, 1, 40000, chunk=1000)
    assert result.derivative(1)[-1].item() == 2


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("chunk", [None, 999])
def test_out_and_save_write_the_same(tmp_path: Path, suffix: str, chunk: int | None):
    f = FUNCTIONS["polynomial"][0]
    out = tmp_path / f"out{suffix}"
    streamed = gradcu.sweep(f, -5, 5, 20001, order=2, out=out, chunk=chunk)
    memory = gradcu.sweep(f, -5, 5, 20001, order=2)
    memory.save(tmp_path / f"saved{suffix}")
    assert out.read_bytes() == (tmp_path / f"saved{suffix}").read_bytes()
    saved = np.load(out)
    for name, tensor in (("x", memory.x), ("f", memory.y), ("d1", memory.derivative(1)), ("d2", memory.derivative(2))):
        np.testing.assert_array_equal(saved[name], tensor.numpy())
    np.testing.assert_array_equal(streamed.x.numpy(), memory.x.numpy())
    np.testing.assert_array_equal(streamed.derivative(2).numpy(), memory.derivative(2).numpy())
    streamed.save(tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == out.read_bytes()


def fails_late(x: Tensor) -> Tensor:
    if x.shape[0] > 500 and bool((x > 0.9).any()):
        raise FloatingPointError("too far")
    return x


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("chunk", [1000, 40000])
def test_an_error_on_the_way_leaves_nothing_behind(tmp_path: Path, suffix: str, chunk: int):
    before = threading.active_count()
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"older")
    with pytest.raises(FloatingPointError, match="too far"):
        gradcu.sweep(fails_late, 0, 1, 40000, out=path, chunk=chunk, engine="eager")
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == b"older"
    assert threading.active_count() == before


@pytest.mark.parametrize("chunk", [100, 40000])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, chunk: int):
    before = threading.active_count()
    path = tmp_path / "out.npz"

    def interrupts(x: Tensor) -> Tensor:
        if x.shape[0] > 61 and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        if x.shape[0] > 61:
            import _thread

            _thread.interrupt_main()
            time.sleep(0.01)
        return x

    with pytest.raises(KeyboardInterrupt):
        gradcu.sweep(interrupts, 0, 1, 40000, out=path, chunk=chunk, engine="eager")
    assert os.listdir(tmp_path) == []
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num": 0}, ValueError, "num must be a whole number, at least 1, not 0"),
        ({"num": -5}, ValueError, "num must be a whole number, at least 1, not -5"),
        ({"num": 2.5}, ValueError, r"num must be a whole number, at least 1, not 2\.5"),
        ({"num": float("nan")}, ValueError, "num must be a whole number, at least 1, not nan"),
        ({"num": float("inf")}, ValueError, "num must be a whole number, at least 1, not inf"),
        ({"num": "10"}, TypeError, r"num must be a whole number, at least 1, not '10' \(str\)"),
        ({"num": True}, TypeError, r"num must be a whole number, at least 1, not True \(bool\)"),
        ({"start": float("nan")}, ValueError, "start must be finite, not nan"),
        ({"stop": -float("inf")}, ValueError, "stop must be finite, not -inf"),
        ({"stop": 10**400}, ValueError, "stop must be finite, not 1000"),
        ({"stop": 1e39}, ValueError, r"stop = 1e\+39 is beyond the range of float32"),
        ({"start": "0"}, TypeError, r"start must be a number, not '0' \(str\)"),
        ({"start": 1j}, TypeError, "start must be a number, not 1j"),
        ({"start": None}, TypeError, "start must be a number, not None"),
        ({"order": -1}, ValueError, "order must be a whole number, at least 0, not -1"),
        ({"order": 1.5}, ValueError, r"order must be a whole number, at least 0, not 1\.5"),
        ({"dtype": "int64"}, TypeError, "dtype must be float32, float64 or float16, not int64"),
        ({"dtype": "complex64"}, TypeError, "dtype must be float32, float64 or float16, not complex64"),
        ({"dtype": "nonsense"}, TypeError, "dtype must be float32, float64 or float16, not nonsense"),
        ({"engine": "warp"}, ValueError, "engine must be auto, cc, cuda, numpy or eager, not 'warp'"),
        ({"chunk": 0}, ValueError, "chunk must be a whole number, at least 1, not 0"),
        ({"progress": "yes"}, TypeError, r"progress must be True, False or None, not 'yes' \(str\)"),
        ({"out": "sweep.txt"}, ValueError, "not a known suffix"),
        ({"f": 3}, TypeError, r"f must be a function of a Tensor, not 3 \(int\)"),
        ({"num": 1e15}, MemoryError, r"num = 1e\+15 needs 8 PB of memory"),
        ({"num": 1e15, "out": "sweep.npz"}, OSError, r"num = 1e\+15 needs 12 PB on disk"),
        ({"f": gradcu.sum}, ValueError, "not elementwise"),
        ({"f": lambda x: x * 1j}, TypeError, "must return a real Tensor, not one of complex64"),
        ({"f": print}, TypeError, "must return a Tensor, not NoneType"),
        ({"device": "cuda:x"}, RuntimeError, "Invalid device string"),
        ({"resume": 1}, TypeError, r"resume must be True or False, not 1 \(int\)"),
        (
            {"resume": True},
            ValueError,
            r"resume needs out to end in \.npy or \.zarr: nothing is kept, so there is",
        ),
        ({"resume": True, "out": "a.npz"}, ValueError, r"a\.npz appears once it is complete, so there is nothing"),
    ],
    # No place in memory is part of a name: processes that share the tests have to agree on them.
    ids=lambda value: None if callable(value) else re.sub(" at 0x[0-9a-f]+", "", str(value)),
)
def test_bad_arguments_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], error: type, message: str
):
    monkeypatch.chdir(tmp_path)
    given = {"f": gradcu.sin, "start": 0, "stop": 1, "num": 100} | arguments
    with pytest.raises(error, match=message):
        gradcu.sweep(**given)
    assert os.listdir(tmp_path) == []


def test_whole_numbers_in_any_form():
    numbers: list[Any] = [5, 5.0, np.int64(5), np.float64(5), np.uint8(5)]
    for num in numbers:
        assert gradcu.sweep(gradcu.sin, 0, 1, num, order=1).y.shape == (5,)


@pytest.mark.parametrize(
    ("start", "stop", "num", "message"),
    [(1, 1 + 1e-6, 1000, "neighbouring points are equal in float32.*dtype=float64"), (2, 2, 3, "start and stop are")],
)
def test_equal_neighbours_give_a_warning_at_the_callers_line(start: float, stop: float, num: int, message: str):
    with pytest.warns(UserWarning, match=message) as caught:
        gradcu.sweep(gradcu.sin, start, stop, num)
    assert caught[0].filename == __file__


def test_one_point():
    result = gradcu.sweep(lambda x: x**2, 3, 4, 1)
    assert (result.x.tolist(), result.y.tolist(), result.derivative(1).tolist()) == ([3], [9], [6])


def test_no_numpy_warning_reaches_the_user():
    result = gradcu.sweep(lambda x: gradcu.log(x) + 1 / x + gradcu.exp(1000 * x), -1, 1, 40001, order=2, chunk=1000)
    rows = result.summary().rows
    assert rows[0].nan > 0
    assert rows[0].infinite > 0


def test_without_cuda_its_engine_says_what_is_missing():
    if gradcu.cuda.is_available():
        pytest.skip("there is CUDA")
    for device in ("auto", "cuda", ["cuda:0", "cuda:1"]):
        with pytest.raises(RuntimeError, match=r"device 'cuda(:0)?' cannot be used: .*CUDA needs an NVIDIA driver"):
            gradcu.sweep(gradcu.sin, 0, 1, 10, engine="cuda", device=device)
    with pytest.raises(ValueError, match="engine 'cuda' can't do this sweep: the device is cpu"):
        gradcu.sweep(gradcu.sin, 0, 1, 10, engine="cuda", device="cpu")
    with pytest.raises(ValueError, match="device must be one device, or a list of different CUDA devices, not"):
        gradcu.sweep(gradcu.sin, 0, 1, 10, device=["cpu"])


def test_the_device_and_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADCU_DEVICE", "")
    assert gradcu.sweep(gradcu.sin, 0, 1, 3, device="cpu").summary().device_reason == "asked for"
    summary = gradcu.sweep(gradcu.sin, 0, 1, 3).summary()
    if summary.device == "cpu":
        assert summary.device_reason != "asked for"


def test_memory_is_bounded_by_the_size_of_the_graph(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "_cpu_count", lambda: 2)

    def deep(x: Tensor) -> Tensor:
        for _ in range(300):
            x = gradcu.sin(x) * 1.1
        return x

    gradcu.sweep(deep, -1, 1, 100, engine="eager")
    num = 300_000
    tracemalloc.start()
    try:
        result = gradcu.sweep(deep, -1, 1, num, order=1, engine="eager")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - 2 * 4 * num < 40 << 20
    assert result.y.shape == (num,)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("out", [False, True])
def test_peak_memory_above_the_results(tmp_path: Path, out: bool):
    num = 30_000_000
    if not out and (capacity.available_memory() or 0) < 16 * num:
        pytest.skip("needs 500 MB of free memory")
    code = f"""
import gradcu
path = {str(tmp_path / "sweep.npy")!r} if {out} else None
f = lambda x: gradcu.exp(-x*x/8) * gradcu.sin(3*x) + gradcu.cos(x)
result = gradcu.sweep(f, -5, 5, {num}, order=2, out=path)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(int(line.split()[1]) * 1024)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    results = 0 if out else 3 * 4 * num
    # The interpreter and NumPy, about 30 MiB, are in this figure too.
    assert int(done.stdout) - results < 64 << 20


def test_a_real_function_may_go_through_complex_numbers():
    found = gradcu.sweep(lambda x: gradcu.exp(x * 1j).imag * x, 0, 2, 200, order=2, dtype="float64")
    x = found.x.numpy()
    np.testing.assert_allclose(found.y.numpy(), x * np.sin(x), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(found.derivative(1).numpy(), np.sin(x) + x * np.cos(x), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(found.derivative(2).numpy(), 2 * np.cos(x) - x * np.sin(x), rtol=1e-13, atol=1e-14)
