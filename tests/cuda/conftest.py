"""Fixtures of the tests of CUDA."""

import pytest

from tests.cpu_cuda import bed as cpu_cuda


@pytest.fixture
def bed(cuda: str) -> cpu_cuda.Bed:
    """CuPy on CPU, which counts; a GPU does not."""
    running = cpu_cuda.running()
    if running is None:
        pytest.skip("only CuPy on CPU counts launches and copies: python -m tests.cpu_cuda")
    return running


@pytest.fixture(params=[0, 1])
def place(cuda: str, request: pytest.FixtureRequest) -> str:
    """Each of two CUDA devices by name, of which the second is never the current one."""
    import gradcu

    if request.param >= gradcu.cuda.device_count():
        pytest.skip(f"there is no device cuda:{request.param}")
    return f"cuda:{request.param}"
