"""Fixtures that every test can ask for."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gradcu._device import resolve
from gradcu.fuse.compiler import Compiler, NoCompilerError, find_compiler
from tests.needs import missing

# Before anything imports matplotlib: a test must never open a window.
os.environ["MPLBACKEND"] = "Agg"

# These scripts need the real PyTorch; --doctest-modules would import them.
collect_ignore_glob = ["golden/make*.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", choices=["cpu", "cuda"], help="what operations are tested on")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``pytest -m gpu`` reads the files of such tests alone: others import what is not there on such a machine."""
    folder = Path(__file__).parent
    only_gpu = config.getoption("markexpr") == "gpu"
    return True if only_gpu and collection_path.parent == folder and collection_path.name != "gpu" else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The argument ``device`` is the name of the device that an operation has to work on."""
    if "device" in metafunc.fixturenames:
        # Of session scope, since Hypothesis refuses what is made anew for each test.
        metafunc.parametrize("device", [metafunc.config.getoption("device")], scope="session")


@pytest.fixture(scope="session")
def cuda() -> str:
    """The name of a CUDA device that works here: a GPU's, or that of CuPy on CPU."""
    try:
        return str(resolve("cuda"))
    except RuntimeError as error:
        problem = str(error).partition(". CUDA needs")[0]
        pytest.skip(f"{problem}; `python -m tests.cpu_cuda` runs this test on the CPU")


@pytest.fixture(scope="session", autouse=True)
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty directory for compiled code, for this session and the processes that it starts."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADCU_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    """The system's C compiler."""
    try:
        return find_compiler()
    except NoCompilerError as error:
        missing("cc", str(error))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's own name, so that its numbers do not depend on which tests run before it."""
    return np.random.default_rng(list(request.node.nodeid.encode()))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, for the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADCU_DEVICE", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent
