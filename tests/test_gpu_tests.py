"""The tests and benchmarks for a real device, as far as they can be checked without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cpu_cuda.refusals import real_driver_loads

BARE = """
import sys

WANTED = {"numpy", "cupy", "cupyx", "cupy_backends", "cuda", "fastrlock", "pytest", "_pytest", "py", "pluggy",
          "iniconfig", "packaging", "pygments", "gradcu", "tests", "benchmarks", "conftest", "torch", "jax"}


class OnlyThese:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in WANTED or top in sys.stdlib_module_names or top.startswith("__editable__"):
            return None
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)


sys.meta_path.insert(0, OnlyThese())
"""
"""A machine that has Python, NumPy, CuPy and pytest."""


def on_a_bare_machine(root: Path, code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", BARE + code], cwd=root, capture_output=True, text=True, check=False)


PYTEST = """
import os, pytest
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
sys.exit(pytest.main(["-m", "gpu", "-q", "-p", "no:cacheprovider", "-rs", *{arguments}]))
"""


def test_gpu_tests_are_collected_with_numpy_cupy_and_pytest_alone(root: Path):
    done = on_a_bare_machine(root, PYTEST.format(arguments=["--collect-only"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/gpu/test_ops.py::test_gradients_are_pytorchs[exp-0]" in done.stdout
    assert "tests/gpu/test_device.py::test_indices_of_64_bits" in done.stdout


@pytest.mark.skipif(real_driver_loads(), reason="there is a driver, and `pytest -m gpu` runs them")
def test_without_a_device_each_gpu_test_is_skipped_with_the_reason(root: Path):
    done = on_a_bare_machine(root, PYTEST.format(arguments=["tests/gpu/test_device.py"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" not in done.stdout
    assert "device 'cuda' cannot be used: " in done.stdout


@pytest.mark.skipif(real_driver_loads(), reason="there is a driver, and `python -m benchmarks.gpu` runs")
def test_the_benchmarks_say_what_is_missing(root: Path):
    done = on_a_bare_machine(root, "import runpy\nrunpy.run_module('benchmarks.gpu', run_name='__main__')\n")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("device 'cuda' cannot be used: ")
    assert done.stderr.count("\n") == 1
