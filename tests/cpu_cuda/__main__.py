"""``python -m tests.cpu_cuda [pytest's arguments]``: the tests of CUDA, on CuPy on CPU, in a process of their own."""

import sys

import pytest

ON_CUDA = ["tests/cuda", "tests/test_table.py", "tests/test_table_arrays.py", "tests/test_tutorials.py"]

if __name__ == "__main__":
    given = sys.argv[1:]
    where = [] if any(not argument.startswith("-") and "/" in argument for argument in given) else ON_CUDA
    sys.exit(pytest.main(["-p", "tests.cpu_cuda.plugin", "--device", "cuda", *given, *where]))
