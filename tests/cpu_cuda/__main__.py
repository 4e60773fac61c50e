"""``python -m tests.cpu_cuda [pytest's arguments]``: the tests of CUDA, on CuPy on CPU, in a process of their own."""

import importlib.util
import os
import sys

import pytest

ON_CUDA = ["tests/cuda", "tests/test_table.py", "tests/test_table_arrays.py", "tests/test_table_complex.py",
           "tests/test_tutorials.py"]  # fmt: skip

if __name__ == "__main__":
    given = sys.argv[1:]
    where = [] if any(not argument.startswith("-") and "/" in argument for argument in given) else ON_CUDA
    # What else is installed may bring plugins that import CuPy (zarr does) before it can be given its device.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    parallel = ["-p", "xdist"] if importlib.util.find_spec("xdist") else []
    sys.exit(pytest.main([*parallel, "-p", "tests.cpu_cuda.plugin", "--device", "cuda", *given, *where]))
